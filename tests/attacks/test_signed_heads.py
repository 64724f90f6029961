"""Who can write everything in the store, and has no key, cannot make a reader with keys believe anything untrue."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from netanomaly.errors import InputError, ModelError, NetanomalyError
from netanomaly.registry import Registry, open_registry
from netanomaly.registry.belief import REGISTRY_ID, SIGNED_HEADS
from netanomaly.registry.collecting import collect
from netanomaly.registry.errors import (
    RolledBack,
    UnknownSigner,
    Unsigned,
    WithdrawnSigner,
    WrongRegistry,
    WrongSignature,
)
from netanomaly.registry.fsck import fsck
from netanomaly.registry.importing import import_file
from netanomaly.registry.location import locate
from netanomaly.registry.memory import REGISTRY_MEMORY
from netanomaly.registry.signing import SIGN_KEY, TRUSTED_KEYS, WITHDRAWN_KEYS, Signer

from tests.attacks import forging
from tests.command import netanomaly


def new_key(folder: Path, name: str) -> tuple[str, str]:
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return str(private), str(public)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> list[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("keys")
    return [new_key(folder, name) for name in ("ours", "theirs", "next")]


@pytest.fixture
def keys(pairs) -> tuple[str, str]:
    return pairs[0]


@pytest.fixture
def model_file(tmp_path) -> Path:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"model bytes")
    return path


@pytest.fixture
def root(tmp_path, keys, model_file) -> Path:
    """Three signed versions; champion went from 1 to 2 to 3, and version 1 is deprecated."""
    root = tmp_path / "registry"
    signing = open_registry(root, sign_key=keys[0])
    for number in (1, 2, 3):
        signing.register("m", model_file, {}, run_id=str(number), metrics={"roc_auc": number / 10})
        signing.set_alias(f"m:{number}", "champion")
    signing.deprecate("m:1", why="wrong labels")
    return root


def reader(root: Path, keys) -> Registry:
    return open_registry(root, trusted_keys=[keys[1]])


def head(root: Path) -> dict:
    return json.loads((root / "heads/m.json").read_text())


def write(root: Path, document: dict) -> None:
    (root / "heads/m.json").write_bytes(forging.canonical(forging.with_checksum(document)))


def aliases_back(found: dict) -> None:
    found["aliases"]["champion"] = {"version": 2, "since": "2026-01-01T00:00:00.000+00:00", "previous": []}


def newest_hidden(found: dict) -> None:
    found["tail"].pop()
    found["next"] -= 1
    aliases_back(found)


def swapped(found: dict) -> None:
    first, last = found["tail"][0], found["tail"][2]
    for name in ("key", "record"):
        first[name], last[name] = last[name], first[name]


def restored(found: dict) -> None:
    del found["tail"][0]["status"]


def deleted(found: dict) -> None:
    found["tail"][1]["status"] = "deleted"


def log_rewritten(found: dict) -> None:
    found["log"][0]["why"] = "the board asked for it"


def alias_added(found: dict) -> None:
    found["aliases"]["production"] = found["aliases"]["champion"]


def alias_removed(found: dict) -> None:
    found["aliases"] = {}


def revision_raised(found: dict) -> None:
    found["revision"] += 10


def unknown_field(found: dict) -> None:
    found["later"] = 1


def other_registry(found: dict) -> None:
    found["registry"] = "s3://elsewhere/registry"


def other_signature(found: dict) -> None:
    found["signature"]["value"] = "A" * 86 + "=="


def no_base64(found: dict) -> None:
    found["signature"]["value"] = "\u202e" * 5


def other_key(found: dict) -> None:
    found["signature"]["key"] = "0" * 16


FORGERIES = [
    *(aliases_back, newest_hidden, swapped, restored, deleted, log_rewritten, alias_added, alias_removed),
    *(revision_raised, unknown_field, other_registry, other_signature, no_base64, other_key),
]


def unsigned(found: dict) -> dict:
    """As a version before signed heads would have written it."""
    said = {name: value for name, value in found.items() if name not in ("signature", "registry")}
    return {**said, "format": 1}


def refused(root: Path, keys, model_file: Path, *errors: type[ModelError]) -> None:
    """By readers with keys and writers with the key, before anything is done; nothing of it is published or signed."""
    reading, writing = reader(root, keys), open_registry(root, sign_key=keys[0])
    before = {path: path.read_bytes() for path in root.rglob("*.json")}
    for use in (
        lambda: reading.version("m"),
        lambda: reading.version("m@champion"),
        lambda: reading.load("m:2"),
        lambda: reading.champion("m"),
        lambda: reading.versions("m"),
        lambda: reading.history("m"),
        reading.summaries,
        lambda: collect(locate(root, trusted_keys=[keys[1]])),
        lambda: writing.set_alias("m:2", "champion"),
        lambda: writing.remove_alias("m", "champion"),
        lambda: writing.rollback("m"),
        lambda: writing.deprecate("m:2"),
        lambda: writing.register("m", model_file, {}, run_id="next"),
    ):
        with pytest.raises(errors or NetanomalyError) as told:
            use()
        assert "\n" not in str(told.value)
    for repair in (False, True):
        result = fsck(locate(root, trusted_keys=[keys[1]], sign_key=keys[0]), repair=repair)
        assert [finding.key for finding in result.findings if not finding.repaired] == ["heads/m.json"]
    assert {path: path.read_bytes() for path in root.rglob("*.json")} == before


def test_what_is_signed_is_read_and_changed_by_who_has_the_keys(root, keys, model_file):
    reading = reader(root, keys)
    assert (reading.champion("m"), reading.version("m").number) == (3, 3)
    signing = open_registry(root, sign_key=keys[0], trusted_keys=[keys[1]])
    assert signing.rollback("m") == (3, 2)
    assert signing.register("m", model_file, {}, run_id="4").version == 4
    assert [version.status for version in reading.versions("m")] == ["deprecated", "ready", "ready", "ready"]
    result = fsck(locate(root, trusted_keys=[keys[1]]))
    assert (result.sound, result.unprotected) == (True, [])
    assert "which was not checked" in fsck(locate(root)).unprotected[0]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_head_that_says_anything_else_is_refused(root, keys, model_file, forgery):
    found = head(root)
    forgery(found)
    write(root, found)
    refused(root, keys, model_file, WrongSignature, UnknownSigner)


@pytest.mark.parametrize("forgery", [lambda found: None, *FORGERIES[:8]])
def test_a_signature_that_is_taken_away_is_missed(root, keys, model_file, forgery):
    """Its records say that they were signed as part of a signed head: also to who has no keys."""
    found = unsigned(head(root))
    forgery(found)
    write(root, found)
    reading = reader(root, keys)
    for use in (
        lambda: reading.version("m"),
        lambda: reading.load("m:2"),
        lambda: open_registry(root).version("m"),
        lambda: open_registry(root, sign_key=keys[0]).set_alias("m:2", "champion"),
        lambda: open_registry(root).set_alias("m:2", "champion"),
    ):
        with pytest.raises((WrongSignature, InputError)):
            use()
    assert not fsck(locate(root, trusted_keys=[keys[1]])).sound


def test_a_signed_record_is_no_signed_head(root, keys, tmp_path):
    """Both are canonical JSON without `signature`: only what is signed before it tells them apart."""
    signer = Signer(keys[0])
    said = {"format": 2, "model": "m", "registry": locate(root).belief.identity, "next": 1}
    signature = signer.signature(forging.canonical(said))
    write(root, {**said, "signature": {"key": signature.key, "value": signature.value}})
    with pytest.raises(WrongSignature):
        reader(root, keys).champion("m")


def test_a_head_of_another_model_or_registry_is_not_believed(root, keys, tmp_path, model_file):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(root, elsewhere)
    assert open_registry(elsewhere).champion("m") == 3
    refused(elsewhere, keys, model_file, WrongRegistry)
    found = head(root)
    found["model"] = "n"
    (root / "heads/n.json").write_bytes(forging.canonical(forging.with_checksum(found)))
    with pytest.raises(WrongSignature):
        reader(root, keys).version("n")


def test_a_registry_that_was_moved_is_believed_under_its_name_or_signed_anew(root, keys, tmp_path, monkeypatch):
    moved = tmp_path / "moved"
    shutil.copytree(root, moved)
    with pytest.raises(WrongRegistry, match=REGISTRY_ID):
        reader(moved, keys).version("m")
    monkeypatch.setenv(REGISTRY_ID, locate(root).read.identity)
    assert reader(moved, keys).champion("m") == 3
    monkeypatch.delenv(REGISTRY_ID)
    open_registry(moved, sign_key=keys[0]).sign("m", why="moved")
    assert [version.number for version in reader(moved, keys).versions("m")] == [1, 2, 3]


def test_a_link_to_a_registry_is_the_same_registry(root, keys, tmp_path):
    (tmp_path / "link").symlink_to(root)
    assert reader(tmp_path / "link", keys).champion("m") == 3


def test_who_has_no_key_changes_nothing_that_is_signed(root, model_file, tmp_path):
    before = (root / "heads/m.json").read_bytes()
    files = sorted(root.rglob("*"))
    plain = open_registry(root)
    original = tmp_path / "original.json"
    original.write_text(json.dumps({"models": [{"model_name": "m", "versions": [{"version": "1"}]}]}))
    for use in (
        lambda: plain.set_alias("m:2", "champion"),
        lambda: plain.rollback("m"),
        lambda: plain.delete("m:2"),
        lambda: plain.register("m", model_file, {}, run_id="more"),
        lambda: import_file(locate(root), original),
    ):
        with pytest.raises(InputError, match=f"give the key: {SIGN_KEY}"):
            use()
    assert ((root / "heads/m.json").read_bytes(), sorted(root.rglob("*"))) == (before, files)


def test_an_alias_is_not_moved_to_what_is_not_believed(root, keys, tmp_path, model_file):
    """Verified before it acts: with a record that was replaced, and everything that depends on its digest."""
    plain = tmp_path / "plain"
    for run in ("1", "2"):
        open_registry(plain).register("m", model_file, {}, run_id=run)
    before = (plain / "heads/m.json").read_bytes()
    for act in (lambda registry: registry.set_alias("m:2", "champion"), lambda registry: registry.deprecate("m:1")):
        with pytest.raises(Unsigned):
            act(reader(plain, keys))
    assert (plain / "heads/m.json").read_bytes() == before


def old_registry(root: Path, keys, numbers=(1, 2)) -> list[dict]:
    """Signed records in a head that is not, as before heads were signed."""
    signer = Signer(keys[0])
    records = []
    for number in numbers:
        record = forging.record(run_id=str(number), metrics={"roc_auc": number / 10})
        signature = signer.signature(forging.canonical(record))
        records.append({**record, "signature": {"key": signature.key, "value": signature.value}})
    forging.registry(root, *records)
    return records


def test_an_old_registry_is_read_and_what_is_not_protected_is_said(tmp_path, keys, monkeypatch, capsys):
    root = tmp_path / "old"
    old_registry(root, keys)
    assert reader(root, keys).version("m:1").record.metrics == {"roc_auc": 0.1}
    assert "is not signed: its records are checked" in capsys.readouterr().err
    assert "heads/m.json is not signed" in fsck(locate(root, trusted_keys=[keys[1]])).unprotected[0]
    shown = netanomaly("registry", "show", "m", "--registry", root, NETANOMALY_TRUSTED_KEYS=keys[1])
    assert (shown.code, "registry sign m" in shown.stderr) == (0, True)
    monkeypatch.setenv(SIGNED_HEADS, "required")
    with pytest.raises(Unsigned, match=SIGNED_HEADS):
        reader(root, keys).version("m")


def test_an_old_registry_that_was_signed_is_protected_from_then_on(tmp_path, keys, model_file):
    root = tmp_path / "old"
    old_registry(root, keys)
    shown = netanomaly("registry", "sign", "m", "--sign-key", keys[0], "--registry", root)
    assert (shown.code, "versions 1 to 2" in shown.stdout) == (0, True), shown.stderr
    assert [version.number for version in reader(root, keys).versions("m")] == [1, 2]
    assert reader(root, keys).history("m")[-1].action == "sign"
    signing = open_registry(root, sign_key=keys[0])
    assert signing.register("m", model_file, {}, run_id="3").version == 3
    found = unsigned(head(root))
    write(root, found)
    with pytest.raises(WrongSignature):
        reader(root, keys).version("m:3")


def test_fsck_publishes_nothing_forged(tmp_path, keys):
    root = tmp_path / "old"
    records = old_registry(root, keys)
    records[1]["description"] = "forged"
    forging.registry(root, *records)
    fsck(locate(root, trusted_keys=[keys[1]]), repair=True)
    view = (root / "model_registry.json").read_text()
    assert "forged" not in view
    assert json.loads(view)["models"][0]["versions"][1]["metadata"] == {"status": "damaged"}


def test_a_forged_view_is_rebuilt(root, keys):
    path = root / "model_registry.json"
    path.write_text(path.read_text().replace('"description": ""', '"description": "forged"'))
    assert "forged" in path.read_text()
    result = fsck(locate(root, trusted_keys=[keys[1]], sign_key=keys[0]), repair=True)
    assert [(finding.key, finding.repaired) for finding in result.findings] == [("model_registry.json", True)]
    assert "forged" not in path.read_text()


def test_a_whole_registry_that_was_put_back_is_known_by_who_remembers(root, keys, tmp_path, model_file, monkeypatch):
    monkeypatch.setenv(TRUSTED_KEYS, keys[1])
    monkeypatch.setenv(REGISTRY_MEMORY, str(tmp_path / "state/seen.json"))
    old = tmp_path / "before"
    shutil.copytree(root, old)
    open_registry(root, sign_key=keys[0]).register("m", model_file, {}, run_id="4")
    assert open_registry(root).version("m").number == 4
    shutil.rmtree(root)
    shutil.copytree(old, root)
    for use in (
        lambda: open_registry(root).version("m"),
        lambda: open_registry(root, sign_key=keys[0]).set_alias("m:2", "champion"),
    ):
        with pytest.raises(RolledBack, match="an older state was put back"):
            use()
    assert not fsck(locate(root)).sound
    (root / "heads/m.json").unlink()
    with pytest.raises(RolledBack, match="is gone or not signed"):
        open_registry(root).version("m")
    with pytest.raises(RolledBack, match="is gone or not signed"):
        open_registry(root).models()
    assert [finding.key for finding in fsck(locate(root)).findings] == ["heads/m.json"]
    monkeypatch.delenv(REGISTRY_MEMORY)
    assert open_registry(root).models() == []


@pytest.mark.parametrize("spoilt", ["{", "[]", '{"format": 1, "registries": {"x": {"m": "y"}}}', "[" * 100_000])
def test_a_memory_that_is_damaged_is_told(root, keys, tmp_path, monkeypatch, spoilt):
    monkeypatch.setenv(REGISTRY_MEMORY, str(tmp_path / "seen.json"))
    (tmp_path / "seen.json").write_text(spoilt)
    with pytest.raises(InputError, match="is damaged"):
        reader(root, keys).version("m")


def test_a_withdrawn_key_vouches_for_nothing_until_another_signs(root, pairs, model_file, monkeypatch):
    (old, old_public), _, (new, new_public) = pairs
    key_id = Signer(old).key_id
    for withdrawn in (old_public, key_id):
        monkeypatch.setenv(WITHDRAWN_KEYS, withdrawn)
        both = open_registry(root, trusted_keys=[old_public, new_public])
        with pytest.raises(WithdrawnSigner, match=f"{key_id}, which was withdrawn"):
            both.version("m")
        with pytest.raises(InputError, match="was withdrawn"):
            open_registry(root, sign_key=old, trusted_keys=[old_public]).set_alias("m:2", "champion")
        with pytest.raises(NetanomalyError):
            open_registry(root, sign_key=new, trusted_keys=[old_public]).set_alias("m:2", "champion")
    open_registry(root, sign_key=new, trusted_keys=[new_public]).sign("m", why="the old key was lost")
    assert both.champion("m") == 3
    assert [version.number for version in both.versions("m")] == [1, 2, 3]


def test_keys_are_rotated_by_listing_both(root, pairs, model_file):
    (_, old_public), _, (new, new_public) = pairs
    with pytest.raises(UnknownSigner):
        open_registry(root, sign_key=new).register("m", model_file, {}, run_id="4")
    both = [old_public, new_public]
    open_registry(root, sign_key=new, trusted_keys=both).register("m", model_file, {}, run_id="4")
    assert open_registry(root, trusted_keys=[new_public]).version("m").number == 4
    with pytest.raises(UnknownSigner):
        open_registry(root, trusted_keys=[old_public]).version("m")


def test_a_key_that_is_not_trusted_here_signs_nothing(root, pairs, keys, model_file):
    """All who trust the right one would refuse the whole model afterwards."""
    before = head(root)
    wrong = open_registry(root, sign_key=pairs[1][0], trusted_keys=[keys[1]])
    for act in (
        lambda: wrong.set_alias("m:2", "champion"),
        lambda: wrong.register("m", model_file, {}, run_id="4"),
        lambda: wrong.deprecate("m:2"),
        lambda: wrong.rollback("m"),
        lambda: wrong.remove_alias("m", "champion"),
        lambda: wrong.sign("m"),
    ):
        with pytest.raises(InputError, match=f"signing key {Signer(pairs[1][0]).key_id} is not among {TRUSTED_KEYS}"):
            act()
    assert head(root) == before
    assert reader(root, keys).champion("m") == 3
    # Who only reads does not need the key that the environment has.
    assert wrong.champion("m") == 3


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (TRUSTED_KEYS, "", "is set and empty"),
        (TRUSTED_KEYS, "  ", "is set and empty"),
        (TRUSTED_KEYS, ",", "has an empty entry"),
        (SIGN_KEY, "", "is set and empty"),
        (WITHDRAWN_KEYS, "", "is set and empty"),
        (WITHDRAWN_KEYS, "0123456789abcdef", "nothing would be checked"),
        (SIGNED_HEADS, "required", "nothing would be checked"),
        (SIGNED_HEADS, "", "write required, or unset it"),
        (SIGNED_HEADS, "requird", "write required, or unset it"),
        (REGISTRY_MEMORY, "", "needs the path of a file"),
        (REGISTRY_MEMORY, "seen.json", "needs the path of a file, and NETANOMALY_TRUSTED_KEYS"),
    ],
)
def test_a_check_that_is_half_switched_on_is_an_error_and_not_no_check(root, variable, value, message):
    """What a shell leaves of a variable that was not set."""
    told = netanomaly("registry", "alias", "set", "m:2", "champion", "--registry", root, **{variable: value})
    assert (told.code, message in told.last_line) == (2, True), told.stderr


def test_a_withdrawal_that_is_none_is_told(root, keys):
    told = netanomaly(
        *("registry", "show", "m", "--registry", root),
        **{TRUSTED_KEYS: keys[1], WITHDRAWN_KEYS: f"{Signer(keys[0]).key_id},"},
    )
    assert (told.code, "has an empty entry" in told.last_line) == (2, True)
