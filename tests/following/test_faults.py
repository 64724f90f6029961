"""What goes wrong around a follower: another one, a damaged checkpoint, a champion that moves, stores and clocks."""

import gzip
import json
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from netanomaly.cli import scored
from netanomaly.config.scoring import ScoringConfig
from netanomaly.errors import ConfigError, DataError, InputError, StoreUnavailable
from netanomaly.feedback.suppression import Heard
from netanomaly.registry import Registry, open_registry
from netanomaly.registry.file_store import FileStore
from netanomaly.scoring import checkpoint as checkpoints
from netanomaly.scoring import lease
from netanomaly.scoring.checkpoint import WrongCheckpoint
from netanomaly.scoring.following import follow
from netanomaly.scoring.lease import AnotherWorks
from netanomaly.scoring.outputs import Outputs, Overtaken
from netanomaly.scoring.settings import Settings
from netanomaly.stages.score.program import score

from tests.command import NETANOMALY, netanomaly, netanomaly_here
from tests.following.conn_logs import START, flows, probes, uid, written


def copied(registry: str, folder: Path) -> str:
    shutil.copytree(registry, folder / "registry")
    return str(folder / "registry")


def another_version(registry: str) -> int:
    """A second version of the model: the same file, registered again."""
    opened = open_registry(registry)
    version = opened.version("office:1")
    folder = Path(registry).parent / "again"
    (path, *_) = opened.download("office:1", folder)
    return opened.register("office", path, version.record.metadata, run_id="again").version


def test_of_two_followers_one_works_and_the_other_says_so(outputs, followed, logs):
    written(logs / "conn.log", flows(2, 50))
    store = Outputs.at(outputs.uri, "office").store
    with lease.held(store), pytest.raises(AnotherWorks, match=r"another follower works on .*: process [0-9]+ on "):
        followed(outputs)
    assert followed(outputs)["rows"] == 50


def test_a_follower_elsewhere_is_waited_for_by_its_beat_and_not_by_a_clock(outputs, monkeypatch):
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.1)
    store = Outputs.at(outputs.uri, "office").store
    monkeypatch.setattr(lease, "_machine", lambda: "there")
    with lease.held(store):
        monkeypatch.setattr(lease, "_machine", lambda: "here")
        with pytest.raises(AnotherWorks), lease.held(store, patience_seconds=20):
            pass
    monkeypatch.setattr(lease, "BEAT_SECONDS", 60)
    monkeypatch.setattr(lease, "_machine", lambda: "there")
    with lease.held(store):
        monkeypatch.setattr(lease, "_machine", lambda: "here")
        began = time.monotonic()
        with lease.held(store, patience_seconds=0.5):
            assert time.monotonic() - began >= 0.5


def test_a_follower_that_was_overtaken_commits_nothing(outputs, followed, logs, tmp_path):
    lines = flows(2, 50)
    written(logs / "conn.log", lines)
    slow = Outputs.at(outputs.uri, "office")
    slow.begin()
    assert followed(outputs)["rows"] == 50
    (tmp_path / "x").write_text("x")
    with pytest.raises(Overtaken, match="another follower took over"):
        slow.commit(slow.checkpoint, {"scores/00000001.parquet": tmp_path / "x"})
    # What it staged is the next one's to remove.
    followed(outputs)
    outputs.check([uid(line) for line in lines])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[: len(data) // 2], "checkpoint.json is damaged .*restore .* from a backup, or move the whole folder away"),
        (lambda data: data.replace(b'"number":1', b'"number":0'), "checkpoint.json was altered: its checksum is wrong; restore"),
        (lambda data: data.replace(b'"format":1', b'"format":2'), "has format 2, and netanomaly .* reads 1: use netanomaly"),
        (lambda data: b"[]", "checkpoint.json is damaged"),
    ],
)  # fmt: skip
def test_a_damaged_checkpoint_is_named_with_the_way_on_and_left_alone(out, followed, logs, damage, says):
    written(logs / "conn.log", flows(2, 50))
    followed(out)
    damaged = damage(out.objects.all()["checkpoint.json"])
    out.objects.put("checkpoint.json", damaged)
    before = out.objects.all()
    with pytest.raises(WrongCheckpoint, match=says):
        followed(out)
    assert out.objects.all() == before


