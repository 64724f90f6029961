"""The command's promise to people and scripts: one line, an exit code, with --json one document, however it ends."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from netanomaly import cli, config

from tests.command import NETANOMALY, ROOT, netanomaly


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(cli.app)))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call the command in this process: exit code, standard output, standard error."""
    handler = signal.getsignal(signal.SIGINT)

    def called(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["netanomaly", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    yield called
    signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--json"], "Missing argument"),
        (["run", "--json", "--nope", "x.json"], "No such option: --nope"),
        (["run", "--json", "x.json", "y.json"], "extra argument"),
        (["run", "--json", "--runner", "cloud", "x.json"], "'cloud' is not one of"),
        (["registry", "show", "--json"], "Missing argument"),
        (["nonesuch", "--json"], "No such command"),
        (["registry", "gc", "--older-than", "4x", "--json"], "write 12h, 7d or 4w"),
        (["registry", "gc", "--older-than", "99999999999999w", "--json"], "write 12h, 7d or 4w"),
    ],
)
def test_a_wrong_command_line_is_one_document_and_one_line(call, arguments, says):
    code, out, err = call(*arguments)
    assert code == 2
    assert says in json.loads(out)["error"]
    assert err.strip().splitlines()[-1] == f"error: {json.loads(out)['error']}"


def test_a_defect_is_one_document_a_traceback_and_one_line(call, monkeypatch):
    monkeypatch.setattr(config, "read", lambda _: 1 // 0)
    code, out, err = call("run", "--json", "x.json")
    assert code == 1
    assert json.loads(out)["error"].startswith("internal error: ZeroDivisionError")
    assert "Traceback" in err
    assert err.strip().splitlines()[-1].startswith("error: internal error")


def test_a_file_in_the_way_is_the_users_to_mend(call, tmp_path):
    (tmp_path / "taken").write_text("a file")
    code, _, err = call("compile", "--out", str(tmp_path / "taken"))
    assert (code, err) == (2, f"error: File exists: '{tmp_path / 'taken'}'\n")


def test_ctrl_c_before_a_run_begins_is_one_document_and_one_line(call, monkeypatch):
    monkeypatch.setattr(config, "read", lambda _: os.kill(os.getpid(), signal.SIGINT))
    code, out, err = call("run", "--json", "x.json")
    assert code == 130
    assert json.loads(out) == {"state": "failed", "exit_code": 130, "error": "interrupted"}
    assert err == "error: interrupted\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    ("streams", "code"), [(">/dev/full", 3), (">/dev/full 2>/dev/full", 3), (">&-", 0), ("2>&-", 0), (">&- 2>&-", 0)]
)
def test_streams_that_take_nothing_are_an_outside_failure_and_no_traceback(tmp_path, streams, code):
    command = [str(NETANOMALY), "registry", "list", "--json", "--registry", str(tmp_path)]
    ended = subprocess.run(
        ["sh", "-c", f"{shlex.join(command)} {streams}"], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == code
    assert ended.stderr == ("error: No space left on device\n" if streams == ">/dev/full" else "")


def test_without_arguments_there_is_help():
    ended = netanomaly("registry")
    assert "Commands" in ended.stdout
    assert ended.code == 2
    assert not ended.stderr


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "netanomaly")
def test_help_has_an_example_that_can_be_copied_from_a_narrow_terminal(call, monkeypatch, path):
    """On one line, of a command and with options that exist, and with what the command cannot do without."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    code, out, _ = call(*path, "--help")
    lines = [line.strip() for line in out.splitlines()]
    (at,) = [number for number, line in enumerate(lines) if line.startswith("Example: netanomaly ")]
    assert code == 0
    assert not lines[at + 1], "the example goes on in the next line"
    words = shlex.split(lines[at].removeprefix("Example: netanomaly "))
    length = max(length for length in range(4) if tuple(words[:length]) in COMMANDS)
    assert tuple(words[:length])[: len(path)] == path
    command = COMMANDS[tuple(words[:length])]
    monkeypatch.chdir(ROOT)
    command.make_parser(typer.Context(command)).parse_args(words[length:])


def test_the_command_does_without_pandas(tmp_path: Path):
    """Arrow imports it wherever it is installed, for lists of texts."""
    (tmp_path / "flows.csv").write_text("a,b\n1,x\n2,y\n")
    code = (
        "import atexit, sys; sys.argv = ['netanomaly', 'ingest', 'flows.csv']; "
        "atexit.register(lambda: print('pandas' in sys.modules)); from netanomaly.command import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stdout.split()[-1]) == (0, "False")


def test_without_the_cli_extra_one_line_says_what_to_install():
    code = (
        "import sys; sys.modules['typer'] = None; sys.argv = ['netanomaly', '--help']; "
        "from netanomaly.command import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: the netanomaly command needs typer, which is not installed: pip install 'netanomaly[cli]'\n"
    )
