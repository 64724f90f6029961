"""As much of a container registry (OCI distribution API) as a push and a look need, in memory, on the loopback."""

import hashlib
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def registry() -> Iterator[tuple[str, list[str]]]:
    """Gives the address (`127.0.0.1:PORT`) and the list of names of manifests put, in their order."""
    blobs: dict[str, bytes] = {}
    manifests: dict[str, tuple[str, bytes]] = {}
    uploads: dict[str, bytes] = {}
    put: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                whole = b""
                while size := int(self.rfile.readline().strip(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def do_GET(self) -> None:
            if self.path == "/v2/":
                return self.answer(200, Docker_Distribution_Api_Version="registry/2.0")
            name = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/(.+)", self.path)
            if name and name[2] == "manifests" and f"{name[1]}:{name[3]}" in manifests:
                kind, body = manifests[f"{name[1]}:{name[3]}"]
                return self.answer(200, body, Content_Type=kind, Docker_Content_Digest=digest_of(body))
            if name and name[2] == "blobs" and name[3] in blobs:
                return self.answer(200, blobs[name[3]], Docker_Content_Digest=name[3])
            return self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', Content_Type="application/json")

        do_HEAD = do_GET  # noqa: N815

        def do_POST(self) -> None:
            self.body()
            number = uuid.uuid4().hex
            uploads[number] = b""
            repository = self.path.removesuffix("/").removesuffix("/blobs/uploads").partition("?")[0]
            self.answer(202, Location=f"{repository}/blobs/uploads/{number}", Docker_Upload_UUID=number, Range="0-0")

        def do_PATCH(self) -> None:
            number = self.path.rpartition("/")[2].partition("?")[0]
            uploads[number] += self.body()
            size = len(uploads[number])
            self.answer(202, Location=self.path, Docker_Upload_UUID=number, Range=f"0-{max(0, size - 1)}")

        def do_PUT(self) -> None:
            path, _, query = self.path.partition("?")
            if "/blobs/uploads/" in path:
                whole = uploads.pop(path.rpartition("/")[2]) + self.body()
                digest = query.partition("digest=")[2].replace("%3A", ":")
                assert digest == digest_of(whole)
                blobs[digest] = whole
                return self.answer(201, Docker_Content_Digest=digest)
            name = re.fullmatch(r"/v2/(.+)/manifests/(.+)", path)
            assert name
            body = self.body()
            for key in (name[2], digest_of(body)):
                manifests[f"{name[1]}:{key}"] = (self.headers["Content-Type"], body)
            put.append(f"{name[1]}:{name[2]}")
            return self.answer(201, Docker_Content_Digest=digest_of(body))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", put
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
