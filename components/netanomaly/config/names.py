"""What is said of a name that nothing has."""

import difflib
import itertools
from collections.abc import Iterable

_LONGEST = 100
_MOST = 1000


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that is most like one; None where none is. What is too long or too many to be typed is left out."""
    likely = [other for other in itertools.islice(known, _MOST) if len(other) <= _LONGEST]
    near = difflib.get_close_matches(name, likely, n=1, cutoff=cutoff) if len(name) <= _LONGEST else []
    return near[0] if near else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known name, or the list of known names where none is near."""
    known = list(known)
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else f"; known: {', '.join(sorted(known))}"
