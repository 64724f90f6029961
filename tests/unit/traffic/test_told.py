"""What is odd about a source and yet read: it is counted, with where the first of it stands."""

from pathlib import Path
from typing import Any

import pytest
from netanomaly.config import CsvFormat
from netanomaly.errors import ConfigError
from netanomaly.flows import sources
from netanomaly.flows.layout import Selection
from netanomaly.scoring.remarks import remarks
from netanomaly.traffic.any_source import AnyReader, open_source

from tests.unit.traffic import test_suricata
from tests.unit.traffic.test_argus import HEAD, line
from tests.unit.traffic.test_ingest import traffic
from tests.unit.traffic.zeek_logs import FIELDS, as_json, tsv

TS, ORIG = FIELDS.index("ts"), FIELDS.index("id.orig_h")


def opened(folder: Path, text: str, format: str = "auto", **wishes: Any) -> AnyReader:  # noqa: A002
    path = folder / "a.log"
    path.write_text(text)
    files = sources.resolve([str(path)])
    return open_source(files, CsvFormat(), Selection(**wishes), format, lenient=True)


def read(folder: Path, text: str, **wishes: Any) -> AnyReader:
    reader = opened(folder, text, **wishes)
    for _ in reader.batches():
        pass
    return reader


def told(reader: AnyReader, beginning: str) -> tuple[int, str] | None:
    return next(
        ((count, reason) for reason, count in reader.tally.repaired.items() if reason.startswith(beginning)), None
    )


def with_value(records: list[list[str]], place: int, value: str, every: int) -> list[list[str]]:
    """Records of which one in so many, from the first on, has another value."""
    return [
        [*record[:place], value, *record[place + 1 :]] if number % every == 0 else record
        for number, record in enumerate(records)
    ]


@pytest.mark.parametrize("written", [tsv, as_json])
@pytest.mark.parametrize(("ts", "every", "count"), [("0.000000", 2, 30), ("0.000000", 60, 1), ("946684800.0", 20, 3)])
def test_times_that_are_years_from_the_others_are_counted_with_the_first_of_them(tmp_path, written, ts, every, count):
    """Half of them at the epoch, or one: the hours that a log spans would be all that tells of it."""
    reader = read(tmp_path, written(*with_value(traffic(60), TS, ts, every)))
    found = told(reader, "time that is years from the others")
    assert found is not None
    assert found[0] == count
    first = 9 if written is tsv else 1
    assert found[1].endswith(f"{'2000' if ts[0] == '9' else '1970'}-01-01 00:00:00, {tmp_path}/a.log, line {first}")
    assert f"{count} rows have a time that is years" in " ".join(remarks(reader))


@pytest.mark.parametrize("sensor", ["argus", "suricata", "table"])
def test_times_that_stand_apart_are_told_of_every_format(tmp_path, sensor):
    event, years = test_suricata.event, "1999-11-14T22:13"
    text = {
        "argus": HEAD + line() + line() + line(start="1999/08/10 09:46:53.047277"),
        "suricata": event() + event() + event(flow={"start": f"{years}:20.0+0000", "end": f"{years}:21.0+0000"}),
        "table": "ts,bytes\n2024-05-01T12:00:00Z,1\n2024-05-01T12:00:01Z,2\n1999-05-01T12:00:02Z,3\n",
    }[sensor]
    assert told(read(tmp_path, text), "time that is years from the others")


@pytest.mark.parametrize("times", [["0.0", "1.5", "9.5"], ["1262304000.0", "1388534400.0", "1514764800.0"]])
def test_a_capture_that_counts_from_its_beginning_and_a_long_log_have_no_odd_times(tmp_path, times):
    records = [[*record[:TS], time, *record[TS + 1 :]] for record, time in zip(traffic(3), times, strict=True)]
    assert read(tmp_path, tsv(*records)).tally.repaired == {}


def test_a_log_whose_times_are_all_0_says_so(tmp_path):
    assert told(read(tmp_path, tsv(*with_value(traffic(9), TS, "0.0", 1))), "time that is years from the others, or 0")


