"""Laws: what comes out does not depend on how records are ordered or cut, and nothing that is no log ends in a traceback."""

import json
import os
import random
import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netanomaly.errors import DataError
from netanomaly.traffic import features, keys, stream, table
from netanomaly.traffic.context import Context
from netanomaly.traffic.recognition import FORMATS, Format, NoFlows, recognise
from netanomaly.traffic.repeats import REPEATED, Repeats
from netanomaly.traffic.sorting import Room, Sorter

from tests.unit.traffic import test_argus, test_clouds, test_nfdump, test_suricata
from tests.unit.traffic.reading import read, rows, same
from tests.unit.traffic.zeek_logs import PING, SYN, WEB, as_json, tsv

# Drawn anew in a soak: make soak-traffic.
MUTATIONS = int(os.environ.get("NETANOMALY_SOAK_MUTATIONS", "40"))

SAMPLES = {
    "zeek-tsv": tsv(WEB, SYN, PING),
    "zeek-json": as_json(WEB, SYN, PING),
    "zeek-long-tsv": tsv(WEB, SYN, path="conn_long"),
    "zeek-long-json": as_json(WEB, SYN, _path="conn_long"),
    "suricata-eve": test_suricata.event() + test_suricata.event(event_type="dns") + test_suricata.event(proto="UDP", tcp=None),
    "argus": test_argus.HEAD + test_argus.line() + test_argus.line(proto="icmp", sport="0x0303") + test_argus.line(state="S_RA"),
    "nfdump-csv": test_nfdump.OLD_HEAD + test_nfdump.old() + test_nfdump.answer() + test_nfdump.SUMMARY,
    "nfdump-json": json.dumps([test_nfdump.record(), test_nfdump.record(**test_nfdump.BACK)], indent=1),
    "aws-vpc": test_clouds.AWS_HEAD + test_clouds.ASK + test_clouds.REPLY + test_clouds.NODATA,
    "gcp-vpc": json.dumps(test_clouds.entry()) + "\n" + json.dumps(test_clouds.entry(**test_clouds.REVERSED)) + "\n",
    "azure": test_clouds.vnet("1663146003599,10.0.0.6,192.0.2.180,23956,443,6,O,E,NX,3,767,2,1580"),
}  # fmt: skip


def test_every_format_has_a_sample_and_is_told_by_its_content():
    assert set(SAMPLES) == set(FORMATS) - {"aws-vpc-parquet"}
    for name, text in SAMPLES.items():
        found = recognise(text.encode())
        assert isinstance(found, Format)
        assert found.name == name


# Azure's flows have times of their own, in numbers.
_ZONE = re.compile(r"(?<=[0-9]T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})")


@pytest.mark.parametrize(
    "name", sorted(name for name, text in SAMPLES.items() if _ZONE.search(text) and name != "azure")
)
def test_whoever_writes_times_without_a_zone_is_told_that_they_are_taken_for_utc(name):
    _, zoned = read(SAMPLES[name])
    _, bare = read(_ZONE.sub(r"\1", SAMPLES[name]))
    assert not zoned.counts.repaired.get("time without a zone, taken for UTC")
    assert bare.counts.repaired["time without a zone, taken for UTC"] > 0


@pytest.mark.parametrize("name", ["zeek-tsv", "zeek-json", "suricata-eve", "argus"])
def test_flows_of_a_log_that_is_given_twice_are_counted(name):
    once = read(SAMPLES[name])
    table, understood = read(SAMPLES[name], SAMPLES[name])
    assert table.num_rows == 2 * once[0].num_rows
    assert understood.counts.repaired[REPEATED] - once[1].counts.repaired.get(REPEATED, 0) == once[0].num_rows


def test_a_repeated_flow_is_counted_across_blocks():
    flows = read(tsv(WEB, WEB, SYN, PING, PING, PING))[0]
    for rows_of_a_block in range(1, flows.num_rows + 1):
        repeats = Repeats()
        blocks = (flows.slice(first, rows_of_a_block) for first in range(0, flows.num_rows, rows_of_a_block))
        assert sum(repeats.among(block) for block in blocks) == 3


@pytest.mark.parametrize("written", ["inf", "-inf", "1e400"])
def test_an_infinite_duration_is_counted(written):
    counted = read(tsv(WEB, SYN).replace("\t1.500000\t", f"\t{written}\t"))[1].counts.repaired
    assert counted["duration_seconds that is infinite set to missing"] == 1


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_damaged_log_gives_rows_or_one_clear_line(name, monkeypatch):
    without_threads(monkeypatch)
    assert read_whole(SAMPLES[name], name, MUTATIONS) > MUTATIONS / 10


