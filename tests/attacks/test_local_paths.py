"""On a cluster a path is one inside the pod, its token for one: stages take buckets only, and quote nothing else."""

import json
import os
import subprocess
import sys

import pytest

from tests.attacks.measuring import read
from tests.command import ROOT

TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6InNlY3JldC1vZi10aGUtcG9kIn0"
SETTINGS: dict[str, dict] = {
    "ingest": {
        "source": ["@"], "identity": "", "part": "all", "split": None, "csv": {}, "label_column": "label",
        "normal_labels": [], "feature_columns": [], "categorical_columns": [], "ignore_columns": [], "time_column": "",
        "random_state": 1,
    },
}  # fmt: skip


def stage(name, parameters, tmp_path, **environment):
    executor_input = {
        "inputs": {"parameterValues": parameters},
        "outputs": {
            "artifacts": {"flows": {"artifacts": [{"name": "flows", "uri": str(tmp_path / "out" / "flows")}]}},
            "outputFile": str(tmp_path / "out.json"),
        },
    }
    plain = {name: value for name, value in os.environ.items() if name != "NETANOMALY_LOCAL_PATHS"}
    return subprocess.run(
        [sys.executable, "-m", f"netanomaly.stages.{name}", "--executor-input", json.dumps(executor_input)],
        capture_output=True, text=True, check=False, env={**plain, **environment},
    )  # fmt: skip


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "secrets" / "token"
    path.parent.mkdir()
    path.write_text(TOKEN)
    return path


PREPARE = dict.fromkeys(("data_source", "evaluation_data_source", "model_name", "model_version", "registry"), "")


@pytest.mark.parametrize(
    "form", ["{}", "file://{}", "file://localhost{}", "{}/../token", "FILE://{}", "~/token", "S3://b/k"]
)
@pytest.mark.parametrize("field", ["data_source", "evaluation_data_source", "registry"])
def test_prepare_takes_no_path(token, tmp_path, form, field):
    document = {"model_name": "m", "data_source": "s3://b/k.csv", "registry": "s3://b/r", field: form.format(token)}
    if field != "data_source":
        document["data_source"] = str(ROOT / "nowhere.csv") if field == "registry" else "s3://b/k.csv"
    ended = stage(
        "prepare",
        {"configuration": document, "job_id": "1", **PREPARE},
        tmp_path,
        S3_ENDPOINT_URL="http://127.0.0.1:9",
        S3_RETRY_SECONDS="0.1",
        AWS_ACCESS_KEY_ID="a",
        AWS_SECRET_ACCESS_KEY="b",  # noqa: S106 - of nobody
    )
    assert ended.returncode in (2, 3), ended.stderr
    assert "Traceback" not in ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr
    if field == "data_source":
        assert ended.returncode == 2
        assert "write s3://bucket/key" in ended.stderr.splitlines()[-1]


def test_ingest_takes_no_path_either(token, tmp_path):
    settings = {**SETTINGS["ingest"], "source": [str(token)]}
    ended = stage("ingest", {"settings": settings}, tmp_path)
    assert ended.returncode == 2
    assert "write s3://bucket/key" in ended.stderr.splitlines()[-1]
    assert TOKEN not in ended.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("token", TOKEN),
        ("id_ed25519", f"-----BEGIN OPENSSH PRIVATE KEY-----\n{TOKEN}\n-----END OPENSSH PRIVATE KEY-----\n"),
        ("credentials", f"[default]\naws_secret_access_key = {TOKEN};x\n"),
        ("shadow", f"root:{TOKEN}:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n"),
        (".env", f"SECRET={TOKEN}\n"),
        ("kubeconfig", f"apiVersion: v1\ntoken: {TOKEN}\n"),
    ],
)
def test_what_is_no_data_file_is_not_quoted(tmp_path, name, content):
    """On this machine a person may name such a file by mistake; what is said of it stands in logs."""
    path = tmp_path / name
    path.write_text(content)
    found = read(path)
    assert found.code == 2
    for line in content.splitlines():
        for word in line.replace(":", " ").replace("=", " ").split():
            assert len(word) < 8 or word in str(path) or word not in found.said


def test_a_data_file_is_quoted_where_that_helps(tmp_path):
    path = tmp_path / "flows.csv"
    path.write_text("1,2\n3,4\n")
    assert "(1, 2, ...)" in read(path).said
