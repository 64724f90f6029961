"""An MLflow server for the tests: of PyPI, in an environment of its own in the user's cache, on loopback.

`python -m tests.tracking.mlflow_server` makes the environment from requirements/mlflow-server.txt; its name is the lock
file's digest, so that another lock makes another. It holds what loads a model in a client of MLflow, too.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.store import servers

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "mlflow-server.txt"

_START_SECONDS = 120
_PORTS_TRIED = 3


def environment() -> Path:
    """Where the environment of this lock file is, or would be."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return servers.cache() / f"mlflow-{python}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def python() -> Path | None:
    """The interpreter that has MLflow; None where nobody has made the environment."""
    ready = environment() / ".ready"
    return environment() / "bin" / "python" if ready.is_file() else None


def build() -> None:
    """Make the environment, once; some 700 MB."""
    if python() is not None:
        return
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    folder = environment()
    print(f"installing an MLflow server, once, into {folder}", flush=True)
    subprocess.run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)], check=True)
    install = [uv, "pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes"]
    subprocess.run([*install, "--python", str(folder / "bin" / "python"), str(LOCK)], check=True)
    (folder / ".ready").touch()


@contextmanager
def running(folder: Path, *options: str, more: Mapping[str, str] | None = None) -> Iterator[int]:
    """The port of a server that answers, with a data base and artefacts of its own in the folder."""
    interpreter = python()
    assert interpreter is not None
    log = folder / "server.log"
    for _ in range(_PORTS_TRIED):
        port = servers.free_port()
        command = [
            str(interpreter),
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
        ]
        command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(folder / "artifacts"), *options]
        quiet = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        variables = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        with log.open("wb") as written:
            process = subprocess.Popen(
                command,
                env={**variables, **quiet, **(more or {})},
                stdout=written,
                stderr=written,
                cwd=folder,
                start_new_session=True,
            )
        try:
            if _answers(process, port):
                yield port
                return
        finally:
            _stop(process)
    raise RuntimeError(f"the MLflow server did not start: {log.read_text(errors='replace')[-2000:]}")


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
        time.sleep(0.1)
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """It and its workers, which are a group of their own."""
    for number in (15, 9):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


if __name__ == "__main__":
    build()
