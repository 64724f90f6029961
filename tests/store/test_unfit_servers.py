"""Servers that cannot be trusted are refused before anything is registered; each failure has one clear line."""

import socket

import pytest
from netanomaly.errors import StoreRefused, StoreUnavailable
from netanomaly.registry import open_registry
from netanomaly.registry.errors import UnfitStore
from netanomaly.registry.object_store import ObjectStore
from netanomaly.registry.probe import probe, remember

from tests.store.fake_server import fake
from tests.store.work import METADATA

URI = "s3://bucket/registry"


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("S3_RETRY_SECONDS", "0.2")


def register(model_file):
    return open_registry(URI).register("m", model_file, METADATA, run_id="r")


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ({"conditions": "ignored"}, "creating an object that exists: accepted; the server ignores the condition"),
        ({"conditions": "racy"}, "16 writers create one object: .* the check is not atomic"),
        ({"conditions": "refused"}, "replacing an object by its token: refused, though the token was right"),
        ({"server": "SeaweedFS 30GB 4.00"}, "race in SeaweedFS before 4.18"),
        ({"server": "SeaweedFS 30GB 4.17"}, "race in SeaweedFS before 4.18"),
    ],
)
def test_a_server_whose_conditional_writes_cannot_be_trusted_is_refused(behaviour, message, model_file, monkeypatch):
    with fake(**behaviour) as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        with pytest.raises(UnfitStore, match=message):
            register(model_file)
        assert not [key for key in server.objects if "/heads/" in key or "/records/" in key]


@pytest.mark.parametrize("name", ["SeaweedFS 30GB 4.18", "SeaweedFS 30GB 4.34", "SeaweedFS 8000GB 5.0", "other"])
def test_a_server_that_is_right_passes_and_nothing_of_the_probe_stays(name, monkeypatch):
    with fake(server=name) as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        assert probe(ObjectStore(URI)).passed
        assert not server.objects


def test_the_users_word_that_there_is_a_single_writer_lets_an_unfit_server_be_used(model_file, monkeypatch):
    with fake(conditions="ignored") as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        done = open_registry(URI, single_writer=True).register("m", model_file, METADATA, run_id="r")
        assert (done.version, register(model_file).created) == (1, False)


def test_an_answer_that_cannot_be_kept_ends_clearly_and_not_in_asking_for_ever(monkeypatch):
    with fake(conditions="refused") as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        store = ObjectStore(URI)
        found = probe(store)
        remember(store, found, single_writer=True)
        with pytest.raises(StoreUnavailable, match="could not be written"):
            remember(store, found, single_writer=True)


def test_the_condition_of_a_write_is_a_header_of_its_own_that_is_signed(monkeypatch):
    with fake() as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        store = ObjectStore(URI)
        # Over 5 MiB, where the client would turn to a multipart upload and lose the condition.
        etag = store.put_new("x", b"x" * (6 << 20))
        store.put_if_match("x", b"y", etag)
        created, swapped = server.headers_seen
    assert created["If-None-Match"] == "*"
    assert "if-none-match" in created["Authorization"]
    assert swapped["If-Match"] == etag
    assert "if-match" in swapped["Authorization"]


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ({"answer": (404, "NoSuchBucket", "gone")}, "the bucket of s3://bucket/registry does not exist"),
        ({"answer": (403, "AccessDenied", "no")}, "the credentials may not read s3://bucket/registry/"),
        ({"answer": (403, "InvalidAccessKeyId", "who")}, "does not accept the credentials; correct them"),
        ({"answer": (403, "SignatureDoesNotMatch", "no")}, "does not accept the credentials; correct them"),
        ({"answer": (403, "RequestTimeTooSkewed", "late")}, "this machine's clock differs too much"),
        ({"answer": (400, "ExpiredToken", "old")}, "have expired; get new ones"),
        ({"answer": (400, "AuthorizationHeaderMalformed", "the region is wrong")}, "set AWS_REGION"),
        ({"html": True}, "does not speak S3"),
    ],
)
def test_what_a_server_refuses_is_told_in_one_line_at_once(behaviour, message, model_file, monkeypatch):
    monkeypatch.setenv("S3_RETRY_SECONDS", "30")
    with fake(**behaviour) as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        with pytest.raises(StoreRefused, match=message) as told:
            register(model_file)
    assert told.value.exit_code == 2
    assert "\n" not in str(told.value)
    assert len(server.headers_seen) == 1


def test_a_server_that_fails_for_longer_than_the_retries_is_an_outside_failure(model_file, monkeypatch):
    with fake(answer=(500, "InternalError", "no")) as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        with pytest.raises(StoreUnavailable, match=r"answered HTTP 500 to a read .* given up after 0 seconds"):
            register(model_file)


def test_an_endpoint_where_nobody_listens_is_named(model_file, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("S3_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(StoreUnavailable, match=r"cannot be reached .*S3_ENDPOINT_URL right") as told:
            register(model_file)
    assert told.value.exit_code == 3


def test_an_endpoint_that_is_no_url_and_tls_where_none_is_spoken_are_named(model_file, monkeypatch):
    monkeypatch.setenv("S3_ENDPOINT_URL", "localhost:9000")
    with pytest.raises(Exception, match="write http://host:port"):
        register(model_file)
    with fake() as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url.replace("http:", "https:"))
        with pytest.raises(StoreRefused, match=r"does not speak TLS .* is it http:// instead"):
            register(model_file)
