"""A benign verdict that would hide an attack by the same host is known before it hides one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from netanomaly.cli.feedback_rehearsal import rehearsed
from netanomaly.feedback.documents import Scope
from netanomaly.metrics.thresholds import Threshold
from netanomaly.models.rows import Rows
from netanomaly.scoring.rehearsal import _incidents, _ordinary, can_rehearse, hidden_attacks
from netanomaly.traffic import replay

NAMED = {"name": "office", "version": 3, "digest": "sha256:d5"}
SCAN = Scope(entity_type="source", entity="10.0.0.5", features=[], technique="T1046", severity="critical")


def model(score: float = 1.0, sensor: str = "zeek") -> Any:
    """It scores every flow alike and explains nothing: what is told apart is told by host and pattern."""
    features = ("bytes_out", "src_destinations_120s")
    return SimpleNamespace(
        sensor=sensor,
        typical=None,
        threshold=0.5,
        thresholds=[Threshold(0.01, 0.5, 1000, 990)],
        schema=SimpleNamespace(
            features=features,
            numeric=features,
            rows=lambda table: Rows(
                np.column_stack([table.column(name).to_numpy() for name in features]).astype(np.float32),
                np.zeros((table.num_rows, 0), dtype=np.int32),
            ),
        ),
        score_rows=lambda rows: np.full(len(rows), score, dtype=np.float32),
    )


def hidden(scope: Scope, **of_model: Any) -> list[tuple[str, int, int]]:
    return [
        (each.pattern.name, each.hidden, each.alerted)
        for each in hidden_attacks(model(**of_model), NAMED, scope, "10.0.0.5")
    ]


def changed(**parts: Any) -> Scope:
    return Scope(**{**{name: getattr(SCAN, name) for name in SCAN.__struct_fields__}, **parts})


def test_a_scan_by_a_host_whose_scans_are_benign_would_be_hidden_every_time():
    assert hidden(SCAN) == [("scan", 8, 8)]


@pytest.mark.parametrize(
    "parts", [{"entity": "10.0.0.6"}, {"technique": "T1110"}, {"targets": ["10.0.0.1"]}, {"ports": ["80"]}]
)
def test_what_the_scope_leaves_out_is_not_hidden(parts):
    assert hidden(changed(**parts)) == []


def test_a_scope_of_one_of_the_ports_hides_those_alone():
    ((name, some, alerted),) = hidden(changed(ports=["445"]))
    assert (name, alerted) == ("scan", 8)
    assert 0 < some < 8


def test_a_flood_of_a_host_whose_floods_are_benign_would_be_hidden():
    assert [name for name, *_ in hidden(changed(entity_type="target", technique="T1498"))] == ["flood"]


def test_what_does_not_alert_is_not_hidden():
    assert hidden(SCAN, score=0.0) == []


def test_nothing_is_tried_where_the_model_learnt_from_a_table():
    assert can_rehearse(model())
    assert not can_rehearse(model(sensor=""))


def techniques_of(name: str) -> set[str | None]:
    """What the incidents of a pattern's episodes hint at, where every flow alerts."""
    seeing = model()
    injected = replay.inject(_ordinary("10.0.0.5", True, "zeek"), seeing.schema.features, "zeek", 1, 8)
    rows = seeing.schema.rows(injected.features)
    found = set()
    for episode in range(8):
        places = np.flatnonzero((injected.pattern == name) & (injected.episode == episode))
        for incident in _incidents(seeing, NAMED, injected, rows, seeing.score_rows(rows), places):
            found.add(incident["technique"]["id"] if incident["technique"] else None)
    return found


def test_what_is_not_tried_is_said(tmp_path):
    """Of a verdict on a target no attack is injected, whatever the registry holds."""
    incident = {"model": {"name": "office", "version": 1}, "entity": {"type": "target", "ip": "10.0.0.9"}}
    scope = replace(SCAN, entity_type="target", entity="10.0.0.9")
    tried = rehearsed(str(tmp_path), incident, scope)
    assert tried.hides is None
    assert "not tried: it speaks for what many sources do to 10.0.0.9" in tried.warnings[0]
