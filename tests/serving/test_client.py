"""`netanomaly.client`: a frame in, scores out, whatever a server answers in between."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest
from netanomaly.client import Client
from netanomaly.errors import InputError, OutsideError

from tests.serving.running import server

KINDS = ["table", "batch", "frame", "rows"]


@pytest.fixture
def client(served) -> Iterator[Client]:
    with Client(served.url, "office") as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_model_whatever_holds_the_rows(client, office, kind):
    table = office.rows()
    given = {"table": table, "batch": table.to_batches()[0], "frame": table.to_pandas(), "rows": table.to_pylist()}[
        kind
    ]
    scored = client.score(given)
    scores = office.models[0].score(table)
    assert scored["score"].tobytes() == scores.tobytes()
    assert (scored["alert"] == (scores > office.models[0].threshold)).all()
    assert (scored.version, scored.threshold) == ("1", office.models[0].threshold)
    assert scored.digest == client.metadata()["properties"]["digest"]


def test_more_rows_than_a_server_takes_at_once_go_in_parts(client, office, monkeypatch):
    monkeypatch.setattr("netanomaly.client._MOST_ROWS", 7)
    table = office.rows()
    assert client.score(table)["score"].tobytes() == office.models[0].score(table).tobytes()
    assert len(client.score(table.slice(0, 0))) == 0


def test_reasons_and_another_budget(client, office):
    scored = client.score(office.rows(5).slice(0, 5), explain=2, budget=0.1)
    assert scored.budget == 0.1
    assert scored["reasons"][0][0]["feature"] in office.models[0].schema.features


def test_what_the_server_refuses_is_told_in_its_words(client, office):
    with pytest.raises(InputError, match="needs the columns duration_seconds"):
        client.score(office.rows(3).drop_columns("duration_seconds"))
    with Client(client.url, "other") as other, pytest.raises(InputError, match="'office' is"):
        other.score(office.rows(3))


def test_a_token_is_shown_where_it_is_asked_for(office):
    token = "a-token-of-some-length"
    with server(
        "--model", "office", "--registry", office.uri, environment={"NETANOMALY_SERVE_TOKEN": token}
    ) as running:
        with Client(running.url, "office") as stranger, pytest.raises(InputError, match="401"):
            stranger.score(office.rows(3))
        with Client(running.url, "office", token=token) as known:
            assert len(known.score(office.rows(3))) == 3


class _Moody(BaseHTTPRequestHandler):
    """Answers as it is told, one after the other."""

    answers: ClassVar[list[int]] = []
    asked: ClassVar[int] = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers["content-length"]))
        status = self.answers.pop(0) if self.answers else 503
        if status == 0:
            self.connection.close()
            return
        body = b'{"error": "not now"}'
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("retry-after", "0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def moody() -> Iterator[tuple[str, type[_Moody]]]:
    handler = type("Moody", (_Moody,), {"answers": [], "asked": 0})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_address[1]}", handler
    listening.shutdown()
    listening.server_close()
    thread.join(10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_another_attempt_may_mend_is_tried_again(moody, office):
    url, handler = moody
    handler.answers = [429, 503, 0, 500, 400]
    with Client(url, "office") as client, pytest.raises(InputError, match="400: not now"):
        client.score(office.rows(3))
    assert handler.asked == 5


def test_patience_has_an_end(moody, office):
    with (
        Client(moody[0], "office", patience_seconds=0.3) as client,
        pytest.raises(OutsideError, match=r"503: not now; it was tried for 0\.3 seconds"),
    ):
        client.score(office.rows(3))
    nowhere = Client("http://127.0.0.1:9", "office", patience_seconds=0.2)
    with pytest.raises(OutsideError, match="cannot be reached"):
        nowhere.score(office.rows(3))
    assert not nowhere.ready()


def test_importing_it_loads_nothing_heavy():
    code = (
        "import sys, netanomaly.client; heavy = {'numpy', 'pyarrow', 'pandas', 'starlette', 'uvicorn', 'minio'}; "
        "print(heavy & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_missing_values_of_a_frame_stay_missing(client, office):
    table = office.rows(400)
    assert table["packets"].null_count
    assert np.isnan(table.to_pandas()["packets"]).any()
    assert client.score(table.to_pandas())["score"].tobytes() == office.models[0].score(table).tobytes()
