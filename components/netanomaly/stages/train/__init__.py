"""The train stage: a data set becomes a fitted detector with calibrated thresholds."""
