"""`score --follow`: each record once, whatever files do."""

import gzip
import json
import os
import shutil
import threading

import pytest
from netanomaly.errors import ConfigError, DataError
from netanomaly.scoring import contents, following, growing
from netanomaly.scoring.settings import Settings

from tests.command import netanomaly, netanomaly_here
from tests.following.conn_logs import START, flows, header, probes, uid, written


def test_what_appears_is_scored_once_in_a_folder_and_in_a_bucket(outputs, followed, logs):
    first, second = flows(2, 200), flows(3, 150, start=1_700_001_000)
    written(logs / "conn.00.log", first)
    report = followed(outputs)
    assert (report["commits"], report["rows"], report["files"]) == (1, 200, 1)
    assert followed(outputs)["commits"] == 0
    written(logs / "conn.01.log", second)
    assert followed(outputs)["rows"] == 150
    outputs.check([uid(line) for line in [*first, *second]])
    assert [each["commit"] for each in outputs.summaries()] == [1, 2]


def test_a_file_that_grows_is_scored_where_it_grew_and_rows_say_where_they_stand(out, followed, logs):
    lines = flows(2, 300)
    path = written(logs / "conn.log", lines[:100], close=False)
    followed(out)
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines[100:250]))
        # Half a line.
        file.write(lines[250][:40])
    assert followed(out)["rows"] == 150
    with path.open("a") as file:
        file.write(lines[250][40:] + "\n" + "".join(f"{line}\n" for line in lines[251:]) + "#close\t2023\n")
    assert followed(out)["rows"] == 50
    out.check([uid(line) for line in lines])
    text = path.read_text().splitlines()
    for row in out.rows():
        assert uid(text[row["record"] - 1]) == row["uid"]
        assert row["file"] == "conn.log"


def test_of_a_file_that_grows_the_rest_alone_is_read(out, registry, logs, monkeypatch):
    lines = flows(2, 400)
    path = written(logs / "conn.log", lines[:100], close=False)
    looked, plain, begun = [], contents.look_on, [100]

    def look_on(blocks, resume, *, whole):
        looked.append(resume.content.length)
        return plain(blocks, resume, whole=whole)

    monkeypatch.setattr(growing, "look_on", look_on)

    class Growing(threading.Event):
        def wait(self, timeout=None):
            if begun[0] == len(lines):
                self.set()
            else:
                with path.open("a") as file:
                    file.write("".join(f"{line}\n" for line in lines[begun[0] : begun[0] + 100]))
                begun[0] += 100
            return super().wait(0)

    following.follow(
        registry, "office", Settings(source=[str(logs)]), out.uri, once=False, every_seconds=0.1, stop=Growing()
    )
    out.check([uid(line) for line in lines])
    assert len(looked) == 3
    assert looked == sorted(set(looked))
    assert not list((logs.parent / "out/.tmp").iterdir())


def unended(path, lines):
    """A log whose last line has no end."""
    written(path, lines, close=False)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    return path


def left(path):
    """Nobody wrote to it for long."""
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - growing.LAST_LINE_SECONDS - 1))


def test_a_last_line_without_an_end_is_scored_when_the_file_rests_for_long(out, followed, logs):
    lines = flows(2, 50)
    left(unended(logs / "conn.log", lines))
    assert followed(out)["rows"] == 49
    assert followed(out)["rows"] == 1
    assert followed(out)["commits"] == 0
    out.check([uid(line) for line in lines])


@pytest.mark.parametrize("cut", [1, 30, 100])
def test_a_writer_that_pauses_within_a_line_loses_none(out, followed, logs, cut):
    lines = flows(2, 50)
    whole = (header() + "".join(f"{line}\n" for line in lines)).encode()
    path = logs / "conn.log"
    path.write_bytes(whole[:-cut])
    report = followed(out)
    assert (report["rows"], report["waiting"]) == (49, [str(path)])
    for _ in range(3):
        assert followed(out)["rows"] == 0
    with path.open("ab") as file:
        file.write(whole[-cut:])
    report = followed(out)
    assert (report["rows"], report["waiting"]) == (1, [])
    out.check([uid(line) for line in lines])


