"""Where tuning looks: the detectors, their parameters, and whether flows are seen beside those before them.

Each detector's entry in the catalogue has a space of its own; `tuning.space` of a configuration narrows or widens it:

    {"model_type": ["knn", "ensemble"], "context": [true],
     "knn": {"n_neighbors": {"low": 1, "high": 50}, "reference_rows": [1024, 4096]}}

A list is what to choose among, an object a range, one value is that and no other. Loads no numeric library: `prepare` uses it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netanomaly.errors import ConfigError
from netanomaly.models.catalogue import CATALOGUE, Parameter, Span, check, instead

# What `docs/quality.md` finds at the top of one data set or another; the others can be named.
DETECTORS = ("ensemble", "knn", "gaussian_mixture", "autoencoder", "isolation_forest")

_KEYS = ("low", "high", "by_ratio")


@dataclass(frozen=True)
class Dimension:
    """One thing that is searched: one of `choices`, or a number from `low` to `high`."""

    choices: Sequence[Any] | None = None
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    by_ratio: bool = False

    @property
    def values(self) -> int | None:
        """How many values it has; None where they cannot be counted."""
        if self.choices is not None:
            return len(self.choices)
        return int(self.high) - int(self.low) + 1 if self.whole else (1 if self.low == self.high else None)


@dataclass(frozen=True)
class Space:
    """All that is searched: detectors, the dimensions of each by its parameters' names, and context on or off."""

    detectors: Sequence[str]
    dimensions: Mapping[str, Mapping[str, Dimension]]
    context: Sequence[bool] = field(default=(True, False))

    def names(self) -> list[str]:
        """Every dimension by the name that trials know it by: `knn.n_neighbors`."""
        return [
            *(["model_type"] if len(self.detectors) > 1 else []),
            *(["context"] if len(self.context) > 1 else []),
            *(f"{detector}.{name}" for detector in self.detectors for name in self.dimensions[detector]),
        ]

    def points(self) -> int | None:
        """How many different candidates there are; None where they cannot be counted."""
        total = 0
        for detector in self.detectors:
            product = 1
            for dimension in self.dimensions[detector].values():
                if (values := dimension.values) is None:
                    return None
                product *= values
            total += product
        return total * len(self.context)


def resolve(given: Mapping[str, Any], model_type: str) -> Space:
    """The space of a configuration.

    Args:
        given: Its `tuning.space`.
        model_type: Its detector, which is searched whatever others are, unless `model_type` of the space says which.

    Raises:
        ConfigError: A name that is not known, or values that the detector cannot take.
    """
    detectors = _detectors(given, model_type)
    for name in given:
        if name in ("model_type", "context"):
            continue
        if name not in CATALOGUE:
            raise ConfigError(f"tuning.space has {name!r}; {instead(name, [*CATALOGUE, 'model_type', 'context'])}")
        if name not in detectors:
            raise ConfigError(
                f"tuning.space has parameters of {name}, which its model_type leaves out ({', '.join(detectors)}); add it "
                "there, or leave them out"
            )
    return Space(
        detectors,
        {detector: _dimensions(detector, given.get(detector, {})) for detector in detectors},
        _context(given.get("context", [True, False])),
    )


def narrowed(space: Space, *, doubted: bool, context: bool) -> Space:
    """The space less what cannot make a difference with the data at hand.

    Args:
        space: As the configuration has it.
        doubted: Whether some of the training rows may be attacks; contamination is searched only then.
        context: Whether there are features beside other flows, and others.
    """
    dimensions = {
        detector: {name: each for name, each in found.items() if doubted or name != "contamination"}
        for detector, found in space.dimensions.items()
    }
    return Space(space.detectors, dimensions, space.context if context else (True,))


def _detectors(given: Mapping[str, Any], model_type: str) -> list[str]:
    if "model_type" not in given:
        return list(dict.fromkeys([model_type, *DETECTORS]))
    named = given["model_type"]
    listed = [named] if isinstance(named, str) else named
    if not isinstance(listed, list) or not listed or not all(isinstance(name, str) for name in listed):
        raise ConfigError(f'tuning.space.model_type is {_shown(named)}; give a list of detectors, such as ["knn"]')
    for name in listed:
        if name not in CATALOGUE:
            raise ConfigError(f"tuning.space.model_type has {name!r}; {instead(name, CATALOGUE)}")
    return list(dict.fromkeys(listed))


