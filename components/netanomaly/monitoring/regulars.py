"""Hosts that were much of the training rows, each with a profile of its own: what the reference is without them.

Whether few hosts explain a shift is seen by leaving them out of the window. One that was a third of the training rows, too, has
to be left out of both: what is left of the window lacks its flows, and next to a reference that has them it is another network,
or hides that all of it changed. Three times the flows everywhere is seen first at the largest server.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from netanomaly.monitoring.encoded import Encoded, Keys
from netanomaly.monitoring.layout import Layout
from netanomaly.monitoring.profile import Profile

SOURCE, NETWORK, TARGET = KINDS = ("source", "network", "target")
"""What may be left out."""
# Of fewer rows, or of more hosts than are ever left out at once, nothing is seen.
_LEAST_SHARE, _MOST_OF_A_KIND = 0.02, 10
_PLACES = np.uint64(1 << 16)


@dataclass(frozen=True)
class Regular:
    """One host, network or target that was much of the training rows, and its rows.

    Attributes:
        kind: One of `KINDS`.
        place: Of its key, by a hash that is no address: another one with the same hash is taken for it.
        profile: Of its rows.
    """

    kind: str
    place: int
    profile: Profile

    def document(self) -> dict[str, Any]:
        return {"kind": self.kind, "place": self.place, "profile": self.profile.document()}

    @classmethod
    def read(cls, document: Mapping[str, Any], layout: Layout) -> "Regular":
        """What `document` made. Raises ValueError, KeyError or TypeError where it is none of this layout."""
        return cls(str(document["kind"]), int(document["place"]), Profile.read(document["profile"], layout))


def keys_of(encoded: Encoded, kind: str) -> Keys:
    """The keys of the rows' hosts of a kind."""
    found: Keys = {SOURCE: encoded.source, NETWORK: encoded.prefix, TARGET: encoded.target}[kind]
    return found


def regulars(encoded: Encoded, layout: Layout) -> tuple[Regular, ...]:
    """Those of some rows, the largest of each kind first."""
    found = []
    for kind in KINDS:
        keys = keys_of(encoded, kind)
        places = _places(keys)
        distinct, rows = np.unique(places[keys != 0], return_counts=True)
        largest = np.argsort(-rows, kind="stable")[:_MOST_OF_A_KIND]
        for each in largest[rows[largest] >= _LEAST_SHARE * len(encoded)]:
            theirs = encoded.take((places == distinct[each]) & (keys != 0))
            found.append(Regular(kind, int(distinct[each]), Profile.of(theirs, layout)))
    return tuple(found)


def without(profile: Profile, known: Iterable[Regular], kind: str, keys: Keys) -> Profile:
    """The reference's profile less these hosts, as far as they were much of it."""
    places = set(_places(keys).tolist())
    for each in known:
        if each.kind == kind and each.place in places:
            profile = profile.without(each.profile)
    return profile


def _places(keys: Keys) -> Keys:
    found: Keys = keys % _PLACES
    return found
