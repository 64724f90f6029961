"""The original workflow's training script: the whole file in pandas, one IsolationForest, a joblib file."""

import json
import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.ensemble import IsolationForest

config = json.loads(Path(sys.argv[1]).read_text())
data = pd.read_csv(config["data_source"])
model = IsolationForest(**config["isolation_forest_params"])
model.fit(data[config["feature_columns"]])
output = Path(config["output_base_dir"])
output.mkdir(parents=True, exist_ok=True)
joblib.dump(model, output / "model.joblib")
