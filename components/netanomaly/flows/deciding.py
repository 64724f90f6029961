"""What the columns of a source hold, as far as values tell: the first records' first, or all of them by a survey."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from netanomaly.errors import DataError
from netanomaly.flows import evidence
from netanomaly.flows.evidence import Evidence
from netanomaly.flows.labels import is_no_class
from netanomaly.flows.notations import Notation

# Of each column of categories, the values of which it is remembered whether they are numbers.
_REMEMBERED = 50_000

Chosen = Mapping[str, Notation | None]
"""Of columns that need no telling how their numbers are written; None where they hold categories."""


class Contradiction(Exception):
    """A later record says otherwise than the first ones; survey the source, and read it again by what that finds."""


@dataclass(frozen=True)
class Decisions:
    """What a source holds.

    Attributes:
        features: Of each feature how its numbers are written; None where it holds categories.
        labelled: Whether the label column has any value.
        certain: Whether every value of the source was looked at; else later records may contradict.
    """

    features: Chosen
    labelled: bool
    certain: bool = False


class Survey:
    """Collects what values tell; add all records, or the first ones, then ask for `decisions`."""

    def __init__(self) -> None:
        self._columns: dict[str, Evidence] = {}
        self._labelled = False

    def add(self, table: pa.Table, features: Sequence[str], label: str | None) -> None:
        """More records."""
        for name in features:
            found = self._columns.setdefault(name, Evidence())
            for chunk in table.column(name).chunks:
                found.add(chunk)
        if label is not None and not self._labelled:
            self._labelled = any(
                value is not None and not is_no_class(str(value)) for value in table.column(label).unique().to_pylist()
            )

    def odd(self, chosen: Chosen) -> bool:
        """Whether some column's numbers are not written plainly: how, takes the whole source to tell."""
        return any(each.odd for name, each in self._columns.items() if name not in chosen)

    def decisions(self, chosen: Chosen, delimiter: str, where: str, *, certain: bool) -> Decisions:
        """What the records tell of all columns but the chosen ones.

        Args:
            chosen: Columns of which it is known.
            delimiter: What parts the fields of the files; empty where nothing does.
            where: The source, for messages.
            certain: Whether these are all records.

        Raises:
            DataError: A column mostly of numbers with a unit that is not known.
        """
        for name, each in self._columns.items():
            if name not in chosen and (unit := each.strange_unit):
                raise DataError(
                    f"{where}: column {name!r} holds numbers with the unit {unit!r} ({each.example}), which is not known; write "
                    "plain numbers, or list the column in categorical_columns or ignore_columns"
                )
        told = evidence.decide(self._columns, delimiter)
        features = {name: chosen.get(name) if name in chosen else notation for name, notation in told.items()}
        return Decisions(features, self._labelled, certain)


class Watch:
    """Counts how many values of a column of categories are numbers, as the first records may have said too little."""

    def __init__(self) -> None:
        self._numbers = self._texts = 0
        self._known: dict[str, bool] = {}

    def add(self, column: pa.DictionaryArray) -> None:
        """More values, as `columns.categories` gives them."""
        texts = column.dictionary.to_pylist()
        codes = column.indices.drop_null().to_numpy()
        for text, count in zip(texts, np.bincount(codes, minlength=len(texts)).tolist(), strict=True):
            is_number = self._known.get(text)
            if is_number is None:
                is_number = evidence.is_number(text)
                if len(self._known) < _REMEMBERED:
                    self._known[text] = is_number
            if is_number:
                self._numbers += count
            else:
                self._texts += count

    @property
    def numeric(self) -> bool:
        """Whether more than half of the values are numbers."""
        return self._numbers > self._texts
