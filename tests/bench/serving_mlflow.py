"""Run by MLflow's environment: a forest of the rows in a CSV, kept as MLflow keeps models and served by its scoring server."""

import os
import sys
from pathlib import Path

import mlflow.sklearn
import numpy as np
from sklearn.ensemble import IsolationForest

path, port = sys.argv[1:]
folder = Path(path).with_suffix(".mlflow")
if not folder.exists():
    rows = np.nan_to_num(np.genfromtxt(path, delimiter=",", skip_header=1))
    forest = IsolationForest(n_estimators=200, max_samples=4096, random_state=0, n_jobs=1).fit(rows)
    mlflow.sklearn.save_model(forest, folder, serialization_format="cloudpickle")
# What `mlflow models serve --workers 1` runs.
command = [
    sys.executable,
    "-m",
    "uvicorn",
    "--host",
    "127.0.0.1",
    "--port",
    port,
    "mlflow.pyfunc.scoring_server.app:app",
]
os.execve(sys.executable, command, {**os.environ, "__pyfunc_model_path__": str(folder)})  # noqa: S606 - no shell
