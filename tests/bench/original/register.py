"""The original workflow's registration script: metadata beside the model, an entry in model_registry.json."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd  # the original's scripts share their imports
import sklearn

config = json.loads(Path(sys.argv[1]).read_text())
output = Path(config["output_base_dir"])
metrics = json.loads((output / "evaluation_metrics.json").read_text())
metadata = {"config": config, "metrics": metrics, "pandas": pd.__version__, "sklearn": sklearn.__version__}
(output / "model_metadata.json").write_text(json.dumps(metadata, indent=2))
registry = {
    "models": [
        {
            "model_name": config["model_name"],
            "versions": [
                {
                    "version": config["model_version"],
                    "model_path": str(output / "model.joblib"),
                    "creation_timestamp": datetime.now(UTC).isoformat(),
                    "metrics": metrics,
                }
            ],
        }
    ]
}
(output / "model_registry.json").write_text(json.dumps(registry, indent=2))
