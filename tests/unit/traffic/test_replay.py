"""Attacks made by code, injected into normal traffic."""

import numpy as np
import pyarrow as pa
import pytest
from netanomaly.metrics import attack_patterns
from netanomaly.traffic import feature_list, features, outcome, replay, scope, table
from netanomaly.traffic.table import Counts

WANTED = feature_list.names("zeek", context=True)


def traffic(rows: int = 3000, seed: int = 1, **replaced: object) -> pa.Table:
    """Normal flows of a small network over four hours."""
    draw = np.random.default_rng(seed)
    packets = draw.integers(4, 40, rows)
    given = {
        "start_time": pa.array(np.sort(1.7e9 + draw.uniform(0, 14_400, rows))),
        "duration_seconds": pa.array(draw.exponential(2, rows)),
        "src_ip": pa.array([f"10.0.0.{each}" for each in draw.integers(1, 40, rows)]),
        "src_port": pa.array(draw.integers(32_768, 60_999, rows)),
        "dst_ip": pa.array([f"203.0.113.{each}" for each in draw.integers(1, 30, rows)]),
        "dst_port": pa.array(draw.choice([443, 80, 53], rows)),
        "protocol": pa.array(["tcp"] * rows),
        "service": pa.array(draw.choice(["ssl", "http"], rows)),
        "bytes_out": pa.array(packets * 80),
        "bytes_in": pa.array(packets * 600),
        "packets_out": pa.array(packets),
        "packets_in": pa.array(packets),
        "outcome": pa.array(draw.choice([outcome.CLOSED, outcome.ESTABLISHED, outcome.RESET], rows)),
        **replaced,
    }
    batch = table.make({name: each for name, each in given.items() if each is not None}, np.arange(rows), 0, Counts())
    flows = pa.Table.from_batches([batch])
    return flows.take(pa.array(np.argsort(features.end_of(flows), kind="stable")))


@pytest.fixture(scope="module")
def injected() -> replay.Injected:
    return replay.inject(traffic(), WANTED, "zeek", seed=3)


def test_every_pattern_is_there_as_often_as_asked_with_the_flows_that_its_parameters_say(injected):
    for pattern in attack_patterns.PATTERNS:
        here = injected.pattern == pattern.name
        assert sorted(np.unique(injected.episode[here])) == list(range(replay.EPISODES))
        assert here.sum() == replay.EPISODES * pattern.parameters["flows"]


def test_the_same_traffic_and_seed_give_the_same_attacks_and_another_seed_gives_others(injected):
    again = replay.inject(traffic(), WANTED, "zeek", seed=3)
    assert again.flows.equals(injected.flows)
    assert again.features.equals(injected.features)
    assert not replay.inject(traffic(), WANTED, "zeek", seed=4).flows.equals(injected.flows)


def test_features_in_context_are_those_of_attacks_among_the_normal_flows(injected):
    """A scan's last probes come after hundreds of its own; the flows of a beacon are as far apart as its calls."""
    of = {name: injected.features.column(name).to_numpy() for name in WANTED if not feature_list.EVERY[name].category}
    scan = (injected.pattern == "scan") & (injected.episode == 0)
    assert of["src_destinations_120s"][scan].max() >= 200
    beacon = np.flatnonzero((injected.pattern == "beacon") & (injected.episode == 0))
    gaps = of["pair_gap_seconds"][beacon][2:]
    assert np.all((gaps > 50) & (gaps < 70))
    assert of["bytes_out"][injected.pattern == "exfiltration"].min() >= 2e8


def test_attacks_come_from_hosts_of_the_network_or_from_outside_and_lie_in_its_time(injected):
    sources = injected.flows.column("src_ip").cast(pa.string()).to_pylist()
    for name, wanted in (("scan", scope.PRIVATE), ("beacon", scope.PRIVATE), ("brute_force", scope.PUBLIC)):
        assert {scope.scope(sources[place]) for place in np.flatnonzero(injected.pattern == name)} == {wanted}
    start = injected.flows.column("start_time").to_numpy()
    assert start.min() >= 1.7e9
    assert start.max() <= 1.7e9 + 14_400 + 300


def test_what_the_sensor_never_says_is_not_said_of_attacks():
    answers = traffic(bytes_in=None, packets_in=None, outcome=None, service=None)
    injected = replay.inject(answers, feature_list.names("nfdump", context=False), "nfdump", seed=1)
    for name in ("bytes_in", "packets_in", "outcome", "service", "allowed"):
        assert injected.flows.column(name).null_count == injected.flows.num_rows, name


def test_without_flags_nothing_is_half_open():
    flagless = traffic(outcome=pa.array([outcome.ESTABLISHED] * 3000))
    injected = replay.inject(flagless, ("outcome",), "aws-vpc", seed=1)
    found = set(injected.flows.column("outcome").cast(pa.string()).to_pylist())
    assert found == {outcome.ESTABLISHED, outcome.UNANSWERED}


def test_a_flow_file_gives_the_flow_table_that_it_was_made_of():
    flows = traffic()
    made = features.flow_features(flows)
    rows = pa.table(
        {
            **{name: made[name] for name in ("duration_seconds", "bytes_out", "bytes_in", "packets_out", "packets_in")},
            "protocol": made["protocol"].cast(pa.string()),
            "outcome": made["outcome"].cast(pa.string()),
            "start_time": flows.column("start_time"),
            **{name: flows.column(name).cast(pa.string()) for name in ("src_ip", "dst_ip", "src_port", "dst_port")},
        }
    )
    back = replay.flow_table(rows)
    for name in ("start_time", "src_ip", "dst_port", "bytes_in", "outcome"):
        assert back.column(name).cast(pa.string()).equals(flows.column(name).cast(pa.string())), name
