"""What one request, and all together, may take; and how strangers' connections end."""

import gzip
import json
import pickle
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pyarrow as pa
import pytest
from netanomaly.client import Client
from netanomaly.serving import arrow_stream, tensors
from netanomaly.serving.errors import TooLarge

from tests.serving.running import ARROW, Server, document, server, stream
from tests.serving.test_following import eventually

ROWS, BODY = 200, 60_000
TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def narrow(office) -> Iterator[Server]:
    """A server that takes little."""
    limits = {"rows": ROWS, "body_bytes": BODY, "held_bytes": 2 * BODY, "requests": 2, "body_seconds": 2}
    arguments = [each for name, value in limits.items() for each in (f"--{name}", str(value))]
    with server("--model", "office", "--registry", office.uri, *arguments) as running:
        yield running


def raw(running: Server, data: bytes, *, half_close: bool = False) -> bytes:
    """All that a server answers to these bytes, until it closes or falls silent."""
    with socket.create_connection(("127.0.0.1", running.port), 30) as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(5)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except TimeoutError:
            pass
        return answer


def post(running: Server, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {running.infer} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("form", ["json", "arrow"])
def test_more_rows_than_may_be_are_refused(narrow, office, form):
    table = office.rows(ROWS)
    body = json.dumps(document(table)).encode() if form == "json" else stream(table)
    answered = narrow.ask(narrow.infer, body, content_type=ARROW if form == "arrow" else "application/json")
    assert answered.status == 413
    assert f"at most {ROWS}" in answered.json["error"] or f"over {BODY:,} bytes" in answered.json["error"]


def test_rows_of_no_bytes_are_rows(narrow):
    """A null column of a thousand million rows is a few hundred bytes of Arrow."""
    answered = narrow.ask(narrow.infer, stream(pa.table({"packets": pa.nulls(1_000_000_000)})), content_type=ARROW)
    assert answered.status == 413


def test_a_compressed_stream_may_become_anything_and_is_refused(narrow, office):
    for name in ("zstd", "lz4"):
        answered = narrow.ask(narrow.infer, stream(office.rows(20), compression=name), content_type=ARROW)
        assert answered.status == 400
        assert "compress" in answered.json["error"]
    words = pa.table({"service": pa.array(["x"] * 100).dictionary_encode()})
    assert narrow.ask(narrow.infer, stream(words, compression="zstd"), content_type=ARROW).status == 400


def test_a_body_too_large_is_refused_before_it_is_read(narrow):
    head = f"POST {narrow.infer} HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY + 1}\r\n\r\n".encode()
    assert raw(narrow, head).startswith(b"HTTP/1.1 413")


def test_a_body_that_does_not_say_its_length_is_counted(narrow):
    head = f"POST {narrow.infer} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    assert raw(narrow, head + chunk * 5 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413")


def sent_whole(running: Server, head: bytes, body: bytes, part: int = 1 << 16) -> bytes:
    """What a client reads that first sends all it has, as Python's do."""
    with socket.create_connection(("127.0.0.1", running.port), 30) as connection:
        connection.sendall(head)
        for start in range(0, len(body), part):
            connection.sendall(body[start : start + part])
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


@pytest.mark.parametrize("size", [BODY + 1, 1 << 20, 50 << 20])
@pytest.mark.parametrize("form", ["length", "chunks"])
def test_who_sends_a_body_too_large_to_its_end_reads_why_it_was_refused(narrow, size, form):
    """Not a reset: 50 MiB do not fit the kernel's buffers."""
    head = f"POST {narrow.infer} HTTP/1.1\r\nHost: x\r\n"
    if form == "length":
        answer = sent_whole(narrow, f"{head}Content-Length: {size}\r\n\r\n".encode(), b" " * size)
    else:
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        body = chunk * (size // 0x8000 + 1) + b"0\r\n\r\n"
        answer = sent_whole(narrow, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), body)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
    assert "send fewer rows" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert eventually(lambda: narrow.metric("netanomaly_body_bytes_held") == 0)


def test_every_client_reads_a_refusal_though_its_body_was_not_read(narrow):
    """Whatever the reason: the address, the model, the form."""
    body = b" " * (8 << 20)
    for path, headers, status in (
        ("/nowhere", {}, 404),
        ("/v2/models/other/infer", {}, 404),
        ("/v2/health/live", {}, 405),
        (narrow.infer, {"content_encoding": "gzip"}, 415),
        (narrow.infer, {"content_type": "text/csv"}, 415),
        (narrow.infer, {}, 413),
    ):
        answered = narrow.ask(path, body, **headers)
        assert (path, answered.status) == (path, status)
        assert answered.json["error"]
        assert answered.headers["connection"] == "close"


