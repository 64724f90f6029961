"""The stand-in on a port of this machine, with what can go wrong between it and whoever asks."""

import email
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.cluster.standin import Answer, StandIn, error

LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Log in to Dex</title></head><body><form></form></body></html>"


# All that the UI's server lets through to the API.
_FORWARDED = ("/apis/v1beta1/", "/apis/v2beta1/")


# The UI's server answers for the API's health itself, and never forwards the question.
_UI = {"buildDate": "", "frontendCommitHash": "", "frontendTagName": "2.17.0"}


def _health_of_ui(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        **_UI,
        "apiServerReady": True,
        "apiServerCommitHash": answer["commit_sha"],
        "apiServerTagName": answer["tag_name"],
        "apiServerMultiUser": answer["multi_user"],
        "multi_user": answer["multi_user"],
        "pipelineStore": answer["pipeline_store"],
    }


@contextmanager
def serve(standin: StandIn, *, ui: bool = False) -> Iterator[StandIn]:
    """The stand-in on a port of this machine; `ui`: as the UI's server, the dashboard and a port-forward to it show it."""
    server = _Server(("127.0.0.1", 0), _handler(standin, ui))
    standin.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield standin
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked did not wait for the answer."""


def _handler(standin: StandIn, ui: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond()

        do_POST = do_DELETE = do_GET  # noqa: N815 - names that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            standin.seen.append(
                (self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            )
            if not self._signed_in():
                return
            if ui and not self.path.startswith(_FORWARDED):
                self._send(
                    404, f"<!DOCTYPE html><html><body><pre>Cannot GET {self.path}</pre></body></html>", "text/html"
                )
                return
            fault = next((fault for fault in standin.faults if fault.strikes(self.command, self.path)), None)
            kind = fault.kind if fault else ""
            trouble = json.dumps(error(500, 13, "InternalServerError: ", "use of closed network connection").document)
            if fault and kind == "error":
                if ui and self.path.endswith("/healthz"):
                    # It says so itself, under status 200.
                    self._send(200, json.dumps(_UI | {"apiServerReady": False}))
                    return
                self._send(fault.status, trouble)
                return
            if kind == "page":
                self._send(200, LOGIN_PAGE, "text/html")
                return
            if kind == "gateway":
                self._send(502, b"upstream connect error or disconnect/reset before headers", "text/plain")
                return
            if fault and kind == "later":
                self.close_connection = True
                threading.Timer(fault.seconds, standin.answer, (self.command, self.path, self._parsed(body))).start()
                return
            try:
                if kind == "second":
                    standin.answer(self.command, self.path, self._parsed(body))
                answer, status = standin.answer(self.command, self.path, self._parsed(body)), 200
            except Answer as other:
                answer, status = other.document or {}, other.status
            if kind == "lost":
                self.close_connection = True
                return
            if fault and kind == "failed":
                self._send(fault.status, trouble)
                return
            if fault and kind == "late":
                time.sleep(fault.seconds)
            if ui and self.path.endswith("/healthz") and isinstance(answer, dict):
                answer = _health_of_ui(answer)
            if isinstance(answer, str):
                self._send(status, answer, "text/plain; charset=utf-8")
            else:
                self._send(status, json.dumps(answer))

        def _signed_in(self) -> bool:
            if standin.token is not None and self.headers.get("Authorization") != f"Bearer {standin.token}":
                self._send(401, json.dumps({"code": 16, "message": "Unauthenticated", "details": []}))
                return False
            if standin.cookie is not None and standin.cookie not in (self.headers.get("Cookie") or ""):
                self.send_response(302)
                self.send_header("Location", f"{standin.url}/dex/auth?client_id=kubeflow")
                self.end_headers()
                return False
            return True

        def _parsed(self, body: bytes) -> dict:
            kind = self.headers.get("Content-Type", "")
            if kind.startswith("multipart/form-data"):
                message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
                parts: Any = message.get_payload()
                return {
                    part.get_param("name", header="content-disposition"): part.get_payload(decode=True).decode()
                    for part in parts
                }
            return json.loads(body) if body else {}

        def _send(self, status: int, body: str | bytes, kind: str = "application/json") -> None:
            data = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
