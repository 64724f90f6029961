"""What the checks of the data gate look at, and what they say."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netanomaly.flows import rules
from netanomaly.stages.validate.roles import Column
from netanomaly.stages.validate.settings import Settings

TRAINING, EVALUATION, BOTH = "training", "evaluation", "both"

_LISTED = 8

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """The ingest reports of both data sets, what the configuration says of them, and the roles of their columns."""

    training: Report
    evaluation: Report
    settings: Settings
    ranges: Mapping[str, rules.Range]
    columns: Sequence[Column] = ()

    @property
    def sides(self) -> tuple[tuple[str, Report], tuple[str, Report]]:
        """Both reports, each with the name of its data set."""
        return (TRAINING, self.training), (EVALUATION, self.evaluation)

    @property
    def features(self) -> set[str]:
        """The columns to learn from."""
        return {column.name for column in self.columns if column.is_feature}

    def profiles(self, report: Report) -> list[Report]:
        """The profiles of those columns in one of the reports."""
        features = self.features
        return [column for column in report["columns"] if column["name"] in features]

    @property
    def trains_on_normals(self) -> bool:
        """Whether only normal rows are fitted on."""
        wanted = self.settings.training_rows
        return wanted == "normal" or (wanted == "auto" and self.training["label_column"] is not None)


# Column, data set, message, value: severity and limit are the rule's.
Observation = tuple[str | None, str, str, float | str | None]
# Given the evidence and the rule's limit.
Check = Callable[[Evidence, float], Iterator[Observation]]


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(repr(name) for name in names[:_LISTED])
    return shown + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
