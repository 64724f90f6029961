"""Monitoring: whether what a model scores is still what it learnt from, and if not, what changed."""
