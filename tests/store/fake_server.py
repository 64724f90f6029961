"""A small S3 server with the faults of real ones: it ignores conditions, checks them and then writes, or knows no token."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"


@dataclass
class Fake:
    """How it behaves. `conditions`: atomic, racy, ignored or refused (the right token, too). `answer`: every request gets this status, code and message."""

    conditions: str = "atomic"
    server: str = "Fake"
    answer: tuple[int, str, str] | None = None
    html: bool = False
    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    headers_seen: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def fake(**behaviour) -> Iterator[Fake]:
    made = Fake(**behaviour)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def version_string(self):
            return made.server

        def reply(self, status: int, body: bytes = b"", kind: str = "application/xml", **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def fail(self, status: int, code: str, message: str = "") -> None:
            self.reply(status, _ERROR.format(code=code, message=message).encode())

        def special(self) -> bool:
            made.headers_seen.append(dict(self.headers))
            if made.html:
                self.reply(200, b"<html>welcome</html>", "text/html")
            elif made.answer:
                self.fail(*made.answer)
            return made.html or made.answer is not None

        def do_PUT(self):
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if self.special():
                return
            if made.conditions in ("atomic", "refused"):
                with made.lock:
                    refused = self.refused()
                    if not refused:
                        made.objects[self.path] = data
            else:
                refused = made.conditions == "racy" and self.refused()
                if not refused:
                    time.sleep(0.02)
                    made.objects[self.path] = data
            if refused:
                self.fail(412, "PreconditionFailed")
            else:
                self.reply(200, ETag=_etag(data))

        def refused(self) -> bool:
            present = made.objects.get(self.path)
            if self.headers.get("If-None-Match") == "*":
                return present is not None
            wanted = self.headers.get("If-Match")
            unknown = present is None or _etag(present) != wanted or made.conditions == "refused"
            return wanted is not None and unknown

        def do_GET(self):
            if self.special():
                return
            if "list-type=2" in self.path:
                self.reply(
                    200, b"<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
                )
                return
            data = made.objects.get(self.path)
            if data is None:
                self.fail(404, "NoSuchKey")
            else:
                self.reply(200, data, ETag=_etag(data))

        do_HEAD = do_GET  # noqa: N815 - as the standard library asks

        def do_DELETE(self):
            if not self.special():
                made.objects.pop(self.path, None)
                self.reply(204)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'  # noqa: S324 - as S3 does
