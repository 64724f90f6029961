"""Thresholds, detection metrics with intervals, and the gates that judge them."""
