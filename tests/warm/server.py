"""The process that imported what stages need: `python server.py SOCKET`. It says "ready", and ends with its standard input."""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from typing import Any, NoReturn

from netanomaly import absent, stages


def main() -> None:
    _import()
    wanted = None
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(sys.argv[1])
        listening.listen(64)
        print("ready", flush=True)
        while wanted is None:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                break
            wanted = _forked(listening.accept()[0])
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    # In the stage, with nothing of the server on its stack; in the server at its end.
    if wanted is not None:
        _become(wanted)


def _import() -> None:
    for stage in pkgutil.iter_modules(stages.__path__):
        entry = importlib.import_module(f"netanomaly.stages.{stage.name}.__main__")
        getattr(entry, "ahead", tuple)()
        # As if nobody had, for `python -m` to run it.
        del sys.modules[entry.__name__]
    # Forked in the middle of an import, a stage would wait for ever for a thread that it does not have.
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
    # What a stage does without is for that stage to say.
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, absent._Absent)]
    gc.freeze()


def _forked(client: socket.socket) -> dict[str, Any] | None:
    """What the client wants, in the process that is to be it; None in the server, which goes on."""
    with client:
        if os.fork():
            return None
        _, descriptors, _, _ = socket.recv_fds(client, 1, 3)
        wanted: dict[str, Any] = json.loads(client.makefile("rb").readline())
        stage = os.fork()
        if stage:
            threading.Thread(target=_kill_at_end_of, args=(client, stage), daemon=True).start()
            _, status = os.waitpid(stage, 0)
            with suppress(BrokenPipeError):
                client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
            os._exit(0)
        for standard, given in enumerate(descriptors):
            os.dup2(given, standard)
            os.close(given)
    return wanted


def _kill_at_end_of(client: socket.socket, stage: int) -> None:
    client.recv(1)
    # It may have come to its end by itself.
    with suppress(ProcessLookupError):
        os.kill(stage, signal.SIGKILL)


def _become(wanted: dict[str, Any]) -> NoReturn:
    os.setsid()
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    sys.argv = [wanted["module"], *wanted["arguments"]]
    code: Any = 0
    try:
        runpy.run_module(wanted["module"], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - as an interpreter ends with it
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    # To take down what the server imported would copy its memory, which takes longer than most stages.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    main()
