"""What prepare tells the ingest stage."""

from dataclasses import dataclass, field

from netanomaly.config import CsvFormat
from netanomaly.errors import ConfigError
from netanomaly.feedback.kept import Kept

# A part of a source: every row, or one side of the hold-out split.
ALL_ROWS, TRAINING_PART, EVALUATION_PART = PARTS = ("all", "training", "evaluation")


@dataclass(frozen=True)
class Split:
    """How a held-out part is split off its source.

    Attributes:
        method: auto, time, random or host.
        fraction: Part of the rows on the evaluation side.
        gap_seconds: Time between both sides; None: by the time spanned.
        host_columns: The columns that name the two ends of a flow; empty: those known by their names.
    """

    method: str
    fraction: float
    gap_seconds: float | None
    host_columns: list[str]


@dataclass(frozen=True)
class Settings:
    """What to read, and which of its columns and rows to keep.

    Attributes:
        source: URIs of files, folders or globs.
        identity: Digest that the source's bytes must have; empty: any.
        part: all rows, or one side of the hold-out split: training or evaluation.
        split: How that side is split off; None where all rows are read.
        csv: How CSV files are laid out.
        label_column: The column that names each row's class, where there is one.
        normal_labels: The classes that are normal traffic; empty: those recognised.
        feature_columns: The columns to keep; empty: all but the label and the ignored ones.
        categorical_columns: Columns of codes that are categories.
        ignore_columns: Columns to leave out.
        time_column: The column of points in time; empty: one known by its name, where there is one.
        format: What wrote the data; auto: told by its content.
        context: Whether flows get features beside the flows before them; None: where a sensor that is known wrote them.
        random_state: Seed of the split and of the profile's sample.
        identities: Whether the ends of flows are kept beside the features; else salted digests of them.
        confirmed: Flows that people judged to be benign, to add to those of the source.
        leave_out: URI of the rows that are to be left out; None: none are.
    """

    source: list[str]
    identity: str
    part: str
    split: Split | None
    csv: CsvFormat
    label_column: str
    normal_labels: list[str]
    feature_columns: list[str]
    categorical_columns: list[str]
    ignore_columns: list[str]
    time_column: str
    random_state: int
    format: str = "auto"
    context: bool | None = None
    confirmed: list[Kept] = field(default_factory=list)
    identities: bool = True
    leave_out: str | None = None

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise ConfigError(f"part is {self.part!r}; choose one of {', '.join(PARTS)}")
        if (self.split is None) != (self.part == ALL_ROWS):
            raise ConfigError(f"part is {self.part!r}; a held-out side, and nothing else, needs a split")
