"""One server from start to end: load, listen, follow, drain."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

import uvicorn

from netanomaly import output
from netanomaly.errors import InputError, OutsideError
from netanomaly.models.blocks import block_threads
from netanomaly.serving import memory
from netanomaly.serving.app import App, Heard
from netanomaly.serving.connection import Connection
from netanomaly.serving.desk import Desk
from netanomaly.serving.following import Following
from netanomaly.serving.measures import Measures
from netanomaly.serving.models import Models
from netanomaly.serving.options import Options
from netanomaly.serving.score_log import ScoreLog, sink_of
from netanomaly.serving.served import Served
from netanomaly.serving.shadow import Shadow
from netanomaly.serving.state import State

# A thread that computes holds the interpreter no longer than this while the event loop waits; Python's own 5 ms would be
# most of a request's time.
_SWITCH_SECONDS = 0.0005


def serve(
    models: Models,
    options: Options,
    shadow_models: Models | None = None,
    started: Callable[[str], None] = output.tell,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        models: What to serve.
        shadow_models: What scores beside.
        started: Told the address, once requests are answered.

    Raises:
        InputError, OutsideError: The model cannot be loaded, or the address not be listened on.
    """
    desk, measures = Desk(options.limits), Measures()
    state = State(desk)

    def take(served: Served) -> None:
        desk.served = served
        measures.serves(served)

    first = models.newer()
    assert first is not None  # noqa: S101 - the first look always tells
    take(first)
    following = [Following("model", models, take, state, measures, options.look_seconds)]
    heard: list[Heard] = []
    sys.setswitchinterval(_SWITCH_SECONDS)
    with contextlib.ExitStack() as until_end:
        threads = until_end.enter_context(block_threads(options.limits.threads))
        _start(threads, options.limits.threads)
        door = until_end.enter_context(listening(options))
        if shadow_models is not None:
            shadow = Shadow(measures, until_end.enter_context(block_threads(1)))
            beside = shadow_models.newer()
            assert beside is not None  # noqa: S101 - as above
            shadow.take(beside)
            following.append(Following("shadow", shadow_models, shadow.take, state, measures, options.look_seconds))
            heard.append(shadow.hear)
        if options.score_log:
            log = ScoreLog(sink_of(options.score_log), options.score_share)
            until_end.callback(log.close)
            measures.registry.before_each_look(lambda: _count(log, measures))
            heard.append(log.hear)
        app = App(options, desk, state, measures, threads, heard)
        server = _Server(_config(app, options), state, options.linger_seconds)
        scheme = "https" if options.certificate else "http"
        host = f"[{options.host}]" if ":" in options.host else options.host
        port = door.getsockname()[1]
        memory.settle()
        started(f"{first} ({first.digest}) is served at {scheme}://{host}:{port}/v2/models/{first.name}")
        asyncio.run(_run(server, door, following))


def _start(threads: Executor, count: int) -> None:
    """Have all threads at once: one that is started when it is needed may find no memory for its stack."""
    all_there = threading.Barrier(count)
    for each in [threads.submit(all_there.wait) for _ in range(count)]:
        each.result()


def _count(log: ScoreLog, measures: Measures) -> None:
    for state, rows in (("kept", log.kept), ("written", log.written), ("lost", log.lost)):
        measures.logged.set(rows, state=state)


async def _run(server: "_Server", door: socket.socket, following: list[Following]) -> None:
    tasks = [asyncio.create_task(each.run()) for each in following]
    try:
        await server.serve(sockets=[door])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Server(uvicorn.Server):
    """uvicorn, which on SIGTERM first says that it is not ready, and only then stops taking connections."""

    def __init__(self, config: uvicorn.Config, state: State, linger_seconds: float) -> None:
        super().__init__(config)
        self._state, self._linger_seconds = state, linger_seconds

    def handle_exit(self, sig: int, frame: object) -> None:
        if sig == signal.SIGTERM and not self._state.draining and self._linger_seconds:
            self._state.draining = True
            asyncio.get_running_loop().call_later(self._linger_seconds, self._stop)
            return
        self._state.draining = True
        super().handle_exit(sig, frame)  # type: ignore[arg-type]

    def _stop(self) -> None:
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """As uvicorn's, but a signal that was obeyed is not raised again: to be ended is no failure."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def _config(app: App, options: Options) -> uvicorn.Config:
    _guard_log()
    try:
        config = uvicorn.Config(
            app.asgi,
            http=Connection,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=max(1, round(options.drain_seconds)),
            ssl_certfile=options.certificate,
            ssl_keyfile=options.key,
        )
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{options.certificate} and {options.key} are no certificate and its key: {error}") from None
    return config


@contextlib.contextmanager
def listening(options: Options) -> Iterator[socket.socket]:
    """A socket that listens. Raises OutsideError where the address is taken."""
    try:
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        made = socket.create_server((options.host, options.port), family=family, backlog=512)
        # Connections inherit it. asyncio sets it only on sockets that were made for TCP by name, and without it the second
        # part of an answer waits 40 ms for the client's delayed acknowledgement of the first.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise OutsideError(f"{options.host}:{options.port} cannot be listened on: {error.strerror or error}") from None
    with made:
        yield made


def _guard_log() -> None:
    """What uvicorn has to say comes as lines of ours; what strangers send it is no news."""
    logger = logging.getLogger("uvicorn.error")
    logger.handlers, logger.propagate = [_Told()], False
    logger.setLevel(logging.ERROR)


class _Told(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        output.tell_lines(self.format(record))


def token_of(path: os.PathLike[str] | None) -> str:
    """The bearer token in a file, or NETANOMALY_SERVE_TOKEN; empty where there is neither.

    Raises:
        InputError: The file cannot be read, or either is empty.
    """
    if path is not None:
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123 - any path-like
                token = file.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{os.fspath(path)} cannot be read for the token: {error}") from None
    else:
        given = os.environ.get("NETANOMALY_SERVE_TOKEN")
        if given is None:
            return ""
        token = given.strip()
    if not token:
        raise InputError("the bearer token is empty: nobody would be refused; write one, or leave it out")
    return token
