"""What changed is named: the sensor, few hosts, or the network."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.monitoring.judging import Quality, judge
from netanomaly.monitoring.profile import Profile
from netanomaly.monitoring.rates import rate_limits
from netanomaly.monitoring.reference import Rates, build
from netanomaly.monitoring.statistics import Newcomers, measure
from netanomaly.traffic import table

from tests.bench import drift_traffic as traffic
from tests.unit.monitoring.worlds import World, flows

MONDAY, SATURDAY = 35, 40


@pytest.fixture(scope="module")
def world() -> World:
    return World.make()


def draw(seed: int | list[int] = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_another_day_of_the_same_network_is_quiet(world):
    for seed, day in ((3, MONDAY), (4, MONDAY + 1), (5, SATURDAY)):
        found = world.judged(flows(world.network, draw(seed), 6000, day))
        assert found["verdict"] == "quiet", found["reasons"]
        assert found["do"] == "nothing"
        assert not found["retrain"]


@pytest.mark.parametrize(
    ("change", "timeout", "verdict", "what"),
    [
        (traffic.frame_bytes, 120, "sensor changed", "+14 bytes a packet"),
        (None, 60, "sensor changed", "time-out 120 s -> 60 s"),
        (None, 240, "sensor changed", "time-out 120 s -> 240 s"),
        (traffic.sampled, 120, "sensor changed", "packets are sampled"),
        (traffic.new_subnet, 120, "hosts changed", "network 10.77.3.0/24"),
        (traffic.scan, 120, "hosts changed", "source 10.1."),
        (traffic.wild_host, 120, "hosts changed", "source 10.1."),
        (traffic.busier, 120, "network changed", "moved at many hosts"),
    ],
)
def test_a_change_is_named(world, change, timeout, verdict, what):
    found = world.judged(flows(world.network, draw(), 8000, MONDAY, change, timeout))
    assert found["verdict"] == verdict, found["reasons"]
    assert what in "; ".join(found["reasons"])
    assert found["retrain"] == (verdict == "network changed")
    assert ("do not retrain" in found["do"]) == (verdict == "sensor changed")


def _flood(network: traffic.Network, columns: traffic.Columns, _draw: np.random.Generator) -> traffic.Columns:
    """Two thirds of the flows are one host's: the same draw each time is the same host."""
    for _ in range(6):
        columns = traffic.wild_host(network, columns, draw())
    return columns


def test_one_source_that_became_most_of_the_window_is_a_matter_for_people_and_never_many_hosts(world):
    """A flood by one host, and all addresses translated into one: neither is a network to learn from."""
    quiet = flows(world.network, draw(), 4000, MONDAY)
    flood = flows(world.network, draw(), 4000, MONDAY, _flood)
    field = quiet.schema.field("src_ip")
    one = pa.array(["192.0.2.1"] * len(quiet)).cast(field.type)
    translated = quiet.set_column(quiet.schema.get_field_index("src_ip"), field, one)
    for found in (flood, translated):
        judged = world.judged(found)
        assert judged["verdict"] == "hosts changed", judged["reasons"]
        assert not judged["retrain"]
        assert "a flood, or address translation" in judged["reasons"][0]


@pytest.mark.parametrize("times", [3, 10])
def test_more_of_everything_is_the_network_and_not_the_host_at_which_it_is_seen_first(times):
    """Every host sends so many times the flows. One target gets a third of them, as it always did, and there counts grow most."""
    busy = World.make(days=14, context=True)
    found = busy.judged(flows(busy.network, draw(), 3000 * times, MONDAY))
    assert found["shifts"][0]["name"] in ("dst_flows_120s", "dst_sources_120s")
    assert found["verdict"] == "network changed", found["reasons"]
    # What is one target's doing still is: a fifth as many flows again go to the largest.
    assert busy.judged(flows(busy.network, draw(), 3000, MONDAY))["verdict"] == "quiet"
    flood = busy.judged(flows(busy.network, draw(), 3000, MONDAY, _flooded))
    assert (flood["verdict"], [each["name"] for each in flood["hosts"]]) == ("hosts changed", ["203.0.113.1"])


def _flooded(network: traffic.Network, columns: traffic.Columns, draw: np.random.Generator) -> traffic.Columns:
    """From all hosts within five minutes, to the target that gets most anyway."""
    more = columns.take(draw.choice(len(columns.start), 600, replace=False))
    more.start = np.sort(draw.uniform(columns.start.min(), columns.start.min() + 300, len(more.start)))
    more.dst = np.full(len(more.dst), "203.0.113.1", dtype=object)
    return columns.with_(more)


@pytest.mark.parametrize("seed", [3, 5])
def test_a_sensor_that_counts_frames_is_never_taken_for_another_network_however_few_the_rows(seed):
    small = World.make(seed, days=14, rows_a_day=900)
    verdicts = []
    for number in range(12):
        shifted = flows(small.network, draw([31, seed, number]), 900, MONDAY + number % 4, traffic.frame_bytes)
        found = small.judged(shifted)
        verdicts.append(found["verdict"])
        if found["verdict"] == "sensor changed":
            assert "+14 bytes a packet" in found["reasons"][0]
        if found["verdict"] == "too little data":
            assert "look at a longer window" in found["reasons"][0]
    assert {"sensor changed"} <= set(verdicts) <= {"sensor changed", "too little data", "quiet"}, verdicts


