"""Data judged in a test: both parts of one file, or two files, through ingest and validate."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from netanomaly.stages.validate.program import validate
from netanomaly.stages.validate.settings import Settings

from tests.unit.ingest.test_ingest import Ingested

# What both stages are told; what else is wished for is read by ingest alone.
_SHARED = ("feature_columns", "categorical_columns", "time_column", "label_column", "normal_labels")


class Judged:
    """What `validate` makes of data: `roles` by column, findings by rule, and both ingest reports."""

    def __init__(
        self, folder: Path, training: Any, evaluation: Any = None, columns: dict | None = None,
        validation: dict | None = None, label_named: bool = False, **wishes: Any
    ) -> None:  # fmt: skip
        paths = [_path(folder, name, data) for name, data in (("t", training), ("e", evaluation)) if data is not None]
        held_out = len(paths) == 1
        parts = ("training", "evaluation") if held_out else ("all", "all")
        self.ingested = [
            Ingested(folder, path, part=part, **wishes)
            for path, part in zip(paths * (1 + held_out), parts, strict=True)
        ]
        self.reports = [each.report for each in self.ingested]
        told = {name: wishes[name] for name in _SHARED if name in wishes}
        settings = replace(Settings(validation or {}, "auto", [], held_out), columns=columns or {}, **told)
        self.document = validate(self.reports[0], self.reports[-1], replace(settings, label_named=label_named))
        self.columns = {column["name"]: column for column in self.document["columns"]}
        self.roles = {name: column["role"] for name, column in self.columns.items()}
        self.findings = {(finding["rule"], finding["column"]): finding for finding in self.document["findings"]}
        self.rules = {rule for rule, _ in self.findings}


def _path(folder: Path, name: str, data: Any) -> Path:
    if not isinstance(data, pd.DataFrame):
        return Path(data)
    path = folder / f"{name}.csv"
    data.to_csv(path, index=False)
    return path
