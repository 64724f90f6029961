"""Texts that stand where a sensor writes addresses, and are none: `10.0.0.256`, the name of a host.

Such a flow is kept and scored: hosts are told apart by any text. That it is inside or outside is not known of one, though.
"""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from netanomaly.traffic import keys
from netanomaly.traffic.scope import scope

# Sensors write hardware addresses of what is no IP (ARP).
_HARDWARE = re.compile(r"(?:[0-9a-f]{1,2}[:-]){5}[0-9a-f]{1,2}", re.IGNORECASE)
_SHOWN = 40
NO_ADDRESS = "text that is no IP address where there should be one"


class NoAddress:
    """Counts the texts of a source that are no addresses; of the first it remembers where it stood."""

    def __init__(self) -> None:
        self.count = 0
        self._example = ""

    def add(self, flows: pa.Table, files: Sequence[str]) -> None:
        """Take note of flows, of `table.SCHEMA`.

        Args:
            files: Names of the source's files.
        """
        for end in ("src_ip", "dst_ip"):
            column = flows.column(end).unify_dictionaries().combine_chunks() if flows.num_rows else None
            if column is None:
                continue
            texts, places = keys.used(column)
            odd = np.array(
                [*(scope(text) is None and not _HARDWARE.fullmatch(text) for text in texts.to_pylist()), False]
            )
            wrong = odd[places]
            if not wrong.any():
                continue
            self.count += int(wrong.sum())
            row = int(np.argmax(wrong))
            file, line = (flows.column(name)[row].as_py() for name in ("file", "line"))
            self._example = self._example or f"{column[row].as_py()[:_SHOWN]!r} as {end} in {files[file]}, line {line}"

    @property
    def reason(self) -> str:
        """For a list of counts by reason."""
        return f"{NO_ADDRESS}, such as {self._example}"
