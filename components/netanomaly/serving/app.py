"""The HTTP side: addresses, bodies, status codes, the log of accesses. Nothing heavy happens on the event loop."""

import asyncio
import hmac
import time
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from netanomaly import __version__, output
from netanomaly.serving import openapi
from netanomaly.serving.admission import Admission, Place
from netanomaly.serving.connection import OPEN
from netanomaly.serving.desk import ARROW, BINARY, JSON, Asked, Desk, Done
from netanomaly.serving.errors import NotNow, RequestError, TooSlow, UnknownForm
from netanomaly.serving.measures import Measures
from netanomaly.serving.metrics import CONTENT_TYPE
from netanomaly.serving.options import Options
from netanomaly.serving.state import State
from netanomaly.serving.tensors import BINARY_HEADER

HEALTH = "/v2/health/"
EXTENSIONS = ["binary_tensor_data", "arrow_stream"]
_FORMS = {JSON: "json", BINARY: "binary", ARROW: "arrow"}
_UNAUTHORISED = "the request shows no token that is accepted here; send Authorization: Bearer TOKEN"

Answers = Callable[[Request], Awaitable[Response]]
Heard = Callable[[Done], None]


class App:
    """The application of one server.

    Args:
        desk: What is served.
        state: Whether the server is ready, and what is wrong.
        threads: Where requests are scored.
        heard: Called on the event loop with each answer, after it was counted.
    """

    def __init__(
        self, options: Options, desk: Desk, state: State, measures: Measures, threads: Executor, heard: list[Heard]
    ) -> None:
        self._options, self._desk, self._state, self._measures = options, desk, state, measures
        self._threads, self._heard = threads, heard
        self._admission = Admission(options.limits)
        self._token = options.token.encode()
        measures.registry.before_each_look(self._gauge)
        model, version = "/v2/models/{name}", "/versions/{version}"
        gets: dict[str, Answers] = {
            "/v2": self._server,
            "/v2/": self._server,
            "/v2/health/live": self._live,
            "/v2/health/ready": self._ready,
            **{f"{model}{middle}/ready": self._model_ready for middle in ("", version)},
            **{f"{model}{middle}": self._model for middle in ("", version)},
            "/metrics": self._metrics,
            "/openapi.json": self._openapi,
        }
        self.asgi = Starlette(
            routes=[
                *(Route(path, self._told(answers), methods=["GET"]) for path, answers in gets.items()),
                *(
                    Route(f"{model}{middle}/infer", self._told(self._infer), methods=["POST"])
                    for middle in ("", version)
                ),
            ],
            exception_handlers={HTTPException: _no_such_address},
        )
        # What ends with a slash is no other address by being sent there.
        self.asgi.router.redirect_slashes = False

    def _told(self, answers: Answers) -> Answers:
        """The same, with errors as the protocol has them, counted, and a line in the log."""

        async def told(request: Request) -> Response:
            started = time.perf_counter()
            try:
                self._refuse_crowds(request)
                self._refuse_strangers(request)
                response = await answers(request)
            except RequestError as error:
                response = _error(error)
            except ClientDisconnect:
                # Nobody is there to read it; 499 is nginx's word for that.
                response = _document({"error": "the client went away"}, 499)
            except MemoryError:
                output.tell(
                    f"warning: not enough memory for a request of {_announced(request) or 0:,} bytes; see --held_bytes"
                )
                response = _error(
                    NotNow("the server has not enough memory for this now; send fewer rows, or try again")
                )
            except Exception as error:  # noqa: BLE001 - a defect of ours is told in the log, and not to strangers
                output.tell_lines(traceback.format_exc().rstrip())
                response = _document({"error": f"internal error: {type(error).__name__}; see the server's log"}, 500)
            crowded = request.scope.get(OPEN, 0) > self._options.limits.connections
            if self._state.draining or crowded or (response.status_code >= 400 and _unread(request)):
                response.headers["connection"] = "close"
            self._note(request, response, time.perf_counter() - started)
            return response

        return told

    def _refuse_crowds(self, request: Request) -> None:
        # Whoever asks whether the server is well is answered still: nobody should end it for being busy.
        most = self._options.limits.connections
        if request.scope.get(OPEN, 0) > most and not request.url.path.startswith(HEALTH):
            raise NotNow(f"{most:,} connections are open, as many as are taken at once; try again shortly")

    def _refuse_strangers(self, request: Request) -> None:
        if not self._token or request.url.path.startswith(HEALTH):
            return
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), self._token):
            raise _Unauthorised(_UNAUTHORISED)

    def _note(self, request: Request, response: Response, seconds: float) -> None:
        what = request.scope["route"].path.rpartition("/")[2]
        self._measures.requests.add(path=what, code=str(response.status_code))
        done: Done | None = getattr(request.state, "done", None)
        if what == "infer":
            if done is not None:
                form = _FORMS[request.state.form]
                self._measures.seconds.observe(seconds, form=form)
            else:
                self._measures.refused.add(code=str(response.status_code))
        # Probes ask every few seconds, and nobody reads that they were answered.
        if not self._options.access_log or (what != "infer" and response.status_code < 400):
            return
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": request.method,
            "path": request.url.path[:200],
            "status": response.status_code,
            "seconds": round(seconds, 6),
            "client": request.client.host if request.client else "",
        }
        if done is not None:
            line |= {
                "version": done.served.version,
                "rows": done.rows,
                "alerts": done.alerts,
                "bytes_in": request.state.bytes_in,
                "bytes_out": len(done.body),
            }
        output.say(output.json_text(line, None))

    async def _server(self, _: Request) -> Response:
        return _document({"name": "netanomaly", "version": __version__, "extensions": EXTENSIONS})

    async def _live(self, _: Request) -> Response:
        return _document({"live": True})

    async def _ready(self, _: Request) -> Response:
        ready, detail = self._state.ready()
        return _document({"ready": ready, **detail}, 200 if ready else 503)

    async def _model_ready(self, request: Request) -> Response:
        served = self._desk.now(request.path_params["name"], request.path_params.get("version"))
        ready, detail = self._state.ready()
        return _document(
            {"name": served.name, "version": served.version, "ready": ready, **detail}, 200 if ready else 503
        )

    async def _model(self, request: Request) -> Response:
        served = self._desk.now(request.path_params["name"], request.path_params.get("version"))
        return _document(served.metadata())

    async def _metrics(self, _: Request) -> Response:
        return Response(self._measures.registry.text(), media_type=CONTENT_TYPE)

    async def _openapi(self, _: Request) -> Response:
        return _document(openapi.document(self._options.limits, token=bool(self._token)))

    async def _infer(self, request: Request) -> Response:
        limits = self._options.limits
        served = self._desk.now(request.path_params["name"], request.path_params.get("version"))
        form = _form(request)
        place = self._admission.enter(_announced(request))
        try:
            body = await self._body(request, place)
            request.state.bytes_in, request.state.form = len(body), form
            asked = Asked(
                body,
                form == ARROW,
                _wants_arrow(request, form),
                request.headers.get(BINARY_HEADER),
                request.query_params,
            )
            work = asyncio.get_running_loop().run_in_executor(self._threads, self._desk.answer, served, asked)
        except BaseException:
            place.leave()
            raise
        # The place is free when the work is done, not when somebody gave up waiting for it.
        work.add_done_callback(partial(_left, place))
        try:
            done = await asyncio.wait_for(asyncio.shield(work), limits.seconds)
        except TimeoutError:
            raise NotNow(
                f"it took over {limits.seconds:g} seconds; send fewer rows at once, or try again later"
            ) from None
        request.state.done = done
        self._measures.scored(done.served, done.seen, done.rows, done.alerts, done.answer.point.budget)
        for hear in self._heard:
            hear(done)
        return Response(done.body, media_type=done.media_type, headers=done.headers)

    async def _body(self, request: Request, place: Place) -> bytes:
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._options.limits.body_seconds):
                async for part in request.stream():
                    size += len(part)
                    place.hold(size)
                    parts.append(part)
        except TimeoutError:
            raise TooSlow(
                f"the body did not come within {self._options.limits.body_seconds:g} seconds; {size:,} bytes of it did"
            ) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _gauge(self) -> None:
        self._measures.in_flight.set(self._admission.requests)
        self._measures.bytes_held.set(self._admission.bytes)


