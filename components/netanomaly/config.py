"""The pipeline configuration: strict at the edge, a plain dataclass inside.

The fields of the original workflow are accepted unchanged; every other field has a default. Whatever cannot be
used is refused here, before anything runs, with the field and the way out.
"""

import dataclasses
import difflib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from netanomaly.errors import ConfigError

TRAINING_ROWS = ("auto", "normal", "all")
SPLITS = ("auto", "time", "random", "host")

_PARAMETERS_SUFFIX = "_params"

# The deepest field there is, validation.ranges.<column>[0], is four levels down.
_DEEPEST = 16
_TOO_DEEP = f"objects and lists are nested more than {_DEEPEST} deep; no field goes so far"

# Names become folder and object names: no separators, no leading dot, short enough for any store.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class CsvFormat:
    """How a CSV source is laid out."""

    header: bool | None = None
    """Whether the first line names the columns; absent: it does, unless `columns` is given."""
    columns: list[str] | None = None
    """The column names, where the file has none or others are wanted."""
    delimiter: str = ","


@dataclass(frozen=True)
class Config:
    """What a training run is to do. Fields without a default are required."""

    model_name: str
    data_source: str | list[str]
    model_version: str = "1.0.0"
    model_type: str = "ensemble"
    model_parameters: dict[str, Any] = field(default_factory=dict)
    """From `<model_type>_params`."""
    evaluation_data_source: str | list[str] | None = None
    feature_columns: list[str] | None = None
    """None: every column but the label and the ignored ones."""
    categorical_columns: list[str] = field(default_factory=list)
    """Columns of codes that look like numbers and are not (ports, protocol numbers)."""
    ignore_columns: list[str] = field(default_factory=list)
    label_column: str = "label"
    normal_labels: list[str] = field(default_factory=list)
    """Empty: normal, benign, background, 0 and false are recognised."""
    csv: CsvFormat = field(default_factory=CsvFormat)
    training_rows: str = "auto"
    """auto: normal rows where the training data has labels, else all."""
    held_out_fraction: float = 0.3
    """Part kept for evaluation where no other evaluation data is given."""
    split: str = "auto"
    """How that part is split off: by time, at random, by host; auto: by time where the data has times, else random."""
    split_gap_seconds: float | None = None
    """Time between what is trained on and what is judged; None: a hundredth of the time spanned, at most an hour."""
    time_column: str | None = None
    """The column of points in time; None: one that is known by its name and holds them, where there is one."""
    host_columns: list[str] = field(default_factory=list)
    """The columns that name the two ends of a flow; empty: those known by their names."""
    alert_budget: float = 0.01
    """Share of normal traffic that may raise an alert: the false-positive rate the threshold is set for."""
    alerts_per_day: float | None = None
    """False alarms a day that the threshold is set for, in place of `alert_budget`; needs a column of times."""
    validation: dict[str, Any] = field(default_factory=dict)
    gates: dict[str, Any] = field(default_factory=dict)
    registry: str | None = None
    aliases: list[str] = field(default_factory=list)
    """What the new version is to be called, e.g. champion; it becomes challenger where the champion has changed."""
    output_base_dir: str | None = None
    description: str = ""
    random_state: int = 42


