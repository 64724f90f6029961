"""What commands that take a configuration have in common: options that change fields of it."""

from typing import Annotated

import typer

SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a field of the configuration.")
]
NoIdentitiesOption = Annotated[
    bool,
    typer.Option(
        "--no-identities",
        help="Keep salted digests in place of addresses, no source ports and no uids (identities: false).",
    ),
]


def assigned(assignments: list[str] | None, *, no_identities: bool) -> list[str]:
    """All that the command line changes, as `--set` has it."""
    return [*(assignments or []), *(["identities=false"] if no_identities else [])]