@pytest.mark.parametrize("extreme", ["9223372036854775807", "9007199254740993"])
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_number_of_any_size_gives_rows_with_features_or_one_clear_line(name, extreme, monkeypatch):
    without_threads(monkeypatch)
    for number in re.finditer(r"(?<![\w.:\"-])\d+(?![\w.:])", SAMPLES[name]):
        damaged = SAMPLES[name][: number.start()] + extreme + SAMPLES[name][number.end() :]
        if not isinstance(recognise(damaged.encode()), Format):
            continue
        try:
            found, _ = read(damaged)
        except DataError as error:
            assert "\n" not in str(error)
        else:
            features.flow_features(found)
            past = features.context_features(found, Context())
            assert all((column[~np.isnan(column)] >= 0).all() for column in past.values())


def test_pieces_of_a_flow_may_add_up_to_more_than_a_double_holds(monkeypatch):
    without_threads(monkeypatch)
    piece = "1663146003599,10.0.0.6,192.0.2.180,23956,443,6,O,{},NX,3,9007199254740991,2,1580"
    found, _ = read(test_clouds.vnet(piece.format("B"), piece.format("C"), piece.format("E")))
    assert rows(found, "bytes_out")[0] > 1 << 53
    assert features.flow_features(found)["bytes_out"][0] > 1 << 53


