"""Alerts that are kept: bounded, and the same whatever batches they came in."""

import numpy as np
import pyarrow as pa
import pytest
from netanomaly.alerts import collecting
from netanomaly.alerts.collecting import PARTS, Alerts
from netanomaly.models.rows import Rows


def kept(scores: np.ndarray, batch: int) -> collecting.AlertRows:
    alerts = Alerts()
    for begin in range(0, len(scores), batch):
        some = np.arange(begin, min(begin + batch, len(scores)))
        identity = {part: pa.array([f"{part}{place % 90}" for place in some]) for part in PARTS}
        rows = Rows(some.astype(np.float64).reshape(-1, 1), np.zeros((len(some), 0), dtype=np.int32))
        alerts.add(
            [f"file{place % 3}" for place in some], some, some.astype(np.float64) * 2, identity, rows, scores[some]
        )
    return alerts.all()


@pytest.mark.parametrize("batch", [1, 7, 64, 1000])
def test_of_more_alerts_than_are_kept_the_strongest_stay_whole(monkeypatch, batch):
    monkeypatch.setattr(collecting, "MOST_ALERTS", 100)
    scores = np.random.default_rng(1).integers(0, 50, 1000).astype(np.float32)
    found = kept(scores, batch)
    strongest = np.sort(np.lexsort((np.arange(1000), -scores))[:100])
    assert found.records.tolist() == strongest.tolist()
    assert found.not_kept == 900
    assert (found.times == strongest * 2.0).all()
    assert (found.scores == scores[strongest]).all()
    assert found.files == [f"file{place % 3}" for place in strongest]
    assert found.identity["uid"].tolist() == [f"uid{place % 90}" for place in strongest]
    # Rows that are kept whole stand where their alerts do.
    assert found.whole
    assert all(found.records[place] == int(rows.numbers[0, 0]) for place, rows in found.whole.items())


def test_few_alerts_are_all_kept():
    found = kept(np.arange(50, dtype=np.float32), 20)
    assert (len(found.records), found.not_kept) == (50, 0)
    assert len(found.whole) == 50


def test_what_is_not_known_stays_so_and_rows_are_kept_whole_in_any_number(monkeypatch):
    """Texts are kept once and rows in blocks: each alert has its own all the same, also when weaker ones were let go."""
    monkeypatch.setattr(collecting, "_WHOLE_IN_A_BLOCK", 8)
    monkeypatch.setattr(collecting, "MOST_ALERTS", 40)
    alerts = Alerts()
    for begin in range(0, 100, 10):
        some = np.arange(begin, begin + 10)
        texts = [None if place % 3 == 0 else f"text{place % 7}" for place in some]
        identity = {part: pa.array(texts, pa.string()) for part in PARTS if part != "dst_ip"}
        rows = Rows(some.astype(np.float64).reshape(-1, 1), np.array(some, dtype=np.int32).reshape(-1, 1))
        alerts.add(["file"] * 10, some, None, identity, rows, some.astype(np.float32))
    found = alerts.all()
    assert found.records.tolist() == list(range(60, 100))
    for part in PARTS:
        wanted = [None if place % 3 == 0 or part == "dst_ip" else f"text{place % 7}" for place in range(60, 100)]
        assert found.identity[part].tolist() == wanted
    # Of a source that is not known each row, of the others the strongest of its kind.
    strongest = {max(place for place in range(100) if place % 7 == kind and place % 3) for kind in range(7)}
    whole = [place for place in range(60, 100) if place % 3 == 0 or place in strongest]
    assert [60 + place for place in sorted(found.whole)] == whole
    assert all(int(rows.numbers[0, 0]) == int(rows.codes[0, 0]) == 60 + place for place, rows in found.whole.items())
