"""What `mlflow.pyfunc.load_model` loads of a model version that points to our registry.

    NETANOMALY_REGISTRY=s3://bucket/registry python -c '
    import mlflow; model = mlflow.pyfunc.load_model("models:/office/3"); print(model.predict(frame))'

The model comes from the registry and not from MLflow, verified as for any other reader: its digest against the record, the
record's signature where keys are trusted. Whoever may write to MLflow's store may not choose the registry: the reader names
it in NETANOMALY_REGISTRY, or trusts keys. Needs netanomaly[evaluate] and pandas beside mlflow.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netanomaly import json_input
from netanomaly.errors import ModelError
from netanomaly.registry import open_registry
from netanomaly.tracking.versions import FORMAT

if TYPE_CHECKING:
    import pandas as pd

_REGISTRY = "NETANOMALY_REGISTRY"
_FIELDS = {"registry": str, "model": str, "version": int, "digest": str}


class Scorer:
    """A registered model as MLflow calls it."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> "pd.DataFrame":  # noqa: ARG002 - MLflow's
        """`score` (higher is more anomalous) and `alert` (whether it is over the model's threshold) of each row.

        Raises:
            DataError: Feature columns are absent or hold text where the model expects numbers.
        """
        import pandas as pd

        scores = self.model.score(model_input)
        index = getattr(model_input, "index", None)
        return pd.DataFrame({"score": scores, "alert": scores > self.model.threshold}, index=index)


def _load_pyfunc(path: str) -> Scorer:
    """The model that a pointer names. MLflow calls this by its name.

    Raises:
        ModelError: The pointer is none, names another registry than the reader's, or another model than is registered.
    """
    pointer = _pointer(Path(path))
    named = f"{pointer['model']}:{pointer['version']}"
    trusted = os.environ.get(_REGISTRY, "")
    registry = open_registry(trusted or pointer["registry"])
    if trusted:
        if open_registry(pointer["registry"]).uri != registry.uri:
            raise ModelError(
                f"the model version points to {named} in registry {pointer['registry']!r}, and {_REGISTRY} names "
                f"{trusted!r}; look which of them is right"
            )
    elif not registry.checks_signatures:
        raise ModelError(
            f"the model version points to {named} in registry {pointer['registry']!r}, and whoever can write to MLflow "
            f"could have written that; where you trust it, set {_REGISTRY} to it, or NETANOMALY_TRUSTED_KEYS"
        )
    record = registry.version(named).record
    if f"sha256:{record.artifact.sha256}" != pointer["digest"]:
        raise ModelError(
            f"the model version points to a model with {pointer['digest']}, and {named} in {registry.uri} is another: "
            f"sha256:{record.artifact.sha256}"
        )
    return Scorer(registry.load(named))


def _pointer(path: Path) -> dict[str, Any]:
    try:
        document = json_input.parse(json_input.read(path, 1 << 20))
    except (OSError, ValueError) as error:
        raise ModelError(f"the pointer to the registry, {path}, cannot be read: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelError(f"{path} points to no registered model of netanomaly, or is of a newer version of it")
    for name, kind in _FIELDS.items():
        if not isinstance(document.get(name), kind):
            raise ModelError(f"{path} points to no registered model: {name!r} is missing or of another type")
    return document
