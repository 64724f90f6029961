"""The original workflow's evaluation script: predict every row, a classification report."""

import json
import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.metrics import classification_report

config = json.loads(Path(sys.argv[1]).read_text())
output = Path(config["output_base_dir"])
model = joblib.load(output / "model.joblib")
data = pd.read_csv(config["evaluation_data_source"])
predicted = model.predict(data[config["feature_columns"]]) == -1
report = classification_report(data["label"] != "normal", predicted, output_dict=True)
(output / "evaluation_metrics.json").write_text(json.dumps(report, indent=2))
