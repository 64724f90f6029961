"""From a JSON document to a configuration: each field checked by itself, then against the others."""

import dataclasses
import json
import typing
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from netanomaly import json_input
from netanomaly.config.document import json_kind, refuse_unwritable
from netanomaly.config.fields import FIELDS, PARAMETERS_SUFFIX, Config
from netanomaly.config.names import suggestion
from netanomaly.config.roles import wanted_columns
from netanomaly.errors import ConfigError
from netanomaly.secrecy import refuse_credentials

_SHOWN = 60
# Editors are told by it which schema to complete and check a configuration with.
SCHEMA_FIELD = "$schema"


def parse(document: Mapping[str, Any]) -> Config:
    """The configuration in a JSON object, each field checked by itself and against the others.

    What needs a detector's, rule's or gate's own knowledge is checked by `prepare`.

    Raises:
        ConfigError: Unknown or missing field, wrong type, value out of range, label among the features.
        InputError: An address holds a password.
    """
    values = _writable(document)
    all_parameters = {name: values.pop(name) for name in list(values) if name.endswith(PARAMETERS_SUFFIX)}
    for name, parameters in all_parameters.items():
        if not isinstance(parameters, Mapping):
            raise ConfigError(f"field {name!r} is a JSON {json_kind(parameters)}; it must be an object")
    _refuse_unknown(values, FIELDS, "")
    _refuse_missing(values, Config)
    if "model_type" not in values and all_parameters:
        if len(all_parameters) > 1:
            raise ConfigError(f"{', '.join(all_parameters)} are given and model_type is not; name one in model_type")
        # Parameters name their detector.
        values["model_type"] = next(iter(all_parameters)).removesuffix(PARAMETERS_SUFFIX)
    if "alert_budget" in values and values.get("alerts_per_day") is not None:
        raise ConfigError(
            "alert_budget and alerts_per_day are both given; they set the same threshold: keep one of them"
        )
    wanted = _convert(values, Config, "")
    parameters = all_parameters.get(f"{wanted.model_type}{PARAMETERS_SUFFIX}", {})
    config = dataclasses.replace(wanted, model_parameters=dict(parameters))
    _check(config)
    return config


def unused_parameters(document: Mapping[str, Any]) -> list[str]:
    """Fields of a valid configuration that hold parameters of other detectors than the one that is trained."""
    used = f"{parse(document).model_type}{PARAMETERS_SUFFIX}"
    return [name for name in document if name.endswith(PARAMETERS_SUFFIX) and name != used]


T = typing.TypeVar("T")


def converted(document: Mapping[str, Any], kind: type[T]) -> T:
    """The dataclass of a configuration, such as `ScoringConfig`, in a JSON object; each field checked by itself.

    Raises:
        ConfigError: Unknown or missing field, wrong type, value out of range.
    """
    values = _writable(document)
    _refuse_unknown(values, [each.name for each in dataclasses.fields(kind)], "")  # type: ignore[arg-type]
    _refuse_missing(values, kind)
    return _convert(values, kind, "")


