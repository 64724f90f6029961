"""How much a document of a registry may be: bytes, values, depth. Checked before memory is taken for it.

A registry's documents are written by whoever may write there, and read by everybody. What they say is looked at in
`checking`; what it costs to look is bounded here.
"""

import threading
from typing import Any, TypeVar

import msgspec

from netanomaly import json_input
from netanomaly.registry.errors import DamagedRegistry

VIEW = "model_registry.json"

_MIB = 1 << 20
# A head has at most some 300 KB; a record 2 MiB of metadata and metrics, and 200 bytes for each file of a folder.
_MOST_BYTES = 8 * _MIB
_MOST_VIEW_BYTES = 64 * _MIB
# What a value costs in Python is some 60 to 200 bytes, of which JSON may need two.
_MOST_VALUES = 200_000
_MOST_VIEW_VALUES = 1_000_000

MOST_DEPTH = 64

P = TypeVar("P")

_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
_making = threading.Lock()


def most_bytes(key: str) -> int:
    """How many bytes the document under this key may have."""
    return _MOST_VIEW_BYTES if key == VIEW else _MOST_BYTES


def too_large(key: str) -> DamagedRegistry:
    """What is said of a document with more."""
    return DamagedRegistry(
        f"{key} of the registry is damaged: it has over {most_bytes(key) // _MIB} MiB, more than any that was written; "
        + ("remove it and run registry fsck --repair" if key == VIEW else "restore it from a backup")
    )


def parse(kind: type[P], data: bytes | msgspec.Raw) -> P:
    """Read JSON as that type.

    Raises:
        ValueError: It is no such JSON (msgspec.ValidationError is one), has too many values, or is nested too deep.
    """
    refuse_many_values(data, _MOST_VALUES)
    return parse_counted(kind, data)


def parse_view(kind: type[P], data: bytes) -> P:
    """As `parse`, of the view, which lists the versions of all models."""
    refuse_many_values(data)
    return parse_counted(kind, data)


def parse_counted(kind: type[P], data: bytes | msgspec.Raw) -> P:
    """As `parse`, of a part of what was counted before.

    Decoders are made one at a time: msgspec 0.22 crashes when two threads meet a type for the first time together.
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        with _making:
            decoder = _decoders.setdefault(kind, msgspec.json.Decoder(kind))
    try:
        return decoder.decode(data)  # type: ignore[no-any-return]
    except RecursionError:
        raise ValueError(f"it is nested deeper than {MOST_DEPTH} levels") from None


def refuse_many_values(data: bytes | msgspec.Raw, most: int = _MOST_VIEW_VALUES) -> None:
    """Raises ValueError where JSON may hold more values than that; nothing is parsed for it."""
    # Each takes a byte at least: most documents need no count.
    if len(memoryview(data)) > most:
        whole = bytes(data)
        if sum(whole.count(mark) for mark in (b",", b"[", b"{")) > most:
            raise ValueError(f"it has over {most:,} values")


def refuse_depth(value: Any) -> None:
    """Raises ValueError where lists and objects are nested too deep for what walks them later."""
    if value:
        json_input.refuse_deep(value, MOST_DEPTH)


def surely_shallow(data: bytes) -> bool:
    """Whether a document that was parsed needs no `refuse_depth` of what is in it."""
    return json_input.surely_shallow(data, MOST_DEPTH)
