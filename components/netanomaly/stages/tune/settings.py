"""What prepare tells the tune stage."""

from dataclasses import dataclass
from typing import Any

from netanomaly.errors import ConfigError


@dataclass(frozen=True)
class Settings:
    """What to beat, where to look, and how long.

    Attributes:
        model_type: The detector that is to be beaten.
        model_parameters: Its parameters; what is left out has its default.
        normal_labels: Class names that are normal; empty for the usual ones.
        training_rows: normal, all, or auto: normal rows where the data has labels, else all.
        categorical_columns: Columns of codes to treat as categories, beside those that hold text.
        alert_budget: Share of normal rows that may alert.
        alerts_per_day: False alarms a day, in place of alert_budget; None: none asked for.
        random_state: Seed of every random choice.
        trials: How many candidates to try.
        parallelism: How many at a time.
        space: What the configuration says of where to look.
        deadline: Seconds since 1970 at which no trial is begun any more; None: as long as it takes.
    """

    model_type: str
    model_parameters: dict[str, Any]
    normal_labels: list[str]
    training_rows: str
    categorical_columns: list[str]
    alert_budget: float
    alerts_per_day: float | None
    random_state: int
    trials: int
    parallelism: int
    space: dict[str, Any]
    deadline: float | None = None

    def __post_init__(self) -> None:
        if self.training_rows not in ("auto", "normal", "all"):
            raise ConfigError(f"training_rows is {self.training_rows!r}; give 'normal', 'all' or 'auto'")

    def budget(self, rows_per_day: float | None, normal_share: float) -> float:
        """The share of normal rows that may alert.

        Args:
            rows_per_day: In the source; None where it has no times.
            normal_share: Of them that is fitted on.

        Raises:
            ConfigError: `alerts_per_day` for data without times, or no fewer than there are rows a day.
        """
        if not self.alerts_per_day:
            return self.alert_budget
        if rows_per_day is None:
            raise ConfigError(
                f"alerts_per_day is {self.alerts_per_day:g} and the training data has no column of times; name it in "
                "time_column, or set alert_budget instead"
            )
        rows = rows_per_day * normal_share
        if self.alerts_per_day >= rows:
            raise ConfigError(
                f"alerts_per_day is {self.alerts_per_day:g} and the training data has {rows:.0f} rows a day to fit on; ask for "
                "fewer"
            )
        return self.alerts_per_day / rows
