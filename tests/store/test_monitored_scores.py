"""What `score` wrote is found and looked at in a bucket as it is in a folder, with what people said of its alerts."""

import hashlib
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import InputError
from netanomaly.feedback.book import open_book
from netanomaly.feedback.book import place as place_of
from netanomaly.monitoring import reviewed
from netanomaly.monitoring.finding import scored_in
from netanomaly.monitoring.scored import summary_of, watch_scores

from tests.unit.alerts.test_forms import INCIDENT
from tests.unit.feedback.conftest import verdict

_INCIDENT = {
    **INCIDENT, "targets": {"count": 1, "examples": ["10.0.0.9"]}, "first_seen": "2026-06-12T00:00:00.000Z",
    "last_seen": "2026-06-12T00:00:09.000Z",
}  # fmt: skip


def scores(first: int, rows: int = 20) -> bytes:
    times = np.arange(rows) * 1_000_000 + 1_781_222_400_000_000
    stream = io.BytesIO()
    table = {
        "file": ["conn.log"] * rows,
        "record": pa.array(range(first, first + rows), pa.int64()),
        "time": pa.array(times, pa.timestamp("us", tz="UTC")),
        "src_ip": [INCIDENT["entity"]["ip"], "10.9.9.9"] * (rows // 2),
        "dst_ip": ["10.0.0.9"] * rows,
        "score": [0.9] * (rows - 1) + [None],
        "alert": [True] * (rows - 1) + [None],
    }
    pq.write_table(pa.table(table), stream, row_group_size=7)
    return stream.getvalue()


@pytest.fixture
def written(place):
    """Two runs and a follower's two commits; returns the URI that they are below."""

    def put(name: str, data: bytes | str) -> None:
        place.objects.put(name, data.encode() if isinstance(data, str) else data)

    def summary(of: str) -> str:
        return json.dumps({"model": {"name": "office", "version": 3, "digest": "x"}, "identity": of})

    for day in ("2026-03-01", "2026-03-02"):
        put(f"scored/{day}/scores.parquet", scores(1))
        put(f"scored/{day}/summary.json", summary(day))
        put(f"scored/{day}/alerts.ndjson", json.dumps(_INCIDENT) + "\n")
    put("followed/checkpoint.json", "{}")
    for number in ("00000001", "00000002"):
        put(f"followed/scores/{number}.parquet", scores(int(number)))
        put(f"followed/summaries/{number}.json", summary(number))
        put(f"followed/alerts/{number}.ndjson", json.dumps(_INCIDENT) + "\n")
    put("logs/conn.log", "#separator \\x09\n")
    put("tables/a.parquet", scores(0))
    return place.uri


def names(*uris: str) -> list[str] | None:
    found = scored_in(uris)
    return None if found is None else ["/".join(each.scores.uri.split("/")[-2:]) for each in found]


def test_scores_are_found_by_folder_by_file_and_by_glob(written):
    runs = ["2026-03-01/scores.parquet", "2026-03-02/scores.parquet"]
    commits = ["scores/00000001.parquet", "scores/00000002.parquet"]
    assert names(f"{written}/scored/2026-03-01") == names(f"{written}/scored/2026-03-01/scores.parquet") == runs[:1]
    assert names(f"{written}/scored/2026-03-01/", f"{written}/scored/2026-03-02") == runs
    assert names(f"{written}/scored/2026-*") == names(f"{written}/scored/*/scores.parquet") == runs
    assert names(f"{written}/followed") == names(f"{written}/followed/scores/") == commits
    assert names(f"{written}/followed/scores/0000000[2-9].parquet") == commits[1:]
    assert names(f"{written}/followed", f"{written}/followed/scores/*.parquet") == commits


def test_traffic_is_none_and_what_is_mixed_or_half_there_is_refused(written, place):
    for traffic in ("logs/conn.log", "logs", "logs/*.log", "tables/*.parquet", "nowhere", "now*"):
        assert names(f"{written}/{traffic}") is None
    with pytest.raises(InputError, match="is traffic, and others are scores"):
        scored_in([f"{written}/scored/2026-03-01", f"{written}/logs/conn.log"])
    place.objects.remove("followed/summaries/00000002.json")
    with pytest.raises(InputError, match=r"summaries/00000002.json is gone"):
        scored_in([f"{written}/followed"])


def test_they_are_looked_at_and_feedback_kept_beside_them_is_heard(written):
    found = scored_in([f"{written}/followed"])
    assert found is not None
    assert [summary_of(each)["version"] for each in found] == [3, 3]
    before = watch_scores(found, 0.5)
    assert (before.window.profile.rows, before.window.profile.alerts, before.suppressed) == (40, 38, 0)
    book = place_of("", written)
    open_book(book).add(verdict(_INCIDENT, expires_at="2999-01-01T00:00:00+00:00"))
    after = watch_scores(found, 0.5, reviewed.read(book, "office").heard)
    assert (after.window.profile.alerts, after.suppressed, after.open_alerts.rows) == (28, 10, 28)
    # The same results are the same window, wherever they are.
    digest = hashlib.sha256(b"".join(repr((name, 3)).encode() for name in ("00000001", "00000002")))
    assert before.identity == after.identity == f"sha256:{digest.hexdigest()}"
