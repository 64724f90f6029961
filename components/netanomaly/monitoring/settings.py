"""What monitoring is told."""

from dataclasses import dataclass, field

from netanomaly.config import CsvFormat


@dataclass(frozen=True)
class Settings:
    """What to look at.

    Attributes:
        source: URIs of files, folders or globs of traffic; or of folders that `score` wrote.
        csv: How CSV files are laid out.
        format: The sensor that wrote the source, table, or auto: told by its content.
        time_column: The column of points in time of a table; empty: one known by its name.
        label_column: The column of classes, where the source has it and it is to be believed; empty: none.
        normal_labels: Class names that are normal; empty for the usual ones.
        feedback: Where feedback on alerts is kept; empty: beside the models, in the registry.
        allow_other_sensor: Whether the source may be of another kind of sensor than what the model learnt from.
    """

    source: list[str]
    csv: CsvFormat = field(default_factory=CsvFormat)
    format: str = "auto"
    time_column: str = ""
    label_column: str = ""
    normal_labels: list[str] = field(default_factory=list)
    allow_other_sensor: bool = False
    feedback: str = ""