def test_an_episode_in_training_widens_the_limits_of_what_it_moved_and_of_nothing_else(world):
    """A night of flows that last exactly 77 seconds, farther out than all else: were all limits as wide, nothing would be out."""
    seconds = world.encoded.seconds.copy()
    first = len(seconds) // 2
    seconds[first : first + 400] = 77
    of = dataclasses.replace(world.encoded, seconds=seconds)
    episode = build([of], world.layout, Rates(), {})
    assert episode is not None
    for limits, before in zip(episode.limits, world.reference.limits, strict=True):
        assert limits.most < 1.3 * before.most
    for change, verdict in (
        (None, "quiet"),
        (traffic.busier, "network changed"),
        (traffic.frame_bytes, "sensor changed"),
    ):
        window = world.window(flows(world.network, draw(), 8000, MONDAY, change))
        assert judge(episode, window)["verdict"] == verdict


def test_a_column_that_is_not_said_any_more_and_a_value_called_otherwise_are_the_sensors_doing(world):
    found = flows(world.network, draw(), 8000, MONDAY)
    silent = world.judged(found, service=pa.nulls(found.num_rows, table.WORD))
    assert silent["verdict"] == "sensor changed"
    assert "service is missing in 100%" in silent["reasons"][0]
    service = found.column("service").combine_chunks()
    renamed = table.words(service.chunk(0) if isinstance(service, pa.ChunkedArray) else service, {"http": "www"})
    other = world.judged(found, service=renamed)
    assert other["verdict"] == "sensor changed"
    assert "http in service" in other["reasons"][0]
    assert "www" in other["reasons"][0]


def test_the_moment_is_told_at_which_a_sensor_changed(world):
    before = flows(world.network, draw(3), 6000, MONDAY)
    after = flows(world.network, draw(4), 6000, MONDAY + 1, traffic.frame_bytes)
    both = pa.concat_tables([before, after]).unify_dictionaries().combine_chunks()
    found = world.judged(both)
    assert found["verdict"] == "sensor changed", found["reasons"]
    step = traffic.MONDAY + (MONDAY + 1) * traffic.DAY
    from datetime import datetime

    since = datetime.fromisoformat(found["sensor"][0]["since"]).timestamp()
    assert abs(since - step) < 3 * 3600


def test_a_week_end_that_training_never_saw_is_too_little_data_and_no_change():
    weekdays = World.make(weekends=False)
    found = weekdays.judged(flows(weekdays.network, draw(), 8000, SATURDAY))
    assert found["verdict"] in ("quiet", "too little data"), found["reasons"]
    busy = weekdays.judged(flows(weekdays.network, draw(), 8000, SATURDAY, traffic.busier))
    assert busy["verdict"] == "too little data"
    assert "week-end" in busy["reasons"][0]


def test_too_few_rows_are_said_with_how_many_are_needed(world):
    found = world.judged(flows(world.network, draw(), 100, MONDAY))
    assert found["verdict"] == "too little data"
    assert "200 or more" in found["reasons"][0]


def test_without_a_reference_it_says_why(world):
    found = judge(None, world.window(flows(world.network, draw(), 1000, MONDAY)), lacking="it is too old")
    assert (found["verdict"], found["reasons"]) == ("too little data", ["it is too old"])


def test_what_labels_say_under_the_registered_interval_is_decay(world):
    window = world.window(flows(world.network, draw(), 6000, MONDAY))
    worse = Quality("recall", 0.3, 0.25, 0.35, 0.8, "30 of 100 labelled attacks")
    found = judge(world.reference, window, quality=(worse,))
    assert found["verdict"] == "decay"
    assert "recall is 30%" in found["reasons"][0]
    assert found["retrain"]
    same = Quality("recall", 0.75, 0.6, 0.85, 0.8, "75 of 100")
    assert judge(world.reference, window, quality=(same,))["verdict"] == "quiet"


def test_windows_of_wrong_times_are_noted(world):
    window = world.window(flows(world.network, draw(), 3000, MONDAY))
    assert "lie ahead" in judge(world.reference, window, now=traffic.MONDAY)["notes"][0]
    inside = world.window(flows(world.network, draw(), 3000, 3))
    assert "overlaps the training period" in judge(world.reference, inside)["notes"][0]
    earlier = world.window(flows(world.network, draw(), 3000, -7))
    assert "before the training period" in judge(world.reference, earlier)["notes"][0]


def test_a_window_without_rows_is_one_of_a_sensor_that_may_have_stopped(world):
    found = judge(world.reference, world.window(flows(world.network, draw(), 3000, MONDAY).slice(0, 0)))
    assert found["verdict"] == "too little data"
    assert "check that the sensor still writes" in found["reasons"][0]


