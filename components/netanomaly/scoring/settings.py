"""What scoring is told."""

import math
from dataclasses import dataclass, field

from netanomaly.config import CsvFormat
from netanomaly.errors import ConfigError


@dataclass(frozen=True)
class Settings:
    """What to score, and at which operating point.

    Attributes:
        source: URIs of files, folders or globs.
        budget: The share of normal rows that may alert, one of the model's operating points; None: the one it was
            trained for.
        alerts_per_day: In place of `budget`: the operating point with the most alerts for no more incidents a day than that,
            by what the model saw on calibrating days.
        csv: How CSV files are laid out.
        format: The sensor that wrote the source, table, or auto: told by its content.
        time_column: The column of points in time of a table; empty: one known by its name.
        allow_other_sensor: Whether the source may be of another kind of sensor than what the model learnt from.
        identities: Whether results name the ends of flows; else they have salted digests of them.
        alert_format: netanomaly, ecs or ocsf.
    """

    source: list[str]
    budget: float | None = None
    csv: CsvFormat = field(default_factory=CsvFormat)
    format: str = "auto"
    time_column: str = ""
    allow_other_sensor: bool = False
    identities: bool = True
    alert_format: str = "netanomaly"
    alerts_per_day: float | None = None

    def __post_init__(self) -> None:
        if self.budget is not None and self.alerts_per_day is not None:
            raise ConfigError(
                "budget and alerts per day are both given; they choose the same threshold: keep one of them"
            )
        # Of NaN no comparison is true.
        if self.budget is not None and not 0 < self.budget < 1:
            raise ConfigError(f"budget {self.budget:g}: it is a share of normal flows, over 0 and under 1, e.g. 0.001")
        if self.alerts_per_day is not None and not 0 < self.alerts_per_day < math.inf:
            raise ConfigError(f"alerts per day {self.alerts_per_day:g}: it is a number of incidents over 0, e.g. 20")
