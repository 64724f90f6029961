"""Flows that are written twice: a log that is given twice, as it is and compressed say, or sent again by a log shipper.

They are kept, as nobody knows that they are none, and counted: they double what hosts seem to do, and every alert.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

REPEATED = "flow that repeats another in all it says (a log that is given twice?)"

_TEXTS = ("uid", "src_ip", "dst_ip", "protocol")
_NUMBERS = ("src_port", "dst_port", "bytes_out", "bytes_in", "packets_out", "packets_in", "duration_seconds")


class Repeats:
    """Counts flows that equal the one before, in blocks of an order in which equal ones are neighbours."""

    def __init__(self) -> None:
        self._last: pa.Table | None = None

    def among(self, block: pa.Table) -> int:
        """How many rows of the next block repeat the one before, that of the block before too."""
        rows = block if self._last is None else pa.concat_tables([self._last, block])
        if not rows.num_rows:
            return 0
        self._last = rows.slice(rows.num_rows - 1)
        start = rows.column("start_time").to_numpy()
        places = np.flatnonzero(start[1:] == start[:-1])
        for name in (*_NUMBERS, *_TEXTS):
            if not len(places):
                break
            one, two = (_texts_or_numbers(rows.column(name).take(pa.array(place))) for place in (places, places + 1))
            same = pc.or_(pc.fill_null(pc.equal(one, two), False), pc.and_(pc.is_null(one), pc.is_null(two)))
            places = places[np.asarray(same)]
        return len(places)


def _texts_or_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
