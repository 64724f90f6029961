"""A configuration as a JSON document: read from a file, changed by assignments, and fit to be written again."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netanomaly import json_input
from netanomaly.config.fields import TEXTS
from netanomaly.errors import ConfigError

# The deepest field there is, validation.ranges.<column>[0], is four levels down.
_DEEPEST = 16
_LARGEST_FILE = 4 << 20
_TOO_DEEP = f"objects and lists are nested more than {_DEEPEST} deep; no field goes so far"


def read(path: Path) -> dict[str, Any]:
    """The JSON object in a configuration file.

    Raises:
        ConfigError: The file is missing, cannot be read, is not UTF-8, not JSON (with line and column), or no object.
    """
    try:
        text = json_input.read(path, _LARGEST_FILE).decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"configuration {path} does not exist") from None
    except IsADirectoryError:
        raise ConfigError(f"configuration {path} is a folder; name a JSON file in it") from None
    except OSError as error:
        raise ConfigError(f"configuration {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"configuration {path} is not UTF-8 text (byte {error.start})") from None
    except ValueError as error:
        raise ConfigError(f"configuration {path} is none: {error}") from None
    try:
        document = json.loads(text, object_pairs_hook=_object_without_repeats, parse_constant=_refuse_constant)
        refuse_unwritable(document)
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
        raise ConfigError(f"{path} holds a JSON {json_kind(document)}; a configuration is an object: {{...}}")
    return document


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
                raise ConfigError(f"{path!r}: {parent!r} is a JSON {json_kind(target)}, not an object")
        try:
            target[last] = json.loads(text, object_pairs_hook=_object_without_repeats, parse_constant=_refuse_constant)
            if not parents and last in TEXTS and isinstance(target[last], int | float):
                target[last] = text  # model_version=2.0 is no number
        except ValueError:
            target[last] = text
        except RecursionError:
            raise ConfigError(f"{path!r}: {_TOO_DEEP}") from None
        except ConfigError as error:
            raise ConfigError(f"{path!r}: {error}") from None
    return result


def json_kind(value: Any) -> str:
    """What JSON calls a value."""
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


def refuse_unwritable(value: Any, path: str = "", depth: int = 0) -> None:
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
            refuse_unwritable(name, f"{path}.{name!r}".lstrip("."), depth + 1)
            refuse_unwritable(item, f"{path}.{name}".lstrip("."), depth + 1)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            refuse_unwritable(item, f"{path}[{position}]", depth + 1)
