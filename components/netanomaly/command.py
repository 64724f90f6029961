"""The `netanomaly` command's entry: where what it needs is not installed, one line says what is."""

from netanomaly import output
from netanomaly.absent import do_without


def main() -> None:
    """Run the command."""
    try:
        from netanomaly.cli import main as command
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "netanomaly":
            raise
        output.tell(
            f"error: the netanomaly command needs {error.name}, which is not installed: pip install 'netanomaly[cli]'"
        )
        raise SystemExit(2) from None
    do_without("pandas")
    command()
