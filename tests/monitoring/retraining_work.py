"""What the processes of the test of retraining do."""

import os
import time
from pathlib import Path

from netanomaly.monitoring.retraining import started
from netanomaly.registry import open_registry

METADATA = {"versions": {"scikit-learn": "1.0.0"}}


def retrain(registry: str, model_file: str, window: str, notes: str, seconds: float) -> None:
    """A monitor that found that a window is one to retrain for."""
    opened = open_registry(registry)

    def train(run: str) -> str:
        # Who begins and who ends, each in a file of its own: two at a time, or two ends, are seen.
        Path(notes, f"begin-{time.time_ns()}-{os.getpid()}").touch()
        time.sleep(seconds)
        done = opened.register("office", Path(model_file), METADATA, run_id=run)
        Path(notes, f"end-{time.time_ns()}-{os.getpid()}").touch()
        return f"version {done.version}"

    started(opened, "office", window, 1, train, beat_seconds=0.05, patience_seconds=0.6)