def test_a_rotated_log_is_read_to_its_end(out, followed, logs):
    lines = flows(2, 50)
    path = unended(logs / "conn.log", lines)
    assert followed(out)["rows"] == 49
    (logs / "conn.1.log.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert followed(out)["rows"] == 1
    out.check([uid(line) for line in lines])


def test_a_line_that_goes_on_after_it_was_taken_for_the_last_is_told(out, followed, logs, capsys):
    lines = flows(2, 50)
    whole = (header() + "".join(f"{line}\n" for line in lines)).encode()
    path = logs / "conn.log"
    path.write_bytes(whole[:-40])
    left(path)
    followed(out)
    followed(out)
    with path.open("ab") as file:
        file.write(whole[-40:])
    capsys.readouterr()
    assert followed(out)["counts"]["lines that went on after they were scored"] == 1
    assert f"line at byte {len(whole) - 40:,} had no end" in capsys.readouterr().err
    with path.open("ab") as file:
        file.write(f"{flows(3, 1)[0]}\n".encode())
    assert followed(out)["counts"]["lines that went on after they were scored"] == 1


def test_rotated_and_compressed_files_are_known_by_what_is_in_them(outputs, followed, logs):
    lines = flows(2, 400)
    path = written(logs / "conn.log", lines[:300], close=False)
    followed(outputs)
    # What was written between the last look and the rotation is in the rotated file alone.
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines[300:350]) + "#close\t2023\n")
    rotated = logs / "conn.2023-11-14-22.log"
    path.rename(rotated)
    written(path, lines[350:], close=False)
    assert followed(outputs)["rows"] == 100
    (logs / "conn.2023-11-14-22.log.gz").write_bytes(gzip.compress(rotated.read_bytes()))
    rotated.unlink()
    assert followed(outputs)["rows"] == 0
    outputs.check([uid(line) for line in lines])
    assert outputs.checkpoint()["counts"]["renamed or compressed after it was scored"] == 1


