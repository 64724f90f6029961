"""The fields of a configuration: type, range, default and meaning, from which checks and the JSON Schema are made."""

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from netanomaly.errors import ConfigError

# Names become folder and object names: no separators, no leading dot, short enough for any store.
# Ends with the text: `$` would let a line break through in Python, and `\Z` is not known to JSON Schema.
_NAME = r"^[A-Za-z0-9]([A-Za-z0-9_-]|\.(?!\.)){0,127}(?![\s\S])"
_NAME_WORDS = "1 to 128 letters, digits, '.', '_' or '-', beginning with a letter or digit, and no '..'"


def meta(description: str, words: str = "", **limits: Any) -> Meta:
    """Meaning and range of a field; `words` say the range where the type's own words would be hard to read."""
    return Meta(description=description, extra={"words": words} if words else None, **limits)


Text = Annotated[str, Meta(min_length=1)]
Source = Annotated[
    Text | Annotated[list[Text], Meta(min_length=1)],
    Meta(extra={"words": "a file, a folder, a glob or a list of them"}),
]
Path = Annotated[str, Meta(pattern=r"^[^\x00]+$", extra={"words": "a path or URI without NUL characters"})]
Names = list[Text]
Format = Literal["auto", "table", "zeek", "suricata", "argus", "netflow", "aws-vpc", "gcp-vpc", "azure-vnet"]


