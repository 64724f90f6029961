"""A TCP proxy between client and S3 server that breaks the n-th request in one of the ways networks and servers do."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

# What may happen to a request. Before: the server never sees it. After: it does, and the client is not told.
FAULTS = (
    "drop before",
    "drop after",
    "503 before",
    "500 after",
    "409 before",
    "cut body",
    "trickle",
    "answer too late",
)

_UPSTREAM_SECONDS = 30

_ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>injected</Message></Error>'


@dataclass
class Proxy:
    """Breaks the request with index `at`; -1: none. `seen` lists what came: method and path."""

    upstream: int
    port: int = 0
    tls: ssl.SSLContext | None = None
    at: int = -1
    fault: str = ""
    late_seconds: float = 0.0
    before: Callable[[int], None] = lambda index: None
    after: Callable[[int], None] = lambda index: None
    seen: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def plan(self, at: int, fault: str) -> None:
        self.seen.clear()
        self.at, self.fault = at, fault

    def serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError), self._spoken(client) as client:
            stream = client.makefile("rb")
            while True:
                head, body = _message(stream, b"")
                first = head.split(b"\r\n", 1)[0].decode()
                with self._lock:
                    index = len(self.seen)
                    self.seen.append(first.rpartition(" ")[0])
                self.before(index)
                fault = self.fault if index == self.at else ""
                if fault == "drop before":
                    return
                if fault == "503 before":
                    client.sendall(_answer(503, "SlowDown"))
                    continue
                if fault == "409 before":
                    client.sendall(_answer(409, "ConditionalRequestConflict"))
                    continue
                answer_head, answer_body = self._forward(head + body, first.split(" ")[0])
                self.after(index)
                match fault:
                    case "drop after":
                        return
                    case "500 after":
                        client.sendall(_answer(500, "InternalError"))
                    case "cut body":
                        client.sendall(answer_head + answer_body[: len(answer_body) // 2])
                        return
                    case "trickle":
                        whole = answer_head + answer_body
                        for start in range(0, len(whole), max(1, len(whole) // 10)):
                            client.sendall(whole[start : start + max(1, len(whole) // 10)])
                            time.sleep(0.005)
                    case "answer too late":
                        time.sleep(self.late_seconds)
                        client.sendall(answer_head + answer_body)
                    case _:
                        client.sendall(answer_head + answer_body)

    def _spoken(self, client: socket.socket) -> socket.socket:
        return client if self.tls is None else self.tls.wrap_socket(client, server_side=True)

    def _forward(self, request: bytes, method: str) -> tuple[bytes, bytes]:
        with socket.create_connection(("127.0.0.1", self.upstream), _UPSTREAM_SECONDS) as server:
            server.sendall(request)
            stream = server.makefile("rb")
            return _message(stream, method.encode())


@contextmanager
def proxy(upstream: int, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy to the server on that port, on a free port of its own; with TLS, it speaks that to its clients."""
    listening = socket.create_server(("127.0.0.1", 0))
    made = Proxy(upstream, listening.getsockname()[1], tls)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=made.serve, args=[client], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        # Closing alone does not wake the thread that waits in accept.
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def _message(stream, method: bytes) -> tuple[bytes, bytes]:
    """Head and body of a request, or of the answer to a request of that method."""
    lines = []
    while (line := stream.readline()) not in (b"\r\n", b""):
        lines.append(line)
    if not lines:
        raise EOFError
    head = b"".join(lines) + b"\r\n"
    if method == b"HEAD":
        return head, b""
    length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    if length:
        return head, stream.read(int(length[1]))
    if re.search(rb"(?im)^transfer-encoding:\s*chunked", head):
        body = b""
        while True:
            size = stream.readline()
            chunk = stream.read(int(size, 16) + 2)
            body += size + chunk
            if int(size, 16) == 0:
                return head, body
    return head, b""


def _answer(status: int, code: str) -> bytes:
    body = _ERROR.format(code=code).encode()
    head = f"HTTP/1.1 {status} Injected\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
