"""The `netanomaly` command for people: parse, call, print; the work is elsewhere.

Heavy libraries are imported inside the commands that need them, so that `--help` answers at once.
"""

import json
import sys
from typing import Annotated

import typer

from netanomaly import __version__
from netanomaly.cli import compile as compile_command
from netanomaly.cli import images as images_command
from netanomaly.cli import registry, run, schedule, submit, upload
from netanomaly.errors import NetanomalyError, OutsideError

app = typer.Typer(
    help="Turn network traffic into trained, evaluated, registered anomaly detectors.",
    epilog="Exit codes: 0 done, 1 defect, 2 your input, 3 an outside failure (try again), 4 a gate said no.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("compile")(compile_command.compile_pipeline)
app.command("images")(images_command.show)
app.command("upload")(upload.upload)
app.command("submit")(submit.submit)
app.command("schedule")(schedule.schedule)
app.add_typer(registry.app, name="registry")


def main() -> None:
    """Run the command; an error becomes one line on standard error and its exit code."""
    try:
        app()
    except NetanomalyError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        place = f": {error.filename!r}" if error.filename else ""
        _fail(f"{error.strerror or error}{place}", OutsideError.exit_code)


def _fail(message: str, code: int) -> None:
    if "--json" in sys.argv:
        typer.echo(json.dumps({"state": "failed", "exit_code": code, "error": message}, ensure_ascii=False, indent=2))
    typer.echo(f"error: {message}", err=True)
    raise SystemExit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"netanomaly {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version  # its callback did the work
