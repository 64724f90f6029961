"""How the numbers of one column are written, beyond plain ones: decimal comma, thousands separators, units.

    {"decimal": ",", "thousands": ".", "unit": ""}      1.234,5 is 1234.5
    {"decimal": ".", "thousands": "", "unit": "bytes"}  1.5 KB is 1500

A column has one notation, told by the values of the whole source (`netanomaly.flows.evidence`), kept in the flow file
and in the model. Units come down to one: bytes, bits, seconds, plain counts; `12%` is 12. K, M, G and T are powers of
1000, Ki, Mi, Gi and Ti of 1024; a number without a unit is of the smallest (bytes, bits, seconds).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from netanomaly.flows import values

_SECONDS = {
    (1, 10**9): "ns nsec nanosecond nanoseconds",
    (1, 10**6): "us µs μs usec microsecond microseconds",
    (1, 10**3): "ms msec msecs millisecond milliseconds",
    (1, 1): "s sec secs second seconds",
    (60, 1): "min mins minute minutes",
    (3600, 1): "h hr hrs hour hours",
    (86400, 1): "d day days",
}
_PLAIN_UNITS = {
    "percent": dict.fromkeys(("%", "percent", "pct"), (1, 1)),
    "seconds": {name: factor for factor, names in _SECONDS.items() for name in names.split()},
}
# `b` is bits and `B` bytes; a lone `m` is no million.
_SCALED_UNITS = {
    "bytes": re.compile(r"(?P<scale>[kKmMgGtTpP]i?)?(B|[Bb]ytes?|Bps)(/s)?"),
    "bits": re.compile(r"(?P<scale>[kKmMgGtTpP]i?)?(b|[Bb]its?|bps)(/s)?"),
    "count": re.compile(r"(?P<scale>[kKMGTP])?(|packets?|pkts?|flows?|p)(/s|ps)?"),
}
KINDS = (*_PLAIN_UNITS, *_SCALED_UNITS)
_SCALES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}
_BINARY = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40, "pi": 2**50}
_WITH_UNIT = re.compile(r"(?P<number>[+-]?[\d.,' ]*\d[.,]?([eE][+-]?\d+)?) ?(?P<unit>[A-Za-zµμ%]+(/s)?)")
# Blanks and apostrophes that programs put between thousands, and the plain one of each.
SEPARATORS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})


@dataclass(frozen=True)
class Notation:
    """What stands before the fraction, what may stand between thousands, and what kind of unit may follow (or none)."""

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def __str__(self) -> str:
        """In words, for a report."""
        said = []
        if self.thousands:
            said.append(f"thousands separated by {self.thousands!r}")
        if self.decimal != ".":
            said.append("decimal comma")
        if self.unit:
            said.append(
                {"percent": "percent", "count": "thousands, millions (K, M)"}.get(self.unit, f"units of {self.unit}")
            )
        return " and ".join(said) or "plain numbers"


PLAIN = Notation()


def number(text: str, notation: Notation) -> float | None:
    """The number that a text writes in a column of this notation; NaN when missing, None when it is none."""
    if notation == PLAIN:
        return values.number(text)
    text = text.strip()
    if values.is_missing(text):
        return math.nan
    factor = (1, 1)
    if notation.unit and (parts := split_unit(text)):
        found = of_kind(parts[1], notation.unit)
        if found is None:
            return None
        text, factor = parts[0], found
    if notation.decimal != "." or notation.thousands:
        text = text.translate(SEPARATORS)
        if _grouped(notation).fullmatch(text):
            text = text.replace(notation.thousands, "") if notation.thousands else text
            text = text.replace(notation.decimal, ".")
        elif "." in text or "," in text:
            return None
    plain = values.number(text)
    return None if plain is None else plain * factor[0] / factor[1]


def split_unit(text: str) -> tuple[str, str] | None:
    """The number and the unit of a text that is a number followed by a word; None for any other."""
    found = _WITH_UNIT.fullmatch(text.translate(SEPARATORS))
    if not found or values.number(text) is not None:
        return None
    return found["number"], found["unit"]


def of_kind(unit: str, kind: str) -> tuple[int, int] | None:
    """What a unit of this kind multiplies by and divides by; None where it is none of this kind."""
    if kind in _PLAIN_UNITS:
        return _PLAIN_UNITS[kind].get(unit.lower())
    found = _SCALED_UNITS[kind].fullmatch(unit)
    return None if found is None else ({**_SCALES, **_BINARY}[(found["scale"] or "").lower()], 1)


def read(document: Mapping[str, Any]) -> Notation:
    """A notation as `document` wrote it."""
    return Notation(document["decimal"], document["thousands"], document["unit"])


def document(notation: Notation) -> dict[str, str]:
    """For JSON."""
    return asdict(notation)


@lru_cache
def _grouped(notation: Notation) -> "re.Pattern[str]":
    decimal, between = re.escape(notation.decimal), re.escape(notation.thousands)
    whole = rf"(\d{{1,3}}({between}\d{{3}})+|\d+)" if between else r"\d+"
    if notation.thousands == ",":
        # India groups by two: 12,34,567.
        whole = rf"(\d{{1,2}}(,\d{{2}})+,\d{{3}}|{whole[1:]}"
    return re.compile(rf"[+-]?({whole}({decimal}\d*)?|{decimal}\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
