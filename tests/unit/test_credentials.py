"""No credentials, or a role that is not to be had: told at once, in words, whatever the network does with packets."""

import re
import socket
import time
from contextlib import suppress
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from minio.error import MinioException
from netanomaly.errors import StoreRefused, StoreUnavailable
from netanomaly.registry import open_registry
from netanomaly.s3 import answers, client, credentials
from netanomaly.stages.register import bucket
from netanomaly.wording import reason

ROLES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """An environment without credentials, as of a pod whose Secret is absent."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", *ROLES, "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("S3_RETRY_SECONDS", "90")


@pytest.fixture
def black_hole(monkeypatch):
    """In place of the machine's address one that drops packets: a queue of connections that is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            with suppress(BlockingIOError):
                each.connect(listening.getsockname())
        monkeypatch.setattr(credentials, "_MACHINE_ADDRESS", f"http://127.0.0.1:{listening.getsockname()[1]}")
        yield
        for each in waiting:
            each.close()


@pytest.fixture
def silent(monkeypatch):
    """One that takes connections and never answers, as for a container that is one hop too far."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        monkeypatch.setattr(credentials, "_MACHINE_ADDRESS", f"http://127.0.0.1:{listening.getsockname()[1]}")
        yield


@pytest.mark.parametrize("network", ["black_hole", "silent"])
@pytest.mark.parametrize(
    "ask",
    [lambda: open_registry("s3://models/registry").models(), lambda: list(bucket.make_ready("s3://models/registry"))],
    ids=["registry", "bucket job"],
)
def test_no_credentials_are_told_at_once_where_nobody_answers_for_the_machine(request, network, ask):
    request.getfixturevalue(network)
    began = time.monotonic()
    with pytest.raises(StoreRefused, match=r"no credentials for http://127.0.0.1:9; set AWS_ACCESS_KEY_ID") as told:
        ask()
    assert told.value.exit_code == 2
    assert time.monotonic() - began < 8


def test_in_a_pod_the_secret_is_named(monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with pytest.raises(StoreRefused, match="the Secret that the run's object_store names"):
        list(bucket.make_ready("s3://models/registry"))


def test_a_role_that_is_named_and_cannot_be_asked_for_is_an_outside_failure(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("t")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/role")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(StoreUnavailable, match="AWS_CONTAINER_CREDENTIALS_FULL_URI names cannot be asked for") as told:
        client.connect(client.Timeouts()).bucket_exists("models")
    assert "0x" not in str(told.value)


def test_a_role_whose_token_is_not_there_is_the_users_to_mend(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreRefused, match="AWS_WEB_IDENTITY_TOKEN_FILE names is not given"):
        client.connect(client.Timeouts()).bucket_exists("models")


def _failures():
    pool = urllib3.HTTPConnectionPool("127.0.0.1", 9)
    connection: Any = pool._new_conn()
    refused = urllib3.exceptions.NewConnectionError(connection, "Failed to establish a new connection: refused")
    late = urllib3.exceptions.ConnectTimeoutError(connection, "Connection to 169.254.169.254 timed out.")
    return [
        refused,
        late,
        urllib3.exceptions.NameResolutionError("host", connection, socket.gaierror(-2, "unknown")),
        urllib3.exceptions.MaxRetryError(pool, "/x", refused),
        urllib3.exceptions.MaxRetryError(pool, "/x", late),
        urllib3.exceptions.ReadTimeoutError(pool, "/x", "Read timed out. (read timeout=2.0)"),
        urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")),
        urllib3.exceptions.ProxyError("no proxy", OSError(f"{connection}: away")),
        MinioException(f"{connection}: failed"),
        OSError(f"{connection} is gone"),
    ]


@pytest.mark.parametrize("error", _failures(), ids=lambda error: type(error).__name__)
def test_no_message_shows_an_object_of_the_program(error):
    told = answers.in_words(error, "s3://b/p", "http://store", "k", "read")
    for text in (reason(error), str(told)) if told is not error else (reason(error),):
        assert not re.search(r"0x[0-9a-f]+|<|object at", text), text
        assert text


@given(st.text(alphabet="abc <>:,.'", max_size=20), st.integers(min_value=0), st.text(alphabet="abc .:'", max_size=20))
def test_whatever_stands_around_an_object_it_is_left_out(before, address, after):
    text = f"{before}<urllib3.connection.HTTPConnection object at 0x{address:x}>{after}"
    assert f"0x{address:x}>" not in reason(OSError(text))
