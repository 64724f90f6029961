"""JSON that others wrote: files, artefacts, answers of servers. What is too large or too deep is refused, not met later.

Python's reader stops at deep nesting with an error that is no ValueError, and what it makes of a few bytes (`[],`) takes
twenty times their memory.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

LARGEST_FILE = 64 << 20
MOST_VALUES = 4_000_000
"""Values of a document: lists, objects, and what stands in them."""
DEEPEST = 100

_PLAIN = frozenset({str, int, float, bool, type(None)})
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(code for code in range(256) if code not in b'[]{}"\\')


def parse(
    text: str | bytes,
    make_object: Callable[[dict[str, Any]], Any] | None = None,
    constant: Callable[[str], Any] | None = None,
) -> Any:
    """The document.

    Args:
        text: UTF-8 where it is bytes.
        make_object: What becomes of each object.
        constant: What becomes of NaN and infinities, which are no JSON; None: numbers.

    Raises:
        ValueError: It is not JSON, too deep, or has too many values; the message says which, and quotes nothing.
    """
    if len(text) > MOST_VALUES and _marks(text) > MOST_VALUES:
        raise ValueError(f"it has more than {MOST_VALUES:,} values")
    try:
        document = json.loads(text, object_hook=make_object, parse_constant=constant)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} deep") from None
    refuse_deep(document)
    return document


def _marks(text: str | bytes) -> int:
    """What stands before a value; some of them in texts, which is as well."""
    if isinstance(text, bytes):
        return text.count(b",") + text.count(b"[") + text.count(b"{")
    return text.count(",") + text.count("[") + text.count("{")


def refuse_deep(document: Any, deepest: int = DEEPEST) -> None:
    """Raise ValueError where lists and objects are nested deeper than anything that is written on purpose."""
    level = [document] if isinstance(document, (dict, list)) else []
    for _ in range(deepest):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            # Most are of these types, and told by them in a third of the time.
            if type(inner) not in _PLAIN and isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise ValueError(f"it is nested more than {deepest} deep")


def surely_shallow(text: bytes, deepest: int) -> bool:
    """Whether brackets alone tell that lists and objects are nested no deeper; False: they may be, or may not.

    In half the time of `refuse_deep`, for what is read in hundreds. A bracket in a text, or an escape, is left to that.

    Args:
        text: JSON that was decoded without an error, in UTF-8.
    """
    marks = text.translate(_AS_LISTS, _NO_MARKS)
    if marks.count(b"[") <= deepest:
        return True
    # Without escapes each text has two quotes. Were a bracket in one, an odd number would stand before it, and one be left.
    # An escape is left, too.
    marks = marks.replace(b'""', b"")
    for _ in range(deepest):
        if not marks:
            return True
        # The innermost level of all goes.
        inner = marks.replace(b"[]", b"")
        if len(inner) == len(marks):
            return False
        marks = inner
    return not marks


def read(path: Path, most: int = LARGEST_FILE) -> bytes:
    """The bytes of a file, or of what stands in place of one.

    Raises:
        ValueError: It has more than `most`.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most >> 20} MiB")
    return data
