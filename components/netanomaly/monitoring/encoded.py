"""Rows as the monitor looks at them: small whole numbers, from which a profile of any part of them is counted."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.models.rows import Rows
from netanomaly.monitoring.layout import Bins, Layout
from netanomaly.traffic import keys

Whole = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

MOST_SECONDS = 4000
"""Durations are counted by the second up to here: a sensor's time-outs are."""
SMALL_PACKET = 256
"""Whole bytes a packet are counted up to here: bare headers are, which hosts cannot change."""
NOT_WHOLE = SMALL_PACKET
MODULI = (2, 5, 10, 16, 32, 50, 64, 100, 128, 256, 500, 512, 1000, 1024)
"""Packets of sensors that sample and scale up are multiples of one of these."""
SEVERAL = np.uint16(1 << 15)
"""The bit of rows with two packets or more."""


@dataclass(frozen=True)
class Encoded:
    """Rows by position.

    Attributes:
        bins: Columns by rows, as `Layout.bins` has them.
        seconds: Whole seconds that it lasted, at most `MOST_SECONDS`; 0 where it did not or that is not known.
        a_packet: Out and back: whole bytes a packet where that is whole and small, else `NOT_WHOLE`.
        multiples: Bit i: packets_out is a multiple of MODULI[i]; and `SEVERAL`.
        silent: Nothing came back.
        single: One packet went out.
        source, target, prefix: Keys of the ends and of the source's network, 0 where there is none.
        times: Seconds since 1970, NaN where not known.
        alerts: Whether it alerts.
    """

    bins: Bins
    seconds: npt.NDArray[np.uint16]
    a_packet: npt.NDArray[np.uint16]
    multiples: npt.NDArray[np.uint16]
    silent: npt.NDArray[np.bool_]
    single: npt.NDArray[np.bool_]
    source: Keys
    target: Keys
    prefix: Keys
    times: npt.NDArray[np.float64]
    alerts: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.times)

    def take(self, which: Any) -> "Encoded":
        """The rows at these positions."""
        return Encoded(*(getattr(self, item.name)[..., which] for item in fields(self)))

    def merged(self, parts: Sequence[Bins]) -> "Encoded":
        """The same with bins merged; see `Layout.coarser`."""
        bins = np.stack([part[line] for part, line in zip(parts, self.bins, strict=True)])
        return replace(self, bins=bins)


def joined(parts: list[Encoded]) -> Encoded:
    """Rows after rows."""
    if len(parts) == 1:
        return parts[0]
    return Encoded(*(np.concatenate([getattr(part, item.name) for part in parts], axis=-1) for item in fields(Encoded)))


def encode(
    layout: Layout,
    rows: Rows,
    *,
    alerts: npt.NDArray[np.bool_] | None = None,
    times: npt.NDArray[np.float64] | None = None,
    source: pa.Array | None = None,
    target: pa.Array | None = None,
) -> Encoded:
    """Rows of a model as the monitor looks at them.

    Args:
        layout: The model's.
        rows: In its schema.
        alerts: Whether each alerts; None: not known.
        times: Seconds since 1970.
        source, target: Addresses of the ends, as text.
    """
    count = len(rows)
    number = {name: rows.numbers[:, place] for name, place in layout.roles.items()}
    packets = number.get("packets_out", np.full(count, np.nan))
    back = number.get("packets_in", number.get("bytes_in", np.full(count, np.nan)))
    source_key, prefix_key = _ends(source, count)
    return Encoded(
        bins=layout.bins(rows),
        seconds=_seconds(number.get("duration_seconds"), count),
        a_packet=np.stack([_a_packet(number, end, count) for end in ("out", "in")]),
        multiples=_multiples(packets),
        silent=back == 0,
        single=packets == 1,
        source=source_key,
        target=_ends(target, count)[0],
        prefix=prefix_key,
        times=np.full(count, np.nan) if times is None else times,
        alerts=np.zeros(count, dtype=bool) if alerts is None else alerts,
    )


def prefix_of(address: str) -> str:
    """The network of an address: three numbers of IPv4, four groups of IPv6; of a name itself."""
    if address.count(".") == 3 and ":" not in address:
        return address.rpartition(".")[0] + ".0/24"
    if ":" in address:
        return ":".join(address.split(":")[:4]) + "::/64"
    return address


def _ends(column: pa.Array | None, count: int) -> tuple[Keys, Keys]:
    if column is None:
        return np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=np.uint64)
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    networks = pa.DictionaryArray.from_arrays(
        column.indices, pa.array([prefix_of(each or "") for each in column.dictionary.to_pylist()], pa.string())
    )
    return keys.of_texts(column), keys.of_texts(networks)


def _seconds(durations: npt.NDArray[np.float64] | None, count: int) -> npt.NDArray[np.uint16]:
    if durations is None:
        return np.zeros(count, dtype=np.uint16)
    return np.rint(np.clip(np.nan_to_num(durations), 0, MOST_SECONDS)).astype(np.uint16)


def _a_packet(number: dict[str, npt.NDArray[np.float64]], end: str, count: int) -> npt.NDArray[np.uint16]:
    found = number.get(f"bytes_per_packet_{end}")
    if found is None and f"bytes_{end}" in number and f"packets_{end}" in number:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = number[f"bytes_{end}"] / number[f"packets_{end}"]
    if found is None:
        return np.full(count, NOT_WHOLE, dtype=np.uint16)
    small = (found >= 1) & (found < SMALL_PACKET)
    whole = np.where(small, found, 0.5)
    return np.where(small & (whole == np.rint(whole)), whole, NOT_WHOLE).astype(np.uint16)


def _multiples(packets: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16]:
    some = np.nan_to_num(packets) >= MODULI[0]
    found = np.where(some, SEVERAL, np.uint16(0))
    whole = np.where(some, np.minimum(np.nan_to_num(packets), 2**31), 1).astype(np.int64)
    for bit, modulus in enumerate(MODULI):
        found |= np.where(some & (whole % modulus == 0), np.uint16(1 << bit), np.uint16(0))
    return found
