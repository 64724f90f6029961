"""Every detector: its class, its parameters, their defaults and ranges. Loads no numeric library.

Adding a detector is one module with a `Detector` in it and one entry here.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netanomaly.errors import ConfigError


@dataclass(frozen=True)
class Parameter:
    """What one parameter may be: one of `words`, or of the given kinds and within [low, high]."""

    default: Any
    kinds: tuple[type, ...]
    low: float = -math.inf
    high: float = math.inf
    above: bool = False  # low itself is out of range
    words: tuple[str | None, ...] = ()
    items: tuple[str, ...] = ()  # what a list may hold, each once

    def resolve(self, value: Any) -> Any:
        """The value as the detector gets it.

        Raises:
            ValueError: It is not what this parameter may be; the message says what may.
        """
        if isinstance(value, str | None) and value in self.words:
            return value
        if isinstance(value, bool | list):
            if type(value) in self.kinds and (isinstance(value, bool) or self._listed(value)):
                return value
        elif isinstance(value, int | float) and self.low <= value <= self.high:
            number = self._number(value)
            if type(number) in self.kinds and not math.isnan(number) and not (self.above and value == self.low):
                return number
        raise ValueError(self.allowed)

    def _listed(self, values: list[Any]) -> bool:
        known = all(isinstance(value, str) and value in self.items for value in values)
        return known and 0 < len(values) == len(set(values))

    def _number(self, value: float) -> float:
        """An int or a float as the kinds ask: Kubeflow carries every number as a double, 100 arrives as 100.0."""
        if float not in self.kinds:
            return int(value) if float(value).is_integer() else value
        if int not in self.kinds or value <= 1:
            return float(value)
        # A share or a count: over 1 only a whole number means something.
        return int(value) if float(value).is_integer() else math.nan

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        parts = [repr(word) if word is not None else "null" for word in self.words]
        if bool in self.kinds:
            parts.append("true or false")
        elif list in self.kinds:
            parts.append("a list of one or more of " + ", ".join(self.items) + ", each once")
        elif int in self.kinds and float in self.kinds:
            parts.append("a share over 0 and at most 1, or a whole number over 1")
        elif self.kinds:
            parts.append(("a whole number" if int in self.kinds else "a number") + self._range())
        return " or ".join(parts)

    def _range(self) -> str:
        low = "" if self.low == -math.inf else f" {'over' if self.above else 'of at least'} {self.low:g}"
        high = "" if self.high == math.inf else f"{' and' if low else ' of'} at most {self.high:g}"
        return low + high


@dataclass(frozen=True)
class Span:
    """Where tuning looks for a number: from `low` to `high`, by their ratio where that is what matters, else evenly."""

    low: float
    high: float
    by_ratio: bool = True


Choices = tuple[Any, ...]
"""What tuning chooses among."""


@dataclass(frozen=True)
class Entry:
    """One detector: where its class is (`module:class`), what it can be told, and where tuning looks for better.

    `search` holds some of the parameters; the others stay as they are configured.
    """

    path: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    search: Mapping[str, Span | Choices] = field(default_factory=dict)


def whole(default: int | None, low: float, high: float = math.inf, *, words: tuple[str | None, ...] = ()) -> Parameter:
    """A whole number within [low, high]."""
    return Parameter(default, (int,), low, high, words=words)


def number(
    default: float | str, low: float, high: float = math.inf, *, above: bool = False, words: tuple[str | None, ...] = ()
) -> Parameter:
    """A number within [low, high]; `above`: low itself is out."""
    return Parameter(default, (float,), low, high, above, words)


def share_or_count(default: float, *, words: tuple[str | None, ...] = ()) -> Parameter:
    """A share in (0, 1], or a count over 1. A count of 1 cannot be told from the whole, and is the whole."""
    return Parameter(default, (int, float), 0, math.inf, above=True, words=words)


# Accepted by every detector: the seed of its own draws (null: the pipeline's), the share of the training rows
# thought to be anomalous (docs/detectors.md says what it does), and threads.
COMMON = {
    "contamination": number("auto", 0, 0.5, words=("auto",)),
    "random_state": whole(None, 0, 2**32 - 1, words=(None,)),
    "n_jobs": whole(None, -1, 1024, words=(None,)),
}

# Of rows that are known to be normal none is doubted, and it is not searched.
_DOUBT: Choices = ("auto", 0.0, 0.01, 0.05)

_DETECTORS: dict[str, Entry] = {
    # 200 trees of 4096 rows: docs/detectors.md has the comparison with scikit-learn's 100 of 256.
    "isolation_forest": Entry(
        "netanomaly.models.isolation_forest:IsolationForestDetector",
        {
            "n_estimators": whole(200, 1, 10_000),
            "max_samples": share_or_count(4096, words=("auto",)),
            "max_features": share_or_count(1.0),
            "bootstrap": Parameter(False, (bool,)),
            "verbose": whole(0, 0),
            "warm_start": Parameter(False, (bool,)),
            **COMMON,
        },
        {
            "n_estimators": Span(50, 400),
            "max_samples": Span(256, 8192),
            "max_features": Span(0.25, 1.0, by_ratio=False),
            "contamination": _DOUBT,
        },
    ),
    "gaussian_mixture": Entry(
        "netanomaly.models.gaussian_mixture:GaussianMixtureDetector",
        {
            "n_components": whole(8, 1, 256),
            "covariance_type": Parameter("full", (), words=("full", "diag")),
            "regularisation": number(0.01, 0, above=True),
            "max_iter": whole(30, 1, 10_000),
            **COMMON,
        },
        {
            "n_components": Span(1, 32),
            "covariance_type": ("full", "diag"),
            "regularisation": Span(0.001, 0.1),
            "contamination": _DOUBT,
        },
    ),
    "pca": Entry(
        "netanomaly.models.pca:PcaDetector",
        {"variance": number(0.9, 0, 1, above=True), **COMMON},
        {"variance": Span(0.5, 0.99, by_ratio=False), "contamination": _DOUBT},
    ),
    "knn": Entry(
        "netanomaly.models.knn:KnnDetector",
        {"n_neighbors": whole(1, 1, 1000), "reference_rows": whole(4096, 10, 1_000_000), **COMMON},
        {"n_neighbors": Span(1, 16), "reference_rows": Span(1024, 16_384), "contamination": _DOUBT},
    ),
    "mass_distance": Entry(
        "netanomaly.models.mass_distance:MassDistanceDetector",
        {"share": number(0.2, 0, 1, above=True), "reference_rows": whole(256, 10, 1_000_000), **COMMON},
        {"share": Span(0.05, 0.5), "reference_rows": Span(128, 2048), "contamination": _DOUBT},
    ),
    "lof": Entry(
        "netanomaly.models.lof:LofDetector",
        {"n_neighbors": whole(20, 1, 1000), "reference_rows": whole(4096, 10, 1_000_000), **COMMON},
        {"n_neighbors": Span(5, 80), "reference_rows": Span(1024, 8192), "contamination": _DOUBT},
    ),
    "one_class_svm": Entry(
        "netanomaly.models.one_class_svm:OneClassSvmDetector",
        {
            "nu": number(0.01, 0, 1, above=True),
            "gamma": number("scale", 0, above=True, words=("scale",)),
            "n_components": whole(256, 1, 100_000),
            **COMMON,
        },
        {"nu": Span(0.001, 0.1), "n_components": Span(128, 2048), "contamination": _DOUBT},
    ),
    "autoencoder": Entry(
        "netanomaly.models.autoencoder:AutoencoderDetector",
        {
            "width": whole(64, 1, 4096),
            "bottleneck": whole(16, 1, 4096),
            "epochs": whole(10, 1, 10_000),
            "batch_size": whole(256, 1, 1_000_000),
            "learning_rate": number(0.002, 0, 1, above=True),
            **COMMON,
        },
        {
            "width": Span(16, 128),
            "bottleneck": Span(2, 32),
            "epochs": Span(5, 40),
            "learning_rate": Span(0.0005, 0.01),
            "contamination": _DOUBT,
        },
    ),
}

CATALOGUE: dict[str, Entry] = {
    "ensemble": Entry(
        "netanomaly.models.ensemble:EnsembleDetector",
        {
            "members": Parameter(
                ["knn", "gaussian_mixture", "one_class_svm"],
                (list,),
                items=tuple(_DETECTORS),
            ),
            **COMMON,
        },
        {
            "members": (
                ["knn", "gaussian_mixture", "one_class_svm"],
                ["knn", "gaussian_mixture"],
                ["knn", "gaussian_mixture", "isolation_forest"],
                ["knn", "gaussian_mixture", "autoencoder"],
                ["knn", "gaussian_mixture", "one_class_svm", "isolation_forest"],
                ["knn", "gaussian_mixture", "one_class_svm", "autoencoder"],
                ["knn", "one_class_svm", "isolation_forest"],
            ),
            "contamination": _DOUBT,
        },
    ),
    **_DETECTORS,
}


def check(model_type: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The detector's parameters with every default filled in.

    Raises:
        ConfigError: No such detector, no such parameter (with the nearest name), or a value it cannot take.
    """
    if model_type not in CATALOGUE:
        raise ConfigError(f"model_type is {model_type!r}; {instead(model_type, CATALOGUE)}")
    known = CATALOGUE[model_type].parameters
    for name in parameters:
        if name not in known:
            raise ConfigError(
                f"{model_type}_params has {name!r}, which {model_type} does not know; {instead(name, known)}"
            )
    resolved = {}
    for name, parameter in known.items():
        value = parameters.get(name, parameter.default)
        try:
            resolved[name] = parameter.resolve(value) if name in parameters else value
        except ValueError as allowed:
            raise ConfigError(f"{model_type}_params: {name} is {value!r}; give {allowed}") from None
    return resolved


def by_what_is_known(parameters: Mapping[str, Any], training_rows: str) -> dict[str, Any]:
    """The detector's parameters; of rows that are known to be normal none is doubted, unless that is asked for.

    Args:
        training_rows: "normal" or "all".
    """
    known = training_rows == "normal" and parameters.get("contamination") == "auto"
    return {**parameters, "contamination": 0.0} if known else dict(parameters)


def schema() -> dict[str, Any]:
    """Of each detector, the JSON Schema of its parameters."""
    return {
        detector: {
            "type": "object",
            "properties": {
                name: {"description": parameter.allowed, "default": parameter.default}
                for name, parameter in entry.parameters.items()
            },
            "additionalProperties": False,
        }
        for detector, entry in CATALOGUE.items()
    }


def instead(name: str, known: Iterable[str]) -> str:
    """What to write in place of a name that is not known; all that are."""
    known = sorted(known)
    nearest = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    listed = ", ".join(known)
    return f"did you mean {nearest[0]!r}? Known are {listed}" if nearest else f"known are {listed}"