def test_a_damaged_state_is_named(out, followed, logs):
    written(logs / "conn.log", flows(2, 50))
    followed(out)
    key = next(key for key in out.objects.all() if key.startswith("state/context"))
    out.objects.put(key, b"no state")
    with pytest.raises(WrongCheckpoint, match=r"state/context-.* was altered"):
        followed(out)


@pytest.mark.parametrize("gone", ["checkpoint.json", "state/context", "known/"])
def test_what_is_gone_is_named_and_nothing_is_scored_again_in_silence(out, followed, logs, monkeypatch, gone):
    monkeypatch.setattr(checkpoints, "_MOST_CONTENTS", 2)
    monkeypatch.setattr(checkpoints, "_SEALED_TOGETHER", 1)
    for number in range(4):
        written(logs / f"conn.{number}.log", flows(number, 20))
    followed(out)
    Path(out.uri, next(key for key in out.objects.all() if key.startswith(gone))).unlink()
    before = out.objects.all()
    with pytest.raises(
        WrongCheckpoint, match=f"{gone}.* is gone, .*restore it from a backup, or move the whole folder away"
    ):
        followed(out)
    left = out.objects.all()
    assert {key: left[key] for key in before if key.startswith(("scores/", "alerts/"))} == {
        key: data for key, data in before.items() if key.startswith(("scores/", "alerts/"))
    }


def test_a_place_where_nothing_is_is_told_of(out, followed, logs, capsys):
    followed(out)
    assert f"nothing is found in {logs}; is that the place?" in capsys.readouterr().err


