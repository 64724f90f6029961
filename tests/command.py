"""Run the `netanomaly` command as a person does: a process of its own."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

NETANOMALY = Path(sys.executable).with_name("netanomaly")
ROOT = Path(__file__).resolve().parents[1]
COMPILED = ROOT / "components/netanomaly/compiled"
"""The compiled pipelines that the package carries."""


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def last_line(self) -> str:
        return self.stderr.strip().splitlines()[-1]


def netanomaly(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Ended:
    """The command's exit code and what it printed."""
    return _run(arguments, cwd, environment, seconds=300)


def netanomaly_here(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Ended:
    """The same in this process, which has imported by now what a process of its own spends most of its time on.

    For what a command answers. What it does to the process, and that it starts at all, is for `netanomaly`.
    """
    from netanomaly import cli

    given, mask, handler = sys.argv, os.umask(0o022), signal.getsignal(signal.SIGINT)
    os.umask(mask)
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["netanomaly", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err), chdir(cwd or "."), mock.patch.dict(os.environ, environment):
            cli.main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.argv = given
        os.umask(mask)
        signal.signal(signal.SIGINT, handler)
    return Ended(code, out.getvalue(), err.getvalue())


def netanomaly_on_a_cluster(*arguments: str | Path) -> Ended:
    """The same, for what a cluster takes its time over."""
    return _run(arguments, None, {}, seconds=1800)


def _run(arguments: Sequence[str | Path], cwd: Path | None, environment: Mapping[str, str], seconds: float) -> Ended:
    finished = subprocess.run(
        [str(NETANOMALY), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    return Ended(finished.returncode, finished.stdout, finished.stderr)
