"""What Kubernetes takes for the name of a namespace or a service: a DNS label (RFC 1123)."""

import re

from netanomaly.errors import ConfigError

LONGEST = 63
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII)


def refuse_no_name(what: str, name: str, most: int = LONGEST) -> None:
    """Raise ConfigError where a name is no DNS label of at most so many characters; `what` says what it is of."""
    if not _LABEL.fullmatch(name) or len(name) > most:
        raise ConfigError(
            f"{what} is {name[:80]!r}; write 1 to {most} small letters, digits and '-', beginning and ending with a letter or "
            "digit"
        )