def test_a_gzipped_log_may_hold_more_than_was_scored_of_it(out, followed, logs):
    lines = flows(2, 300)
    path = written(logs / "conn.log", lines[:200], close=False)
    followed(out)
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines[200:]))
    (logs / "conn.22.log.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert followed(out)["rows"] == 100
    out.check([uid(line) for line in lines])
    assert sorted(row["record"] for row in out.rows()) == list(range(9, 309))


def test_copies_are_not_scored_and_are_counted(out, followed, logs):
    lines = flows(2, 100)
    path = written(logs / "conn.log", lines)
    followed(out)
    shutil.copy(path, logs / "copy.log")
    (logs / "other").mkdir()
    shutil.copy(path, logs / "other/conn.log")
    assert followed(out)["rows"] == 0
    out.check([uid(line) for line in lines])
    assert out.checkpoint()["counts"]["copy of what was scored"] == 2
    assert followed(out)["commits"] == 0


def test_a_copy_under_way_is_no_new_file(out, followed, logs):
    lines = flows(2, 400)
    path = written(logs / "conn.log", lines)
    followed(out)
    whole = path.read_bytes()
    (logs / "copy.log").write_bytes(whole[: len(whole) // 2])
    assert followed(out)["rows"] == 0
    assert out.checkpoint()["counts"]["half-written"] == 1
    (logs / "copy.log").write_bytes(whole)
    report = followed(out)
    assert (report["rows"], report["unread"]) == (0, {})
    out.check([uid(line) for line in lines])


def test_a_file_that_shrank_is_held_and_told(out, followed, logs, capsys):
    lines = flows(2, 400)
    path = written(logs / "conn.log", lines)
    followed(out)
    os.truncate(path, 30_000)
    followed(out)
    report = followed(out)
    assert report["rows"] == 0
    assert "shorter than what was scored" in report["unread"][str(path)]
    assert "shorter than what was scored" in capsys.readouterr().err
    out.check([uid(line) for line in lines])


def test_a_file_that_is_replaced_is_other_records(out, followed, logs):
    one, other = flows(2, 400), flows(3, 300)
    written(logs / "conn.log", one)
    followed(out)
    written(logs / "conn.log", other)
    assert followed(out)["rows"] == 300
    out.check([uid(line) for line in [*one, *other]])
    assert out.checkpoint()["counts"]["replaced by other content"] == 1


def test_what_is_half_written_waits(out, followed, logs):
    lines = flows(2, 200)
    whole = gzip.compress((header() + "".join(f"{line}\n" for line in lines)).encode())
    (logs / "conn.log.gz").write_bytes(whole[: len(whole) // 2])
    report = followed(out)
    assert (report["rows"], report["counts"]) == (0, {"half-written": 1})
    (logs / "conn.log.gz").write_bytes(whole)
    assert followed(out)["rows"] == 200
    out.check([uid(line) for line in lines])


def test_a_file_that_cannot_be_read_stops_no_other_and_is_told_once(out, followed, logs, capsys):
    lines = flows(2, 100)
    (logs / "conn.00.log").write_text("#separator \\x09\n#path\tconn\n#open\t2023\n1\t2\t3\n")
    written(logs / "conn.01.log", lines)
    report = followed(out)
    assert report["rows"] == 100
    assert "#fields line is missing" in report["unread"][str(logs / "conn.00.log")]
    assert capsys.readouterr().err.count("#fields line is missing") == 1


def test_where_nothing_new_can_be_read_it_is_an_error(out, followed, logs):
    (logs / "flows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError):
        followed(out)


def test_other_logs_are_passed_over(out, followed, logs):
    lines = flows(2, 100)
    written(logs / "conn.log", lines)
    (logs / "dns.log").write_text(header("dns").replace("orig_bytes", "query").replace("conn_state", "x"))
    assert followed(out)["rows"] == 100
    assert followed(out)["commits"] == 0
    assert out.checkpoint()["counts"]["files of Zeek dns log"] == 1


def test_an_empty_hour_is_no_error(out, followed, logs):
    written(logs / "conn.log", [])
    (logs / "conn.2.log").write_text("")
    assert followed(out)["rows"] == 0
    assert followed(out)["commits"] == 0


def test_a_scan_over_two_files_is_told_to_be_one(out, followed, logs):
    written(logs / "conn.0.log", [*flows(2, 300, seconds=60), *probes(600)])
    followed(out)
    written(
        logs / "conn.1.log",
        [*flows(3, 300, start=1_700_000_030, seconds=60), *probes(600, start=1_700_000_040, name="b")],
    )
    followed(out)
    of_scanner = [each for each in out.alerts() if each["entity"]["ip"] == "10.0.0.66"]
    assert len(of_scanner) == 2
    assert "continues" not in of_scanner[0]
    assert of_scanner[1]["continues"] == of_scanner[0]["id"]


def test_windows_go_on_over_files(out, followed, logs, tmp_path):
    """Cut after any flow, flows are seen beside those before as in one file, where they come in order of their end."""
    lines = sorted(flows(5, 400), key=lambda line: float(line.split("\t")[0]) + float(line.split("\t")[8]))
    for number, begin in enumerate(range(0, 400, 130)):
        written(logs / f"conn.{number}.log", lines[begin : begin + 130])
        followed(out)
    whole = type(out).in_a_folder(tmp_path / "whole")
    written(tmp_path / "one/conn.log", lines)
    followed(whole, source=[str(tmp_path / "one")])
    ours = {row["uid"]: row["score"] for row in out.rows()}
    theirs = {row["uid"]: row["score"] for row in whole.rows()}
    assert ours == theirs


def test_json_lines_grow_too(out, followed, logs, tmp_path):
    records = []
    names = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration", "orig_bytes",
             "resp_bytes", "conn_state", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes"]  # fmt: skip
    lines = flows(2, 200)
    for line in lines:
        values = line.split("\t")
        chosen = [*values[:12], *values[15:19]]
        records.append(
            json.dumps({name: value if name in ("uid", "id.orig_h", "id.resp_h", "proto", "service", "conn_state") else float(value)
                        for name, value in zip(names, chosen, strict=True)})
        )  # fmt: skip
    path = logs / "conn.json"
    path.write_text("".join(f"{record}\n" for record in records[:120]))
    assert followed(out)["rows"] == 120
    with path.open("a") as file:
        file.write("".join(f"{record}\n" for record in records[120:]))
    assert followed(out)["rows"] == 80
    out.check([uid(line) for line in lines])
    assert sorted(row["record"] for row in out.rows()) == list(range(1, 201))


def test_flows_of_another_kind_of_sensor_are_refused(out, followed, logs):
    record = {"timestamp": "2023-11-14T22:13:20.000000+0000", "event_type": "flow", "src_ip": "10.0.0.1", "src_port": 1, "dest_ip": "10.0.0.2",
              "dest_port": 80, "proto": "TCP", "flow": {"pkts_toserver": 1, "pkts_toclient": 1, "bytes_toserver": 60, "bytes_toclient": 60,
              "start": "2023-11-14T22:13:20.000000+0000", "end": "2023-11-14T22:13:21.000000+0000"}}  # fmt: skip
    (logs / "eve.json").write_text(json.dumps(record) + "\n")
    with pytest.raises(DataError, match="flows of zeek taught the model and flows of suricata are to be judged"):
        followed(out)


def test_alerts_of_a_follower_are_judged_like_those_of_a_run(out, followed, logs, registry):
    for number in (0, 1):
        start = START + 3600 * number
        records = [*flows(number + 2, 40, start=start), *probes(300, start=start, name=f"s{number}x")]
        written(logs / f"conn.{number}.log", records)
    followed(out)
    alerts = [alert["id"] for alert in out.alerts()]
    assert alerts
    queue = netanomaly("feedback", "queue", "--alerts", out.uri, "--registry", registry, "--json")
    assert queue.code == 0, queue.stderr
    for where, alert in ((out.uri, alerts[0]), (f"{out.uri}/alerts", alerts[-1])):
        said = netanomaly_here(
            "feedback", "add", alert, "--alerts", where, "--verdict", "attack", "--why", "new", "--registry", registry,
            "--feedback", f"{out.uri}-said", "--json",
        )  # fmt: skip
        assert said.code == 0, said.stderr
        # Its flows were found in the scores of its commit.
        assert said.json["rows"]["rows"] > 0


def test_other_options_than_before_are_told_once(out, followed, logs, capsys):
    written(logs / "one.log", flows(2, 200))
    followed(out)
    written(logs / "two.log", flows(3, 200))
    followed(out)
    assert "from now on" not in capsys.readouterr().err
    other = {"budget": 0.05, "alert_format": "ecs"}
    followed(out, settings=other)
    said = capsys.readouterr().err
    assert "from now on budget 0.05 (before: as trained), alert format ecs (before: netanomaly);" in " ".join(
        said.split()
    )
    assert followed(out, settings=other)["commits"] == 0
    assert "from now on" not in capsys.readouterr().err


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 0.0, -1.0])
def test_numbers_that_are_none_are_refused_in_words(number):
    with pytest.raises(ConfigError, match=r"alerts per day .*: it is a number of incidents over 0"):
        Settings(source=["logs"], alerts_per_day=number)
    with pytest.raises(ConfigError, match=r"budget .*: it is a share of normal flows"):
        Settings(source=["logs"], budget=number)


def test_a_followers_bucket_is_taken_for_scores_and_not_for_traffic(outputs, followed, logs, registry):
    written(logs / "conn.log", flows(2, 300))
    followed(outputs)
    if outputs.server is None:
        pytest.skip("a folder is read")
    for place in (outputs.uri, f"{outputs.uri}/", f"{outputs.uri}/scores"):
        looked = netanomaly_here("monitor", "office", place, "--registry", registry)
        assert (looked.code, "scores hold no features" in " ".join(looked.stdout.split())) == (0, True), looked.stderr
    said = netanomaly_here(
        "feedback",
        "add",
        "abcdef",
        "--verdict",
        "attack",
        "--why",
        "scan",
        "--alerts",
        outputs.uri,
        "--registry",
        registry,
    )
    assert (said.code, f"{outputs.uri} is in a bucket" in said.last_line) == (2, True), said.stderr