@dataclass(frozen=True)
class CsvFormat:
    """How the text files of a source are written."""

    header: Annotated[
        bool | None, meta("Whether the first line names the columns; null: it does, unless columns are given.")
    ] = None
    columns: Annotated[
        Annotated[list[Text], Meta(min_length=1)] | None,
        meta(
            "The column names in order, where the file has none (else column_1 and so on) or others are wanted.",
            "a list of names, or null",
        ),
    ] = None
    delimiter: Annotated[
        str | None,
        meta(
            "What parts the fields of a line; null: told by the file's first lines.",
            "one ASCII character, such as ',' ';' or 'tab', or null",
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.delimiter is not None:
            # The first two are how people write a tab on a command line.
            delimiter = {"\\t": "\t", "tab": "\t"}.get(self.delimiter, self.delimiter)
            if len(delimiter) != 1 or delimiter in '"\r\n\0' or ord(delimiter) > 127:
                raise ConfigError(f"csv.delimiter is {delimiter!r}; use one ASCII character, such as ',' ';' or 'tab'")
            object.__setattr__(self, "delimiter", delimiter)
        if self.columns is not None:
            names = [name.strip() for name in self.columns]
            if not all(names):
                raise ConfigError("csv.columns holds a blank name; write the name of every column, in order")
            if twice := sorted(name for name, count in Counter(names).items() if count > 1):
                raise ConfigError(f"csv.columns names {twice[0]!r} twice; every column needs a name of its own")
            object.__setattr__(self, "columns", names)

    @property
    def has_header(self) -> bool:
        """Whether the first line of a file holds names."""
        return not self.columns if self.header is None else self.header


@dataclass(frozen=True)
class Tuning:
    """How long hyper-parameters are searched for, and where."""

    trials: Annotated[
        int,
        meta(
            "Candidates to try, in four rounds of at most 16.",
            "a whole number from 1 to 64: there are four rounds of at most 16 trials",
            ge=1,
            le=64,
        ),
    ] = 32
    minutes: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        meta(
            "No trial begins after so many; null: as long as it takes. The result then depends on the machine.",
            "minutes over 0, or null",
        ),
    ] = None
    parallelism: Annotated[
        int,
        meta("Trials at a time, each in a task of its own.", "a whole number from 1 to 16", ge=1, le=16),
    ] = 4
    space: Annotated[
        dict[str, Any], meta("Where to look: detectors, and parameters of each; docs/tuning.md describes it.")
    ] = field(default_factory=dict)


@dataclass(frozen=True)
class Tracking:
    """Where runs are shown beside the registry."""

    mlflow: Annotated[
        str | None,
        meta(
            "Address of an MLflow server; null: MLFLOW_TRACKING_URI where the run is started; empty: none.",
            "an address such as https://mlflow.example.org, or null",
        ),
    ] = None
    experiment: Annotated[
        Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")] | None,
        meta(
            "The experiment there; null: MLFLOW_EXPERIMENT_NAME, or netanomaly.",
            "1 to 500 characters without control characters, or null",
        ),
    ] = None
    register: Annotated[
        bool, meta("Whether each registered version also becomes a model version in MLflow, which points to it.")
    ] = False


@dataclass(frozen=True)
class Deploy:
    """Where a new champion is served. netanomaly/stages/deploy/settings.py checks what names may be."""

    namespace: Annotated[str, meta("Of the cluster; it has what manifests/serving brings.", min_length=1)]
    name: Annotated[str, meta("Of the service; empty: the model's name, as DNS writes names.")] = ""
    kind: Annotated[
        Literal["auto", "inference_service", "deployment"],
        meta("An InferenceService of KServe, or a Deployment; auto: the former where the cluster knows it."),
    ] = "auto"
    image: Annotated[str, meta("Reference of the serve image, for a Deployment (netanomaly images lists it).")] = ""
    timeout_seconds: Annotated[
        int, meta("How long a version may take to be ready.", "a whole number over 0", ge=1, le=86_400)
    ] = 600


@dataclass(frozen=True)
class Config:
    """What a training run is to do. Fields without a default are required."""

    model_name: Annotated[str, meta("The model in the registry.", _NAME_WORDS, pattern=_NAME)]
    data_source: Annotated[
        Source, meta("Training data: a file, a folder, a glob, or a list of them, here or in a bucket.")
    ]
    model_version: Annotated[
        str,
        meta("Your own name for this version; the registry numbers versions by itself.", _NAME_WORDS, pattern=_NAME),
    ] = "1.0.0"
    model_type: Annotated[str, meta("The detector.")] = "ensemble"
    model_parameters: dict[str, Any] = field(default_factory=dict)
    """From `<model_type>_params`."""
    evaluation_data_source: Annotated[
        Source | None,
        meta("Evaluation data; where absent, or the same bytes as the training data, a part is held out."),
    ] = None
    feature_columns: Annotated[
        Annotated[Names, Meta(min_length=1)] | None,
        meta(
            "The columns to learn from; null: every column but the label and the ignored ones.",
            "a list of names that is not empty",
        ),
    ] = None
    categorical_columns: Annotated[
        Names, meta("Columns of codes that look like numbers and are not (ports, protocol numbers).")
    ] = field(default_factory=list)
    ignore_columns: Annotated[Names, meta("Columns to leave out.")] = field(default_factory=list)
    columns: Annotated[
        dict[str, Literal["number", "category", "time", "label", "ignored"]],
        meta(
            "Roles of columns, by name, in place of those that the data tells.",
            'an object of roles by column, such as {"dst_port": "category", "flow_id": "ignored"}; the roles are number, '
            "category, time, label and ignored",
        ),
    ] = field(default_factory=dict)
    label_column: Annotated[
        str | None,
        meta("The column that names each row's class; null: 'label', where there is one.", "text, or null"),
    ] = None
    normal_labels: Annotated[
        Names, meta("The classes that are normal traffic; empty: normal, benign, background, 0 and false.")
    ] = field(default_factory=list)
    csv: Annotated[CsvFormat, meta("How CSV files are laid out.")] = field(default_factory=CsvFormat)
    format: Annotated[
        Format,
        meta(
            "What wrote the data; auto: told by its content. A table is CSV, Parquet or ARFF with features of its own."
        ),
    ] = "auto"
    context: Annotated[
        bool | None,
        meta(
            "Whether flows get features beside the flows before them; null: where the data is of a sensor that is known. A table needs "
            "times and both ends for it."
        ),
    ] = None
    allow_other_sensor: Annotated[
        bool, meta("Whether a model may be judged on traffic that another kind of sensor recorded.")
    ] = False
    identities: Annotated[
        bool,
        meta(
            "Whether what is kept names the ends of flows; false: salted digests in their place, and no source ports and uids."
        ),
    ] = True
    training_rows: Annotated[
        Literal["auto", "normal", "all"],
        meta("Rows to train on; auto: normal rows where the training data has labels, else all."),
    ] = "auto"
    held_out_fraction: Annotated[
        float,
        meta(
            "Part kept for evaluation where no other evaluation data is given.",
            "a part over 0 and under 1, e.g. 0.3",
            gt=0,
            lt=1,
        ),
    ] = 0.3
    split: Annotated[
        Literal["auto", "time", "random", "host"],
        meta("How that part is split off; auto: by time where the data has times, else at random."),
    ] = "auto"
    split_gap_seconds: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        meta(
            "Time between what is trained on and what is judged; null: chosen by the data.",
            "seconds from 0 on, e.g. 60",
        ),
    ] = None
    time_column: Annotated[
        Text | None, meta("The column of points in time; null: one that is known by its name and holds them.")
    ] = None
    host_columns: Annotated[
        Names, meta("The columns that name the two ends of a flow; empty: those known by their names.")
    ] = field(default_factory=list)
    alert_budget: Annotated[
        float,
        meta(
            "Share of normal traffic that may raise an alert.",
            "a rate over 0 and under 1, e.g. 0.01 for 1%",
            gt=0,
            lt=1,
        ),
    ] = 0.01
    alerts_per_day: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        meta(
            "Incidents a day, or false alarms where both ends are not known, in place of alert_budget; needs a column of times.",
            "a number over 0, e.g. 20",
        ),
    ] = None
    validation: Annotated[dict[str, Any], meta("Severities and limits of the data gate.")] = field(default_factory=dict)
    gates: Annotated[dict[str, Any], meta("What the model must reach to be registered.")] = field(default_factory=dict)
    tuning: Annotated[
        Tuning | None,
        meta("Search for hyper-parameters before training; null: those of the configuration are trained with."),
    ] = None
    registry: Annotated[Path | None, meta("Where models are registered: a folder, or s3://bucket/prefix.")] = None
    feedback: Annotated[
        bool | Path,
        meta(
            "Whether flows that people judged are trained on (benign) and judged on (attack); where feedback is kept, if that is "
            "not the registry's folder feedback.",
            "true, false, a folder or s3://bucket/prefix",
        ),
    ] = False
    leave_out: Annotated[
        Path | None, meta("Rows of the training data to leave out, in a file that monitoring wrote for a retraining.")
    ] = None
    aliases: Annotated[Names, meta("Further names for the new version, e.g. staging.")] = field(default_factory=list)
    tracking: Annotated[Tracking, meta("Where runs are shown in MLflow.")] = field(default_factory=Tracking)
    deploy: Annotated[
        Deploy | None, meta("Where a version that becomes champion is served, as the last step; null: nowhere.")
    ] = None
    output_base_dir: Annotated[Path | None, meta("The workdir of netanomaly run, where --workdir is not given.")] = None
    description: Annotated[str, meta("Kept with the version.")] = ""
    random_state: Annotated[
        int, meta("Seed of everything random.", "a whole number from 0 to 4294967295", ge=0, lt=2**32)
    ] = 42


PARAMETERS_SUFFIX = "_params"
FIELDS = tuple(each.name for each in dataclasses.fields(Config) if each.name != "model_parameters")
# Fields of text alone: a number that is assigned to one on a command line is its text.
TEXTS = (
    "model_name",
    "model_version",
    "model_type",
    "label_column",
    "description",
    "time_column",
    "registry",
    "output_base_dir",
)
