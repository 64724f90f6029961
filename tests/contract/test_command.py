"""The command's promise to people and scripts: one line, an exit code, with --json one document, however it ends."""

import json
import os
import signal
import sys

import pytest
from netanomaly import cli, config

from tests.command import netanomaly


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


def test_ctrl_c_before_a_run_begins_is_one_document_and_one_line(call, monkeypatch):
    monkeypatch.setattr(config, "read", lambda _: os.kill(os.getpid(), signal.SIGINT))
    code, out, err = call("run", "--json", "x.json")
    assert code == 130
    assert json.loads(out) == {"state": "failed", "exit_code": 130, "error": "interrupted"}
    assert err == "error: interrupted\n"


def test_without_arguments_there_is_help():
    ended = netanomaly("registry")
    assert "Commands" in ended.stdout
    assert ended.code == 2
    assert not ended.stderr
