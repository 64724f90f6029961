"""Alerts to receivers: signed, at least once, and never in the way of scoring."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from netanomaly.cli.score_follow import deliver_alerts
from netanomaly.errors import InputError
from netanomaly.scoring import delivery, follower
from netanomaly.scoring.delivery import NotDelivered, Printed, deliver_all
from netanomaly.scoring.outputs import Outputs
from netanomaly.scoring.webhook import SECRET, Webhook

from tests.command import netanomaly, netanomaly_here
from tests.following.conn_logs import START, flows, probes, written

KEY = b"a secret of thirty-two bytes...."


class Receiving:
    """An HTTP server on loopback that answers as it is told, and keeps what it took."""

    def __init__(self) -> None:
        self.status, self.hang = 200, threading.Event()
        self.hang.set()
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.taken: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((dict(self.headers), body))
                outer.hang.wait(20)
                if outer.status == 200:
                    outer.taken += json.loads(body)
                self.send_response(outer.status)
                if 300 <= outer.status < 400:
                    self.send_header("Location", outer.url)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts?token=of-the-receiver"


@pytest.fixture
def receiving(monkeypatch) -> Iterator[Receiving]:
    monkeypatch.setenv(SECRET, "whsec_" + base64.b64encode(KEY).decode())
    monkeypatch.setattr(delivery, "_FIRST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr("netanomaly.scoring.webhook._READ_SECONDS", 0.3)
    server = Receiving()
    thread = threading.Thread(target=server.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.hang.set()
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(follower, "FINISH_SECONDS", 2.0)


def scanned(folder, number: int) -> None:
    start = START + number * 7200
    written(
        folder / f"conn.{number}.log", [*flows(number, 40, start=start), *probes(300, start=start, name=f"s{number}x")]
    )


def test_what_is_sent_is_signed_and_whole(out, followed, logs, receiving):
    scanned(logs, 0)
    report = followed(out, receivers=[Webhook(receiving.url)])
    assert report["undelivered"] == []
    assert receiving.taken == out.alerts() != []
    headers, body = receiving.requests[0]
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    assert (
        headers["webhook-signature"]
        == "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    )
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("fault", [500, 302, 404, "hangs", "dead"])
def test_a_receiver_that_fails_stops_no_scoring_and_is_told_later(out, followed, logs, receiving, capsys, fault):
    scanned(logs, 0)
    scanned(logs, 1)
    hook = Webhook("http://127.0.0.1:9/x") if fault == "dead" else Webhook(receiving.url)
    if fault == "hangs":
        receiving.hang.clear()
    elif fault != "dead":
        receiving.status = fault
    report = followed(out, receivers=[hook])
    assert (report["commits"], report["undelivered"]) == (2, [hook.words])
    said = capsys.readouterr().err
    assert "alerts wait" in said
    assert "token" not in said
    assert receiving.taken == []
    receiving.status = 200
    receiving.hang.set()
    if fault == "dead":
        return
    scanned(logs, 2)
    assert followed(out, receivers=[hook])["undelivered"] == []
    # At least once, and in order: what hung may have been taken before.
    ours, theirs = [each["id"] for each in out.alerts()], [each["id"] for each in receiving.taken]
    assert list(dict.fromkeys(theirs)) == ours
    if fault != "hangs":
        assert theirs == ours


def test_a_receiver_that_is_new_is_told_of_what_is_new(out, followed, logs, receiving):
    scanned(logs, 0)
    followed(out)
    before = len(out.alerts())
    scanned(logs, 1)
    followed(out, receivers=[Webhook(receiving.url)])
    assert receiving.taken == out.alerts()[before:]
    taken = len(receiving.taken)
    followed(out, receivers=[Webhook(receiving.url)])
    assert len(receiving.taken) == taken


def test_receivers_that_are_noted_at_once_are_all_kept(tmp_path):
    """One whose note is lost would be taken for a new one, and what waits for it never be told."""
    store = Outputs.at(str(tmp_path / "out"), "office").store
    delivery._note(store, "first", 1)

    class Meanwhile:
        """Another receiver is noted right after the first look at the notes."""

        def __init__(self) -> None:
            self.looks = 0

        def get(self, key: str) -> Any:
            held = store.get(key)
            self.looks += 1
            if self.looks == 1:
                delivery._note(store, "another", 7)
            return held

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

    delivery._note(Meanwhile(), "first", 2)
    assert json.loads(store.get(delivery.KEY).data)["commits"] == {"another": 7, "first": 2}


def test_receivers_that_are_dead_are_waited_for_all_at_once(out, followed, logs, monkeypatch):
    ends, finish = [], delivery.Delivery.finish

    def at_once(self: delivery.Delivery, deadline: float) -> bool:
        ends.append(deadline)
        return finish(self, 0.0)

    monkeypatch.setattr(delivery.Delivery, "finish", at_once)
    scanned(logs, 1)
    followed(out, receivers=[Dead(f"host{number}") for number in range(3)])
    assert len(ends) == 3
    assert len(set(ends)) == 1


def test_alerts_that_were_removed_while_they_waited_stop_no_delivery(
    out, followed, logs, receiving, monkeypatch, capsys
):
    followed(out, receivers=[Webhook(receiving.url)])
    for number in (0, 1):
        scanned(logs, number)
    listed = delivery.Delivery._waiting

    def removed_then(self: delivery.Delivery, last: int) -> list[tuple[int, str]]:
        found = listed(self, last)
        return [(number, "alerts/removed.ndjson" if number == 1 else key) for number, key in found]

    monkeypatch.setattr(delivery.Delivery, "_waiting", removed_then)
    report = followed(out, receivers=[Webhook(receiving.url)])
    assert report["undelivered"] == []
    assert receiving.taken
    assert "alerts/removed.ndjson was removed before" in capsys.readouterr().err


def test_what_is_suppressed_is_not_delivered(receiving):
    alerts = [{"id": 1, "suppressed_by": None}, {"id": 2, "suppressed_by": {"verdict": "v"}}, {"netanomaly": {"suppressed_by": {"v": 1}}},
              {"unmapped": {"netanomaly": {"suppressed_by": {"v": 1}}}}, {"id": 5}]  # fmt: skip
    lines = [json.dumps(alert).encode() for alert in alerts]
    deliver_all(lines, Webhook(receiving.url), "run")
    assert [each["id"] for each in receiving.taken] == [1, 5]
    receiving.status = 503
    with pytest.raises(NotDelivered, match="has 0 of 2 alerts"):
        deliver_all(lines, Webhook(receiving.url), "run", seconds=0.1)


def test_many_alerts_go_in_requests_of_bounded_size(receiving):
    lines = [json.dumps({"id": number, "text": "x" * 2000}).encode() for number in range(500)]
    deliver_all(lines, Webhook(receiving.url), "run")
    assert [each["id"] for each in receiving.taken] == list(range(500))
    assert max(len(body) for _, body in receiving.requests) < 300_000
    receiving.status = 503
    with pytest.raises(NotDelivered, match="has 0 of 500 alerts"):
        deliver_all(lines, Webhook(receiving.url), "run", seconds=0.1)


class Dead:
    """A receiver that takes nothing."""

    def __init__(self, words: str) -> None:
        self.key = self.words = words

    def send(self, name: str, alerts: Sequence[dict[str, Any]]) -> None:
        raise NotDelivered(f"{self.words} answers 500")


def test_each_receiver_that_takes_nothing_is_named_and_none_waits_for_another(receiving, monkeypatch):
    monkeypatch.setattr(delivery.deliver_all, "__defaults__", (1.0,))
    begun = time.monotonic()
    with pytest.raises(NotDelivered) as told:
        deliver_alerts(b'{"id": 1}\n', [*(Dead(f"host{number}") for number in range(8)), Webhook(receiving.url)])
    assert time.monotonic() - begun < 6
    assert [f"host{number} answers 500; it has 0 of 1 alerts" in str(told.value) for number in range(8)] == [True] * 8
    assert str(told.value).endswith("; the results are whole")
    assert [each["id"] for each in receiving.taken] == [1]


@pytest.mark.parametrize(
    ("url", "secret", "says"),
    [
        ("ftp://host/x", "whsec_" + base64.b64encode(KEY).decode(), "is no address"),
        ("https://host/x", "", "NETANOMALY_WEBHOOK_SECRET is not set; set it to whsec_"),
        ("https://host/x", "mysterious", "is no secret of webhooks"),
        ("https://host/x", "whsec_" + base64.b64encode(b"short").decode(), "is no secret of webhooks"),
    ],
)
def test_an_address_or_a_secret_that_is_none_is_told_at_once(monkeypatch, url, secret, says):
    monkeypatch.setenv(SECRET, secret)
    with pytest.raises(InputError, match=says) as told:
        Webhook(url)
    assert not secret or secret not in str(told.value)


def test_alerts_on_standard_output(out, followed, logs, capsys):
    scanned(logs, 0)
    followed(out, receivers=[Printed()])
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == out.alerts()


def test_the_command_prints_and_sends_the_alerts_of_one_run(registry, logs, out, receiving, monkeypatch):
    scanned(logs, 0)
    arguments = ["score", "office", logs, "--out", out.uri, "--registry", registry]
    ended = netanomaly(*arguments, "--print", "--webhook", receiving.url)
    assert ended.code == 0, ended.stderr
    alerts = [json.loads(line) for line in out.objects.all()["alerts.ndjson"].decode().splitlines()]
    assert [json.loads(line) for line in ended.stdout.splitlines()] == alerts == receiving.taken
    assert netanomaly_here(*arguments, "--print", "--json").code == 2
