"""Reading the JSON documents of a run, any field of which may be absent.

A report shows what is there. A field that is missing, null, of another type or not finite reads as absent; the
templates then leave its line out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

Document = Mapping[str, object]


@dataclass(frozen=True)
class Estimate:
    """A figure with its confidence interval, whose ends may be unknown."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        """The interval, where both ends are known."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def as_number(value: object) -> float | None:
    """The value as a finite float, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def number(document: Document, name: str) -> float | None:
    return as_number(document.get(name))


def count(document: Document, name: str) -> int | None:
    found = number(document, name)
    return None if found is None else round(found)


def text(document: Document, name: str) -> str:
    """The field as text, empty where it is absent."""
    found = document.get(name)
    return found if isinstance(found, str) else "" if found is None else str(found)


def section(document: Document, name: str) -> Document:
    """A nested object, empty where it is absent."""
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def objects(document: Document, name: str) -> list[Document]:
    """A list of objects, without whatever in it is none."""
    found = document.get(name)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []


def numbers(document: Document, name: str) -> list[float]:
    """A list of finite numbers, empty where it is absent or holds anything else."""
    found = document.get(name)
    if not isinstance(found, list | tuple):
        return []
    read = [as_number(item) for item in found]
    return [item for item in read if item is not None] if None not in read else []


def numbers_rows(document: Document, name: str) -> list[tuple[str, float, float]]:
    """A list of rows of a text and two finite numbers, without whatever in it is none."""
    found = document.get(name)
    rows = []
    for item in found if isinstance(found, list | tuple) else []:
        if isinstance(item, list | tuple) and len(item) == 3 and isinstance(item[0], str):
            first, second = as_number(item[1]), as_number(item[2])
            if first is not None and second is not None:
                rows.append((item[0], first, second))
    return rows


def points(document: Document, name: str) -> list[tuple[float, float]]:
    """A list of pairs of finite numbers, without whatever in it is none."""
    found = document.get(name)
    pairs = []
    for item in found if isinstance(found, list | tuple) else []:
        if isinstance(item, list | tuple) and len(item) == 2:
            x, y = as_number(item[0]), as_number(item[1])
            if x is not None and y is not None:
                pairs.append((x, y))
    return pairs


def as_estimate(value: object) -> Estimate | None:
    """A figure given as {"value", "low", "high"} or as a bare number."""
    if isinstance(value, Mapping):
        middle = number(value, "value")
        return None if middle is None else Estimate(middle, number(value, "low"), number(value, "high"))
    middle = as_number(value)
    return None if middle is None else Estimate(middle)


def estimate(document: Document, name: str) -> Estimate | None:
    return as_estimate(document.get(name))
