"""Containers that a crashed run left behind: told from those of a run that still goes on, and removed.

A runner holds an exclusive lock on a file in its run folder for as long as it lives, however it ends. A container
names its run folder in a label; when that lock can be had, nobody waits for the container any more.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from netanomaly.errors import OutsideError
from netanomaly.runners import docker_daemon

RUN_LABEL = "io.netanomaly.run"
TASK_LABEL = "io.netanomaly.task"
RUN_FOLDER_LABEL = "io.netanomaly.run-folder"
_LOCK_FILE = ".running"


@contextmanager
def holding(run_dir: Path) -> Iterator[None]:
    """Hold the lock of a run folder inside the block.

    Raises:
        OutsideError: The folder cannot be written.
    """
    path = run_dir / _LOCK_FILE
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OutsideError(f"run folder cannot be written: {error.strerror}: {str(path)!r}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def remove(client: docker.DockerClient) -> list[str]:
    """Remove the containers of runs whose runner is gone; returns the tasks' names.

    Raises:
        OutsideError: The daemon failed.
    """
    removed = []
    with docker_daemon.failures_as(OutsideError, "looking for what an earlier run left"):
        for container in client.api.containers(all=True, filters={"label": RUN_LABEL}):
            labels = container["Labels"]
            if _abandoned(Path(labels.get(RUN_FOLDER_LABEL, "/nowhere"))):
                try:
                    client.api.remove_container(container["Id"], v=True, force=True)
                except docker.errors.APIError as failure:
                    # It is gone, or another run that starts now is removing it.
                    if failure.status_code not in (404, 409):
                        raise
                else:
                    removed.append(labels.get(TASK_LABEL, ""))
    return removed


def _abandoned(run_dir: Path) -> bool:
    try:
        lock = os.open(run_dir / _LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        # Another user's; not ours to judge.
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(lock)
