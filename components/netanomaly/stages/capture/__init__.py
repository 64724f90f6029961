"""Captures of packets and binary NetFlow files into flow records."""