def _writable(document: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unwritable(document)
    return {name: value for name, value in document.items() if name != SCHEMA_FIELD}


def _convert(values: Mapping[str, Any], kind: type[T], path: str) -> T:
    """A dataclass from a JSON object; of a value that does not fit, its field, itself and what would fit are said."""
    annotations = typing.get_type_hints(kind, include_extras=True)
    converted = {}
    for name, value in values.items():
        plain = _not_none(typing.get_type_hints(kind)[name])
        if dataclasses.is_dataclass(plain) and isinstance(value, Mapping):
            _refuse_unknown(value, [each.name for each in dataclasses.fields(plain)], f"{path}{name}.")
            _refuse_missing(value, plain, f"{path}{name}.")  # type: ignore[arg-type]
            converted[name] = _convert(value, plain, f"{path}{name}.")  # type: ignore[arg-type]
            continue
        try:
            converted[name] = msgspec.convert(value, annotations[name])
        except msgspec.ValidationError:
            raise ConfigError(_refusal(f"{path}{name}", value, annotations[name])) from None
    return kind(**converted)


def _not_none(kind: Any) -> Any:
    """What a field holds where it is not null."""
    others = [each for each in typing.get_args(kind) if each is not type(None)]
    return others[0] if len(others) == 1 and type(None) in typing.get_args(kind) else kind


def _refusal(path: str, value: Any, annotation: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}..."
    return f"field {path!r} is {shown}; it must be {words(inspect.type_info(annotation))}"


def words(kind: inspect.Type) -> str:
    """What fits a type, in words: those declared with it, else made of it."""
    if isinstance(kind, inspect.Metadata):
        return (kind.extra or {}).get("words") or words(kind.type)
    if isinstance(kind, inspect.UnionType):
        return " or ".join(dict.fromkeys(words(each) for each in kind.types))
    if isinstance(kind, inspect.LiteralType):
        return f"one of {', '.join(str(value) for value in kind.values)}"
    if isinstance(kind, inspect.ListType):
        return f"a list of {words(kind.item_type)}"
    return _WORDS.get(type(kind), "an object")


_WORDS: dict[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.NoneType: "null",
}


def refuse_passwords(config: Any, *fields: str) -> None:
    """Refuse addresses that hold a password.

    Raises:
        InputError: One of these fields does.
    """
    for field in fields:
        given = getattr(config, field)
        for address in given if isinstance(given, list) else [given] if isinstance(given, str) else []:
            refuse_credentials(address, field)


def _check(config: Config) -> None:
    refuse_passwords(config, "data_source", "evaluation_data_source", "registry", "feedback", "leave_out")
    label = wanted_columns(config).label
    if config.feature_columns is not None:
        if label in config.feature_columns:
            raise ConfigError(f"feature_columns lists the label column {label!r}; a label is never a feature")
        _refuse(config.feature_columns, config.ignore_columns, "is both in feature_columns and in ignore_columns")
        repeated = {name for name, count in Counter(config.feature_columns).items() if count > 1}
        if repeated:
            raise ConfigError(f"feature_columns lists {sorted(repeated)[0]!r} more than once")
    _refuse(config.categorical_columns, config.ignore_columns, "is both in categorical_columns and in ignore_columns")
    if config.time_column is not None and config.time_column in (label, ""):
        raise ConfigError(f"time_column is {config.time_column!r}; name the column that holds points in time")
    if config.host_columns and config.split != "host":
        raise ConfigError(
            "host_columns are given and split is not 'host', which alone uses them; set split, or leave them out"
        )


def _refuse(names: list[str], others: list[str], what: str) -> None:
    for name in names:
        if name in others:
            raise ConfigError(f"column {name!r} {what}")


def _refuse_missing(values: Mapping[str, Any], kind: type[Any], prefix: str = "") -> None:
    for each in dataclasses.fields(kind):
        needed = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        if needed and each.name not in values:
            raise ConfigError(f"field {prefix + each.name!r} is missing")


def _refuse_unknown(values: Mapping[str, Any], known: Iterable[str], prefix: str) -> None:
    known = list(known)
    for name in values:
        if name not in known:
            raise ConfigError(f"unknown field {prefix + name!r}{suggestion(name, known)}")


def as_list(source: str | list[str]) -> list[str]:
    """A source as a list; a text that is a JSON list is one, since a KFP run form has only text fields."""
    if isinstance(source, list):
        return source
    if source.lstrip().startswith("["):
        try:
            items = json_input.parse(source)
        except ValueError:
            return [source]
        if isinstance(items, list) and items and all(isinstance(item, str) and item for item in items):
            return items
    return [source]


def overridden(document: Mapping[str, Any], overrides: Any) -> dict[str, Any]:
    """A configuration with what a run's parameters say over it: a dataclass of texts, of which empty ones say nothing."""
    return {**document, **{name: value for name, value in dataclasses.asdict(overrides).items() if value}}
