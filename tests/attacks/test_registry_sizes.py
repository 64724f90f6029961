"""Documents and answers that cost far more than they weigh, or have no end: refused before memory is taken for them."""

import functools
import json
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from netanomaly.errors import InputError, NetanomalyError, StoreRefused
from netanomaly.registry import open_registry
from netanomaly.registry.errors import DamagedRegistry, NotAModel
from netanomaly.registry.fsck import fsck
from netanomaly.registry.importing import import_file
from netanomaly.registry.location import locate
from netanomaly.s3 import client

from tests.attacks import forging
from tests.command import netanomaly

MOST_BYTES = 300 << 20


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


@contextmanager
def server(answer) -> Iterator[str]:
    """`answer` writes the answer to a GET."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def do_GET(self):
            answer(self)

        do_HEAD = do_PUT = do_GET  # noqa: N815 - names that the base class looks for

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}"
    finally:
        httpd.shutdown()
        httpd.server_close()


@pytest.fixture
def at_server(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("S3_RETRY_SECONDS", "2")
    return lambda url: monkeypatch.setenv("S3_ENDPOINT_URL", url)


def sent(handler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("ETag", '"1"')
    handler.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


@functools.cache
def bomb() -> bytes:
    """A gibibyte of blanks, gzipped: made where it is asked for, since every worker imports this file."""
    mebibyte = b" " * (1 << 20)
    made = zlib.compressobj(1, wbits=31)
    return b"".join([*(made.compress(mebibyte) for _ in range(1 << 10)), made.flush()])


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZip, identity"])
@pytest.mark.parametrize("status", [200, 404, 503])
def test_an_encoded_answer_is_refused_and_not_unpacked(at_server, encoding, status):
    """Of an object, a listing, and an error."""
    answer = bomb()
    with server(lambda handler: sent(handler, answer, status, Content_Encoding=encoding)) as url, little_memory():
        at_server(url)
        registry = open_registry("s3://bucket/registry")
        for use in (lambda: registry.version("m"), registry.models):
            with pytest.raises(StoreRefused, match="sends its answer encoded") as told:
                use()
            assert url in str(told.value)


def test_an_answer_without_an_end_is_left(at_server):
    def endless(handler) -> None:
        handler.send_response(200)
        handler.send_header("ETag", '"1"')
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        piece = b" " * (1 << 20)
        try:
            while True:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        except OSError:
            handler.close_connection = True

    with server(endless) as url, little_memory():
        at_server(url)
        with pytest.raises(DamagedRegistry, match="over 8 MiB"):
            open_registry("s3://bucket/registry").version("m")
        with pytest.raises(StoreRefused, match="over 4 MiB that are no object"):
            open_registry("s3://bucket/registry").models()


def test_a_listing_of_what_was_not_asked_for_is_no_listing(at_server):
    listing = (
        b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><IsTruncated>false</IsTruncated><Contents><Key>elsewhere/heads/m.json</Key>'
        b"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>1</ETag><Size>1</Size></Contents></ListBucketResult>"
    )
    with server(lambda handler: sent(handler, listing, Content_Type="application/xml")) as url:
        at_server(url)
        with pytest.raises(StoreRefused, match="does not speak S3"):
            open_registry("s3://bucket/registry").models()


@pytest.mark.parametrize("listing", [b"<a/>", b"<a xmlns='x'><Contents/></a>", b"{}", b"", b"<a>" * 100_000])
def test_a_listing_that_is_none_is_told(at_server, listing):
    with server(lambda handler: sent(handler, listing, Content_Type="application/xml")) as url:
        at_server(url)
        with pytest.raises(StoreRefused, match="S3_ENDPOINT_URL"):
            open_registry("s3://bucket/registry").models()


# Made by the test that asks: every worker imports this file.
LARGE: dict[str, Callable[[], bytes]] = {
    "blank": lambda: b" " * (9 << 20),
    "nested lists": lambda: b"[" * 200_000,
    "nested objects": lambda: b'{"a":' * 200_000,
    "many empty lists": lambda: b'{"format":1,"model":"m","x":[' + b"[]," * 2_000_000 + b"[]]}",
    "many empty objects": lambda: b'{"format":1,"model":"m","x":[' + b"{}," * 2_000_000 + b"{}]}",
    "a number without an end": lambda: b'{"format":1,"model":"m","next":' + b"9" * 1_000_000 + b"}",
    "many names": lambda: (
        b'{"format":1,"model":"m","aliases":{' + b'"a":{"version":1,"since":""},' * 200_000 + b'"b":{}}}'
    ),
}


@pytest.mark.parametrize("what", LARGE)
@pytest.mark.parametrize("key", ["heads/m.json", "models/m/records/{}.json", "model_registry.json", "a file"])
def test_a_document_that_is_more_than_a_document_costs_little(tmp_path, what, key):
    root, data = tmp_path / "registry", LARGE[what]()
    record = forging.record()
    forging.registry(root, record)
    if "records" in key:
        head = json.loads((root / "heads/m.json").read_text())
        head["tail"][0]["record"] = forging.sha256(data)
        forging.put(root, "heads/m.json", forging.canonical(forging.with_checksum(head)))
    forging.put(root, key.format(record["key"]), data)
    model = tmp_path / "model.joblib"
    model.write_bytes(b"model bytes")
    with little_memory():
        for use in (
            lambda: open_registry(root).version("m"),
            lambda: open_registry(root).register("m", model, {}, run_id="next"),
            lambda: import_file(locate(tmp_path / "other"), root / key.format(record["key"])),
            lambda: fsck(locate(root), repair=True),
        ):
            try:
                use()
            except NetanomalyError as error:
                assert "\n" not in str(error)
    assert fsck(locate(root)).sound == (key in ("model_registry.json", "a file"))


@pytest.mark.parametrize(
    "fields",
    [
        {"next": 1_000_000_000_000},
        {"next": 1e12},
        {"next": 999_999_999},
        {"next_event": 999_999_999},
        {"revision": 2**70},
        {"segments": [{"first": 1, "last": 999_999_999, "sha256": "0" * 64}], "next": 1_000_000_001},
        {"log_segments": [{"first": 1, "last": 10**9, "sha256": "0" * 64}], "next_event": 10**9 + 1},
        {"aliases": {"champion": {"version": 10**12, "since": "", "previous": []}}},
        {"aliases": {"champion": {"version": 1, "since": "", "previous": [0]}}},
        {"next": 0},
        {"next": -5},
        {"format": 0},
    ],
)
def test_a_number_that_cannot_be_is_not_counted_to(tmp_path, fields):
    forging.registry(tmp_path, forging.record(), **fields)
    with little_memory():
        with pytest.raises(DamagedRegistry, match=r"heads/m\.json of the registry is damaged"):
            open_registry(tmp_path).version("m")
        assert [finding.key for finding in fsck(locate(tmp_path), repair=True).findings] == ["heads/m.json"]


@pytest.mark.parametrize(
    "data",
    [
        b"no pickle",
        b"",
        b"\x80\x04.",
        b"cos\nno_such_name\n.",
        b"\x80\x04\x95" + b"\xff" * 8,
        b"(" * 100_000,
        b"x\x9c\x00\x01",
    ],
)
def test_a_champion_that_is_no_model_is_told_in_a_line(tmp_path, data):
    from netanomaly.models.model import versions
    from netanomaly.stages.evaluate.champion import load_champion

    forging.registry(tmp_path, forging.record(artifact=forging.file(data=data), library_versions=versions()))
    forging.put(tmp_path, forging.file(data=data)["path"], data)
    registry = open_registry(tmp_path)
    with pytest.raises(NotAModel, match="no model that can be loaded"):
        registry.load("m:1")
    assert load_champion(registry, "m", 1).model is None


def test_a_pickle_of_something_else_is_no_champion_either(tmp_path):
    import io

    import joblib
    from netanomaly.models.model import versions
    from netanomaly.stages.evaluate.champion import load_champion

    buffer = io.BytesIO()
    joblib.dump({"not": "a model"}, buffer)
    data = buffer.getvalue()
    forging.registry(tmp_path, forging.record(artifact=forging.file(data=data), library_versions=versions()))
    forging.put(tmp_path, forging.file(data=data)["path"], data)
    assert load_champion(open_registry(tmp_path), "m", 1).model is None


def test_metadata_that_could_not_be_read_again_is_not_written(tmp_path):
    model = tmp_path / "model.joblib"
    model.write_bytes(b"model bytes")
    deep: list = []
    for _ in range(200):
        deep = [deep]
    for metadata in ({"deep": deep}, {"text": "\ud800"}, {"number": float("nan")}):
        with pytest.raises(InputError, match="cannot be kept as JSON"):
            open_registry(tmp_path / "registry").register("m", model, metadata, run_id="1")
    with pytest.raises(InputError):
        open_registry(tmp_path / "registry").register("m", model, {}, run_id="1", description="\ud800")
    assert not (tmp_path / "registry").exists()


PASSWORDS = [
    "s3://AKIAKEY:hunter2@bucket/registry",
    "s3://AKIAKEY:hun/ter2@bucket/registry",
    "s3://hunter2@bucket",
    "S3://AKIAKEY:hunter2@bucket",
    "http://user:hunter2@host/registry",
    "https://user:hun/ter2@host",
    "file://user:hunter2@host/folder",
]


@pytest.mark.parametrize("uri", PASSWORDS)
def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path, uri, monkeypatch):
    monkeypatch.setenv("S3_ENDPOINT_URL", uri.replace("s3://", "http://").replace("S3://", "http://"))
    with pytest.raises(InputError) as told:
        client.endpoint()
    assert "hunter2" not in str(told.value)
    assert "ter2" not in str(told.value)
    monkeypatch.delenv("S3_ENDPOINT_URL")
    listed = netanomaly("registry", "list", "--registry", uri)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_name": "m", "data_source": uri, "evaluation_data_source": uri}))
    ran = netanomaly("run", config, "--workdir", tmp_path / "runs")
    for ended in (listed, ran):
        assert ended.code == 2
        assert "ter2" not in ended.stdout + ended.stderr
    assert not [
        path for path in tmp_path.rglob("*") if path.is_file() and path != config and b"ter2" in path.read_bytes()
    ]


def test_a_folder_whose_name_looks_like_an_address_is_a_folder(tmp_path):
    assert Path(locate(tmp_path / "user:word@host").read.uri.removeprefix("file://")).name == "user%3Aword%40host"
