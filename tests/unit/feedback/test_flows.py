"""Flows of a judged alert are kept as the model saw them, and serve as labels later."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import DataError
from netanomaly.feedback.book import open_book
from netanomaly.feedback.confirmed import confirmed, confirmed_of
from netanomaly.feedback.flows import MOST_ROWS, of_incident, read, with_features

from tests.unit.feedback.conftest import verdict

FIRST = datetime(2026, 6, 12, 22, 0, 31, 749_000, UTC)
KIND = pa.struct([("bytes_out", pa.float64()), ("service", pa.string())])


def scores(folder, rows):
    """Rows as (source, target, seconds after the first, alerts, bytes)."""
    moments = [datetime.fromtimestamp(FIRST.timestamp() + row[2], UTC) for row in rows]
    nothing = pa.nulls(len(rows), pa.string())
    pq.write_table(
        pa.table(
            {
                "time": pa.array(moments, pa.timestamp("us", tz="UTC")),
                "src_ip": [row[0] for row in rows],
                "dst_ip": [row[1] for row in rows],
                **dict.fromkeys(("src_port", "dst_port", "protocol", "uid"), nothing),
                "alert": [row[3] for row in rows],
                "features": pa.array(
                    [{"bytes_out": row[4], "service": None} if row[3] else None for row in rows], KIND
                ),
            }
        ),
        folder / "scores.parquet",
    )


ROWS = [
    ("10.0.0.5", "10.0.0.9", 0.0, True, 1.0),
    ("10.0.0.5", "10.0.0.8", 120.0, True, 2.0),
    ("10.0.0.5", "10.0.0.8", 60.0, False, 3.0),
    ("10.0.0.6", "10.0.0.9", 60.0, True, 4.0),
    ("10.0.0.5", "10.0.0.9", -1.0, True, 5.0),
    ("10.0.0.5", "10.0.0.9", 121.0, True, 6.0),
    ("10.0.0.5", "10.0.0.9", 30.0, None, 7.0),
]


def test_they_are_the_alerting_flows_of_the_host_in_that_time(tmp_path, incident):
    scores(tmp_path, ROWS)
    table, whole = of_incident(tmp_path / "scores.parquet", incident)
    assert table is not None
    assert (table.column("bytes_out").to_pylist(), whole) == ([1.0, 2.0], 2)
    assert table.column("src_ip").to_pylist() == ["10.0.0.5"] * 2
    target = {**incident, "entity": {"type": "target", "ip": "10.0.0.9"}}
    table, _ = of_incident(tmp_path / "scores.parquet", target)
    assert table is not None
    assert table.column("bytes_out").to_pylist() == [1.0, 4.0]


def test_of_many_an_even_part_is_kept(tmp_path, incident):
    scores(tmp_path, [("10.0.0.5", "10.0.0.9", number / 100, True, float(number)) for number in range(2500)])
    table, whole = of_incident(tmp_path / "scores.parquet", incident)
    assert table is not None
    kept = table.column("bytes_out").to_pylist()
    assert (whole, len(kept)) == (2500, 834)
    assert len(kept) <= MOST_ROWS
    assert kept[0] == 0
    assert kept[-1] > 2400


def test_without_scores_or_a_host_there_are_none(tmp_path, incident):
    assert of_incident(tmp_path / "scores.parquet", incident) == (None, 0)
    scores(tmp_path, ROWS)
    assert of_incident(tmp_path / "scores.parquet", {**incident, "entity": {"type": "row", "ip": None}}) == (None, 0)
    (tmp_path / "scores.parquet").write_bytes(b"PAR1, and no more")
    with pytest.raises(DataError, match=r"scores.parquet cannot be read"):
        of_incident(tmp_path / "scores.parquet", incident)


@pytest.fixture
def book(tmp_path):
    return open_book(tmp_path / "the feedback")


def kept(book, tmp_path, incident, **changes):
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"bytes_out": [1.0, 2.0], "service": ["smb", None], "src_ip": ["10.0.0.5"] * 2}), file)
    rows = book.keep_rows("office", file, of=2, rows=2)
    return book.add(verdict(incident, rows=rows, **changes))


def test_what_is_confirmed_is_the_last_word_whether_it_expired_or_not(book, tmp_path, incident):
    benign = kept(book, tmp_path, incident, expires_at="2026-06-13T08:00:01+00:00")
    attack = kept(book, tmp_path, {**incident, "id": "another"}, said="attack", expires_at="")
    withdrawn = kept(book, tmp_path, {**incident, "id": "a third"}, said="attack", expires_at="")
    book.withdraw("office", withdrawn.id, why="x", by="jo", at="2026-06-14T00:00:00+00:00")
    book.add(verdict({**incident, "id": "without rows"}))
    found = confirmed_of(book.uri, "office")
    assert [each.verdict for each in found.benign] == [benign.id]
    assert [each.verdict for each in found.attacks] == [attack.id]
    assert confirmed(book.pages("lab"), book.uri, "attack") == []


def test_they_are_read_back_with_the_features_asked_for(book, tmp_path, incident):
    kept(book, tmp_path, incident)
    (named,) = confirmed_of(book.uri, "office").benign
    flows = read(named)
    table = with_features(flows, ["bytes_out"], ["service"])
    assert table is not None
    assert table.to_pylist() == [{"bytes_out": 1.0, "service": "smb"}, {"bytes_out": 2.0, "service": None}]
    assert with_features(flows, ["bytes_in"], []) is None
    assert with_features(flows, ["bytes_in", "packets_in", "bytes_out"], []) is None
    most = with_features(flows, ["bytes_out", "bytes_in"], ["service", "direction"], {"direction": "in to out"})
    assert most is not None
    assert most.drop_columns(["bytes_out", "service"]).to_pylist() == [{"bytes_in": None, "direction": "in to out"}] * 2
    assert with_features(flows, ["service"], []) is None


def test_flows_that_were_altered_or_are_gone_end_with_one_line(book, tmp_path, incident):
    kept(book, tmp_path, incident)
    (named,) = confirmed_of(book.uri, "office").benign
    with pytest.raises(DataError, match="is not what verdict"):
        read(replace(named, sha256="0" * 64))
    (path,) = (tmp_path / "the feedback/rows").rglob("*.parquet")
    path.unlink()
    with pytest.raises(DataError, match="withdraw it to train without"):
        read(named)
