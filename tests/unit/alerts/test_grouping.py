"""What belongs together: one host's doings in one stretch of time, or many sources' towards one target."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.alerts.grouping import QUIET_SECONDS, ROW, SOURCE, TARGET, group


def groups(*alerts):
    """Groups of alerts given as (seconds, source, target)."""
    times = np.array([alert[0] for alert in alerts], dtype=float)
    sources, targets = np.empty(len(alerts), dtype=object), np.empty(len(alerts), dtype=object)
    sources[:] = [alert[1] for alert in alerts]
    targets[:] = [alert[2] for alert in alerts]
    return group(times, sources, targets)


def test_a_scan_of_two_thousand_probes_is_one_incident():
    found = groups(*((probe * 1.8, "10.0.0.5", f"10.0.{probe // 250}.{probe % 250}") for probe in range(2000)))
    assert [(each.kind, each.entity, len(each.places)) for each in found] == [(SOURCE, "10.0.0.5", 2000)]


def test_a_source_that_was_quiet_for_long_begins_anew():
    found = groups((0, "a", "x"), (60, "a", "y"), (61 + QUIET_SECONDS, "a", "z"))
    assert [each.places.tolist() for each in found] == [[0, 1], [2]]


def test_many_sources_towards_one_target_at_one_time_are_one_incident_of_the_target():
    flood = [(number, f"198.51.100.{number}", "10.0.0.9") for number in range(40)]
    found = groups(*flood, (5, "10.0.0.7", "10.0.0.8"))
    assert [(each.kind, each.entity, len(each.places)) for each in found] == [
        (TARGET, "10.0.0.9", 40),
        (SOURCE, "10.0.0.7", 1),
    ]


def test_a_source_that_alerts_towards_others_too_stays_its_own():
    flood = [(number, f"198.51.100.{number}", "10.0.0.9") for number in range(10)]
    found = groups(*flood, (3, "198.51.100.3", "10.0.0.1"))
    assert {(each.kind, each.entity) for each in found} == {(TARGET, "10.0.0.9"), (SOURCE, "198.51.100.3")}


def test_rows_of_unknown_ends_stand_alone():
    assert [each.kind for each in groups((0, None, None), (0, None, "x"))] == [ROW, ROW]


ALERTS = st.lists(
    st.tuples(
        st.integers(0, 20_000), st.sampled_from(["a", "b", "c", "d", "e", "f", None]), st.sampled_from(["x", "y", None])
    ),
    min_size=1,
    max_size=60,
)


@given(ALERTS, st.randoms())
def test_every_alert_is_in_one_group_whatever_order_they_came_in(alerts, random):
    found = groups(*alerts)
    assert sorted(place for each in found for place in each.places.tolist()) == list(range(len(alerts)))
    shuffled = list(range(len(alerts)))
    random.shuffle(shuffled)
    again = groups(*(alerts[place] for place in shuffled))

    def content(several, order):
        return sorted(
            (each.kind, each.entity, sorted(map(repr, (alerts[order[place]] for place in each.places))))
            for each in several
        )

    assert content(found, list(range(len(alerts)))) == content(again, shuffled)
