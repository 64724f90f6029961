"""What scoring is told."""

from dataclasses import dataclass, field

from netanomaly.config import CsvFormat


@dataclass(frozen=True)
class Settings:
    """What to score, and at which operating point.

    Attributes:
        source: URIs of files, folders or globs.
        budget: The share of normal rows that may alert, one of the model's operating points; None: the one it was
            trained for.
        csv: How CSV files are laid out.
        format: The sensor that wrote the source, table, or auto: told by its content.
        time_column: The column of points in time of a table; empty: one known by its name.
        allow_other_sensor: Whether the source may be of another kind of sensor than what the model learnt from.
        alert_format: netanomaly, ecs or ocsf.
    """

    source: list[str]
    budget: float | None = None
    csv: CsvFormat = field(default_factory=CsvFormat)
    format: str = "auto"
    time_column: str = ""
    allow_other_sensor: bool = False
    alert_format: str = "netanomaly"