def test_times_of_a_table_that_count_as_missing_are_noted(tmp_path):
    table = "ts,bytes\n1714564800,1\n1714564801,2\n0,3\n"
    found = told(read(tmp_path, table), "time outside 1990 to 2100")
    assert found is not None
    assert found[0] == 1


@pytest.mark.parametrize("name", ["10.0.0.256", "printer.example", "10.0.0", "fe80::12345"])
def test_a_text_that_is_no_address_is_counted_with_where_it_stands(tmp_path, name):
    """Refused it is not: hosts are told apart by any text."""
    reader = read(tmp_path, tsv(*with_value(traffic(60), ORIG, name, 20)))
    found = told(reader, "text that is no IP address")
    assert found == (
        3,
        f"text that is no IP address where there should be one, such as {name!r} as src_ip in a.log, line 9",
    )
    assert found[1] in " ".join(remarks(reader))
    assert reader.rows == 60


@pytest.mark.parametrize(
    "name", ["10.0.0.25", "fe80::1%eth0", "2001:db8::1", "::ffff:10.0.0.1", "00:1b:21:0a:0b:0c", "-"]
)
def test_addresses_of_any_kind_and_none_at_all_are_not_told_of(tmp_path, name):
    assert told(read(tmp_path, tsv(*with_value(traffic(60), ORIG, name, 20))), "text that is no IP") is None


def test_repeated_flows_are_counted_to_the_last(tmp_path):
    """What comes out of the sort after the first block is no less repeated."""
    log = tsv(*traffic(33_000))
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(log)
    reader = open_source(sources.resolve([str(tmp_path)]), CsvFormat(), Selection(), "auto")
    assert sum(batch.rows for batch in reader.batches()) == 66_000
    found = told(reader, "flow that repeats another")
    assert found is not None
    assert found[0] == 33_000


LABELLED = [*FIELDS, "label"]


@pytest.mark.parametrize("wishes", [{"label_column": ""}, {"ignore_columns": ("label",)}])
def test_where_labels_are_not_wanted_no_flow_is_left_out_for_want_of_one(tmp_path, wishes):
    """Scoring never looks at them; who lists them in ignore_columns does without."""
    records = with_value(traffic(60, label=True), len(FIELDS), "-", 2)
    reader = opened(tmp_path, tsv(*records, fields=LABELLED), **wishes)
    batches = list(reader.batches())
    assert sum(batch.rows for batch in batches) == 60
    assert all(batch.labels is None for batch in batches)
    assert reader.tally.dropped == {}
    assert "label" in reader.ignored


@pytest.mark.parametrize("written", [tsv, as_json])
@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"label_column": "attack"}, "label_column is 'attack', and .* is read as Zeek conn log .*: name 'label' .*They have: label, start_time"),
        ({"label_column": "attack", "format": "zeek"}, "label_column is 'attack'"),
        ({"time_column": "ts"}, "time_column is 'ts', .*: name 'start_time'"),
        ({"feature_columns": ("orig_bytes",)}, "'orig_bytes' is no feature of flows; .*It has: duration_seconds"),
        ({"host_columns": ("id.orig_h",)}, "host_columns names 'id.orig_h', which no flow has; It has: src_ip, dst_ip"),
    ],
)  # fmt: skip
def test_columns_that_no_flow_has_are_refused_with_those_that_it_has(tmp_path, written, wishes, says):
    with pytest.raises(ConfigError, match=says):
        opened(tmp_path, written(*traffic(9)), **wishes)


def test_a_table_may_be_read_as_one_by_its_own_columns(tmp_path):
    """Who names a CSV's own columns wants those, though a sensor's format has them, too."""
    reader = opened(tmp_path, HEAD + line(), label_column="Label")
    assert reader.sensor == ""


@pytest.mark.parametrize("hosts", [(), ("src_ip",), ("dst_ip", "src_ip")])
def test_a_split_by_hosts_goes_by_those_that_are_named(tmp_path, hosts):
    reader = opened(tmp_path, tsv(*traffic(9)), host_columns=hosts)
    assert {len(batch.hosts) for batch in reader.batches()} == {len(hosts) or 2}
