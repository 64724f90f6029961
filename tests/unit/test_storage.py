"""The storage initializer: a version is fetched and verified before a server starts, and says which it became."""

import hashlib
import json

import pytest
from netanomaly.errors import InputError, ModelError
from netanomaly.registry import Promotion, open_registry
from netanomaly.registry.carried import open_carried
from netanomaly.serving import storage


@pytest.fixture
def registry(tmp_path, monkeypatch):
    opened = open_registry(tmp_path / "registry")
    for text in ("first", "second"):
        model = tmp_path / "model.joblib"
        model.write_bytes(text.encode())
        promotion = Promotion(("champion",)) if text == "first" else None
        opened.register("office", model, {}, run_id=text, promotion=promotion)
    monkeypatch.setenv(storage.REGISTRY, str(tmp_path / "registry"))
    return opened


@pytest.mark.parametrize(
    ("uri", "version", "text"),
    [
        ("netanomaly://office:2", 2, b"second"),
        ("netanomaly://office@champion", 1, b"first"),
        ("netanomaly://office", 1, b"first"),
        (f"netanomaly://office:2?sha256={hashlib.sha256(b'second').hexdigest()}", 2, b"second"),
    ],
)
def test_a_version_is_fetched_and_said_and_a_server_can_open_the_folder(registry, tmp_path, capsys, uri, version, text):
    folder = tmp_path / "models"
    assert storage.main([uri, str(folder)]) == 0
    assert (folder / "model.joblib").read_bytes() == text
    digest = hashlib.sha256(text).hexdigest()
    assert f"is office:{version}, sha256:{digest}" in capsys.readouterr().out
    reader, reference = open_carried(folder)
    assert reference == f"office:{version}"
    assert reader.version(reference).record.artifact.sha256 == digest


def test_another_file_than_the_one_that_was_deployed_is_refused(registry, tmp_path):
    with pytest.raises(ModelError, match="another registry than the one it was deployed from"):
        storage.fetch(f"netanomaly://office:2?sha256={'0' * 64}", tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_altered_bytes_end_with_the_code_that_no_second_try_mends(registry, tmp_path, capsys):
    (stored,) = (tmp_path / "registry/models/office/artifacts").glob(f"{hashlib.sha256(b'first').hexdigest()}/*")
    stored.chmod(0o600)
    stored.write_bytes(b"fIrst")
    assert storage.main(["netanomaly://office:1", str(tmp_path / "models")]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "SHA-256" in last
    assert not [path for path in (tmp_path / "models").rglob("*") if path.name == "registered.json"]


def test_a_deprecated_version_is_not_served(registry, tmp_path):
    registry.deprecate("office:2")
    with pytest.raises(InputError, match="deprecated"):
        storage.fetch("netanomaly://office:2", tmp_path / "models")


@pytest.mark.parametrize(
    "uri",
    [
        "s3://models/office",
        "netanomaly://",
        "netanomaly://office:0",
        "netanomaly://office:7?sha256=abc",
        "netanomaly://office:7?registry=s3://other",
        "netanomaly://../office",
        "netanomaly://office:7/../../x",
    ],
)
def test_what_is_no_reference_is_refused_in_one_line(registry, tmp_path, capsys, uri):
    assert storage.main([uri, str(tmp_path / "models")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")


def test_without_a_registry_it_says_who_names_it(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(storage.REGISTRY, raising=False)
    assert storage.main(["netanomaly://office", str(tmp_path)]) == 2
    assert "ConfigMap netanomaly-serving" in capsys.readouterr().err


def test_what_it_writes_names_the_registry(registry, tmp_path):
    storage.fetch("netanomaly://office:2", tmp_path / "models")
    assert json.loads((tmp_path / "models/registered.json").read_text())["reference"] == "office:2"
