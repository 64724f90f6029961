"""What prepare tells the track stage."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Where the run is shown, and which version it may become.

    Attributes:
        mlflow: Address of the MLflow server; empty: nowhere.
        experiment: The experiment there.
        register_in_mlflow: Whether MLflow gets a model version that points to ours.
        registry: URI of the registry.
        model_name: The model's name in the registry.
        run_id: The run's id.
        nowhere_since: Why it is shown nowhere, where somebody may expect it to be; told at the end of the run.
    """

    mlflow: str
    experiment: str
    register_in_mlflow: bool
    registry: str
    model_name: str
    run_id: str
    nowhere_since: str = ""
