"""The folder of one run: what is where, and the state that a crashed run leaves to be read.

run.json                     state of the run and of each stage, replaced as a whole at each change
logs/TASK.log                what a stage said; of earlier attempts: logs/TASK.attempt-1.log
tasks/TASK/NAME              output artefacts and output parameters
executor/TASK.json           the executor input that the stage got
executor/TASK/               where the stage puts its executor output
"""

import os
import shutil
from pathlib import Path
from typing import Any

from netanomaly import output
from netanomaly.errors import InputError, OutsideError


class RunFolder:
    """Paths of a run folder, all absolute."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def create(self) -> None:
        """Make the folder.

        Raises:
            InputError: It holds a run already.
            OutsideError: It cannot be made or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            # Of two runs that want the folder at once, one makes the first of these.
            for name in ("executor", "logs", "tasks"):
                (self.root / name).mkdir()
        except FileExistsError as error:
            if not self.root.is_dir():
                raise _outside(error, self.root) from None
            raise InputError(f"folder {str(self.root)!r} holds a run already; choose another for this one") from None
        except OSError as error:
            raise _outside(error, self.root) from None

    def log(self, task: str) -> Path:
        """The log of a task's current attempt."""
        return self.root / "logs" / f"{task}.log"

    def output(self, task: str, name: str) -> Path:
        """Where an output of a task goes."""
        return self.root / "tasks" / task / name

    def executor_output(self, task: str) -> Path:
        """Where a task's executor output goes. Nothing makes this file's folder: nothing does on a cluster."""
        return self.root / "executor" / task / "output_metadata.json"

    def prepare(self, task: str, executor_input: str, attempt: int) -> None:
        """Make room for an attempt: what the one before left is removed, its log kept under another name.

        Raises:
            OutsideError: The folder cannot be written.
        """
        outputs = self.root / "tasks" / task
        log = self.log(task)
        try:
            if attempt > 1:
                shutil.rmtree(outputs)
                shutil.rmtree(self.executor_output(task).parent, ignore_errors=True)
                log.replace(log.with_name(f"{log.stem}.attempt-{attempt - 1}.log"))
            for folder in (outputs, log.parent, (self.root / "executor" / task).parent):
                folder.mkdir(parents=True, exist_ok=True)
            (self.root / "executor" / f"{task}.json").write_text(executor_input + "\n", encoding="utf-8")
        except OSError as error:
            raise _outside(error, outputs) from None

    def write_state(self, document: dict[str, Any]) -> None:
        """Replace `run.json`, so that a reader finds the old state or the new, never half of one.

        Raises:
            OutsideError: The folder cannot be written.
        """
        path = self.root / "run.json"
        new = path.with_name("run.json.new")
        try:
            new.write_text(output.json_text(document) + "\n", encoding="utf-8")
            new.replace(path)
        except OSError as error:
            raise _outside(error, path) from None


def _outside(error: OSError, path: Path) -> OutsideError:
    where = os.fspath(error.filename or path)
    return OutsideError(f"run folder cannot be written: {error.strerror}: {where!r}")
