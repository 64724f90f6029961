"""Addresses that carry a password are refused, and not repeated: they would stand in logs, reports and registries."""

from netanomaly.errors import InputError


def refuse_credentials(address: str, said_by: str) -> None:
    """Return where an address names no user and no password.

    Args:
        address: A URI or URL, or a path, which holds neither.
        said_by: Whose value it is, for the message; the value itself is not shown.

    Raises:
        InputError: There is a user or a password in it, or what may be one.
    """
    scheme, separator, rest = address.partition("://")
    host = rest.partition("/")[0]
    # A secret may hold a slash: then the host ends early, and the '@' comes later.
    secret = "@" in host or (":" in host and (scheme.lower() == "s3" or "@" in rest))
    if separator and secret:
        raise InputError(
            f"{said_by} holds a user or password; take it out: credentials come from AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or a profile"
        )