def read(path: Path) -> dict[str, Any]:
    """The JSON object in a configuration file.

    Raises:
        ConfigError: The file is missing, cannot be read, is not UTF-8, not JSON (with line and column), or no object.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"configuration {path} does not exist") from None
    except IsADirectoryError:
        raise ConfigError(f"configuration {path} is a folder; name a JSON file in it") from None
    except OSError as error:
        raise ConfigError(f"configuration {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"configuration {path} is not UTF-8 text (byte {error.start})") from None
    try:
        document = json.loads(text, object_pairs_hook=_object_without_repeats, parse_constant=_refuse_constant)
        _refuse_unwritable(document)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from None
    except ValueError:
        # Python reads no whole number of more digits than sys.get_int_max_str_digits().
        raise ConfigError(f"{path}: a number in it has thousands of digits; no field takes such a number") from None
    except RecursionError:
        raise ConfigError(f"{path}: {_TOO_DEEP}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path} holds a JSON {_json_kind(document)}; a configuration is an object: {{...}}")
    return document


def parse(document: Mapping[str, Any]) -> Config:
    """The configuration in a JSON object, each field checked by itself and against the others.

    What needs a detector's, rule's or gate's own knowledge is checked by `prepare`.

    Raises:
        ConfigError: Unknown or missing field, wrong type, value out of range, label among the features.
    """
    _refuse_unwritable(document)
    values = dict(document)
    all_parameters = {name: values.pop(name) for name in list(values) if name.endswith(_PARAMETERS_SUFFIX)}
    _refuse_unknown(values, _FIELDS, "field")
    if isinstance(values.get("csv"), Mapping):
        _refuse_unknown(values["csv"], [f.name for f in dataclasses.fields(CsvFormat)], "field", "csv.")
    for name, parameters in all_parameters.items():
        if not isinstance(parameters, Mapping):
            raise ConfigError(f"field {name!r} is a JSON {_json_kind(parameters)}; it must be an object")
    for name in ("model_name", "data_source"):
        if name not in values:
            raise ConfigError(f"field {name!r} is missing")
    if "model_type" not in values and all_parameters:
        if len(all_parameters) > 1:
            raise ConfigError(f"{', '.join(all_parameters)} are given and model_type is not; name one in model_type")
        # Parameters name their detector.
        values["model_type"] = next(iter(all_parameters)).removesuffix(_PARAMETERS_SUFFIX)
    model_type = values.get("model_type", Config.model_type)
    values["model_parameters"] = dict(all_parameters.get(f"{model_type}{_PARAMETERS_SUFFIX}", {}))
    if "alert_budget" in values and values.get("alerts_per_day") is not None:
        raise ConfigError(
            "alert_budget and alerts_per_day are both given; they set the same threshold: keep one of them"
        )
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(_in_words(str(error), values)) from None
    _check(config)
    return config


def override(document: Mapping[str, Any], assignments: list[str]) -> dict[str, Any]:
    """The document with `key=value` assignments applied; dots reach into objects, values are JSON or plain text.

    Raises:
        ConfigError: An assignment without `=` or through something that is not an object.
    """
    result: dict[str, Any] = json.loads(json.dumps(document))
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        if not separator or not path:
            raise ConfigError(f"{assignment!r} is not key=value, e.g. alert_budget=0.001")
        *parents, last = path.split(".")
        target = result
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise ConfigError(f"{path!r}: {parent!r} is a JSON {_json_kind(target)}, not an object")
        try:
            target[last] = json.loads(text, object_pairs_hook=_object_without_repeats, parse_constant=_refuse_constant)
            if not parents and last in _TEXTS and isinstance(target[last], int | float):
                target[last] = text  # model_version=2.0 is no number
        except ValueError:
            target[last] = text
        except RecursionError:
            raise ConfigError(f"{path!r}: {_TOO_DEEP}") from None
        except ConfigError as error:
            raise ConfigError(f"{path!r}: {error}") from None
    return result


def suggestion(name: str, known: list[str]) -> str:
    """`; did you mean 'x'?` for the nearest known name, or the list of known names where none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"


_FIELDS = [f.name for f in dataclasses.fields(Config) if f.name != "model_parameters"]


_TEXTS = [f.name for f in dataclasses.fields(Config) if f.type in (str, str | None)]


