"""Which rows candidates are fitted on and judged on, fold by fold, and which rows and classes the search never sees.

Normal rows: where they have times, a candidate is fitted on what came first and judged on what came after, window by
window, with a gap between; elsewhere the folds are random parts, and rows that are equal fall together. The last quarter
is no fold's. Attack classes: each belongs to one fold, or to none: those are of the final figure alone. So no fold says
again what another said, and the last word is about attacks that nothing was chosen by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.errors import DataError
from netanomaly.metrics.thresholds import rows_needed

Positions = npt.NDArray[np.int64]
Times = npt.NDArray[np.float64]

CLASSES, ROWS, INJECTED = "classes", "rows", "injected"
"""What is held out in turn: classes of attacks; rows of one class, where there is no second; classes that were injected."""

FINAL = "final"
FOLDS_AT_MOST = 3

# Of fewer rows a class says little by itself: such classes are one together.
_RARE = 10
_FINAL_SHARE = 0.25
# Windows by time take this part of the rows that are searched on: what is fitted on is never less than the rest.
_WINDOWS_SHARE = 0.5
# As where thresholds are calibrated: this share of the time that the rows span, at most an hour.
_GAP_SHARE, _GAP_AT_MOST = 0.01, 3600.0


@dataclass(frozen=True)
class Split:
    """One fold, or the final check.

    Attributes:
        fit: Positions of the rows to fit on.
        normal: Positions of the normal rows to judge on.
        attack: Positions of the attacks to judge on, `codes` the class of each, by its place in `classes`.
    """

    name: str
    fit: Positions
    normal: Positions
    attack: Positions
    codes: npt.NDArray[np.int32]
    classes: tuple[str, ...]
    begin: float | None = None
    end: float | None = None

    def document(self) -> dict[str, Any]:
        """What the report says of it."""
        counts = np.bincount(self.codes, minlength=len(self.classes)).tolist()
        return {
            "name": self.name,
            "rows_fitted": len(self.fit),
            "normal": len(self.normal),
            "attacks": len(self.attack),
            "classes": [{"name": name, "rows": count} for name, count in zip(self.classes, counts, strict=True)],
            "from": self.begin,
            "to": self.end,
        }


def splits(
    normal: Positions,
    attacks: Mapping[str, Positions],
    *,
    kind: str,
    budget: float,
    seed: int,
    times: Times | None = None,
    keys: npt.NDArray[np.uint64] | None = None,
    attack_share: float = 0.0,
) -> list[Split]:
    """The folds, and as the last the final check.

    Args:
        normal: Positions of the rows taken for normal.
        attacks: Positions of the attacks of each class, as `usable` gives them.
        kind: What is held out, as `kind_of` says.
        budget: The alert budget, which needs so many normal rows in each fold.
        seed: Of every draw.
        times: Of every row, seconds since 1970, NaN where it has none; None: the folds are random.
        keys: Of every row, the same for equal rows; for random folds.
        attack_share: Of the rows that candidates are fitted on, so many are attacks of other folds, as in training of a detector
            that is not told which rows are normal.

    Raises:
        DataError: Too few rows.
    """
    needed = max(rows_needed(budget), 1)
    groups = _groups(attacks, kind, seed)
    windows = None if times is None else _by_time(normal, times, len(groups) - 1)
    if windows is None or min(len(judged) for _, judged in windows) < needed:
        windows = _at_random(normal, keys, len(groups) - 1, seed)
    fewest = min(len(judged) for _, judged in windows)
    if fewest < needed or min(len(fit) for fit, _ in windows) < 2 * _RARE:
        raise DataError(
            f"{len(normal)} normal rows are too few to tune on: each of {len(groups)} parts has {fewest} to judge on, and an "
            f"alert budget of {budget:g} needs {needed}; give more rows, or allow more alerts"
        )
    names = [*(f"fold {number}" for number in range(1, len(groups))), FINAL]
    found = []
    for name, (fit, judged), group in zip(names, windows, groups, strict=True):
        positions = np.concatenate(list(group.values()))
        codes = np.repeat(np.arange(len(group), dtype=np.int32), [len(each) for each in group.values()])
        if attack_share:
            # Not those of this fold, nor the final ones: what is held out is not learnt from either.
            others = np.concatenate([each for other in groups[:-1] if other is not group for each in other.values()])
            mixed = min(len(others), int(len(fit) * attack_share / (1 - attack_share)))
            drawn = np.random.default_rng([seed, 16]).permutation(others)[:mixed]
            fit = np.sort(np.concatenate([fit, drawn]))
        span = None if times is None else times[judged]
        known = None if span is None or np.isnan(span).all() else (float(np.nanmin(span)), float(np.nanmax(span)))
        found.append(Split(name, fit, judged, positions, codes, tuple(group), *(known or (None, None))))
    return found


def usable(attacks: Mapping[str, Positions]) -> dict[str, Positions]:
    """The classes that can be judged by: those of a few rows only are one class together, which is left out if it is small."""
    rare = [name for name, rows in attacks.items() if 0 < len(rows) < _RARE]
    kept = {name: rows for name, rows in attacks.items() if len(rows) >= _RARE}
    if rare and sum(len(attacks[name]) for name in rare) >= _RARE:
        kept[f"{len(rare)} rare classes"] = np.concatenate([attacks[name] for name in rare])
    return kept


def kind_of(attacks: Mapping[str, Positions]) -> str | None:
    """What can be held out of such attacks, which are usable; None: nothing."""
    if len(attacks) > 1:
        return CLASSES
    return ROWS if attacks and len(next(iter(attacks.values()))) >= 2 * _RARE else None


def _groups(attacks: Mapping[str, Positions], kind: str, seed: int) -> list[dict[str, Positions]]:
    """The attacks of each fold, and as the last those of the final check."""
    if kind == ROWS:
        [(name, rows)] = attacks.items()
        parts = min(FOLDS_AT_MOST + 1, len(rows) // _RARE)
        return [{name: part} for part in np.array_split(rows, parts)]
    ordered = sorted(attacks, key=lambda name: (-len(attacks[name]), name))
    if len(ordered) == 2:
        # One class to search by, whose rows make two folds; the other is the final check.
        searched = attacks[ordered[0]]
        half = len(searched) // 2
        return [
            {ordered[0]: searched[:half]},
            {ordered[0]: searched[half:]},
            {ordered[1]: attacks[ordered[1]]},
        ]
    parts = min(FOLDS_AT_MOST + 1, len(ordered))
    # Large and small classes to every part, like cards; where the dealing begins is drawn.
    first = int(np.random.default_rng([seed, 11]).integers(parts))
    groups: list[dict[str, Positions]] = [{} for _ in range(parts)]
    for place, name in enumerate(ordered):
        groups[(first + place) % parts][name] = attacks[name]
    return groups


def _by_time(normal: Positions, times: Times, folds: int) -> list[tuple[Positions, Positions]] | None:
    """Rows to fit on and to judge on of each fold and of the final check; None where times do not tell enough apart."""
    present = normal[~np.isnan(times[normal])]
    if len(present) < len(normal) / 2:
        return None
    ordered = present[np.argsort(times[present], kind="stable")]
    at = times[ordered]
    gap = min(_GAP_SHARE * float(at[-1] - at[0]), _GAP_AT_MOST) if len(at) else 0.0
    if not gap:
        return None
    last = int(len(ordered) * (1 - _FINAL_SHARE))
    begin = int(last * (1 - _WINDOWS_SHARE))
    edges = [*np.linspace(begin, last, folds + 1).astype(int).tolist(), len(ordered)]
    found = []
    for low, high in pairwise(edges):
        cut = at[low] if low < len(at) else at[-1]
        fit = np.sort(ordered[: int(np.searchsorted(at, cut - gap, side="left"))])
        judged = ordered[int(np.searchsorted(at, cut, side="left")) : high]
        if len(fit) < low / 2 or not len(judged):
            return None
        found.append((fit, np.sort(judged)))
    return found


def _at_random(
    normal: Positions, keys: npt.NDArray[np.uint64] | None, folds: int, seed: int
) -> list[tuple[Positions, Positions]]:
    """As `_by_time`, in an order that is drawn; rows of one key stand together, and fall to one part."""
    if keys is None:
        order = np.random.default_rng([seed, 12]).permutation(len(normal))
        group = np.arange(len(normal))
    else:
        distinct, group = np.unique(keys[normal], return_inverse=True)
        place = np.random.default_rng([seed, 12]).permutation(len(distinct))[group]
        order = np.argsort(place, kind="stable")
        group = place[order]
    ordered = normal[order]
    last = int(len(ordered) * (1 - _FINAL_SHARE))
    edges = [_start_of_group(group, edge) for edge in np.linspace(0, last, folds + 1).astype(int).tolist()]
    searched = ordered[: edges[-1]]
    found = []
    for low, high in pairwise(edges):
        found.append((np.sort(np.concatenate([searched[:low], searched[high:]])), np.sort(searched[low:high])))
    return [*found, (np.sort(searched), np.sort(ordered[edges[-1] :]))]


def _start_of_group(group: npt.NDArray[np.intp], edge: int) -> int:
    """The edge, or before it, where the rows of one key begin."""
    return int(np.searchsorted(group, group[edge], side="left")) if 0 < edge < len(group) else edge


def described(kind: str, folds: Sequence[Split]) -> str:
    """What was judged by, in a sentence."""
    searched = [name for fold in folds[:-1] for name in fold.classes]
    final = folds[-1].classes
    if kind == ROWS:
        return f"recall at the alert budget on rows of {final[0]!r} held out in turn: the labels name no second class of attacks"
    what = "injected attacks" if kind == INJECTED else "attack classes"
    held = len(dict.fromkeys(searched))
    return (
        f"recall at the alert budget on {what} held out in turn ({held} searched by, {len(final)} never seen by the search), "
        "each class counting the same"
    )
