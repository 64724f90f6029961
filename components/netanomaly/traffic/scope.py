"""Where an address is: private, public, multicast, broadcast, loopback, link-local; and so a flow's direction."""

import ipaddress
import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.traffic import keys, small_numbers

PRIVATE, PUBLIC = "private", "public"


@lru_cache(maxsize=1 << 16)
def scope(address: str) -> str | None:
    """The scope of one address; None where the text is no IP address (ARP, a name)."""
    for written, name in _PLAINLY:
        if re.fullmatch(written, address):
            return name
    try:
        # IPv6 addresses may carry a zone: fe80::1%eth0.
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_multicast:
        return "multicast"
    if found.is_loopback:
        return "loopback"
    if found.is_link_local:
        return "link-local"
    if found.is_unspecified:
        return "unspecified"
    if str(found) == "255.255.255.255":
        return "broadcast"
    return PRIVATE if found.is_private else PUBLIC


_NUMBER = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# IPv4 addresses whose first number is of none of the special networks, and those of the private ones: most there are, in a
# fraction of the time.
_PLAINLY = (
    (
        r"(?:[1-9]|1[1-9]|[2-9][0-9]|1(?:0[1-9]|1[0-9]|2[0-689]|[3-5][0-9]|6[0-8]|7[013-9]|8[0-9]|9[013-79])|2(?:0[0-24-9]|1[0-9]|2[0-3]))"
        rf"(?:\.{_NUMBER}){{3}}",
        PUBLIC,
    ),
    (rf"(?:10\.{_NUMBER}|172\.(?:1[6-9]|2[0-9]|3[01])|192\.168)(?:\.{_NUMBER}){{2}}", PRIVATE),
)


def direction(src: pa.DictionaryArray, dst: pa.DictionaryArray) -> pa.DictionaryArray:
    """`private to public` and the like, null where an end has no scope."""
    ends = [_scopes(column) for column in (src, dst)]
    names = sorted({name for known, _ in ends for name in known if name})
    place = {name: position for position, name in enumerate(names)}
    codes = []
    for known, indices in ends:
        table = np.array([*(place.get(name, -1) if name else -1 for name in known), -1])
        codes.append(table[indices])
    both = np.where((codes[0] < 0) | (codes[1] < 0), -1, codes[0] * len(names) + codes[1])
    distinct, places = small_numbers.distinct(both, len(names) ** 2)
    written = [
        f"{names[code // len(names)]} to {names[code % len(names)]}" if code >= 0 else "" for code in distinct.tolist()
    ]
    return pa.DictionaryArray.from_arrays(
        pa.array(places.astype(np.int32), mask=both < 0), pa.array(written, type=pa.string())
    )


def _scopes(column: pa.DictionaryArray) -> tuple[list[str | None], npt.NDArray[np.int64]]:
    texts, places = keys.used(column)
    found: npt.NDArray[np.object_] = np.full(len(texts), None, dtype=object)
    left = np.ones(len(texts), dtype=bool)
    for written, name in _PLAINLY:
        plainly = pc.match_substring_regex(texts, f"^(?:{written})$").to_numpy(zero_copy_only=False).astype(bool)
        found[plainly] = name
        left &= ~plainly
    found[left] = [scope(text) for text in texts.filter(pa.array(left)).to_pylist()]
    return found.tolist(), places
