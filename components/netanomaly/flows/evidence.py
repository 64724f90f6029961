"""What the values of a column tell of it, over the whole source: numbers or categories, and how its numbers are written.

Each value is looked at by its form. `1.234,5` proves a decimal comma, `1,234,567` thousands separated by commas; `1,234`
may be either, and the column's other values tell, then the source's other columns, then the delimiter.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.flows import notations, values
from netanomaly.flows.columns import is_text
from netanomaly.flows.notations import SEPARATORS, Notation

# The forms of numbers, by what they prove; a blank, an apostrophe: between thousands.
_FORMS = (
    ("dot three", r"[1-9]\d{0,2}\.\d{3}"),
    ("dots", r"\d{1,3}(\.\d{3}){2,}"),
    ("dot", r"\d*\.\d*([eE][+-]?\d+)?"),
    ("comma three", r"[1-9]\d{0,2},\d{3}"),
    ("commas", r"\d{1,3}(,\d{2,3})+,\d{3}"),
    ("commas, dot", r"\d{1,3}(,\d{2,3})*,\d{3}\.\d*"),
    ("dots, comma", r"\d{1,3}(\.\d{3})+,\d*"),
    ("comma", r"\d*,\d*([eE][+-]?\d+)?"),
    ("blanks", r"\d{1,3}( \d{3})+"),
    ("blanks, dot", r"\d{1,3}( \d{3})+\.\d*"),
    ("blanks, comma", r"\d{1,3}( \d{3})+,\d*"),
    ("apostrophes", r"\d{1,3}('\d{3})+"),
    ("apostrophes, dot", r"\d{1,3}('\d{3})+\.\d*"),
    ("apostrophes, comma", r"\d{1,3}('\d{3})+,\d*"),
    ("long", r"\d{4,}"),
    ("short", r"\d{1,3}([eE][+-]?\d+)?"),
)
_COMPILED = [(form, re.compile(rf"[+-]?{pattern}", re.ASCII)) for form, pattern in _FORMS]
# 110.128.128.148 could be a number of thousands.
_ADDRESS = re.compile(r"((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?=\d)|$)){4}", re.ASCII)
_COMMA = {"comma", "dots, comma", "blanks, comma", "apostrophes, comma"}
_DOT = {"dot", "commas, dot", "blanks, dot", "apostrophes, dot"}
_THOUSANDS = {
    ",": {"commas", "commas, dot"},
    ".": {"dots", "dots, comma"},
    " ": {"blanks", "blanks, dot", "blanks, comma"},
    "'": {"apostrophes", "apostrophes, dot", "apostrophes, comma"},
}
_PLAINLY = {"dot three", "dot", "long", "short", "other"}
# A unit that nobody knows is one, and no ending of codes, where so many different numbers stand before so few of them.
_UNKNOWN_UNITS, _NUMBERS_BEFORE = 3, 10


@dataclass
class Evidence:
    """Of one column. `number` and `text` count values that are not missing; `forms` and `units` those of the numbers."""

    number: int = 0
    text: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    apart: bool = False
    """Whether some number stands apart from its unit, or has a fraction."""
    unknown: dict[str, set[str]] = field(default_factory=dict)
    unknown_rows: int = 0
    example: str = ""

    def add(self, column: Any) -> None:
        """More values of the column: an Arrow array of texts or numbers."""
        if not is_text(column.type):
            self.number += len(column) - column.null_count
            return
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if self._all_plain(column):
            return
        counts = pc.value_counts(column)
        for text, count in zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True):
            if text is not None:
                self._note(text.strip(), count)

    @property
    def numeric(self) -> bool:
        """Whether more than half of the values are numbers; also where there is no value at all."""
        return self.number > self.text or not self.number + self.text

    @property
    def odd(self) -> bool:
        """Whether numbers are written in other ways than plainly, some of them, or seem to be."""
        return bool(self.units or self.unknown or any(form not in _PLAINLY for form in self.forms))

    @property
    def decimal(self) -> str:
        """The decimal mark that the values prove; empty where they prove none, or both."""
        comma, dot = _proves(self.forms, _COMMA), _proves(self.forms, _DOT)
        return "" if comma == dot else "," if comma else "."

    @property
    def strange_unit(self) -> str:
        """A unit that most of the values have and that is not known; empty where there is none."""
        few = 0 < len(self.unknown) <= _UNKNOWN_UNITS
        many = sum(len(bodies) for bodies in self.unknown.values()) >= _NUMBERS_BEFORE
        mostly = 2 * self.unknown_rows > self.number + self.text
        return next(iter(self.unknown)) if few and many and mostly else ""

    def notation(self, decimal: str, delimiter: str) -> Notation:
        """How the column's numbers are written.

        Args:
            decimal: The decimal mark of the source's other columns; empty where they prove none.
            delimiter: What parts the fields of the file.
        """
        own = {mark: sum(self.forms[form] for form in forms) for mark, forms in ((",", _COMMA), (".", _DOT))}
        thousands = {mark: sum(self.forms[form] for form in forms) for mark, forms in _THOUSANDS.items()}
        between = max(thousands, key=lambda mark: thousands[mark]) if any(thousands.values()) else ""
        point = "." if between == "," or (own["."] >= own[","] and between != ".") else ","
        if self.forms["comma three"] and not between and not own[","]:
            groups = own["."] or (not self.forms["long"] and (decimal or ("," if delimiter == ";" else ".")) == ".")
            point, between = (".", ",") if groups else (",", "")
        elif self.forms["comma three"] and not between and own[","]:
            point = ","
        elif self.forms["dot three"] and not own["."] and not between and (own[","] or (decimal == "," != delimiter)):
            # Among decimal commas a dot stands between thousands, unless thousands are written without. Where commas part
            # fields it takes a comma in the column itself: what reads 1.234 by itself there reads a fraction.
            point, between = (",", ".") if not self.forms["long"] else (point, between)
        return Notation(point, between, self._unit())

    def _unit(self) -> str:
        """The kind of unit that all units of the column are of; empty where there is none."""
        fitting = (kind for kind in notations.KINDS if all(notations.of_kind(unit, kind) for unit in self.units))
        return next(fitting, "") if self.units else ""

    def _all_plain(self, column: Any) -> bool:
        trimmed = pc.utf8_trim_whitespace(column)
        present = pc.fill_null(pc.invert(pc.is_in(trimmed, pa.array(values.MISSING, trimmed.type))), False)
        trimmed = trimmed.filter(present)
        try:
            trimmed.cast(pa.float64())
        except pa.ArrowInvalid:
            return False
        self.number += len(trimmed)
        with_dot = trimmed.filter(pc.match_substring(trimmed, "."))
        three = _count(with_dot, r"^[+-]?[1-9]\d{0,2}\.\d{3}$")
        for form, count in (
            ("dot three", three),
            ("dot", len(with_dot) - three),
            ("long", _count(trimmed, r"^[+-]?\d{4,}$")),
        ):
            if count:
                self.forms[form] += count
        return True

    def _note(self, text: str, count: int) -> None:
        if values.is_missing(text):
            return
        form = form_of(text)
        parts = None if form else notations.split_unit(text)
        if parts and (inner := form_of(parts[0].strip())):
            body, unit = parts
            if any(notations.of_kind(unit, kind) for kind in notations.KINDS):
                self.units[unit] += count
                self.apart |= " " in text or inner not in ("short", "long") or len(unit) > 1 or unit == "%"
                form = inner
            else:
                self.unknown.setdefault(unit, set()).add(body)
                self.unknown_rows += count
                self.example = self.example or text
        if form:
            self.number += count
            self.forms[form] += count
        else:
            self.text += count

    def settle(self) -> None:
        """After the last value: what seemed units are endings of codes where nothing sets them apart (3G, 4G, 5G)."""
        with_unit = sum(self.units.values())
        ending = not self.apart and len(self.units) == 1 and with_unit == self.number
        if self.units and (ending or not self._unit()):
            self.text += with_unit
            self.number -= with_unit
            self.units.clear()


def form_of(text: str) -> str | None:
    """The form of a number without a unit, or None."""
    if text[:1] in "0123456789+-.,":
        if _ADDRESS.fullmatch(text):
            return None
        plain = text.translate(SEPARATORS)
        for form, pattern in _COMPILED:
            if pattern.fullmatch(plain) and any(map(str.isdigit, plain)):
                return form
    return "other" if values.number(text) is not None else None


def is_number(text: str) -> bool:
    """Whether a text may be a number in some notation."""
    if text[:1] not in "0123456789+-.,iInNtTfF":
        return False
    if form_of(text):
        return True
    parts = notations.split_unit(text)
    return parts is not None and any(notations.of_kind(parts[1], kind) for kind in notations.KINDS)


def source_decimal(columns: Iterable[Evidence]) -> str:
    """The decimal mark that the columns of a source prove together; empty where they prove none, or both."""
    marks = {each.decimal for each in columns if each.numeric and each.decimal}
    return marks.pop() if len(marks) == 1 else ""


def decide(columns: Mapping[str, Evidence], delimiter: str) -> dict[str, Notation | None]:
    """How the numbers of each column are written; None: it holds categories."""
    for each in columns.values():
        each.settle()
    decimal = source_decimal(columns.values())
    return {name: each.notation(decimal, delimiter) if each.numeric else None for name, each in columns.items()}


def _proves(forms: Counter[str], proving: set[str]) -> bool:
    return any(forms[form] for form in proving)


def _count(texts: Any, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0) if len(texts) else 0
