"""Which columns of a source are features, which is the label."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from netanomaly.config.names import nearest
from netanomaly.errors import ConfigError, DataError
from netanomaly.flows import addresses

_NAMES_SHOWN = 40
# Characters of each.
_SHOWN = 60


class MissingColumn(DataError):
    """A source lacks a column that was asked for by name."""


@dataclass(frozen=True)
class Selection:
    """The configuration's wishes about columns.

    Attributes:
        feature_columns: Empty means all but label, time and ignored.
        time_column: Empty means the one that by its name and values holds points in time, if there is one.
        host_columns: Those that name the two ends of a flow; None: not asked for. Empty means those known by name.
    """

    label_column: str = "label"
    feature_columns: tuple[str, ...] = ()
    categorical_columns: tuple[str, ...] = ()
    ignore_columns: tuple[str, ...] = ()
    time_column: str = ""
    host_columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.label_column in self.feature_columns:
            raise ConfigError(
                f"the label column {self.label_column!r} is listed in feature_columns; a label is never a feature"
            )
        if both := [name for name in self.feature_columns if name in self.ignore_columns]:
            raise ConfigError(f"{both[0]!r} is listed in feature_columns and in ignore_columns; keep one of them")
        if twice := first_duplicate(self.feature_columns):
            raise ConfigError(f"feature_columns lists {twice!r} twice; list it once")
        if self.time_column and self.time_column == self.label_column:
            raise ConfigError(f"{self.time_column!r} is both time_column and label_column; give each its own")


@dataclass(frozen=True)
class Layout:
    """What a source's columns are for.

    Attributes:
        features: Names, in the source's order.
        label_source: The label's name in the source; None when it has no such column.
        time_source: The column of points in time; None when there is none. It is no feature: what comes after training
            lies beyond all that training saw.
        of_day_source: The column of times of day, where `time_source` holds dates alone.
        hosts: The columns that name the two ends of a flow, features or not; empty when they were not asked for.
        ignored: Columns of the source that are left out.
        notes: What was repaired, by reason.
    """

    features: tuple[str, ...]
    label_source: str | None
    ignored: tuple[str, ...]
    time_source: str | None = None
    of_day_source: str | None = None
    hosts: tuple[str, ...] = ()
    notes: dict[str, int] = field(default_factory=dict)


def choose(
    names: Sequence[str],
    selection: Selection,
    where: str,
    *,
    time: str | None = None,
    of_day: str | None = None,
    times_beside: Sequence[str] = (),
) -> Layout:
    """Choose features and label among a source's column names.

    The label column is found in another case too (`Label` for `label`): taken for a feature it would leak the answer.

    Args:
        names: The source's columns.
        selection: What the configuration wants.
        where: The file, for messages.
        time: The column of times, and `of_day` that of times of day, as `time_choice` found them.
        times_beside: Columns stored as times beside those; never features.

    Raises:
        MissingColumn: A feature, categorical, time or host column that is not there; those that are get listed.
        DataError: No feature left.
    """
    notes: dict[str, int] = {}
    left_out = set(selection.ignore_columns)
    if selection.label_column in left_out:
        # In whatever case the file writes it, as it would have been found in any.
        left_out |= {name for name in names if name.lower() == selection.label_column.lower()}
    label = _find_label([name for name in names if name not in left_out], selection.label_column, where)
    if label is not None and label != selection.label_column:
        notes[f"label column {label!r} read as {selection.label_column!r}"] = 1
    time = time or selection.time_column or None
    hosts = selection.host_columns
    if hosts is not None and not hosts:
        hosts = addresses.likely(names)
        if not hosts:
            raise DataError(f"{where} has no column of addresses that is known by its name; name them in host_columns")
    wanted_columns = {
        "feature": selection.feature_columns,
        "categorical": selection.categorical_columns,
        "time": (selection.time_column,) if selection.time_column else (),
        "host": hosts or (),
    }
    known = set(names)
    for kind, wanted in wanted_columns.items():
        for name in wanted:
            if name not in known:
                raise MissingColumn(f"{where} has no {kind} column {name!r}; {available(names, name)}")
    if label in selection.feature_columns:
        raise ConfigError(f"{where}: {label!r} is the label and listed in feature_columns; a label is never a feature")
    beside = {label, time, of_day, *times_beside}
    kept = set(selection.feature_columns or names) - left_out - beside
    features = tuple(name for name in names if name in kept)
    if not features:
        raise DataError(
            f"{where} has no feature column left: label, time and ignore_columns take all. {available(names)}"
        )
    ignored = tuple(name for name in names if name not in kept and name not in beside)
    return Layout(features, label, ignored, time, of_day, hosts or (), notes)


def available(names: Sequence[str], wanted: str | None = None) -> str:
    """The columns that are there, for a message; with the nearest to a wanted one first."""
    if not names:
        return "It has no columns at all"
    shown = ", ".join(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..." for name in names[:_NAMES_SHOWN]) + (
        f", and {len(names) - _NAMES_SHOWN} more" * (len(names) > _NAMES_SHOWN)
    )
    near = nearest(wanted, names, cutoff=0.75) if wanted else None
    return (f"did you mean {near!r}? " if near else "") + f"It has: {shown}"


def first_duplicate(names: Sequence[str]) -> str | None:
    """The first name that occurs before, or None."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _find_label(names: Sequence[str], label: str, where: str) -> str | None:
    if not label or label in names:
        return label or None
    same = [name for name in names if name.lower() == label.lower()]
    if len(same) > 1:
        raise DataError(f"{where} has {len(same)} columns that could be the label {label!r}: {', '.join(same)}")
    return same[0] if same else None