def _context(given: Any) -> list[bool]:
    listed = [given] if isinstance(given, bool) else given
    if not isinstance(listed, list) or not listed or not all(isinstance(each, bool) for each in listed):
        raise ConfigError(f"tuning.space.context is {_shown(given)}; give true, false or [true, false]")
    return list(dict.fromkeys(listed))


def _dimensions(detector: str, given: Any) -> dict[str, Dimension]:
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"tuning.space.{detector} is {_shown(given)}; give an object of its parameters, such as "
            f"{_example(detector)}"
        )
    entry = CATALOGUE[detector]
    for name in given:
        if name not in entry.parameters:
            raise ConfigError(
                f"tuning.space.{detector} has {name!r}, which {detector} does not know; {instead(name, entry.parameters)}"
            )
    wanted = {**entry.search, **given}
    return {
        name: _dimension(f"tuning.space.{detector}.{name}", entry.parameters[name], wanted[name])
        for name in entry.parameters
        if name in wanted
    }


def _dimension(where: str, parameter: Parameter, given: Any) -> Dimension:
    if isinstance(given, Span):
        return Dimension(None, given.low, given.high, _is_whole(parameter, given.low), given.by_ratio)
    if isinstance(given, tuple):
        return Dimension(list(given))
    if isinstance(given, Mapping):
        return _range(where, parameter, given)
    if list in parameter.kinds:
        # What it takes is a list: one of names is one value, one of lists is what to choose among.
        choices = given if isinstance(given, list) and any(isinstance(each, list) for each in given) else [given]
    else:
        choices = given if isinstance(given, list) else [given]
    if not choices:
        raise ConfigError(f"{where} is an empty list; give what to choose among, or leave it out")
    found = [_resolved(where, parameter, value) for value in choices]
    return Dimension([value for place, value in enumerate(found) if value not in found[:place]])


def _range(where: str, parameter: Parameter, given: Mapping[str, Any]) -> Dimension:
    for name in given:
        if name not in _KEYS:
            raise ConfigError(f"{where} has {name!r}; {instead(name, _KEYS)}")
    ends = [given.get(name) for name in ("low", "high")]
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
        raise ConfigError(f'{where} is {_shown(given)}; give {{"low": 1, "high": 10}}, or a list of values')
    low, high = (_resolved(where, parameter, end) for end in ends)
    if low > high:
        raise ConfigError(f"{where} goes from {low:g} to {high:g}; give the lower end as low")
    by_ratio = given.get("by_ratio", low > 0 and high / low >= 8)
    if not isinstance(by_ratio, bool):
        raise ConfigError(f"{where}: by_ratio is {_shown(by_ratio)}; it must be true or false")
    if by_ratio and low <= 0:
        raise ConfigError(f"{where}: by_ratio is true and low is {low:g}; ratios need a low end over 0")
    if float in parameter.kinds and int in parameter.kinds and (low <= 1) != (high <= 1):
        raise ConfigError(
            f"{where} goes from {low:g} to {high:g}: up to 1 it is a share, over 1 a count; keep to one of them"
        )
    return Dimension(None, low, high, _is_whole(parameter, low), by_ratio)


def _is_whole(parameter: Parameter, low: float) -> bool:
    return int in parameter.kinds and (float not in parameter.kinds or low > 1)


def _resolved(where: str, parameter: Parameter, value: Any) -> Any:
    try:
        return parameter.resolve(value)
    except ValueError as allowed:
        raise ConfigError(f"{where} has {_shown(value)}, which it cannot take; give {allowed}") from None


def _example(detector: str) -> str:
    name, parameter = next(iter(CATALOGUE[detector].parameters.items()))
    return json.dumps({name: [parameter.default]})


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:60]}..."


def candidate(document: Mapping[str, Any]) -> dict[str, Any]:
    """A candidate as trials carry it, its parameters complete and checked.

    Args:
        document: `model_type`, `parameters` (those that differ from the defaults), `context`.
    """
    model_type = str(document["model_type"])
    return {
        "model_type": model_type,
        "parameters": check(model_type, document.get("parameters", {})),
        "context": bool(document.get("context", True)),
    }
