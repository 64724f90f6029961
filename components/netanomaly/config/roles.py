"""Roles that a configuration gives columns, with those that other fields give."""

from collections.abc import Iterable
from dataclasses import dataclass

from netanomaly.config.fields import Config
from netanomaly.errors import ConfigError

LABEL = "label"
"""What the label column is called where nothing is said of it."""


@dataclass(frozen=True)
class Wanted:
    """What a configuration says of columns, from wherever it says it.

    Attributes:
        label: The column of classes, and `label_named` whether it was named.
        time: The column of times; empty: none was named.
    """

    label: str
    label_named: bool
    time: str
    categorical: list[str]
    ignored: list[str]


def wanted_columns(config: Config) -> Wanted:
    """Every column that a configuration names, by what it is to be.

    Raises:
        ConfigError: Two columns for what there is one of, or one column for two things.
    """
    label = _only(config, "label", config.label_column, "label_column")
    time = _only(config, "time", config.time_column, "time_column")
    for name, role in config.columns.items():
        fields = {
            "feature_columns": (config.feature_columns or [], ("number", "category")),
            "categorical_columns": (config.categorical_columns, ("category",)),
            "ignore_columns": (config.ignore_columns, ("ignored",)),
        }
        for field, (names, roles) in fields.items():
            if name in names and role not in roles:
                raise ConfigError(f"columns says that {name!r} is {role!r}, and {field} lists it; keep one of them")
    return Wanted(
        label=LABEL if label is None else label,
        label_named=label is not None,
        time=time or "",
        categorical=_joined(config.categorical_columns, _of(config, "category")),
        ignored=_joined(config.ignore_columns, _of(config, "ignored")),
    )


def _of(config: Config, role: str) -> list[str]:
    return [name for name, given in config.columns.items() if given == role]


def _only(config: Config, role: str, named: str | None, field: str) -> str | None:
    names = _of(config, role)
    if len(names) > 1:
        raise ConfigError(f"columns gives {names[0]!r} and {names[1]!r} the role {role!r}; there is one such column")
    if names and named is not None and named != names[0]:
        raise ConfigError(f"columns says that {names[0]!r} is the {role}, and {field} is {named!r}; keep one of them")
    return names[0] if names else named


def _joined(names: Iterable[str], others: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*names, *others]))
