"""Detectors behind one interface, and the model file that carries one."""
