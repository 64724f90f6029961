"""A server that answers as no S3 server does: one line that names it, little memory, and no request without an end."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from netanomaly.errors import Absent, NetanomalyError, Refused, StoreRefused
from netanomaly.flows import sources
from netanomaly.flows.objects import Bucket
from netanomaly.registry.object_store import ObjectStore
from netanomaly.s3 import transfer

from tests.attacks.answering import answering
from tests.attacks.measuring import MOST_BYTES, measured

XML = '<?xml version="1.0"?><{0} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{1}</{0}>'
BODIES = [
    b"", b"{}", b"[]", b"null", b"<html><body>no</body></html>", b"<a/>", b"\xff\xfe", b"<" * 10_000,
    b"<a>" * 5_000 + b"</a>" * 5_000,
    *(
        XML.format(root, name + inside).encode()
        for name in ("", "<Name>bucket</Name>")
        for root in ("ListBucketResult", "Error", "DeleteResult", "CompleteMultipartUploadResult")
        for inside in (
            "", "<Contents/>", "<Contents><Key/></Contents>", "<Code/>", "<Deleted/>", "<Error/>", "<IsTruncated>x</IsTruncated>",
            "<IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents>",
            "<IsTruncated>false</IsTruncated><Contents><Key>a.csv</Key><Size>x</Size><LastModified>x</LastModified></Contents>",
            "<IsTruncated>false</IsTruncated><Contents><Key>a.csv</Key><Size>-1</Size><LastModified/><ETag/></Contents>",
            "<EncodingType>url</EncodingType><Contents><Key>%ff%00</Key></Contents>",
        )
    ),
]  # fmt: skip


@pytest.fixture(autouse=True)
def short_patience(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("S3_RETRY_SECONDS", "0.05")


def calls() -> dict[str, Callable[[], object]]:
    def store() -> ObjectStore:
        return ObjectStore("s3://bucket/registry")

    return {
        "get": lambda: store().get("heads/m.json"),
        "list": lambda: list(store().list("heads/")),
        "put": lambda: store().put_new("heads/m.json", b"{}"),
        "stat": lambda: store().stat("heads/m.json"),
        "remove": lambda: store().remove("heads/m.json"),
        "remove_all": lambda: store().remove_all(["a", "b"]),
        "source": lambda: sources.resolve(["s3://bucket/folder"]),
        "object": lambda: Bucket("bucket").find("a.csv"),
    }


class Odd(BaseHTTPRequestHandler):
    """Answers everything with what the test says."""

    protocol_version = "HTTP/1.1"
    body, status = b"", 200

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        for name, value in {"ETag": '"e"', "Last-Modified": "never"}.items() if len(self.body) % 2 else ():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.body)

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = answer  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("call", calls())
def test_odd_answers_are_no_tracebacks(call, monkeypatch):
    with serving(Odd) as url:
        monkeypatch.setenv("S3_ENDPOINT_URL", url)
        for status in (200, 404):
            for body in BODIES:
                monkeypatch.setattr(Odd, "body", body)
                monkeypatch.setattr(Odd, "status", status)
                try:
                    calls()[call]()
                except (Absent, Refused):
                    pass
                except NetanomalyError as error:
                    assert error.exit_code in (2, 3), (body, error)
                    assert len(str(error)) < 2000


@contextmanager
def listing_without_end(inside: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        asked = 0

        def do_GET(self) -> None:
            Handler.asked += 1
            more = f"<Name>bucket</Name><IsTruncated>true</IsTruncated><NextContinuationToken>t{Handler.asked}</NextContinuationToken>"
            body = XML.format("ListBucketResult", more + inside).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with serving(Handler) as url:
        yield url


@pytest.mark.parametrize("inside", ["", "<Contents><Key>registry/heads/m.json</Key></Contents>"])
def test_a_listing_that_always_has_more(monkeypatch, inside):
    monkeypatch.setattr(transfer, "MOST_PAGES", 20)
    with listing_without_end(inside) as url:
        monkeypatch.setenv("S3_ENDPOINT_URL", url)
        for ask in (
            lambda: list(ObjectStore("s3://bucket/registry").list("heads/")),
            lambda: Bucket("bucket").keys("a/"),
        ):
            with pytest.raises(StoreRefused, match="without an end"):
                ask()


_READ_A_PIECE = """
import os, sys
from netanomaly.errors import NetanomalyError
from netanomaly.flows.objects import Bucket, ObjectFile
code = 0
if sys.argv[1:]:
    os.environ.update(S3_ENDPOINT_URL=sys.argv[1], S3_RETRY_SECONDS="1", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
    bucket = Bucket("bucket")
    try:
        bucket.piece(ObjectFile(bucket, "a.csv", "a.csv", 1 << 40, "e"), 0, 1000)
    except NetanomalyError as error:
        print(error)
        code = error.exit_code
print(peak())
sys.exit(code)
"""


def test_more_than_the_range_that_was_asked_for():
    with answering(b"x" * (1 << 20), 200, 600, ETag='"e"') as url:
        found = measured(_READ_A_PIECE, url)
    assert (found.code, len(found.said.splitlines())) == (StoreRefused.exit_code, 1), found.stderr[-2000:]
    assert "ranges of an object" in found.said
    assert found.peak_bytes - measured(_READ_A_PIECE).peak_bytes < MOST_BYTES


def test_a_defect_of_this_program_is_not_blamed_on_the_server():
    bucket = Bucket("bucket")
    with pytest.raises(AttributeError):
        bucket._ask("a", "read", lambda: None.nothing)  # type: ignore[attr-defined]
