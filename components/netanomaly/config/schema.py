"""The JSON Schema of a configuration, made of its fields."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec

from netanomaly.config.checking import SCHEMA_FIELD
from netanomaly.config.fields import PARAMETERS_SUFFIX, Config, CsvFormat, Tracking

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(parameters: Mapping[str, Any], further: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema by which editors complete and check a configuration.

    Args:
        parameters: Of each detector, the schema of its parameters.
        further: For fields that hold an object whose names others know (rules, gates), its schema.
    """
    _, definitions = msgspec.json.schema_components([Config], ref_template="#/$defs/{name}")
    root = definitions.pop("Config")
    fields: dict[str, Any] = root["properties"]
    del fields["model_parameters"]
    defaults = Config(model_name="", data_source="")
    for name, field in fields.items():
        field.update(further.get(name, {}))
        if name not in root["required"]:
            value = getattr(defaults, name)
            field["default"] = dataclasses.asdict(value) if isinstance(value, CsvFormat | Tracking) else value
    fields["model_type"]["enum"] = list(parameters)
    for detector, known in parameters.items():
        fields[f"{detector}{PARAMETERS_SUFFIX}"] = {**known, "description": f"Parameters of {detector}."}
    for definition in (root, *definitions.values()):
        definition["additionalProperties"] = False
    return {
        "$schema": _DIALECT,
        "title": "A training configuration of netanomaly",
        **{name: value for name, value in root.items() if name != "title"},
        "properties": {SCHEMA_FIELD: {"type": "string"}, **fields},
        "$defs": definitions,
    }
