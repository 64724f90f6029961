"""What `netanomaly doctor --kfp` runs on a cluster, against a store: each thing that may be wrong is named."""

import json
import subprocess
import sys

import pytest
from netanomaly.errors import InputError
from netanomaly.registry import open_registry
from netanomaly.stages.register.check import checks

ONE_SERVER = pytest.mark.parametrize(
    "bucket", [pytest.param("ministack", marks=pytest.mark.xdist_group("ministack"))], indirect=True
)
STORE = "netanomaly-object-store"


@ONE_SERVER
def test_a_place_that_is_well_is_found_well_and_again_and_holds_no_model(bucket):
    found = list(checks(f"{bucket.uri}/registry", STORE))
    assert [check.name for check in found] == ["pod", "Secret", "ConfigMap", "bucket", "registry"]
    assert all(check.ok for check in found[1:])
    assert "can be written" in found[-1].said
    again = list(checks(f"{bucket.uri}/registry", STORE))
    assert [check.said for check in again] == [check.said for check in found]
    assert not open_registry(f"{bucket.uri}/registry").models()


@ONE_SERVER
def test_a_bucket_that_is_absent_is_told_after_what_is_well(bucket):
    looking = checks("s3://not-there/registry", STORE)
    assert [next(looking).name for _ in range(3)] == ["pod", "Secret", "ConfigMap"]
    with pytest.raises(InputError, match="bucket of s3://not-there/registry does not exist"):
        next(looking)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": "a"}, f"Secret {STORE} has AWS_ACCESS_KEY_ID and no AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b\n"}, "printf %s, not echo"),
        ({}, "no credentials for http://127.0.0.1:9"),
    ],
)
def test_a_secret_that_is_not_as_it_should_be_is_told_in_the_stages_log(keys, words, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", **keys}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:9")
    given = {"inputs": {"parameterValues": {"registry": "s3://netanomaly/registry", "object_store": STORE}}}
    ended = subprocess.run(
        [sys.executable, "-m", "netanomaly.stages.register.check", "--executor-input", json.dumps(given)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ended.stderr.strip().splitlines()
    assert ended.returncode == 2, ended.stderr
    assert lines[-1].startswith("error: ")
    assert words in lines[-1]
    (result,) = (line for line in lines if line.startswith("result: "))
    assert json.loads(result.removeprefix("result: "))["checks"]
