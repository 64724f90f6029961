"""The `netanomaly` command's entry: where what it needs is not installed, one line says what is."""

import sys


def main() -> None:
    """Run the command."""
    try:
        from netanomaly.cli import main as command
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "netanomaly":
            raise
        print(  # noqa: T201 - what prints for people is what is missing
            f"error: the netanomaly command needs {error.name}, which is not installed: pip install 'netanomaly[cli]'",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    command()