def test_who_never_stops_sending_is_stopped(narrow):
    head = f"POST {narrow.infer} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", narrow.port), 30) as connection:
        connection.sendall(head)
        with suppress(ConnectionError):
            while time.monotonic() - begun < 30:
                connection.sendall(chunk)
                # As fast as this, it is the bytes that count; the slow are ended by time.
                time.sleep(0.001)
    assert time.monotonic() - begun < 30


def test_values_are_counted_before_json_is_parsed(narrow):
    body = b'{"inputs":' + b"[" * 30_000 + b"]" * 29_000
    answered = narrow.ask(narrow.infer, body)
    assert answered.status in (400, 413)


def test_what_costs_time_without_being_rows_is_counted():
    """Twelve megabytes of inputs of one row, or of batches without any, held a thread for ten seconds."""
    inputs = [{"name": f"c{each}", "shape": [1], "datatype": "FP64", "data": [1]} for each in range(5000)]
    with pytest.raises(TooLarge, match="5,000 inputs"):
        tensors.read(json.dumps({"inputs": inputs}).encode(), None, tensors.Most(rows=50_000, columns=64))
    for batch, said in (
        (pa.record_batch({f"c{each}": pa.array([], pa.float64()) for each in range(400)}), "over 250 record batches"),
        (pa.record_batch({}, pa.schema([])), "over 100,000 "),
    ):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as written:
            for _ in range(100_002 // max(1, batch.num_columns) + 1):
                written.write_batch(batch)
        with pytest.raises(TooLarge, match=said):
            arrow_stream.read(sink.getvalue().to_pybytes(), 50_000)


def test_a_slow_body_ends_and_those_who_come_meanwhile_are_told_to_come_again(narrow, office):
    head = f"POST {narrow.infer} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{".encode()
    slow = [socket.create_connection(("127.0.0.1", narrow.port), 30) for _ in range(2)]
    try:
        for connection in slow:
            connection.sendall(head)
        refused = eventually(lambda: (a := narrow.score(office.rows(3))).status == 429 and a, 10)
        assert int(refused.headers["retry-after"]) >= 1
        assert "try again" in refused.json["error"]
        for connection in slow:
            assert connection.recv(4096).startswith(b"HTTP/1.1 408")
    finally:
        for connection in slow:
            connection.close()
    # Their places are free again.
    assert eventually(lambda: narrow.score(office.rows(3)).status == 200)
    assert narrow.metric("netanomaly_requests_in_flight") == 0
    assert narrow.metric("netanomaly_body_bytes_held") == 0


def test_a_head_that_never_ends_is_ended(narrow):
    """A line now and then, as slowloris sends them: the head as a whole has 15 seconds."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", narrow.port), 30) as connection, suppress(ConnectionError):
        connection.sendall(b"GET /v2 HTTP/1.1\r\n")
        connection.settimeout(0.5)
        while time.monotonic() - begun < 40:
            connection.sendall(b"X: y\r\n")
            try:
                if not connection.recv(4096):
                    break
            except TimeoutError:
                continue
    assert 10 < time.monotonic() - begun < 30


def test_ten_thousand_headers_are_too_many(narrow):
    answer = raw(narrow, b"GET /v2 HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % each for each in range(10_000)) + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"head is too large" in answer
    assert narrow.ask("/v2/health/ready").status == 200


def test_the_first_version_of_http_is_answered_once_and_closed(narrow, office):
    body = json.dumps(document(office.rows(2))).encode()
    answer = raw(narrow, f"POST {narrow.infer} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    assert b" 200 " in answer.partition(b"\r\n")[0]
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(b"FFFFFFFFFFFFFFFF\r\n", id="a length of 64 bits"),
        pytest.param(b"10000000000000000000\r\n", id="a longer one"),
        pytest.param(b"7fffffff\r\n" + b" " * 100_000, id="two gigabytes"),
        pytest.param(b"1;" + b"x" * 200_000 + b"\r\n {\r\n0\r\n\r\n", id="an extension"),
        pytest.param(b"1\r\n \r\n" * 70_000, id="bytes one by one"),
        pytest.param(b"0\r\n" + b"X: y\r\n" * 30_000 + b"\r\n", id="trailers"),
    ],
)
def test_chunks_that_promise_much_are_counted_as_they_come(narrow, chunks):
    head = f"POST {narrow.infer} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with suppress(ConnectionError):
        answer = raw(narrow, head + chunks)
        assert not answer or answer.startswith(b"HTTP/1.1 4"), answer[:200]
    assert narrow.ask("/v2/health/ready").status == 200
    assert eventually(lambda: narrow.metric("netanomaly_body_bytes_held") == 0)


def test_lengths_that_contradict_each_other_are_refused(narrow, office):
    """Else one proxy's request is another's two."""
    body = json.dumps(document(office.rows(2))).encode()
    for headers in (["Transfer-Encoding: chunked"], [f"Content-Length: {len(body) - 1}"]):
        assert raw(narrow, post(narrow, body, *headers)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x-unknown"])
def test_a_compressed_body_is_not_unpacked(narrow, coding):
    bomb = gzip.compress(b" " * (10 << 20))
    answered = narrow.ask(narrow.infer, bomb, content_encoding=coding)
    assert answered.status == 415
    assert "send it as it is" in answered.json["error"]


@pytest.mark.parametrize("kind", ["application/json", ARROW, "application/octet-stream", "application/x-python-pickle"])
def test_what_a_pickle_would_run_is_not_run(narrow, tmp_path, kind):
    class Touches:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    body = pickle.dumps(Touches())
    for more in ({}, {"inference_header_content_length": "0"}):
        assert narrow.ask(narrow.infer, body, content_type=kind, **more).status in (400, 415)
    assert not (tmp_path / "ran").exists()


def test_there_is_no_page_for_debugging(narrow):
    for path in (
        "/",
        "/docs",
        "/redoc",
        "/debug",
        "/debug/pprof",
        "/console",
        "/admin",
        "/static/",
        "/v2/../etc/passwd",
    ):
        answered = narrow.ask(path)
        assert answered.status == 404
        assert list(answered.json) == ["error"]
        assert "Traceback" not in answered.body.decode()


def test_who_goes_away_while_sending_leaves_no_place_taken(narrow, office):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", narrow.port), 30) as connection:
            connection.sendall(f"POST {narrow.infer} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{".encode())
    assert eventually(lambda: narrow.score(office.rows(3)).status == 200)


LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into another process's memory")


def kibibytes(running: Server, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{running.process.pid}/status").read_text())
    assert found
    return int(found[1])


@LINUX
def test_a_flood_of_large_requests_is_told_to_come_again_and_takes_no_more_memory_than_the_limits_say(office):
    table = pa.concat_tables([office.rows(100)] * 100)
    large = json.dumps(document(table)).encode()
    limits = ["--body_bytes", str(len(large)), "--held_bytes", str(3 * len(large)), "--requests", "3"]
    with server("--model", "office", "--registry", office.uri, *limits) as running:
        assert running.ask(running.infer, large).status == 200
        before = kibibytes(running, "VmHWM")
        with ThreadPoolExecutor(16) as threads:
            codes = list(threads.map(lambda _: running.ask(running.infer, large).status, range(24)))
        assert set(codes) == {200, 429}
        # Of three requests at once, what JSON becomes in Python: some forty times its bytes are not a hundred.
        assert kibibytes(running, "VmHWM") - before < 3 * 40 * len(large) / 1024
        assert running.metric("netanomaly_body_bytes_held") == 0


def test_without_memory_a_request_is_told_to_come_again_and_the_server_lives(office, tmp_path):
    """Under a real limit, libraries in C that cannot say that memory is gone end the process, once in many times."""
    (tmp_path / "sitecustomize.py").write_text(
        "from netanomaly.serving import tensors\n"
        "rows = tensors._rows\n"
        "def without_memory(tensor, most):\n"
        "    if tensor.shape[0] > 1000:\n"
        "        raise MemoryError\n"
        "    return rows(tensor, most)\n"
        "tensors._rows = without_memory\n"
    )
    table = pa.concat_tables([office.rows(100)] * 20)
    large = json.dumps(document(table)).encode()
    with server("--model", "office", "--registry", office.uri, environment={"PYTHONPATH": str(tmp_path)}) as running:
        for _ in range(5):
            refused = running.ask(running.infer, large)
            assert (refused.status, "not enough memory" in refused.json["error"]) == (503, True)
            assert refused.headers["retry-after"]
        answered = running.score(table.slice(0, 50))
        assert answered.output("score") == office.models[0].score(table.slice(0, 50)).tolist()
        assert eventually(lambda: running.metric("netanomaly_requests_in_flight") == 0)
        assert running.metric("netanomaly_body_bytes_held") == 0


def test_pipelined_requests_are_answered_in_order(narrow, office):
    bodies = [json.dumps(document(office.rows(2), id=str(number))).encode() for number in range(3)]
    answer = raw(narrow, b"".join(post(narrow, body) for body in bodies))
    assert answer.count(b"HTTP/1.1 200") == 3
    places = [answer.index(f'"id":"{number}"'.encode()) for number in range(3)]
    assert places == sorted(places)


def test_a_half_closed_connection_is_answered(narrow, office):
    body = json.dumps(document(office.rows(2))).encode()
    assert raw(narrow, post(narrow, body), half_close=True).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "data",
    [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET /v2 HTTP/9.9\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
     b"POST /v2/models/office/infer HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
     b"GET /v2 HTTP/1.1\r\n" + b"X: y\r\n" * 30_000],
)  # fmt: skip
def test_what_is_no_http_is_refused_and_the_server_goes_on(narrow, data):
    answer = raw(narrow, data)
    assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert narrow.ask("/v2/health/ready").status == 200


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GARBAGE\r\n\r\n", id="no HTTP"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", id="a length below nothing"),
        pytest.param(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", id="too long"),
    ],
)
def test_what_is_no_http_is_told_in_the_form_of_every_error(narrow, data):
    head, _, body = raw(narrow, data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"content-type: application/json" in head
    assert json.loads(body)["error"]


def test_connections_over_the_limit_are_told_to_come_again_and_the_server_is_well_still(office):
    with (
        server("--model", "office", "--registry", office.uri, "--connections", "10") as running,
        ExitStack() as open_ones,
    ):
        for _ in range(10):
            idle = open_ones.enter_context(socket.create_connection(("127.0.0.1", running.port), 30))
            idle.sendall(b"GET /v2 HT")
        refused = eventually(lambda: (a := running.score(office.rows(3))).status == 503 and a)
        assert "connections are open" in refused.json["error"]
        assert refused.headers["connection"] == "close"
        assert int(refused.headers["retry-after"]) >= 1
        assert running.ask("/v2/health/live").status == 200
        assert running.ask("/v2/health/ready").status == 200
        open_ones.close()
        assert eventually(lambda: running.score(office.rows(3)).status == 200)
        assert running.metric('netanomaly_refused_total{code="503"}') >= 1


def test_many_at_once_are_answered_or_told_to_come_again(narrow, office):
    table = office.rows(20)
    with ThreadPoolExecutor(20) as threads:
        codes = list(threads.map(lambda _: narrow.score(table).status, range(100)))
    assert set(codes) <= {200, 429}
    assert 200 in codes


def test_sigterm_lets_requests_end_and_is_no_failure(office):
    with server(
        "--model", "office", "--registry", office.uri, "--linger_seconds", "1", "--drain_seconds", "10"
    ) as running:
        body = json.dumps(document(office.rows(3))).encode()
        with socket.create_connection(("127.0.0.1", running.port), 30) as slow:
            slow.sendall(post(running, body)[:-20])
            time.sleep(0.2)
            running.process.send_signal(signal.SIGTERM)
            unready = eventually(lambda: (a := running.ask("/v2/health/ready")).status == 503 and a, 5)
            assert "going down" in unready.json["detail"]
            # Who has not heard of it yet is still answered.
            assert running.score(office.rows(3)).status == 200
            time.sleep(1.2)
            slow.sendall(body[-20:])
            answer = slow.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in answer.lower()
        assert running.process.wait(30) == 0


def test_tls_and_a_token(office, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-out", certificate]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*map(str, command), *names], check=True, capture_output=True)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    arguments = ["--tls_cert", certificate, "--tls_key", key, "--token_file", tmp_path / "token"]
    with server("--model", "office", "--registry", office.uri, *arguments) as running:
        context = ssl.create_default_context(cafile=str(certificate))
        with Client(running.url, "office", token=TOKEN, context=context) as client:
            assert client.score(office.rows(3)).version == "1"
            assert client.ready()
            connection = client._connected()
            for path, status in (("/v2/health/live", 200), ("/metrics", 401), ("/v2/models/office", 401), ("/v2", 401)):
                connection.request("GET", path, headers={"Authorization": "Bearer another"})
                answer = connection.getresponse()
                answer.read()
                assert answer.status == status


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--model", "other", "--registry", "OFFICE"], "has no model 'other'", 2),
        (["--model", "office"], "--registry", 2),
        (["--model_dir", "NOWHERE"], "registered.json", 2),
        (["--model", "office", "--registry", "OFFICE", "--rows", "0"], "rows is 0", 2),
        (["--model", "office", "--registry", "OFFICE", "--host", "192.0.2.1"], "listened on", 3),
    ],
)
def test_what_is_asked_for_wrongly_at_the_start_is_one_line(office, tmp_path, arguments, said, code):
    places = {"OFFICE": office.uri, "NOWHERE": str(tmp_path)}
    command = [sys.executable, "-m", "netanomaly.serving", *(places.get(each, each) for each in arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code
    assert said in ended.stderr
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1


def test_the_log_of_accesses_has_no_payload(office, tmp_path):
    with server("--model", "office", "--registry", office.uri, log=tmp_path / "log") as running:
        table = office.rows(3).set_column(4, "service", pa.array(["secret-word"] * 3))
        assert running.score(table).status == 200
        running.ask(running.infer, b'{"inputs": "secret-word"}')
        running.ask("/v2/health/ready")
        assert running.end() == 0
    written = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["status"] for line in lines] == [200, 400]
    assert (lines[0]["rows"], lines[0]["version"]) == (3, "1")
    assert "secret-word" not in written
