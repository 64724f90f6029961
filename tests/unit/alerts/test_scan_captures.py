"""Scans that sensors recorded: one thing to look at each, and no attacked host is lost. Every flow alerts here, which is
the hardest for grouping; what a model leaves out only makes fewer."""

from pathlib import Path

import numpy as np
import pytest
from netanomaly.alerts import techniques
from netanomaly.alerts.grouping import group
from netanomaly.config import CsvFormat
from netanomaly.flows import layout, sources
from netanomaly.traffic.any_source import open_source


class Flows:
    """Times and ends of a log's flows."""

    def __init__(self, path: Path) -> None:
        reader = open_source(
            sources.resolve([str(path)]), CsvFormat(), layout.Selection("label", (), (), (), ""), "auto"
        )
        batches = list(reader.batches())
        self.times = np.concatenate([batch.times for batch in batches if batch.times is not None])
        self.sources, self.targets, self.ports = (
            np.array([text for batch in batches for text in batch.beside[name].to_pylist()], dtype=object)
            for name in ("src_ip", "dst_ip", "dst_port")
        )


@pytest.mark.parametrize(
    ("name", "times_fewer"),
    [
        ("zeek/slips/port-scans_horizontal.conn.log", 40),
        ("zeek/slips/port-scans_vertical.conn.log", 50),
        ("binetflow/test11-portscan.binetflow.xz", 60),
        ("zeek/ctu50/008.conn.log.labeled.xz", 1000),
    ],
)
def test_incidents_are_far_fewer_than_alerts_and_every_target_is_in_one(shared_data, name, times_fewer):
    flows = Flows(shared_data / name)
    found = group(flows.times, flows.sources, flows.targets)
    assert len(flows.times) >= times_fewer * len(found)
    attacked = {(flows.sources[place], flows.targets[place]) for each in found for place in each.places.tolist()}
    assert attacked == set(zip(flows.sources.tolist(), flows.targets.tolist(), strict=True))


@pytest.mark.parametrize("seconds", [1.8, 0.01])
def test_two_thousand_probes_in_an_hour_of_real_traffic_are_one_incident(shared_data, seconds):
    flows = Flows(shared_data / "zeek/ctu50/008.conn.log.labeled.xz")
    begin = float(np.median(flows.times))
    hour = (flows.times >= begin) & (flows.times < begin + 3600)
    assert hour.sum() > 100
    probes = np.arange(2000)
    times = np.concatenate([flows.times[hour], begin + probes * seconds])
    scanner = np.array(["147.32.81.200"] * 2000, dtype=object)
    probed = np.array([f"147.32.{number // 250}.{number % 250}" for number in probes], dtype=object)
    found = group(times, np.concatenate([flows.sources[hour], scanner]), np.concatenate([flows.targets[hour], probed]))
    of_scan = [each for each in found if (each.places >= hour.sum()).any()]
    assert [(each.entity, len(each.places)) for each in of_scan] == [("147.32.81.200", 2000)]


@pytest.mark.parametrize(
    ("name", "source", "technique"),
    [
        ("zeek/slips/port-scans_vertical.conn.log", "192.168.1.9", "T1046"),
        ("zeek/ctu50/008.conn.log.labeled.xz", "147.32.81.167", "T1046"),
        # A day of browsing, and a mixture of a scan with all else that its host did: nothing is plain.
        ("binetflow/test2-malicious.binetflow.xz", "10.8.0.69", None),
        ("binetflow/test4-malicious.binetflow.xz", "192.168.2.12", None),
    ],
)
def test_hints_on_real_captures_are_right_or_none(shared_data, name, source, technique):
    flows = Flows(shared_data / name)
    largest = max(group(flows.times, flows.sources, flows.targets), key=lambda each: len(each.places))
    places = largest.places
    ports = {port for port in flows.ports[places] if port is not None}
    pattern = techniques.Pattern(
        len(places),
        len(set(flows.sources[places])),
        len(set(flows.targets[places])),
        len(ports),
        str(next(iter(ports))) if len(ports) == 1 else "",
        float(np.ptp(flows.times[places])),
        techniques.beat(flows.times[places]),
    )
    found = techniques.hint(pattern)
    assert largest.entity == source
    assert (found.id if found else None) == technique
