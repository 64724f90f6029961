"""Show a run in MLflow."""
