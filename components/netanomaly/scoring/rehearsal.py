"""What else a verdict would hide: attacks by the same host, injected among its flows, scored and grouped by the model.

They are those of `netanomaly.metrics.attack_patterns`. That none of them is hidden does not say that none would be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from netanomaly.alerts.collecting import PARTS, Alerts
from netanomaly.alerts.grouping import SOURCE
from netanomaly.alerts.incidents import incidents
from netanomaly.feedback import scopes
from netanomaly.feedback.documents import Scope
from netanomaly.metrics.attack_patterns import PATTERNS, Pattern
from netanomaly.models.model import AnomalyModel
from netanomaly.scoring.scoring import Tail
from netanomaly.traffic import feature_list, outcome, replay, table
from netanomaly.traffic.replay import Injected

# Each time with other hosts, ports and sizes.
_EPISODES = 8
_SEED = 1
# An hour of ordinary flows of the host, so that it is not new to the model; any would do.
_FLOWS, _SECONDS, _BEGAN = 240, 3600.0, 1_767_225_600.0
_SERVERS = ("10.0.0.2", "10.0.0.3", "192.0.2.10", "192.0.2.11")
_CLIENTS = tuple(f"10.0.0.{number}" for number in range(20, 40))


@dataclass(frozen=True)
class Hidden:
    """An attack that would be hidden: in so many of the tries that alerted."""

    pattern: Pattern
    hidden: int
    alerted: int


def can_rehearse(model: AnomalyModel) -> bool:
    """Whether attacks can be made for it: of a table nobody knows what its columns mean."""
    return bool(model.sensor) and all(name in feature_list.EVERY for name in model.schema.features)


def hidden_attacks(model: AnomalyModel, named: Mapping[str, Any], scope: Scope, host: str) -> list[Hidden]:
    """Attacks that alert and that a benign verdict of this scope would suppress.

    Args:
        model: One that `can_rehearse`.
        named: Its name, version and digest.
        scope: Of the verdict.
        host: Whose incident was judged.
    """
    injected = replay.inject(
        _ordinary(host, scope.entity_type == SOURCE, model.sensor),
        model.schema.features,
        model.sensor,
        _SEED,
        _EPISODES,
    )
    rows = model.schema.rows(injected.features)
    scores = model.score_rows(rows)
    found = []
    for pattern in PATTERNS:
        hidden = alerted = 0
        for episode in range(_EPISODES):
            here = (injected.pattern == pattern.name) & (injected.episode == episode) & (scores > model.threshold)
            made = _incidents(model, named, injected, rows, scores, np.flatnonzero(here))
            alerted += bool(made)
            # One that is shown tells of the attack.
            hidden += bool(made) and all(scopes.covers(scope, each) for each in made)
        if hidden:
            found.append(Hidden(pattern, hidden, alerted))
    return found


def _incidents(
    model: AnomalyModel, named: Mapping[str, Any], injected: Injected, rows: Any, scores: Any, places: Any
) -> list[dict[str, Any]]:
    alerts = Alerts()
    taken = injected.flows.take(pa.array(places))
    alerts.add(
        ["injected"] * len(places),
        places,
        taken.column("start_time").to_numpy(),
        {part: taken.column(part).cast(pa.string()).combine_chunks() for part in PARTS if part in taken.column_names},
        rows.take(places),
        scores[places],
    )
    found, _ = incidents(alerts.all(), model, named, Tail.of(model.thresholds), feature_list.explained)
    return found


def _ordinary(host: str, is_source: bool, sensor: str) -> pa.Table:
    """Flows of the host as a client of a few servers, or as the server of a few clients."""
    draw = np.random.default_rng(_SEED)
    others = [str(other) for other in draw.choice(_SERVERS if is_source else _CLIENTS, _FLOWS)]
    out, back = draw.integers(400, 4000, _FLOWS), draw.integers(1000, 60_000, _FLOWS)
    given: dict[str, Any] = {
        "start_time": pa.array(np.sort(_BEGAN + draw.uniform(0, _SECONDS, _FLOWS))),
        "duration_seconds": pa.array(draw.uniform(0.05, 5.0, _FLOWS)),
        "src_ip": pa.array([host] * _FLOWS if is_source else others),
        "src_port": pa.array(draw.integers(32_768, 60_999, _FLOWS), pa.int32()),
        "dst_ip": pa.array(others if is_source else [host] * _FLOWS),
        "dst_port": pa.array(np.full(_FLOWS, 443), pa.int32()),
        "protocol": pa.array(["tcp"] * _FLOWS),
        "bytes_out": pa.array(out),
        "bytes_in": pa.array(back),
        "packets_out": pa.array(out // 400 + 4),
        "packets_in": pa.array(back // 1400 + 4),
        "outcome": pa.array([outcome.CLOSED] * _FLOWS),
    }
    if sensor in feature_list.SAY_SERVICE:
        given["service"] = pa.array(["ssl"] * _FLOWS)
    if sensor in feature_list.SAY_ALLOWED:
        given["allowed"] = pa.array([True] * _FLOWS)
    return pa.Table.from_batches([table.make(given, np.arange(1, _FLOWS + 1), 0, table.Counts())])
