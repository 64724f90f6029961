"""What people hold rows in, as Arrow columns by name: pandas frames of any dtype, Arrow tables, and what speaks Arrow.

Names are those of the flow file however the frame spells them: blanks around them, a byte order mark and the `#` of a
commented header make no difference.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from netanomaly.errors import DataError

_MARK = "\ufeff"
_NAMES_SHOWN = 40


class Frame:
    """Rows as they were given.

    Raises:
        DataError: It is no table, or lacks columns.
    """

    def __init__(self, data: Any, wanted: Sequence[str]) -> None:
        if isinstance(data, pa.RecordBatch):
            data = pa.Table.from_batches([data])
        self._pandas = hasattr(data, "iloc") and hasattr(data, "columns")
        if not self._pandas and not isinstance(data, pa.Table):
            if not hasattr(data, "__arrow_c_stream__"):
                raise DataError(
                    f"a {type(data).__name__} is no table of rows; give a pandas frame, an Arrow table or a record batch"
                )
            data = pa.table(data)
        self._data = data
        names = [str(name) for name in (data.columns if self._pandas else data.column_names)]
        self._places: dict[str, list[int]] = {}
        for position, name in enumerate(names):
            self._places.setdefault(plain_name(name), []).append(position)
        for position, name in enumerate(names):
            # Only where no other column is called so.
            self._places.setdefault(plain_name(name).lstrip("#").strip(), [position])
        if absent := [name for name in wanted if name not in self._places]:
            there = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
            raise DataError(
                f"the model needs the columns {', '.join(absent)}, which the data does not have; it has {there}"
            )

    def __len__(self) -> int:
        return len(self._data)

    def columns(self, name: str) -> list[Any]:
        """The Arrow arrays of the columns called so: one, unless a name is repeated.

        Raises:
            DataError: What it holds has no Arrow type.
        """
        return [self._column(position, name) for position in self._places[name]]

    def _column(self, position: int, name: str) -> Any:
        if not self._pandas:
            return _joined(self._data.column(position))
        series = self._data.iloc[:, position]
        try:
            if series.dtype == object:
                return _objects(series.to_numpy())
            return _joined(pa.array(series, from_pandas=True))
        except (pa.ArrowException, TypeError, ValueError, NotImplementedError):
            raise DataError(f"column {name!r} holds {series.dtype}, neither numbers nor text") from None


def plain_name(name: str) -> str:
    """A column's name without what surrounds it."""
    return name.lstrip(_MARK).strip()


def _joined(column: Any) -> Any:
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.string())  # Arrow's functions for texts have no kernels for views
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    joined = column.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):  # no chunk at all, or dictionaries that differ
        joined = (
            pa.concat_arrays(joined.unify_dictionaries().chunks) if joined.num_chunks else pa.array([], joined.type)
        )
    return joined


def _objects(found: Any) -> Any:
    """Python objects: where pandas read a file piece by piece, numbers and texts may be mixed."""
    try:
        return pa.array(found, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        # What differs from itself is missing.
        return pa.array([None if each is None or each != each else str(each) for each in found], type=pa.string())
