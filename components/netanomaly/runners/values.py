"""Parameter values as KFP carries them: every number is a double, and a whole one is written without a point."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from netanomaly.errors import InputError
from netanomaly.runners.spec import InputParameter, ParameterType

# From here on Go's JSON writes an exponent, so a whole number is no longer written as one.
_LARGEST_PLAIN = 1e21

_IN_WORDS = {
    ParameterType.NUMBER_INTEGER: "a whole number",
    ParameterType.NUMBER_DOUBLE: "a number",
    ParameterType.STRING: "text",
    ParameterType.BOOLEAN: "true or false",
    ParameterType.LIST: "a list",
    ParameterType.STRUCT: "an object",
}


def pipeline_arguments(declared: Mapping[str, InputParameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """A run's parameters: what was given, checked, and defaults for the rest.

    An optional parameter with neither value nor default is absent.

    Raises:
        InputError: A name is unknown or missing, or a value is not of its declared type.
    """
    for name in given:
        if name not in declared:
            raise InputError(f"pipeline has no parameter {name!r}{nearest(name, declared)}")
    values = {}
    for name, parameter in declared.items():
        if given.get(name) is not None:
            values[name] = typed(given[name], parameter.type, f"pipeline parameter {name!r}", strict=True)
            _check_literal(values[name], parameter, f"pipeline parameter {name!r}")
        elif parameter.has_default:
            if parameter.default is not None:
                values[name] = typed(parameter.default, parameter.type, f"default of pipeline parameter {name!r}")
        elif not parameter.optional:
            raise InputError(
                f"pipeline parameter {name!r} is missing; give {_IN_WORDS[parameter.type]} for it, it has no default"
            )
    return values


def task_argument(value: Any, declared: InputParameter, where: str) -> Any:
    """A value as the task gets it. As on the back end a text parameter takes any value as text.

    Raises:
        InputError: The value's type is not the declared one.
    """
    value = typed(value, declared.type, where)
    _check_literal(value, declared, where)
    return value


def typed(value: Any, kind: ParameterType, where: str, *, strict: bool = False) -> Any:
    """The value in KFP's form, of its type. Unless `strict`, anything becomes text for a text parameter."""
    value = _plain(value, where)
    if kind is ParameterType.STRING and not strict:
        return as_text(value)
    if _is(value, kind):
        return value
    raise InputError(f"{where} is {_shown(value)}; {_IN_WORDS[kind]} is needed")


def as_text(value: Any) -> str:
    """A value inside text or a command: text as it is, else JSON, a number without exponent."""
    if isinstance(value, float):
        return _shortest(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parse_output(text: str, kind: ParameterType, where: str) -> Any:
    """An output parameter from the text of its file: text as it is, trailing newline included; the rest is JSON.

    Raises:
        InputError: The text is not a value of that type.
    """
    if kind is ParameterType.STRING:
        return text
    try:
        value = json.loads(text.strip().lower() if kind is ParameterType.BOOLEAN else text)
    except ValueError:
        raise InputError(f"{where} holds {_shown(text)}; {_IN_WORDS[kind]} is needed") from None
    return typed(value, kind, where)


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'? It has: ...` for an error message."""
    import difflib  # only an error needs it

    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    return f"{hint} it has {', '.join(known) if known else 'none'}"


def _is(value: Any, kind: ParameterType) -> bool:
    if kind is ParameterType.NUMBER_INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is ParameterType.NUMBER_DOUBLE:
        return isinstance(value, int | float) and not isinstance(value, bool)
    types = {
        ParameterType.STRING: str,
        ParameterType.BOOLEAN: bool,
        ParameterType.LIST: list,
        ParameterType.STRUCT: dict,
    }
    return isinstance(value, types[kind])


def _plain(value: Any, where: str) -> Any:
    """JSON's types only, whole floats as int: what a value looks like after KFP carried it."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) >= 1 << 1023 or int(float(value)) != value:
            raise InputError(f"{where} holds {value}, which KFP would round: its numbers are doubles; pass it as text")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"{where} holds {value}; KFP carries finite numbers only")
        return int(value) if value.is_integer() and abs(value) < _LARGEST_PLAIN else value
    if isinstance(value, list | tuple):
        return [_plain(item, where) for item in value]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InputError(f"{where} has the key {key!r}; keys are text")
        return {key: _plain(item, where) for key, item in value.items()}
    raise InputError(f"{where} holds a {type(value).__name__}, which is not a JSON value")


def _check_literal(value: Any, declared: InputParameter, where: str) -> None:
    if declared.literals and value not in declared.literals:
        choices = ", ".join(_shown(choice) for choice in declared.literals)
        raise InputError(f"{where} is {_shown(value)}; choose one of {choices}")


def _shortest(value: float) -> str:
    """The fewest digits that give the same double, never with an exponent."""
    text = repr(value)
    if "e" not in text:
        return text
    from decimal import Decimal  # rare, and slow to import

    return format(Decimal(text), "f")


def _shown(value: Any, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
