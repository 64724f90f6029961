"""The proxy that the environment names for an address: HTTPS_PROXY, HTTP_PROXY, NO_PROXY."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from netanomaly.errors import InputError


def proxy_for(address: str) -> str | None:
    """The proxy to ask a server through; None where it is asked itself.

    Raises:
        InputError: What the environment names is no address of a proxy.
    """
    parts = urlsplit(address)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxy = getproxies().get(parts.scheme)
    if proxy is None:
        return None
    try:
        found = urlsplit(proxy)
        known = found.scheme in ("http", "https") and bool(found.hostname) and (found.port or 1) > 0
    except ValueError:
        known = False
    if not known:
        # It is not shown: it may hold a password.
        raise InputError(f"{parts.scheme.upper()}_PROXY is no address of a proxy; write http://host:port")
    return proxy
