"""MLflow that hangs, breaks off, is slow, or is something else: never more than the time there is, and one line."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from netanomaly.errors import ConfigError, InputError
from netanomaly.stages.track.program import Tracked, injected_run, track
from netanomaly.stages.track.settings import Settings
from netanomaly.tracking import Access, TrackingFailed, access, recording, versions
from netanomaly.tracking.patience import Clock
from netanomaly.tracking.server import Server

from tests.attacks.answering import answering
from tests.store import proxy
from tests.store.test_access import signed_by_itself
from tests.tracking import documents
from tests.tracking.conftest import MLflow, values
from tests.tracking.test_recording import STANDING

SECONDS = 1.0


def settings(uri: str, experiment: str = "faults", *, register: bool = False) -> Settings:
    return Settings(uri, experiment, register, "s3://models/registry", "office", "run-1")


def told(uri: str, seconds: float = SECONDS) -> Tracked:
    """What comes of telling that server, in the time there is."""
    began = time.monotonic()
    tracked = track(documents.run(), settings(uri), lambda: STANDING, seconds=seconds)
    assert time.monotonic() - began < seconds + 2
    assert "\n" not in tracked.warning
    return tracked


@contextmanager
def listening(*, drip: bytes = b"") -> Iterator[str]:
    """A server that takes a request and says nothing, or one byte after the other."""
    stop = threading.Event()
    held = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    held.append(client)
                    threading.Thread(target=answer, args=[client], daemon=True).start()

        def answer(client: socket.socket) -> None:
            with suppress(OSError):
                for byte in drip:
                    if stop.wait(0.1):
                        return
                    client.sendall(bytes([byte]))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        stop.set()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
    for client in held:
        client.close()
    thread.join(5)


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"{" * 1000])
def test_a_server_that_hangs_or_drips_costs_no_more_than_the_time_there_is(drip):
    with listening(drip=drip) as uri:
        assert "took longer than 1 s" in told(uri).warning


def test_a_port_where_nobody_listens_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert f"http://127.0.0.1:{port} cannot be reached" in told(f"http://127.0.0.1:{port}", 30).warning


@pytest.mark.parametrize(
    ("body", "status", "headers", "said"),
    [
        (b"<!DOCTYPE html><title>Sign in to Acme</title>", 200, {}, "web page, 'Sign in to Acme', instead of JSON"),
        (b"", 302, {"Location": "https://login.example.org/"}, "sends GET .* on to https://login.example.org/"),
        (b"<html>", 401, {}, "refuses GET .* with 401: set MLFLOW_TRACKING_TOKEN"),
        (b'{"error_code": "PERMISSION_DENIED", "message": "no\\nway"}', 403, {}, r"403 \(no way\)"),
        (b"hello", 200, {}, "200 and no JSON: it is no MLflow server"),
        (b"[1]", 200, {}, "no JSON: it is no MLflow server"),
        (b"{}", 200, {}, "without 'experiment'"),
        (b'{"experiment": {"experiment_id": 7}}', 200, {}, "without 'experiment_id', or with another kind"),
        (b'{"experiment": {"experiment_id": "7"}, "runs": 5}', 200, {}, "another kind"),
        (b"not found", 404, {}, "no MLflow server, or one that is too old"),
        (b"[" * 200_000, 200, {}, "no JSON"),
        (b"", 500, {}, "failed GET .* with 500"),
        (b"", 413, {}, "answered GET .* with 413 and no JSON"),
    ],
)
def test_what_is_no_mlflow_is_one_line_that_says_what_it_is(body, status, headers, said):
    with answering(body, status, **headers) as uri, pytest.raises(TrackingFailed, match=said):
        recording.record(Server(Access(uri), Clock(5)), "x", documents.run())


def test_an_endless_answer_is_not_read_to_its_end():
    with answering(b"x" * (1 << 20), repeat=64) as uri, pytest.raises(TrackingFailed, match="more than 8 MiB"):
        recording.record(Server(Access(uri), Clock(30)), "x", documents.run())


# What a request that was carried out and not answered leaves behind is where a second try can go wrong; the others in turn.
FAULTS = ["drop after", "in turn", *(proxy.FAULTS if os.environ.get("NETANOMALY_SOAK") else [])]
IN_TURN = ["500 after", "drop before", "503 before", "cut body", "trickle"]


@pytest.mark.xdist_group("mlflow")
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_request_breaks_the_run_is_there_once_and_whole(mlflow: MLflow, fault):
    """Each request of the recording meets a fault; the second try inside it makes it good."""
    with proxy.proxy(mlflow.port) as between:
        _record(between.url, f"counted {fault}")
        requests = len(between.seen)
        assert requests > 8
        for at in range(requests):
            between.plan(at, IN_TURN[at % len(IN_TURN)] if fault == "in turn" else fault)
            experiment = f"{fault} {at}"
            _record(between.url, experiment)
            (run,) = mlflow.runs(experiment)
            assert run["info"]["status"] == "FINISHED"
            assert values(run, "metrics")["roc_auc"] == 0.955
            assert values(run, "tags")["netanomaly.version"] == "3"
            found = mlflow.get("/model-versions/search", filter=f"name = '{experiment.replace(' ', '-')}'")
            assert len(found["model_versions"]) == 1, at


def _record(uri: str, experiment: str) -> None:
    server = Server(Access(uri), Clock(60))
    run = documents.run()
    recorded = recording.record(server, experiment, replace(run, artifacts={"report.html": b"<html>"}))
    recording.set_tags(server, recorded.run_id, STANDING.tags)
    versions.register(server, recorded, replace(STANDING, model=experiment.replace(" ", "-")))


@pytest.mark.xdist_group("mlflow")
def test_a_private_authority_is_believed_by_its_certificate_only(mlflow: MLflow, tmp_path, monkeypatch):
    ours, other = signed_by_itself(tmp_path, "ours"), signed_by_itself(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with proxy.proxy(mlflow.port, context) as between:
        for authority in (None, f"{other}.crt"):
            if authority:
                monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", authority)
            warning = told(between.url, 30).warning
            assert "is not trusted" in warning
            assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in warning
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", f"{ours}.crt")
        tracked = track(documents.run(), settings(between.url, "private"), None, seconds=60)
        assert tracked.warning == ""
        assert len(mlflow.runs("private")) == 1


def test_a_version_that_is_never_registered_is_waited_for_a_while_and_said(mlflow: MLflow):
    tracked = track(documents.run(), settings(mlflow.uri, "late"), lambda: None, seconds=60, registration_seconds=0.1)
    assert "none was registered within 0.1 s" in tracked.warning
    assert tracked.url


def test_a_version_that_comes_later_is_told(mlflow: MLflow):
    looks = iter([None, None, STANDING])
    tracked = track(documents.run(), settings(mlflow.uri, "later", register=True), lambda: next(looks), seconds=60)
    assert (tracked.version, tracked.warning) == (3, "")
    (run,) = mlflow.runs("later")
    assert values(run, "tags")["netanomaly.aliases"] == "champion, staging"


def test_credentials_are_sent_as_each_kind_wants_them(monkeypatch, tmp_path):
    def sent() -> dict[str, str]:
        return dict(access.from_environment("https://mlflow.example.org/").headers)

    assert sent() == {}
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "é")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "p:w")
    assert sent() == {"Authorization": "Basic w6k6cDp3"}
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t\n")
    assert sent() == {"Authorization": "Bearer t"}
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.setenv("MLFLOW_TRACKING_AUTH", "kubernetes-namespaced")
    monkeypatch.setattr(access, "_SERVICE_ACCOUNT", tmp_path)
    with pytest.raises(InputError, match="outside of a pod set MLFLOW_TRACKING_TOKEN"):
        sent()
    (tmp_path / "token").write_text("pod\n")
    (tmp_path / "namespace").write_text("team")
    assert sent() == {"Authorization": "Bearer pod", "X-MLFLOW-WORKSPACE": "team"}
    monkeypatch.setenv("MLFLOW_TRACKING_AUTH", "magic")
    with pytest.raises(InputError, match="write kubernetes or kubernetes-namespaced"):
        sent()


def test_credentials_go_to_the_server_that_they_are_for(monkeypatch):
    """Whoever starts a run names a server; the Secret's token is not theirs to send away."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org/")
    assert access.from_environment("https://mlflow.example.org").headers
    assert not access.from_environment("https://evil.example.org").headers