def _check(config: Config) -> None:
    for name, value in (("model_name", config.model_name), ("model_version", config.model_version)):
        if not _NAME.fullmatch(value) or ".." in value:
            raise ConfigError(
                f"{name} is {value!r}; use 1 to 128 letters, digits, '.', '_' or '-', "
                "beginning with a letter or digit, and no '..'"
            )
    for name, source in (
        ("data_source", config.data_source),
        ("evaluation_data_source", config.evaluation_data_source),
    ):
        if source is not None and (not source or any(not item for item in source)):
            raise ConfigError(f"{name} is empty; name a file, a folder, a glob or a list of them")
    for name in ("registry", "output_base_dir"):
        if "\0" in (getattr(config, name) or ""):
            raise ConfigError(f"{name} holds a NUL character; no folder has one in its name")
    if config.feature_columns is not None:
        if not config.feature_columns:
            raise ConfigError("feature_columns is empty; name columns, or leave it out to use all but the label")
        if config.label_column in config.feature_columns:
            raise ConfigError(
                f"feature_columns lists the label column {config.label_column!r}; a label is never a feature"
            )
        _refuse(config.feature_columns, config.ignore_columns, "is both in feature_columns and in ignore_columns")
        repeated = {name for name in config.feature_columns if config.feature_columns.count(name) > 1}
        if repeated:
            raise ConfigError(f"feature_columns lists {sorted(repeated)[0]!r} more than once")
    _refuse(config.categorical_columns, config.ignore_columns, "is both in categorical_columns and in ignore_columns")
    _require(config, "alert_budget", lambda x: 0 < x < 1, "a rate over 0 and under 1, e.g. 0.01 for 1%")
    _require(config, "alerts_per_day", lambda x: x is None or 0 < x < math.inf, "a number over 0, e.g. 20")
    _require(config, "split_gap_seconds", lambda x: x is None or 0 <= x < math.inf, "seconds from 0 on, e.g. 60")
    _require(config, "held_out_fraction", lambda x: 0 < x < 1, "a part over 0 and under 1, e.g. 0.3")
    _require(config, "random_state", lambda x: 0 <= x < 2**32, "a whole number from 0 to 4294967295")
    if config.training_rows not in TRAINING_ROWS:
        raise ConfigError(f"training_rows is {config.training_rows!r}; choose one of {', '.join(TRAINING_ROWS)}")
    if config.split not in SPLITS:
        raise ConfigError(f"split is {config.split!r}; choose one of {', '.join(SPLITS)}")
    if config.time_column is not None and config.time_column in ("", config.label_column):
        raise ConfigError(f"time_column is {config.time_column!r}; name the column that holds points in time")
    if config.host_columns and config.split != "host":
        raise ConfigError(
            "host_columns are given and split is not 'host', which alone uses them; set split, or leave them out"
        )
    # The last two are how people write a tab on a command line.
    if len(config.csv.delimiter) != 1 and config.csv.delimiter not in ("\\t", "tab"):
        raise ConfigError(f"csv.delimiter is {config.csv.delimiter!r}; it must be one character, or tab")
    if config.csv.columns is not None and not config.csv.columns:
        raise ConfigError("csv.columns is empty; name every column of the file in order")
    if config.csv.header is False and config.csv.columns is None:
        raise ConfigError("csv.header is false, so csv.columns must name the columns")


def _refuse(names: list[str], others: list[str], what: str) -> None:
    for name in names:
        if name in others:
            raise ConfigError(f"column {name!r} {what}")


def _require(config: Config, name: str, holds: Callable[[Any], bool], what: str) -> None:
    value = getattr(config, name)
    if not holds(value):
        raise ConfigError(f"{name} is {value}; choose {what}")


def _refuse_unknown(values: Mapping[str, Any], known: list[str], what: str, prefix: str = "") -> None:
    for name in values:
        if name not in known:
            raise ConfigError(f"unknown {what} {prefix + name!r}{suggestion(name, known)}")


def _in_words(message: str, values: Mapping[str, Any]) -> str:
    """msgspec's `Expected `float`, got `str` - at `$.alert_budget`` as a sentence with the value in it."""
    found = re.fullmatch(r"Expected `(.+)`, got `.+` - at `\$\.?(.*)`", message)
    if not found:
        return message.replace("`", "'")
    expected, path = found.groups()
    words = " or ".join(_KINDS.get(kind, kind) for kind in expected.split(" | "))
    value: Any = values
    for part in re.findall(r"[^.\[\]]+", path):
        value = value[int(part)] if isinstance(value, list) else value.get(part)
    return f"field {path!r} is {json.dumps(value, ensure_ascii=False)[:60]}; it must be {words}"


_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def _json_kind(value: Any) -> str:
    kinds = {dict: "object", list: "list", str: "text", bool: "true or false", int: "number", float: "number"}
    return kinds.get(type(value), "null")


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise ConfigError(f"field {name!r} is given twice")
        result[name] = value
    return result


def _refuse_constant(name: str) -> None:
    raise ConfigError(f"{name} is not a JSON number")


def _refuse_unwritable(value: Any, path: str = "", depth: int = 0) -> None:
    """Refuse what JSON can be read with and later stages could not write again, with the field it is in.

    Half a surrogate pair is no UTF-8 (it comes from `\\ud800` in the file, or from bytes of the command line),
    1e999 is read as infinity.
    """
    if depth > _DEEPEST:
        raise ConfigError(_TOO_DEEP)
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ConfigError(
                f"field {path!r} holds {value[error.start]!r}, which is no character; write the text in UTF-8"
            ) from None
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"field {path!r} is too large for a number")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _refuse_unwritable(name, f"{path}.{name!r}".lstrip("."), depth + 1)
            _refuse_unwritable(item, f"{path}.{name}".lstrip("."), depth + 1)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            _refuse_unwritable(item, f"{path}[{position}]", depth + 1)