def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten thousand small logs handing each over between threads would take most of the time, on a busy machine nearly all."""
    monkeypatch.setattr(stream, "ahead", lambda source, _items: source)


def read_whole(text: str, seed: str, count: int) -> int:
    """How many of so many damaged copies of a log are read; the others are refused in one clear line, or it fails."""
    randomness, original, found_rows = random.Random(seed), text.encode(), 0
    for _ in range(count):
        damaged = mutated(original, randomness)
        try:
            found, understood = read(damaged)
        except AssertionError:
            # It is no longer any sensor's, which the reader of CSV is asked for next.
            assert not isinstance(recognise(damaged), Format)
        except DataError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 600
        else:
            found_rows += 1
            assert found.num_rows > 0
            assert found.schema.equals(table.SCHEMA)
            assert not pa.compute.any(pa.compute.is_nan(found.column("start_time"))).as_py()
            # No record vanishes: each line is a flow, half of one, or counted.
            assert all(number > 0 for number in understood.counts.dropped.values())
    return found_rows


def mutated(text: bytes, randomness: random.Random) -> bytes:
    """The text with a few bytes, fields or lines changed."""
    lines = text.split(b"\n")
    for _ in range(randomness.randint(1, 4)):
        line = randomness.randrange(len(lines))
        content = lines[line]
        place = randomness.randrange(len(content) + 1)
        match randomness.randrange(9):
            case 0:
                lines[line] = content[:place] + bytes([randomness.randrange(256)]) + content[place + 1 :]
            case 1:
                lines[line] = content[:place] + bytes(randomness.randrange(256) for _ in range(3)) + content[place:]
            case 2:
                lines[line] = content[:place]
            case 3:
                lines.insert(line, content)
            case 4 if len(lines) > 2:
                del lines[line]
            case 5:
                odd = [
                    b"-1",
                    b"99999999999999999999",
                    b"9223372036854775807",
                    b"9007199254740993",
                    b"1e400",
                    b"nan",
                    b"\xff\xfe",
                    b"",
                    b"0x",
                    b"'",
                    b"\t",
                    b",",
                    b"{",
                    b"[[[[",
                ]
                fields = content.split(b"\t" if b"\t" in content else b",")
                fields[randomness.randrange(len(fields))] = randomness.choice(odd)
                lines[line] = (b"\t" if b"\t" in content else b",").join(fields)
            case 6:
                lines[line] = content.replace(b":", randomness.choice([b"", b"::", b" ", b"="]), 1)
            case 7:
                other = randomness.randrange(len(lines))
                lines[line], lines[other] = lines[other], lines[line]
            case _:
                lines[line] = content + content[:place]
    return b"\n".join(lines)


ends = st.integers(1, 4).map(lambda number: f"10.0.0.{number}")
one_way = st.tuples(
    st.integers(0, 400), st.integers(0, 90), ends, ends, st.integers(1, 3), st.integers(1, 3), st.integers(1, 10**6)
)


@settings(max_examples=80, deadline=None)
@given(st.lists(one_way, min_size=1, max_size=40), st.randoms(use_true_random=False), st.integers(4, 60))
def test_pairing_does_not_depend_on_order_or_on_memory(records, randomness, run_rows):
    head = "srcaddr dstaddr srcport dstport protocol packets bytes start end\n"
    lines = [
        f"{src} {dst} {sport} {dport} 6 1 {size} {1700000000 + start} {1700000000 + start + lasted}\n"
        for start, lasted, src, dst, sport, dport, size in records
    ]
    whole, understood = read(head + "".join(lines))
    randomness.shuffle(lines)
    middle = len(lines) // 2
    again, _ = read(head + "".join(lines[:middle]), head + "".join(lines[middle:]), run_rows=run_rows)
    assert same(whole, again)
    # Every record is in one flow: bytes and packets are what they were.
    assert whole.num_rows == len(lines) - understood.pairs.paired // 2
    total = sum(value or 0 for name in ("bytes_out", "bytes_in") for value in rows(whole, name))
    assert total == sum(record[-1] for record in records)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.text("abc", max_size=2)), max_size=120),
    st.integers(2, 40), st.integers(1, 50),
)  # fmt: skip
def test_sorting_on_disk_is_sorting(tmp_path, records, run_rows, block_rows):
    schema = pa.schema({"first": pa.int64(), "second": pa.int64(), "word": table.WORD})
    kept = schema.remove(0).remove(0).append(pa.field("place", pa.int64()))
    sorter = Sorter(kept, Room(run_rows, tmp_path))
    for begin in range(0, len(records), 7):
        part = records[begin : begin + 7]
        batch = pa.RecordBatch.from_arrays(
            [pa.array([word for _, _, word in part]).dictionary_encode(), pa.array(range(begin, begin + len(part)))], schema=kept
        )  # fmt: skip
        sorter.add(batch, np.array([first for first, _, _ in part]), np.array([second for _, second, _ in part]))
    found = list(sorter.tables(block_rows))
    assert not list(tmp_path.iterdir())
    assert all(each.num_rows == block_rows for each in found[:-1])
    given_back = [(records[row["place"]][:2], row["word"]) for each in found for row in each.to_pylist()]
    assert Counter(given_back) == Counter((record[:2], record[2]) for record in records)
    assert [key for key, _ in given_back] == sorted(record[:2] for record in records)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=80)), max_size=20))
def test_keys_of_texts_depend_on_nothing_but_the_text(texts):
    together = keys.of_texts(pa.array(texts, type=pa.string()).dictionary_encode())
    alone = [keys.of_texts(pa.array([text], type=pa.string()).dictionary_encode())[0] for text in texts]
    assert together.tolist() == alone
    assert len(set(together.tolist())) == len(set(texts))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<134>Jan  5 10:00:00 fw filterlog[123]: 5,,,1000000103,igb0,match,block,in,4\n", "pfSense"),
        ('date=2024-01-05 time=10:00:00 devname="FG" logid="0000000013" type="traffic"\n', "Fortinet"),
        ("Jan 05 2024 10:00:00 fw : %ASA-6-302013: Built outbound TCP connection\n", "Cisco ASA"),
        ("Jan  5 10:00:00 host sshd[99]: Failed password for root\n", "a syslog"),
        ("CEF:0|Vendor|Product|1|2|3|4|src=1.2.3.4\n", "CEF"),
        ("Jan  5 10:00:00 fw kernel: [UFW BLOCK] IN=eth0 OUT= SRC=1.2.3.4 DST=10.0.0.1 LEN=40\n", "netfilter"),
    ],
)
def test_other_logs_are_named_with_what_they_lack(text, what):
    found = recognise(text.encode())
    assert isinstance(found, NoFlows)
    assert what in found.what
    assert found.lacks


@pytest.mark.parametrize("magic", [b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\xa1\xb2\x3c\x4d"])
def test_a_capture_among_logs_is_named_with_the_pipeline_that_makes_flows_of_it(magic):
    found = recognise(magic + bytes(40))
    assert isinstance(found, NoFlows)
    assert "training-from-captures" in found.lacks


def test_files_of_two_formats_in_one_source_are_refused_and_both_are_named():
    with pytest.raises(DataError, match=r"file1 is Argus flows .* Zeek conn log .*; a source has one format"):
        read(SAMPLES["zeek-tsv"], SAMPLES["argus"])


def test_tsv_and_json_of_one_sensor_may_stand_in_one_source():
    assert read(SAMPLES["zeek-tsv"], SAMPLES["zeek-json"])[0].num_rows == 6
