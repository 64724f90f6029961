"""Hyper-parameters searched for honestly: judged on attacks and times that the search never saw. docs/tuning.md."""
