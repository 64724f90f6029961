"""fsck names each damaged object and mends what can be known; gc removes only what nothing needs; import repeats."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from netanomaly.errors import InputError
from netanomaly.registry import open_registry, sealing, view
from netanomaly.registry.collecting import collect
from netanomaly.registry.fsck import fsck
from netanomaly.registry.importing import import_file
from netanomaly.registry.location import locate

from tests.store.work import METADATA


@pytest.fixture
def filled(place, model_file, monkeypatch):
    """Twelve versions, in segments and tail, with an alias."""
    monkeypatch.setattr(sealing, "LONGEST_TAIL", 4)
    registry = place.open()
    for number in range(12):
        done = registry.register("m", model_file, METADATA, run_id=str(number), metrics={"roc_auc": 0.5})
        place.acknowledged.setdefault("m", {})[str(number)] = done.version
    registry.set_alias("m:2", "champion")
    registry.publish()
    return place


def test_a_sound_registry_has_no_findings(filled):
    result = fsck(locate(filled.uri))
    assert (result.sound, result.versions, result.unfinished, result.findings) == (True, 12, 0, [])


def test_a_registration_is_sound_whatever_the_order_of_its_keys(place, model_file):
    """What the view has of a new record is what a rebuild reads from the store."""
    metadata = {"versions": {"scikit-learn": "1", "numpy": "2"}, "b": {"z": 1, "a": 2}, "a": 0}
    files = {"z.html": model_file, "a.json": model_file}
    place.open().register("m", model_file, metadata, run_id="1", metrics={"z": 1.0, "a": 0.5, "m": 1}, files=files)
    result = fsck(locate(place.uri))
    assert (result.sound, result.findings) == (True, [])


def download_all(place, folder) -> None:
    for number in range(1, 13):
        place.open().download(f"m:{number}", folder)


@pytest.mark.parametrize("part", ["/artifacts/", "/records/", "/segments/", "heads/"])
def test_one_byte_flipped_anywhere_is_named_and_the_version_not_used(filled, part, tmp_path):
    objects = filled.objects.all()
    needed = set()
    if part == "/segments/":
        head = json.loads(objects["heads/m.json"])
        needed = {f"models/m/segments/{one['first']}-{one['sha256']}.json" for one in head["segments"]}
    for key in [key for key in objects if part in key and (not needed or key in needed)][:2]:
        data = bytearray(objects[key])
        data[len(data) // 2] ^= 1
        filled.objects.put(key, bytes(data))
        result = fsck(locate(filled.uri), repair=True)
        assert any(key in f"{finding.key} {finding.problem}" for finding in result.findings if not finding.repaired)
        with pytest.raises(InputError):
            download_all(filled, tmp_path / "out")
        filled.objects.put(key, objects[key])
    filled.check()


def test_a_head_edited_by_hand_is_refused_and_repaired_where_all_in_it_proves_true(filled):
    head = json.loads(filled.objects.all()["heads/m.json"])
    head["aliases"]["champion"]["version"] = 3
    filled.objects.put("heads/m.json", json.dumps(head, indent=2).encode())
    with pytest.raises(InputError, match="registry fsck"):
        filled.open().version("m@champion")
    assert fsck(locate(filled.uri), repair=True).sound
    assert filled.open().champion("m") == 3
    filled.check()


@pytest.mark.parametrize("spoil", ["remove", "cut"])
def test_a_view_that_is_gone_or_cut_is_rebuilt_the_same(filled, spoil):
    before = filled.objects.all()["model_registry.json"]
    if spoil == "remove":
        filled.objects.remove("model_registry.json")
    else:
        filled.objects.put("model_registry.json", before[:100])
    assert not fsck(locate(filled.uri)).sound
    assert fsck(locate(filled.uri), repair=True).sound
    assert filled.objects.all()["model_registry.json"] == before


def test_a_large_view_is_not_written_at_each_registration_but_after_a_minute_or_a_command(
    place, model_file, monkeypatch
):
    def shown() -> list[int]:
        (model,) = json.loads(place.objects.all()["model_registry.json"])["models"]
        return [version["version"] for version in model["versions"]]

    def register(run: str) -> None:
        place.open().register("m", model_file, METADATA, run_id=run)

    monkeypatch.setattr(view, "_LARGE_BYTES", 100)
    for run in "12":
        register(run)
    assert shown() == [1]
    place.open().set_alias("m:2", "champion")
    assert shown() == [1, 2]
    register("3")
    assert shown() == [1, 2]
    monkeypatch.setattr(view, "_LARGE_SECONDS", -60.0)
    register("4")
    assert shown() == [1, 2, 3, 4]


def test_gc_removes_what_only_deleted_versions_had_and_old_segments(filled, tmp_path):
    other = tmp_path / "other.joblib"
    other.write_bytes(b"other")
    registry = filled.open()
    filled.acknowledged["m"]["other"] = registry.register("m", other, METADATA, run_id="other").version
    assert collect(locate(filled.uri)).keys == collect(locate(filled.uri), dry_run=True).keys == []
    registry.delete("m:13")
    kept = registry.version("m:1").record.artifact.path
    removed = collect(locate(filled.uri), older_than=timedelta(seconds=-5)).keys
    assert any(key.endswith("/other.joblib") for key in removed)
    assert kept not in removed
    with pytest.raises(InputError, match="gone"):
        registry.restore("m:13")
    filled.check()
    assert fsck(locate(filled.uri)).sound


def test_statuses_and_aliases_hold_each_other(filled):
    registry = filled.open()
    with pytest.raises(InputError, match="is champion; move or remove that alias first"):
        registry.deprecate("m:2")
    registry.deprecate("m:12", why="bad data")
    assert registry.version("m").number == 11
    with pytest.raises(InputError, match="is deprecated; restore it"):
        registry.set_alias("m:12", "champion")
    registry.set_alias("m:5", "champion")
    registry.deprecate("m:2")
    with pytest.raises(InputError, match="deprecated or deleted"):
        registry.rollback("m")
    registry.restore("m:2")
    assert registry.rollback("m") == (5, 2)
    registry.remove_alias("m", "champion")
    assert registry.champion("m") is None
    actions = [event.action for event in registry.history("m")]
    assert actions == ["set", "deprecate", "set", "deprecate", "restore", "rollback", "remove"]
    filled.check()


ORIGINAL = {
    "models": [
        {
            "model_id": "1",
            "model_name": "old",
            "metadata": {},
            "versions": [
                {
                    "version": "1.0",
                    "model_path": "a.joblib",
                    "creation_timestamp": "2024-01-01",
                    "description": "d",
                    "metadata": {"x": 1},
                    "metrics": {"f1": 0.5},
                },
                {"version": "1.1", "model_path": "gone.joblib", "metrics": {}},
            ],
        }
    ]
}


def test_an_original_registry_is_imported_once_and_what_is_gone_is_marked(place, tmp_path):
    file = tmp_path / "model_registry.json"
    file.write_text(json.dumps(ORIGINAL))
    (tmp_path / "a.joblib").write_bytes(b"a")
    first = import_file(locate(place.uri), file)
    again = import_file(locate(place.uri), file)
    assert [(one.version, one.created, one.with_file) for one in first] == [(1, True, True), (2, True, False)]
    assert [(one.version, one.created) for one in again] == [(1, False), (2, False)]
    version = open_registry(place.uri).versions("old")[0]
    assert (version.record.model_version, version.record.metrics) == ("1.0", {"f1": 0.5})
    with pytest.raises(InputError, match="imported without its file"):
        open_registry(place.uri).download("old:2", tmp_path / "out")
    assert fsck(locate(place.uri)).sound


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a registry"),
        ("[]", "is not a registry"),
        ('{"models": [{"model_name": "m", "versions": [{"version": 1}, {"version": "1"}]}]}', "twice"),
    ],
)
def test_a_file_that_is_no_registry_is_not_imported(tmp_path, text, message):
    file = tmp_path / "registry.json"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        import_file(locate(tmp_path / "registry"), file)
    assert not (tmp_path / "registry").exists()


def test_a_registry_does_not_import_its_own_list(tmp_path, model_file, monkeypatch):
    """Each version would be there twice, and each again the next time."""
    open_registry(tmp_path / "registry").register("m", model_file, {}, run_id="1")
    monkeypatch.chdir(tmp_path)
    for file in (tmp_path / "registry/model_registry.json", Path("registry/model_registry.json")):
        with pytest.raises(InputError, match="lists what this registry holds already"):
            import_file(locate(tmp_path / "registry"), file)
    assert [version.number for version in open_registry(tmp_path / "registry").versions("m")] == [1]
    # Another registry may take its versions over.
    assert [done.version for done in import_file(locate(tmp_path / "other"), file)] == [1]