@settings(max_examples=30, deadline=None)
@given(column=st.integers(0, 200), rows=st.integers(1, 39), value=st.integers(0, 255))
def test_rows_of_which_fewer_than_two_in_a_hundred_moved_are_never_out(world, column, rows, value):
    """Whatever the column and the unit of its distance: of a flag that is never set one row in a thousand is 0.022 of Hellinger's."""
    place = column % len(world.layout.names)
    alike = world.encoded
    bins = alike.bins.copy()
    changed = np.arange(len(alike)) % 2000 < rows
    bins[place, changed] = value % world.layout.widths[place]
    profile = Profile.of(dataclasses.replace(alike, bins=bins), world.layout)
    measured = measure(profile, world.reference.profile, world.layout, Newcomers())
    for limits in world.reference.limits:
        assert limits.distances(measured).max() <= 1


def test_members_that_agree_otherwise_than_in_training_are_noted_and_are_no_verdict(world):
    votes = Rates((500,) * 20, (5,) * 20, asked=(10,) * 20, votes=(14, 16) * 10, voters=3)
    reference = dataclasses.replace(world.reference, rates=votes)
    window = world.window(flows(world.network, draw(), 6000, MONDAY))
    assert judge(reference, window)["agreement"] is None
    window.asked, window.votes = 120, 180
    found = judge(reference, window)
    assert found["agreement"]["rate"] == found["agreement"]["usual"] == 0.5
    assert (found["agreement"]["members"], found["agreement"]["rows"]) == (3, 120)
    assert not any("members" in note for note in found["notes"])
    window.votes = 122
    found = judge(reference, window)
    assert found["verdict"] == "quiet"
    assert "where any of its 3 members alerts 34% of them do" in found["notes"][-1]
    # References of before were kept without votes.
    assert judge(world.reference, window)["agreement"] is None


def test_limits_of_the_alert_rate_allow_for_days_that_differ():
    """Binomial limits at 1% of 5,000 rows would be 0.6% to 1.4%; days between 0.5% and 2% are usual here."""
    alerts = [25, 100, 40, 60, 30, 90, 50, 80, 45, 70]
    found = rate_limits(Rates((5000,) * 10, tuple(alerts)), 5000)
    assert found is not None
    assert found.high > 0.02
    calm = rate_limits(Rates((5000,) * 10, (50, 52, 49, 51, 50, 48, 50, 53, 47, 50)), 5000)
    assert calm is not None
    assert 0.012 < calm.high < 0.016
    assert rate_limits(Rates((5000,) * 3, (50,) * 3), 5000) is None


def test_where_training_is_no_longer_than_a_few_windows_its_busiest_is_not_the_busiest_there_will_be():
    """Alerts come in clusters: of windows like eight that were seen, one in nine is busier than each of these."""
    alerts = [5] * 7 + [20]
    short, long = (
        rate_limits(Rates((400,) * 8, tuple(alerts)), 400),
        rate_limits(Rates((400,) * 64, tuple(alerts * 8)), 400),
    )
    assert short is not None
    assert long is not None
    assert short.usual == long.usual
    assert short.high - short.usual > 2 * (long.high - long.usual)


def test_few_alerts_are_as_skewed_as_counts_are():
    """Of 9 expected by chance alone 20 come once in 1,500 windows: three deviations of a normal distribution end at 18."""
    found = rate_limits(Rates((900,) * 40, (9, 6, 12, 8, 10) * 8), 900)
    assert found is not None
    assert 19 / 900 < found.high < 24 / 900
    assert 0 < found.low < 3 / 900


def test_a_burst_in_training_is_less_of_a_day_than_of_an_hour():
    burst = Rates((200,) * 40, (*(2,) * 20, 40, *(2,) * 19))
    hour, day = rate_limits(burst, 200), rate_limits(burst, 200 * 5)
    assert hour is not None
    assert day is not None
    assert hour.high > 0.2
    assert 0.04 < day.high < 0.1


def test_more_alerts_than_usual_of_few_sources_is_theirs(world):
    from dataclasses import replace

    reference = replace(world.reference, rates=Rates((500,) * 30, (5,) * 30))
    found = flows(world.network, draw(), 6000, MONDAY)
    window = world.window(found)
    sources = found.column("src_ip").cast(pa.string()).to_pylist()
    theirs = np.array([source == sources[0] for source in sources])
    from netanomaly.monitoring.window import Window

    from tests.unit.monitoring.worlds import CATEGORIES, ends
    from tests.unit.monitoring.worlds import table as features_of

    made = features_of(found)
    for alerts, verdict in (
        (theirs | (np.arange(len(theirs)) % 100 == 0), None),
        (np.arange(len(theirs)) % 10 == 0, "network changed"),
    ):
        window = Window(world.layout)
        window.add(
            world.schema.rows(pa.table(made)), alerts=alerts, categories={n: made[n] for n in CATEGORIES}, **ends(found)
        )
        judged = judge(reference, window)
        if verdict:
            assert judged["verdict"] == verdict
            assert "rows alert, where up to" in judged["reasons"][0]
