"""What prepare tells the train stage."""

from dataclasses import dataclass, field
from typing import Any

from netanomaly.errors import ConfigError

# A quarter of it calibrates: 30,000 rows know a false-positive rate of 1% to within a seventeenth, and one of 0.1% to
# within a fifth (one standard deviation); each of a forest's trees sees 4,096 rows. More rows cost memory and time and
# were not seen to help.
SAMPLED_ROWS = 120_000


@dataclass(frozen=True)
class Settings:
    """What to fit, and how.

    Attributes:
        model_type: The detector, e.g. isolation_forest.
        model_parameters: The detector's parameters; what is left out has its default.
        label_column: The column that names each row's class, where the data has it.
        normal_labels: Class names that are normal; empty for the usual ones.
        training_rows: normal, all, or auto: normal rows where the data has labels, else all.
        categorical_columns: Columns of codes to treat as categories, beside those that hold text.
        alert_budget: False-positive rate that the threshold is to keep, over 0 and under 1.
        alerts_per_day: False alarms a day that it is to keep, in place of alert_budget; None: none asked for.
        random_state: Seed of every random choice.
        rows_at_most: Of more rows so many are drawn.
        left_out: Features that tuning found better left out.
        tuned: Whether the configuration asks for tuning first.
    """

    model_type: str
    model_parameters: dict[str, Any]
    label_column: str
    normal_labels: list[str]
    training_rows: str
    categorical_columns: list[str]
    alert_budget: float
    alerts_per_day: float | None
    random_state: int
    rows_at_most: int = SAMPLED_ROWS
    left_out: list[str] = field(default_factory=list)
    tuned: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.alert_budget < 1:
            raise ConfigError(f"alert_budget is {self.alert_budget}; give a false-positive rate over 0 and under 1")
        if self.training_rows not in ("auto", "normal", "all"):
            raise ConfigError(f"training_rows is {self.training_rows!r}; give 'normal', 'all' or 'auto'")
