"""The `netanomaly` command for people: parse, call, print; the work is elsewhere.

Heavy libraries are imported inside the commands that need them, so that `--help` answers at once.
"""

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Annotated, NoReturn, TextIO

import typer
from typer.exceptions import TyperException

from netanomaly import __version__, interruption, output
from netanomaly.cli import compile as compile_command
from netanomaly.cli import config as config_command
from netanomaly.cli import (
    deploy,
    doctor,
    feedback,
    monitor,
    privacy,
    registry,
    run,
    schedule,
    score,
    serve,
    submit,
    tune,
    upload,
)
from netanomaly.cli import images as images_command
from netanomaly.cli import ingest as ingest_command
from netanomaly.errors import InputError, NetanomalyError, OutsideError

app = typer.Typer(
    help="Turn network traffic into trained, evaluated, registered anomaly detectors.\n\n"
    "Example: netanomaly run configs/nsl-kdd.json",
    epilog="Exit codes: 0 done, 1 defect, 2 your input, 3 an outside failure (try again), 4 a gate said no.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("tune")(tune.tune)
app.command("ingest")(ingest_command.ingest)
app.command("score")(score.score)
app.command("monitor")(monitor.monitor)
app.command("serve")(serve.serve)
app.command("deploy")(deploy.deploy)
app.command("compile")(compile_command.compile_pipeline)
app.command("images")(images_command.show)
app.command("upload")(upload.upload)
app.command("submit")(submit.submit)
app.command("schedule")(schedule.schedule)
app.command("doctor")(doctor.doctor)
app.add_typer(feedback.app, name="feedback")
app.add_typer(registry.app, name="registry")
app.add_typer(config_command.app, name="config")


def main() -> None:
    """Run the command; however it fails, one line on standard error, the exit code, and with --json one document."""
    signal.signal(signal.SIGINT, _interrupt)
    _stand_in_for_closed_streams()
    try:
        with output.guarded():
            _run()
    finally:
        interruption.forget()


def _run() -> NoReturn:
    try:
        privacy.set_umask()
        code = app(standalone_mode=False)
    except NetanomalyError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        place = f": {error.filename!r}" if error.filename else ""
        # Something else is in the way, and will be the next time.
        stays = isinstance(error, FileExistsError | IsADirectoryError | NotADirectoryError)
        _fail(f"{error.strerror or error}{place}", (InputError if stays else OutsideError).exit_code)
    except interruption.Interrupted:
        _fail("interrupted", 130)
    except TyperException as error:
        message = error.format_message()
        if not message:  # a command that is a group alone printed its help
            raise SystemExit(InputError.exit_code) from None
        _fail(message, InputError.exit_code, hint=_usage(error))
    except Exception as error:  # noqa: BLE001 - the process boundary: a defect becomes a traceback, one line and exit 1
        output.tell_lines(traceback.format_exc().rstrip())
        _fail(f"internal error: {type(error).__name__}: {error}", NetanomalyError.exit_code)
    raise SystemExit(code)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    interruption.interrupt()
    raise interruption.Interrupted


def _usage(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.get_usage()}\n{context.command_path} --help tells more." if context else ""


def _fail(message: str, code: int, hint: str = "") -> NoReturn:
    message = " ".join(message.split())
    # What was answered before it failed, as a verdict that is not quiet, is the one document.
    if "--json" in sys.argv and not output.answered():
        document = {"state": "failed", "exit_code": code, "error": message}
        _say(sys.stdout, output.json_text(document))
    if hint:
        _say(sys.stderr, output.visible_lines(hint))
    _say(sys.stderr, output.visible(f"error: {message}"))
    for stream in (sys.stdout, sys.stderr):
        _say(stream)
    raise SystemExit(code)


def _say(stream: TextIO, *lines: str) -> None:
    """Print, and flush what was printed before. Where that fails, as on a full disk, the exit code is to stay."""
    try:
        for line in lines:
            stream.write(f"{line}\n")
        stream.flush()
    except OSError:
        # What is left in the buffer would fail again at the end of the process, with an exit code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _stand_in_for_closed_streams() -> None:
    """Where standard output or error is closed, Python has None in its place, which nothing can be printed to."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - until the end


def _print_version(wanted: bool) -> None:
    if wanted:
        output.say(f"netanomaly {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version  # its callback did the work