def _left(place: Place, work: "asyncio.Future[Done]") -> None:
    place.leave()
    if not work.cancelled():
        work.exception()  # looked at, though nobody may wait for it any more


class _Unauthorised(RequestError):
    """A request without the token."""

    status = 401


def _announced(request: Request) -> int | None:
    given = request.headers.get("content-length")
    return int(given) if given is not None and given.isascii() and given.isdigit() else None


def _form(request: Request) -> str:
    """The form of a request's body. Raises UnknownForm."""
    if request.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        raise UnknownForm("the body is compressed; send it as it is")
    given = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if given == ARROW:
        return ARROW
    if BINARY_HEADER in request.headers:
        return BINARY
    # curl --data names forms of the web where it is told nothing else.
    if given in (JSON, "", "application/x-www-form-urlencoded") or given.endswith("+json"):
        return JSON
    raise UnknownForm(
        f"a body of type {given[:80]!r} is not read here; send application/json, {ARROW}, or application/octet-stream with "
        "Inference-Header-Content-Length"
    )


def _wants_arrow(request: Request, form: str) -> bool:
    accepted = request.headers.get("accept", "").lower()
    return ARROW in accepted or (form == ARROW and JSON not in accepted)


def _document(document: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type=JSON)


def _error(error: RequestError) -> Response:
    response = _document({"error": output.visible(str(error))}, error.status)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    if isinstance(error, _Unauthorised):
        response.headers["www-authenticate"] = "Bearer"
    return response


def _unread(request: Request) -> bool:
    """Whether a request has a body that nobody read: the connection ends, so that no stranger sends without end."""
    if hasattr(request.state, "bytes_in"):
        return False
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _no_such_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    said = f"{request.method} is not for this address" if status == 405 else "there is nothing at this address"
    response = _document({"error": f"{said}; /openapi.json lists what there is"}, status)
    if _unread(request):
        response.headers["connection"] = "close"
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response
