"""How large the parts of a source may be. Each is far over what traffic records have, and is looked at early."""

from collections.abc import Collection, Sequence

from netanomaly.errors import DataError

MOST_COLUMNS = 10_000
LONGEST_NAME = 1000
"""Characters of the name of a column or a class."""
LONGEST_TEXT_BYTES = 128 << 10
"""Of one value."""
MOST_CLASSES = 1000

_SHOWN = 40


def refuse_many_columns(count: int, where: str) -> None:
    """Raise DataError where a file has more columns than any record of traffic."""
    if count > MOST_COLUMNS:
        raise DataError(
            f"{where} has {count:,} columns, and read are {MOST_COLUMNS:,}; is the delimiter right, and are its rows rows?"
        )


def refuse_long_names(names: Sequence[str], where: str) -> None:
    """Raise DataError where a column's name is no name."""
    for position, name in enumerate(names, 1):
        if len(name) > LONGEST_NAME:
            raise DataError(
                f"{where}: the name of column {position} has {len(name):,} characters ({name[:_SHOWN]!r}...), and read "
                f"are {LONGEST_NAME:,}; give it a shorter one"
            )


def refuse_odd_classes(names: Collection[str], where: str) -> None:
    """Raise DataError where labels are no class names: a number of each record, say, or a time, or a text."""
    for name in names:
        if len(name) > LONGEST_NAME:
            raise DataError(
                f"{where}: the label column names a class with {len(name):,} characters ({name[:_SHOWN]!r}...), and read are "
                f"{LONGEST_NAME:,}; does it hold classes? Name another in label_column, or list it in ignore_columns"
            )
    if len(names) > MOST_CLASSES:
        raise DataError(
            f"{where}: the label column names more than {MOST_CLASSES:,} classes; does it hold classes? Name another in "
            "label_column, or list it in ignore_columns"
        )
