"""What a stage's log says of how it ended: the server has it nowhere else.

A log is that of one pod. The stage's own lines stand between the launcher's, which ends it with the stage's exit code.
"""

import base64
import re
from dataclasses import dataclass
from typing import Any

from netanomaly import json_input
from netanomaly.cluster.errors import NotFound, Refused, Unavailable
from netanomaly.cluster.server import API, Server
from netanomaly.errors import NetanomalyError, OutsideError
from netanomaly.stage_io import ERROR, RESULT

# Go's logging: severity and date, time, process, file and line.
_LAUNCHER_LINE = re.compile(r"[IWEF](\d{4} \d\d:\d\d:\d\d\.\d+) ")
_ROWS = re.compile(r"progress: (\d{1,18}) rows")
_EXIT = re.compile(r"failed to execute component: exit status (\d{1,9})\b")
# The launcher's own last word where it is not the stage that failed: no store, no metadata, no rights.
_FATAL = re.compile(r"F\d{4} [^\]]*\] (?!failed to execute component: signal: )(?:failed to execute component: )?(.+)")
# How that begins where it is the driver's, which goes before a stage: what KFP itself cannot resolve.
_DRIVER = "KFP driver: "
# Its last line of all where nothing failed.
_END = "] publish success."
_READINGS = 3


@dataclass(frozen=True)
class StageLog:
    """One attempt of a stage, as its log tells it. `exit_code` is None where the stage was ended from outside."""

    task: str | None
    """The key of its task; None where the log does not get that far."""
    ended: str
    """Day and time of the launcher's last word: later attempts have later ones."""
    exit_code: int | None
    error: str | None
    result: dict[str, Any] | None
    launcher_error: str | None = None
    """Why the launcher gave up before the stage ran, or after it: the stage has no exit code then."""
    finished: bool = False
    """The launcher came to its end: what failed is not in this container."""
    rows: int | None = None
    """How many rows the stage said it has done."""

    @property
    def complete(self) -> bool:
        """Whether it goes to the end of its pod."""
        return self.exit_code is not None or self.launcher_error is not None or self.finished

    @property
    def run_exit_code(self) -> int:
        """What a command that followed the run should exit with on its account; as that of a local run."""
        if self.exit_code is None:
            return OutsideError.exit_code
        return self.exit_code if 1 <= self.exit_code <= 4 else NetanomalyError.exit_code

    @property
    def reason(self) -> str:
        """The stage's clear line, or what there is in its place."""
        if self.exit_code is None and self.launcher_error:
            if self.launcher_error.startswith(_DRIVER):
                return f"KFP's driver failed: {self.launcher_error.removeprefix(_DRIVER)}"
            return f"KFP's launcher failed: {self.launcher_error}"
        if self.exit_code is None and self.finished:
            return "the stage succeeded, and a container of Argo's beside it failed: kubectl describe pod tells which"
        if self.exit_code is None:
            return "killed: out of memory, or its node went away"
        return self.error or f"ended with exit code {self.exit_code} and said nothing"


class Logs:
    """The logs of a run's pods. Those that are complete are read once."""

    def __init__(self, server: Server, run_id: str) -> None:
        self._server = server
        self._run_id = run_id
        self._read: dict[str, StageLog] = {}
        self._archived = self._hidden = self._troubled = False

    @property
    def tell_absence(self) -> bool:
        """Whether a log that was not found is one that there is not, and not one that cannot be had."""
        return not self._troubled and (self._archived or not self._hidden)

    def read(self, node: str) -> StageLog | None:
        """The log of a pod; None where there is none, or it cannot be had."""
        if node in self._read:
            return self._read[node]
        text = self._text(node)
        if text is None:
            return None
        log = parse(text, self._run_id)
        if log.complete:
            self._read[node] = log
        return log

    def _text(self, node: str) -> str | None:
        """The archived log, which the server of the UI lets through, too; else what only the API's own address has."""
        trouble = False
        for route in (self._archive, self._own_route):
            for _ in range(_READINGS):
                try:
                    return route(node)
                except NotFound:
                    break
                except Refused:
                    trouble = True
                    break
                except Unavailable:
                    trouble = True
        self._hidden = True
        self._troubled = self._troubled or trouble
        return None

    def _archive(self, node: str) -> str:
        document = self._server.get(f"{API}/runs/{self._run_id}/nodes/{node}/artifacts/main-logs:read")
        try:
            log = base64.b64decode(document.get("data", ""), validate=True)
        except ValueError:
            raise Refused(f"{self._server.host} serves a log that is not base64") from None
        self._archived = True
        return log.decode("utf-8", "replace")

    def _own_route(self, node: str) -> str | None:
        return self._server.text(f"/apis/v1alpha1/runs/{self._run_id}/nodes/{node}/log")


def parse(text: str, run_id: str) -> StageLog:
    """The log of a pod of a run."""
    ended, exit_code, said, error, result, rows = "", None, "", None, None, None
    launcher_error, finished = None, False
    for line in text.splitlines():
        launcher = _LAUNCHER_LINE.match(line)
        if launcher:
            ended = launcher[1]
            if found := _EXIT.search(line):
                exit_code = int(found[1])
            elif found := _FATAL.match(line):
                launcher_error = found[1]
            finished = line.endswith(_END)
        elif line.startswith(ERROR):
            error = line.removeprefix(ERROR)
        elif line.startswith(RESULT):
            result = _object(line.removeprefix(RESULT))
        elif found := _ROWS.fullmatch(line):
            rows = int(found[1])
        else:
            said = line.strip() or said
    # The launcher names the artefacts it writes by run and task; a driver those of other tasks.
    named = re.search(rf"/{re.escape(run_id)}/([^/\s\"]+)/", text)
    task = named[1] if named and not (launcher_error or "").startswith(_DRIVER) else None
    return StageLog(task, ended, exit_code, error or said or None, result, launcher_error, finished, rows)


def _object(text: str) -> dict[str, Any] | None:
    try:
        document = json_input.parse(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
