"""Run by MLflow's environment: a forest of the rows in a CSV, kept as MLflow keeps models and served by its scoring server."""

import subprocess
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
command = [
    sys.executable,
    "-m",
    "mlflow",
    "models",
    "serve",
    "--model-uri",
    str(folder),
    "--port",
    port,
    "--workers",
    "1",
]
sys.exit(subprocess.run([*command, "--env-manager", "local", "--host", "127.0.0.1"], check=False).returncode)
