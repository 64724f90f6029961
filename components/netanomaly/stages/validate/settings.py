"""What prepare tells the validate stage."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """What to look for, and what the training will use.

    Attributes:
        validation: Severities and limits that differ from the defaults.
        training_rows: auto, normal or all.
        normal_labels: The classes that are normal traffic; empty: those recognised.
        held_out: Whether the evaluation rows were held out of the training source.
        columns: Roles that the configuration gives columns, by name.
        feature_columns: The columns to learn from; empty: all that nothing speaks against.
        categorical_columns: Columns of codes that are categories.
        time_column: The column of times that the configuration names; empty: none.
        label_column: The column of classes, as it is looked for.
        label_named: Whether the configuration names it.
        allow_other_sensor: Whether the evaluation data may be of another kind of sensor than the training data.
        champion: The version that the new one is to be compared with; None: there is none.
        champion_columns: What it learnt from; empty where that is not known.
    """

    validation: dict[str, Any]
    training_rows: str
    normal_labels: list[str]
    held_out: bool
    columns: dict[str, str] = field(default_factory=dict)
    feature_columns: list[str] = field(default_factory=list)
    categorical_columns: list[str] = field(default_factory=list)
    time_column: str = ""
    label_column: str = "label"
    label_named: bool = False
    allow_other_sensor: bool = False
    champion: int | None = None
    champion_columns: list[str] = field(default_factory=list)
