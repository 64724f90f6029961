"""The bucket set-up job: it makes what is absent, leaves alone what is there, and says in one line why it cannot."""

import secrets
import subprocess
import sys

import pytest
from minio.commonconfig import ENABLED, Filter
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from netanomaly.errors import InputError
from netanomaly.registry import open_registry
from netanomaly.stages.register.bucket import make_ready

from tests.store import servers


@pytest.fixture
def absent(bucket) -> str:
    """The name of a bucket that is not there, on each server."""
    if bucket.store == "outside":
        pytest.skip("buckets are made on servers of the tests' own only")
    return f"new-{secrets.token_hex(6)}"


def test_a_bucket_that_is_absent_is_made_and_can_keep_a_registry_and_again_changes_nothing(absent, bucket, model_file):
    uri = f"s3://{absent}/team/registry"
    assert next(make_ready(uri)) == f"bucket {absent}: made"
    for _ in range(2):
        there, fit = make_ready(uri)
        assert there == f"bucket {absent}: is there"
        assert fit.endswith(f"fit for a registry at {uri}")
    done = open_registry(uri).register("m", model_file, {"format": 1}, run_id="r")
    assert done.version == 1
    assert next(make_ready(uri)) == f"bucket {absent}: is there"
    assert open_registry(uri).register("m", model_file, {"format": 1}, run_id="r").created is False


@pytest.mark.parametrize(
    "bucket", [pytest.param("ministack", marks=pytest.mark.xdist_group("ministack"))], indirect=True
)
def test_rules_of_a_bucket_that_was_there_are_kept_and_a_new_one_forgets_killed_uploads(absent, bucket):
    client = servers.client(bucket.server)
    rule = Rule(status=ENABLED, rule_id="theirs", rule_filter=Filter(prefix="x/"), expiration=Expiration(days=3))
    client.set_bucket_lifecycle(servers.BUCKET, LifecycleConfig([rule]))
    list(make_ready(bucket.uri))
    kept = client.get_bucket_lifecycle(servers.BUCKET)
    assert kept
    assert [found.rule_id for found in kept.rules] == ["theirs"]
    list(make_ready(f"s3://{absent}/registry"))
    made = client.get_bucket_lifecycle(absent)
    assert made
    assert made.rules[0].abort_incomplete_multipart_upload
    assert made.rules[0].abort_incomplete_multipart_upload.days_after_initiation == 1


def test_what_is_no_bucket_is_refused(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    with pytest.raises(InputError, match="write s3://bucket/prefix"):
        list(make_ready("/some/folder"))


def test_the_job_ends_with_one_line_and_its_code_where_the_store_does_not_answer(tmp_path):
    environment = {
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{servers.free_port()}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "S3_RETRY_SECONDS": "0.2",
    }
    command = [sys.executable, "-m", "netanomaly.stages.register.bucket", "s3://netanomaly/registry"]
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (3, 1), ended.stderr
    assert "cannot be reached" in ended.stderr
