"""Serving: a registered model behind an HTTP address, by the Open Inference Protocol, version 2."""