def test_a_secret_is_not_shown(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hush")
    assert "hush" not in repr(access.from_environment("https://mlflow.example.org"))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hu\x01sh")
    with pytest.raises(InputError) as refused:
        access.from_environment("https://mlflow.example.org")
    assert "sh" not in str(refused.value).replace("characters", "")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("mlruns", "no address of an MLflow server"),
        ("file:///mlruns", "no address"),
        ("databricks", "no address"),
        ("http://", "no address"),
        ("http://host:99999", "no address"),
        ("http://host/?a=b", "no address"),
        ("http://ho st", "no address"),
        ("http://u:hush@host", "holds a user or password"),
        ("sqlite://u:hush@host", "holds a user or password"),
    ],
)
def test_an_address_that_is_none_is_refused_and_a_password_not_repeated(uri, said):
    with pytest.raises(ConfigError, match=said) as refused:
        access.address(uri, "tracking.mlflow")
    assert "hush" not in str(refused.value)


def test_kubeflows_run_is_used_where_it_is_of_the_server_that_is_told():
    mine = settings("http://mlflow:5000")
    given = {"MLFLOW_RUN_ID": "abc", "MLFLOW_TRACKING_URI": "http://mlflow:5000/"}
    assert injected_run(mine, given) is not None
    assert injected_run(mine, {**given, "MLFLOW_TRACKING_URI": "http://other:5000"}) is None
    assert injected_run(mine, {"MLFLOW_TRACKING_URI": "http://mlflow:5000"}) is None
