"""How a server is reached: a private authority, a clock that is wrong, a right to read only, on real servers."""

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from minio import MinioAdmin, time
from minio.credentials.providers import StaticProvider
from netanomaly.errors import StoreRefused
from netanomaly.registry import open_registry
from netanomaly.registry.fsck import fsck
from netanomaly.registry.location import locate

from tests.store import servers
from tests.store.proxy import proxy
from tests.store.work import METADATA


def signed_by_itself(folder: Path, name: str) -> Path:
    """A file with a key and a certificate for 127.0.0.1."""
    path = folder / f"{name}.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"),
            *("-keyout", path, "-out", f"{path}.crt"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_server_with_a_private_authority_is_believed_by_its_certificate_only(
    bucket, model_file, tmp_path, monkeypatch, variable
):
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    ours, other = signed_by_itself(tmp_path, "ours"), signed_by_itself(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours)
    with proxy(bucket.server.port, context) as between:
        monkeypatch.setenv("S3_ENDPOINT_URL", between.url)
        for authorities in (None, f"{other}.crt"):
            if authorities:
                monkeypatch.setenv(variable, authorities)
            with pytest.raises(StoreRefused, match=r"is not trusted .*name your authority's file in AWS_CA_BUNDLE"):
                open_registry(bucket.uri).models()
        monkeypatch.setenv(variable, f"{ours}.crt")
        assert open_registry(bucket.uri).register("m", model_file, METADATA, run_id="run").version == 1
        assert fsck(locate(bucket.uri)).sound


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_wrong_is_told_as_such(make_place, model_file, monkeypatch, hours):
    name = next((name for name in ("minio", "versitygw") if name in servers.available()), None)
    if name is None:
        pytest.skip("ministack does not look at the clock, and there is no other server here")
    place = make_place(name)
    monkeypatch.setattr(time, "utcnow", lambda: datetime.now(UTC) + timedelta(hours=hours))
    with pytest.raises(StoreRefused, match="this machine's clock differs too much"):
        place.open().register("m", model_file, METADATA, run_id="run")


def test_who_may_only_read_reads_and_is_told_what_is_missing_for_more(make_place, model_file, monkeypatch, tmp_path):
    if "minio" not in servers.available():
        pytest.skip("only MinIO can be given users by its client, and it is not here")
    place = make_place("minio")
    place.open().register("m", model_file, METADATA, run_id="run")
    admin = MinioAdmin(
        endpoint=f"127.0.0.1:{place.server.port}",
        credentials=StaticProvider(servers.ACCESS_KEY, servers.SECRET_KEY),
        secure=False,
    )
    policy = tmp_path / "policy.json"
    # As docs/registry.md says of a reader.
    policy.write_text(
        """{"Version": "2012-10-17", "Statement": [
             {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"],
              "Resource": ["arn:aws:s3:::registries", "arn:aws:s3:::registries/*"]}]}"""
    )
    admin.policy_add("reader", str(policy))
    admin.user_add("a-reader", "a-readers-secret")
    admin.attach_policy(["reader"], user="a-reader")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-readers-secret")
    reader = place.open()
    assert [model.name for model in reader.summaries()] == ["m"]
    assert reader.download("m", tmp_path / "out")[0].read_bytes() == b"model bytes"
    assert fsck(locate(place.uri)).sound
    for change in (
        lambda: reader.register("m", model_file, METADATA, run_id="other"),
        lambda: reader.set_alias("m:1", "champion"),
    ):
        with pytest.raises(StoreRefused, match="the credentials may not write") as told:
            change()
        assert told.value.exit_code == 2
