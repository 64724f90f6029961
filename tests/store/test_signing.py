"""Signed records: who can write everything in a registry still cannot make a reader with keys believe it."""

import base64
import hashlib
import json
import pickle
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from netanomaly.errors import InputError
from netanomaly.registry import open_registry
from netanomaly.registry.errors import DamagedRegistry, KeyConflict, UnknownSigner, Unsigned, WrongSignature
from netanomaly.registry.fsck import fsck
from netanomaly.registry.location import locate
from netanomaly.registry.signing import SIGN_KEY, TRUSTED_KEYS, Signer, for_containers

from tests.command import netanomaly
from tests.store.work import METADATA


def new_key(folder: Path, name: str) -> tuple[str, str]:
    """Files of a private and a public key, as people make them."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return str(private), str(public)


@pytest.fixture
def keys(tmp_path) -> tuple[str, str]:
    return new_key(tmp_path, "ours")


@pytest.fixture
def signed(place, model_file, keys):
    """One version, signed."""
    registry = open_registry(place.uri, sign_key=keys[0])
    registry.register("m", model_file, METADATA, run_id="run", metrics={"roc_auc": 0.5})
    return place


def reader(place, keys):
    return open_registry(place.uri, trusted_keys=[keys[1]])


def write_all(place, change) -> None:
    """Alter a record as somebody does who can write everything: every digest that depends on it fits again."""
    objects = place.objects.all()
    key = next(key for key in objects if "/records/" in key)
    record = json.loads(objects[key])
    change(record)
    data = canonical(record)
    place.objects.put(key, data)
    head = json.loads(objects["heads/m.json"])
    head["tail"][0]["record"] = hashlib.sha256(data).hexdigest()
    del head["checksum"]
    head["checksum"] = hashlib.sha256(canonical(head)).hexdigest()
    place.objects.put("heads/m.json", canonical(head))


def canonical(document) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class RunsWhenLoaded:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self):
        return Path.touch, (self._path,)


def test_a_signed_version_is_read_by_who_trusts_its_key_and_by_who_asks_for_none(signed, keys, tmp_path):
    assert reader(signed, keys).version("m").record.signature is not None
    assert reader(signed, keys).download("m:1", tmp_path / "out")
    assert open_registry(signed.uri).version("m").number == 1
    assert fsck(locate(signed.uri, trusted_keys=[keys[1]])).sound


def test_another_implementation_verifies_the_signature_from_what_the_documentation_says(signed, keys):
    objects = signed.objects.all()
    record = json.loads(next(data for key, data in objects.items() if "/records/" in key))
    signature = record.pop("signature")
    public = load_pem_public_key(Path(keys[1]).read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    public.verify(base64.b64decode(signature["value"]), canonical(record))
    assert signature["key"] == hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


def test_an_altered_record_whose_digests_all_fit_is_refused(signed, keys):
    write_all(signed, lambda record: record["metrics"].update(roc_auc=0.99))
    assert open_registry(signed.uri).version("m").record.metrics == {"roc_auc": 0.99}
    with pytest.raises(WrongSignature, match=r"is not what key .* signed"):
        reader(signed, keys).version("m")
    findings = fsck(locate(signed.uri, trusted_keys=[keys[1]])).findings
    assert any("is not what key" in finding.problem for finding in findings)


def test_another_model_put_in_place_of_a_signed_one_is_never_unpickled(signed, keys, tmp_path):
    trap = tmp_path / "trap"
    data = pickle.dumps(RunsWhenLoaded(trap))

    def replace(record) -> None:
        record["artifact"].update(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
        record["library_versions"] = {}
        signed.objects.put(record["artifact"]["path"], data)

    write_all(signed, replace)
    for use in (lambda: reader(signed, keys).load("m"), lambda: reader(signed, keys).download("m", tmp_path / "out")):
        with pytest.raises(WrongSignature):
            use()
    assert not trap.exists()
    assert not (tmp_path / "out").exists()


def test_a_signature_taken_away_or_made_with_another_key_is_refused(signed, keys, tmp_path, model_file):
    other = new_key(tmp_path, "theirs")
    open_registry(signed.uri, sign_key=other[0]).register("n", model_file, METADATA, run_id="run")
    with pytest.raises(UnknownSigner, match="is signed by key"):
        reader(signed, keys).version("n")
    assert open_registry(signed.uri, trusted_keys=[keys[1], other[1]]).version("n").number == 1
    open_registry(signed.uri).register("o", model_file, METADATA, run_id="run")
    with pytest.raises(Unsigned, match="is not signed"):
        reader(signed, keys).version("o")
    write_all(signed, lambda record: record.update(signature=None, format=1, registry=""))
    with pytest.raises(WrongSignature, match="is not what key"):
        reader(signed, keys).version("m")


def test_a_signed_record_of_one_model_is_none_of_another(signed, keys, model_file):
    open_registry(signed.uri, sign_key=keys[0]).register("other", model_file, METADATA, run_id="run")
    objects = signed.objects.all()
    there = json.loads(next(data for key, data in objects.items() if key.startswith("models/other/records/")))
    write_all(signed, lambda record: (record.clear(), record.update(there)))
    with pytest.raises(DamagedRegistry, match="is the record of another registration"):
        open_registry(signed.uri).version("m")
    with pytest.raises(WrongSignature, match="is not what key"):
        reader(signed, keys).version("m")


def test_a_retry_signs_nothing_that_was_begun_without_a_signature(place, model_file, keys):
    open_registry(place.uri).register("m", model_file, METADATA, run_id="run")
    signing = open_registry(place.uri, sign_key=keys[0])
    with pytest.raises(InputError, match="netanomaly registry sign m"):
        signing.register("m", model_file, METADATA, run_id="second")
    signing.sign("m")
    with pytest.raises(KeyConflict, match="start a new run"):
        signing.register("m", model_file, METADATA, run_id="run")
    first = signing.register("m", model_file, METADATA, run_id="second")
    again = signing.register("m", model_file, METADATA, run_id="second")
    assert (again.version, again.created, again.record) == (first.version, False, first.record)
    # Both are vouched for: one by its own signature, and both by that of the head.
    assert [version.number for version in reader(place, keys).versions("m")] == [1, 2]
    with pytest.raises(InputError, match="give the key"):
        open_registry(place.uri).register("m", model_file, METADATA, run_id="third")


def test_keys_come_as_files_as_their_text_or_in_base64_and_from_the_environment(
    tmp_path, model_file, keys, monkeypatch
):
    folder = tmp_path / "registry"
    monkeypatch.setenv(SIGN_KEY, Path(keys[0]).read_text())
    open_registry(folder).register("m", model_file, METADATA, run_id="run")
    raw = Signer(keys[0]).trust().listed()[0]
    ssh = tmp_path / "ssh"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ssh], check=True)
    for trusted in (keys[1], raw, f"{ssh}.pub,{Path(keys[1]).read_text()}"):
        monkeypatch.setenv(TRUSTED_KEYS, trusted)
        assert open_registry(folder).version("m").number == 1
    monkeypatch.setenv(TRUSTED_KEYS, f"{ssh}.pub")
    with pytest.raises(UnknownSigner):
        open_registry(folder).version("m")
    monkeypatch.setenv(SIGN_KEY, str(ssh))
    with pytest.raises(UnknownSigner):
        open_registry(folder).register("m", model_file, METADATA, run_id="by ssh")
    open_registry(folder).register("n", model_file, METADATA, run_id="by ssh")
    assert open_registry(folder).version("n").number == 1


def test_stages_in_containers_get_the_keys_and_no_paths(keys, monkeypatch):
    monkeypatch.setenv(SIGN_KEY, keys[0])
    monkeypatch.setenv(TRUSTED_KEYS, keys[1])
    given = for_containers()
    assert given[SIGN_KEY] == Path(keys[0]).read_text()
    assert given[TRUSTED_KEYS] == Signer(keys[0]).trust().listed()[0]
    monkeypatch.delenv(SIGN_KEY)
    monkeypatch.delenv(TRUSTED_KEYS)
    assert for_containers() == {}
    monkeypatch.setenv(TRUSTED_KEYS, "")
    with pytest.raises(InputError, match="set and empty"):
        for_containers()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "absent", "names no file that can be read"),
        (
            lambda folder: "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----",
            "holds no key that can be read",
        ),
        (lambda folder: new_key(folder, "k")[1], "holds a public key"),
    ],
)
def test_a_signing_key_that_is_none_is_told_and_not_shown(tmp_path, model_file, make, message):
    with pytest.raises(InputError, match=message) as told:
        open_registry(tmp_path / "r", sign_key=str(make(tmp_path))).register("m", model_file, METADATA, run_id="r")
    assert "secret" not in str(told.value)
    assert not (tmp_path / "r" / "heads").exists()


def test_trusted_keys_that_are_none_are_refused_before_anything_is_read(tmp_path, keys):
    with pytest.raises(InputError, match="holds a private key"):
        open_registry(tmp_path, trusted_keys=[keys[0]])
    with pytest.raises(InputError, match="has an empty entry"):
        open_registry(tmp_path, trusted_keys=[keys[1], ""])
    with pytest.raises(InputError, match="no file that can be read"):
        open_registry(tmp_path, trusted_keys=[str(tmp_path / "absent")])


def test_the_command_line_signs_and_refuses(tmp_path, model_file, keys):
    place = ("--registry", str(tmp_path / "registry"))
    signed = netanomaly(
        *("registry", "register", "--name", "m", "--artifact", model_file, "--sign-key", keys[0], *place)
    )
    assert signed.code == 0, signed.stderr
    shown = netanomaly("registry", "show", "m", *place, NETANOMALY_TRUSTED_KEYS=keys[1])
    assert ", verified" in shown.stdout
    assert "not checked" in netanomaly("registry", "show", "m", *place).stdout
    other = new_key(tmp_path, "theirs")[1]
    refused = netanomaly("registry", "download", "m", "--out", tmp_path / "out", *place, NETANOMALY_TRUSTED_KEYS=other)
    assert (refused.code, "is signed by key" in refused.last_line) == (2, True)
