"""How a server is reached: a private authority, a clock that is wrong, a right to read only, on real servers."""

import json
import secrets
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from minio import MinioAdmin, time
from minio.credentials.providers import StaticProvider
from netanomaly.errors import StoreRefused
from netanomaly.flows import sources
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


@pytest.fixture
def login(make_place, monkeypatch, tmp_path):
    """A place on MinIO, and how to go on there as somebody with these rights only."""
    if "minio" not in servers.available():
        pytest.skip("only MinIO can be given users by its client, and it is not here")
    place = make_place("minio")
    admin = MinioAdmin(
        endpoint=f"127.0.0.1:{place.server.port}",
        credentials=StaticProvider(servers.ACCESS_KEY, servers.SECRET_KEY),
        secure=False,
    )

    def as_one_who_may(*statements: dict) -> None:
        name, policy = f"user-{secrets.token_hex(4)}", tmp_path / "policy.json"
        allowed = [{"Effect": "Allow", **statement} for statement in statements]
        policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": allowed}))
        admin.policy_add(name, str(policy))
        admin.user_add(name, f"{name}-secret")
        admin.attach_policy([name], user=name)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", name)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{name}-secret")

    return place, as_one_who_may


BUCKET = f"arn:aws:s3:::{servers.BUCKET}"


def test_who_may_only_read_reads_and_is_told_what_is_missing_for_more(login, model_file, tmp_path):
    place, as_one_who_may = login
    place.open().register("m", model_file, METADATA, run_id="run")
    # As docs/registry.md says of a reader.
    as_one_who_may({"Action": ["s3:ListBucket", "s3:GetObject"], "Resource": [BUCKET, f"{BUCKET}/*"]})
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


def test_data_is_read_with_rights_below_its_folder_only(login):
    place, as_one_who_may = login
    place.objects.put("flows/a.csv", b"x")
    place.objects.put("other/a.csv", b"x")
    prefix = place.uri.partition(f"{servers.BUCKET}/")[2]
    # As docs/cluster.md says of what stages need.
    as_one_who_may(
        {
            "Action": "s3:ListBucket",
            "Resource": BUCKET,
            "Condition": {"StringLike": {"s3:prefix": f"{prefix}/flows/*"}},
        },
        {"Action": "s3:GetObject", "Resource": f"{BUCKET}/{prefix}/flows/*"},
    )
    for source in ("flows", "flows/", "flows/a.csv", "flows/*.csv"):
        assert [file.name for file in sources.resolve([f"{place.uri}/{source}"]).files] == ["a.csv"]
    for source in ("other", "other/", "other/a.csv", "other/*.csv"):
        with pytest.raises(StoreRefused, match=r"the credentials may not (read|list)"):
            sources.resolve([f"{place.uri}/{source}"])
