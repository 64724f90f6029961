"""Flow contract v1: the Parquet file that `ingest` writes and every later stage reads.

One file, row groups of at most `ROW_GROUP_ROWS` rows. Columns: the features in the source's order, numbers as
float64 and categories as string, null where missing, never NaN or infinite; then the time, seconds since 1970 (UTC) as
float64, if the source has times; then the label, the class name as string, if the source has labels; then what else
identifies a record (`netanomaly.flows.identity`) and is never a feature. The file's key-value metadata holds this
contract as JSON under `METADATA_KEY`.

Nothing heavy is imported here: schemas are passed in.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netanomaly.errors import DataError
from netanomaly.flows import policy as policies
from netanomaly.flows.policy import PLAIN_POLICY, Policy

FORMAT = 1
METADATA_KEY = b"netanomaly"
ROW_GROUP_ROWS = 65_536


@dataclass(frozen=True)
class Contract:
    """What the columns of a flow file mean."""

    features: tuple[str, ...]
    categorical: tuple[str, ...]
    label_column: str | None
    time_column: str | None = None
    policy: Policy = PLAIN_POLICY
    """How the source was read, and whatever a model of it is given must be."""

    identity: Mapping[str, str] = field(default_factory=dict)
    """What identifies a record, as `netanomaly.flows.identity` names it, and the column that holds it; may be a feature."""

    sensor: str = ""
    """The kind of sensor that recorded the flows; empty where that is not known."""

    @property
    def beside(self) -> tuple[str, ...]:
        """Columns that identify a record and are neither features nor time nor label."""
        others = {*self.features, self.label_column, self.time_column}
        return tuple(dict.fromkeys(name for name in self.identity.values() if name not in others))

    @property
    def numeric(self) -> tuple[str, ...]:
        """The features that are numbers, in their order."""
        categorical = set(self.categorical)
        return tuple(name for name in self.features if name not in categorical)

    def metadata(self) -> dict[bytes, bytes]:
        """The contract as Parquet key-value metadata."""
        document = {
            "format": FORMAT,
            "label_column": self.label_column,
            "time_column": self.time_column,
            "features": list(self.features),
            "categorical": list(self.categorical),
            "policy": self.policy.document(),
            "identity": dict(self.identity),
            "sensor": self.sensor,
        }
        return {METADATA_KEY: json.dumps(document, ensure_ascii=False).encode()}


def read_contract(schema: Any) -> Contract:
    """The contract of a flow file.

    Args:
        schema: The file's Arrow schema, as `pyarrow.parquet.read_schema` or `ParquetFile.schema_arrow` give it.

    Raises:
        DataError: When `ingest` did not write this file, or a newer version of it did.
    """
    text = (schema.metadata or {}).get(METADATA_KEY)
    if text is None:
        raise DataError("this Parquet file carries no netanomaly flow contract; make it with the ingest stage")
    document = json.loads(text)
    if document.get("format") != FORMAT:
        raise DataError(
            f"this file is in flow format {document.get('format')!r} and this version reads {FORMAT}; "
            "ingest the data again with this version"
        )
    return Contract(
        features=tuple(document["features"]),
        categorical=tuple(document["categorical"]),
        label_column=document["label_column"],
        time_column=document.get("time_column"),
        policy=policies.read(document.get("policy")),
        identity=document.get("identity", {}),
        sensor=document.get("sensor", ""),
    )