def test_what_cannot_be_read_is_told_with_its_name(out, followed, logs, capsys):
    (logs / "stranger.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"stranger\.csv: flows of zeek"):
        followed(out)
    assert "stranger.csv: flows of zeek" in capsys.readouterr().err


@pytest.mark.parametrize("allowed", [False, True])
def test_a_piece_of_a_log_without_its_header_is_called_that(out, followed, logs, capsys, allowed):
    written(logs / "conn.log", flows(2, 50))
    records = [line for line in (logs / "conn.log").read_text().splitlines() if not line.startswith("#")]
    # It was cut in the middle of a record.
    (logs / "conn.log").write_text("\n".join(records)[30:] + "\n")
    with pytest.raises(DataError, match=r"conn\.log is records of Zeek's conn log without its header, as line 2 tells"):
        followed(out, settings={"allow_other_sensor": allowed})
    said = capsys.readouterr().err
    assert "conn.log is records of Zeek's conn log without its header" in said
    assert "--allow-other-sensor neither" in said


def test_what_feedback_suppresses_is_kept_and_counted_where_nothing_else_alerts(out, followed, logs, monkeypatch):
    def marked(heard: Heard, found: list[dict]) -> list[dict]:
        for incident in found:
            incident["suppressed_by"] = {"verdict": "v"}
        return found

    monkeypatch.setattr(Heard, "mark", marked)
    written(logs / "conn.log", [*flows(2, 40), *probes(300)])
    report = followed(out)
    assert (report["incidents"], report["suppressed"]) == (0, len(out.alerts()))
    assert report["suppressed"] > 0
    assert any("more by feedback" in line for line in scored.followed(report))


def test_captures_are_told_of_once_with_what_to_do(out, followed, logs, capsys):
    """Rotated captures come by the hour, and a follower makes no flows of them."""
    for number in range(2):
        (logs / f"dmz.{number}.pcap.gz").write_bytes(gzip.compress(b"\xd4\xc3\xb2\xa1" + bytes(60)))
    (logs / "nfcapd.202611280900").write_bytes(b"\x0c\xa5" + bytes(60))
    with pytest.raises(
        DataError, match=r"is a capture of packets, which --follow does not read: score it when it is comp"
    ):
        followed(out)
    assert capsys.readouterr().err.count("--follow does not read") == 1
    lines = flows(2, 30)
    written(logs / "conn.log", lines)
    assert followed(out)["counts"]["files of capture of packets"] == 2
    out.check([uid(line) for line in lines])


def test_a_folder_of_another_model_or_of_something_else_is_refused(out, followed, logs, tmp_path):
    written(logs / "conn.log", flows(2, 50))
    Outputs.at(out.uri, "branch").begin()
    with pytest.raises(
        WrongCheckpoint, match="holds what model 'branch' scored, and this is 'office'; name another folder"
    ):
        followed(out)
    other = type(out).in_a_folder(tmp_path / "thesis")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds 'thesis.txt', which is no result of following"):
        followed(other)


def test_outputs_within_what_is_followed_are_refused(followed, logs, out):
    inside = type(out).in_a_folder(logs / "scored")
    with pytest.raises(ConfigError, match="lies within what is followed"):
        followed(inside)


def test_a_champion_that_moved_is_taken_up_at_the_next_file_and_noted(out, followed, logs, registry, tmp_path):
    own = copied(registry, tmp_path)
    number = another_version(own)
    written(logs / "conn.0.log", flows(2, 50))
    followed(out, registry=own)

    def moved(commit: int) -> None:
        # Between two files of one look.
        open_registry(own).set_alias(f"office:{number}", "champion")

    written(logs / "conn.1.log", flows(3, 50, start=START + 1000))
    written(logs / "conn.2.log", flows(4, 50, start=START + 2000))
    followed(out, registry=own, committed=moved)
    versions = [(each["model"]["version"], each.get("model_before")) for each in out.summaries()]
    assert versions == [(1, None), (1, None), (number, 1)]
    open_registry(own).set_alias("office:1", "champion")
    open_registry(own).deprecate(f"office:{number}", why="test")
    with pytest.raises(InputError, match="is deprecated"):
        followed(out, registry=own, model=f"office:{number}")


def test_an_alias_that_moves_while_scoring_changes_nothing_of_that_run(logs, registry, tmp_path):
    """The version is fixed before anything is read."""
    own = copied(registry, tmp_path)
    number = another_version(own)
    log = written(logs / "conn.log", flows(2, 50))
    wanted = ScoringConfig(model="office@champion", data_source=str(log), registry=own)

    def moved(rows: int) -> None:
        open_registry(own).set_alias(f"office:{number}", "champion")

    for version in (1, number):
        folder = tmp_path / f"by-{version}"
        folder.mkdir()
        assert score(wanted, folder, moved)["model"]["version"] == version
        assert json.loads((folder / "summary.json").read_text())["model"]["version"] == version


def test_a_registry_that_is_away_stops_nothing_while_a_model_is_at_hand(
    out, followed, logs, registry, monkeypatch, capsys
):
    written(logs / "conn.0.log", flows(2, 50))
    written(logs / "conn.1.log", flows(3, 50, start=START + 1000))
    asked = []
    plain = Registry.chosen

    def away(self, reference):
        asked.append(reference)
        if len(asked) > 1:
            raise StoreUnavailable("no answer")
        return plain(self, reference)

    monkeypatch.setattr(Registry, "chosen", away)
    assert followed(out)["rows"] == 100
    assert capsys.readouterr().err.count("the registry does not answer (no answer); office:1 goes on") == 1


def test_a_store_that_is_away_is_waited_for_and_nothing_is_lost(out, registry, logs, monkeypatch, capsys):
    lines = flows(2, 60)
    written(logs / "conn.0.log", lines[:30])
    written(logs / "conn.1.log", lines[30:])
    failed: list[str] = []
    plain = FileStore.put_if_match

    def flaky(self, key, data, etag):
        # Done and not answered, and not done at all.
        if key == checkpoints.KEY and len(failed) < 4:
            failed.append(key)
            if len(failed) % 2:
                plain(self, key, data, etag)
            raise StoreUnavailable("the store is away")
        return plain(self, key, data, etag)

    monkeypatch.setattr(FileStore, "put_if_match", flaky)
    monkeypatch.setattr("netanomaly.scoring.following._LONGEST_OUTAGE_WAIT", 0.2)

    class Done(threading.Event):
        def wait(self, timeout=None):
            if len(out.rows()) == len(lines):
                self.set()
            return super().wait(timeout)

    follow(registry, "office", Settings(source=[str(logs)]), out.uri, once=False, every_seconds=0.1, stop=Done())
    out.check([uid(line) for line in lines])
    assert capsys.readouterr().err.count("the store is away") >= 1


def test_a_file_from_long_before_is_scored_beside_its_own_flows(out, followed, logs):
    now, before, after = flows(2, 80), flows(3, 80, start=START - 7200), flows(4, 80, start=START + 700)
    for number, lines in enumerate((now, before, after)):
        written(logs / f"conn.{number}.log", lines)
        followed(out)
    out.check([uid(line) for line in (*now, *before, *after)])
    assert out.checkpoint()["counts"]["files that came late"] == 1
    assert [each["late_flows"] for each in out.summaries()] == [0, 0, 0]


def test_a_clock_that_jumped_spoils_one_file_and_no_more(out, followed, logs):
    jumped = [*flows(2, 50), *flows(3, 1, start=START + 400 * 86_400, name="future")]
    for number, lines in enumerate((jumped, flows(4, 50, start=START + 700), flows(5, 50, start=START + 1400))):
        written(logs / f"conn.{number}.log", lines)
        followed(out)
    assert out.checkpoint()["counts"]["clock that jumped"] == 1
    assert [each["late_flows"] for each in out.summaries()] == [0, 0, 0]


def test_contents_of_long_ago_are_sealed_and_stay_known(outputs, followed, logs, monkeypatch):
    monkeypatch.setattr(checkpoints, "_MOST_CONTENTS", 3)
    monkeypatch.setattr(checkpoints, "_SEALED_TOGETHER", 2)
    expected = []
    for number in range(8):
        lines = flows(number, 20, start=START + 600 * number)
        written(logs / f"conn.{number}.log", lines)
        expected += [uid(line) for line in lines]
    followed(outputs)
    assert len(outputs.checkpoint()["sealed"]) == 3
    (logs / "conn.0.log").rename(logs / "conn.0.old.log")
    assert followed(outputs)["rows"] == 0
    assert followed(outputs)["commits"] == 0
    outputs.check(expected)


def test_the_command_looks_once_for_cron(registry, logs, out):
    written(logs / "conn.log", flows(2, 50))
    arguments = ["score", "office", logs, "--out", out.uri, "--registry", registry, "--follow", "--once"]
    ended = netanomaly(*arguments, "--json")
    assert ended.code == 0, ended.stderr
    assert (ended.json["state"], ended.json["rows"], ended.json["last_commit"]) == ("done", 50, 1)
    again = netanomaly_here(*arguments)
    assert again.code == 0
    assert "0 flows of 0 files new or grown" in again.stdout
    with lease.held(Outputs.at(out.uri, "office").store):
        busy = netanomaly_here(*arguments, "--json")
    assert (busy.code, busy.json["state"]) == (0, "another follower works")
    assert netanomaly_here(*[each for each in arguments if each != "--follow"]).code == 2


def test_the_command_goes_on_until_it_is_told_to_end(registry, logs, out):
    process = subprocess.Popen(
        [str(NETANOMALY), "score", "office", str(logs), "--out", out.uri, "--registry", registry, "--follow",
         "--every", "0.5", "--json"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    lines = flows(2, 50)
    try:
        written(logs / "conn.log", lines)
        deadline = time.monotonic() + 60
        while "scores/00000001.parquet" not in out.objects.all():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, json.loads(told)["rows"]) == (0, 50)
    out.check([uid(line) for line in lines])
