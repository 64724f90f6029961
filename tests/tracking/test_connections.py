"""Many requests, few connections; several at a time; through the proxy that the environment names."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from netanomaly.errors import InputError
from netanomaly.tracking import Access, TrackingFailed
from netanomaly.tracking.patience import Clock, several
from netanomaly.tracking.server import Server


@dataclass
class Heard:
    """What a server was asked, and over which connections."""

    uri: str = ""
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    clients: set[tuple[str, int]] = field(default_factory=set)


@contextmanager
def listening(answer: bytes = b"{}") -> Iterator[Heard]:
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            heard.paths.append(self.path)
            heard.headers.append({name.lower(): value for name, value in self.headers.items()})
            heard.clients.add(self.client_address)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    heard.uri = f"http://127.0.0.1:{server.server_address[1]}"
    yield heard
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(autouse=True)
def _nobodys_proxy(monkeypatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_requests_keep_their_connection():
    with listening() as heard:
        server = Server(Access(heard.uri), Clock(30))
        for _ in range(5):
            server.get("/runs/get")
    assert (len(heard.paths), len(heard.clients)) == (5, 1)


def test_a_proxy_of_the_environment_is_asked_with_its_own_password_and_not_where_it_is_excepted(monkeypatch):
    with listening(json.dumps({"by": "the proxy"}).encode()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.uri.replace("//", "//us%40er:hush@"))
        server = Server(Access("http://mlflow.invalid:5000"), Clock(30))
        assert server.get("/runs/get", run_id="1") == {"by": "the proxy"}
        assert proxy.paths == ["http://mlflow.invalid:5000/api/2.0/mlflow/runs/get?run_id=1"]
        assert proxy.headers[0]["proxy-authorization"] == f"Basic {base64.b64encode(b'us@er:hush').decode()}"
        monkeypatch.setenv("no_proxy", "mlflow.invalid")
        with pytest.raises(TrackingFailed, match="cannot be reached") as refused:
            Server(Access("http://mlflow.invalid:5000"), Clock(2)).get("/runs/get")
        assert "hush" not in str(refused.value)
        assert len(proxy.paths) == 1


def test_a_proxy_that_is_none_is_said_and_its_password_not(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://u:hush@host:99999")
    with pytest.raises(InputError, match="HTTP_PROXY is no address of a proxy") as refused:
        Server(Access("http://mlflow.invalid"), Clock(2))
    assert "hush" not in str(refused.value)


def test_several_at_a_time_are_all_done_and_come_as_they_are_ready():
    first = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert first.wait(30)
        elif number == 3:
            first.set()
        return number * 2

    found = list(several(work, range(20), 4))
    assert sorted(found) == [2 * number for number in range(20)]
    assert found[0] != 0


def test_after_a_failure_nothing_more_is_begun():
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise TrackingFailed("no")
        return number

    found: list[int] = []
    with pytest.raises(TrackingFailed, match="no"):
        found.extend(several(work, range(100), 1))
    assert found == [0, 1]
    assert begun == [0, 1, 2]
    assert list(several(work, [], 4)) == []
