"""The JSON Schema of a configuration, made of its fields."""

from collections.abc import Mapping
from typing import Any

import msgspec

from netanomaly.config.checking import SCHEMA_FIELD
from netanomaly.config.fields import PARAMETERS_SUFFIX, Config
from netanomaly.config.monitoring import MonitoringConfig

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(parameters: Mapping[str, Any], further: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema by which editors complete and check a configuration.

    Args:
        parameters: Of each detector, the schema of its parameters.
        further: For fields that hold an object whose names others know (rules, gates), its schema.
    """
    document = plain_schema(Config, "A training configuration of netanomaly")
    fields: dict[str, Any] = document["properties"]
    del fields["model_parameters"]
    for name, field in fields.items():
        field.update(further.get(name, {}))
    fields["model_type"]["enum"] = list(parameters)
    for detector, known in parameters.items():
        fields[f"{detector}{PARAMETERS_SUFFIX}"] = {**known, "description": f"Parameters of {detector}."}
    return document


def monitoring_schema(training: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a monitoring configuration, whose `training` is checked, too: its data and model need not be named there.

    Args:
        training: The schema of a training configuration, as `schema` makes it.
    """
    document = plain_schema(MonitoringConfig, "A monitoring configuration of netanomaly")
    field = document["properties"]["training"]
    inner = {"type": "object", "properties": training["properties"], "additionalProperties": False}
    document["properties"]["training"] = {
        "anyOf": [{"type": "null"}, inner],
        **{name: field[name] for name in ("description", "default")},
    }
    # What both have is the same.
    document["$defs"] = {**training["$defs"], **document["$defs"]}
    return document


def plain_schema(kind: type[Any], title: str) -> dict[str, Any]:
    """The schema of a configuration whose fields say all there is to know, such as `ScoringConfig`."""
    _, definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    root = definitions.pop(kind.__name__)
    # Of fields that are required nobody asks for the default.
    defaults = kind(**dict.fromkeys(root["required"], ""))
    for name, field in root["properties"].items():
        if name not in root["required"]:
            field["default"] = msgspec.to_builtins(getattr(defaults, name))
    for definition in (root, *definitions.values()):
        definition["additionalProperties"] = False
    return {
        "$schema": _DIALECT,
        "title": title,
        **{name: value for name, value in root.items() if name != "title"},
        "properties": {SCHEMA_FIELD: {"type": "string"}, **root["properties"]},
        "$defs": definitions,
    }
