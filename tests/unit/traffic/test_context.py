"""Features in context are exact: as brute force counts them, however the flows are cut into blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.traffic import context
from netanomaly.traffic.context import LAST_FLOWS, Context, Flows

MICRO = 10**6


def brute_force(flows: Flows) -> dict[str, np.ndarray]:
    """Every window counted flow by flow, as the definitions say it."""
    made = {name: np.full(len(flows), np.nan) for name in context.NAMES}
    for row in range(len(flows)):
        now, src, dst = flows.end[row], flows.src[row], flows.dst[row]
        if not (src and dst):
            continue
        past = [each for each in range(len(flows)) if flows.end[each] < now and flows.src[each] and flows.dst[each]]
        own = [each for each in past if flows.src[each] == src]
        recent = [each for each in own if flows.end[each] >= now - 120 * MICRO]
        last = [each for each in own if flows.end[each] >= now - 3600 * MICRO][-LAST_FLOWS:]
        to_dst = [each for each in past if flows.dst[each] == dst and flows.end[each] >= now - 120 * MICRO]
        gap, change = gaps([flows.end[each] for each in own if flows.dst[each] == dst], now)
        made["src_flows_120s"][row] = len(recent)
        made["src_bytes_out_120s"][row] = sum(flows.bytes_out[each] for each in recent)
        made["dst_flows_120s"][row] = len(to_dst)
        made["dst_sources_120s"][row] = len({flows.src[each] for each in to_dst})
        for name, window in (("120s", recent), ("100", last)):
            made[f"src_destinations_{name}"][row] = len({flows.dst[each] for each in window})
            made[f"src_ports_{name}"][row] = len({flows.port[each] for each in window})
            made[f"src_ports_to_dst_{name}"][row] = len({flows.port[each] for each in window if flows.dst[each] == dst})
            known = [flows.failed[each] for each in window if flows.failed[each] >= 0]
            made[f"src_failed_share_{name}"][row] = np.mean(known) if known else np.nan if window else 0.0
        made["pair_gap_seconds"][row], made["pair_gap_change"][row] = gap, change
        made["src_gap_seconds"][row] = gaps([flows.end[each] for each in own], now)[0]
        served = [flows.end[each] for each in own if flows.port[each] == flows.port[row]]
        made["src_port_gap_seconds"][row] = gaps(served, now)[0]
    return made


def gaps(ends: list[int], now: int) -> tuple[float, float]:
    moments = sorted(set(ends))
    if not moments or now - moments[-1] > 86_400 * MICRO:
        return 86_400.0, 1.0
    gap = now - moments[-1]
    if len(moments) < 2 or moments[-1] - moments[-2] > 86_400 * MICRO:
        return gap / MICRO, 1.0
    before = moments[-1] - moments[-2]
    return gap / MICRO, abs(gap - before) / max(gap, before)


def flows_of(records: list[tuple[int, int, int, int, int, int]]) -> Flows:
    records = sorted(records, key=lambda record: record[0])
    end, src, dst, port, failed, size = (np.array(column, dtype=np.int64) for column in zip(*records, strict=True))
    return Flows(end, src.astype(np.uint64), dst.astype(np.uint64), port, failed, size)


spans = st.sampled_from([3, 150, 5_000, 200_000])
record = st.tuples(
    st.integers(0, MICRO),
    st.integers(0, 3),
    st.integers(0, 4),
    st.integers(-1, 4),
    st.integers(-1, 1),
    st.integers(0, 10**9),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(record, min_size=1, max_size=70), spans, st.lists(st.integers(0, 70), max_size=5), st.booleans())
def test_counts_are_exact_however_the_flows_are_cut_and_over_a_restart(records, span, cuts, restarted):
    flows = flows_of([(at * span // MICRO * (MICRO // 4), *rest) for at, *rest in records])
    wanted = brute_force(flows)
    past, found = Context(), {name: [np.empty(0)] for name in context.NAMES}
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(flows)], strict=True):
        if begin < end:
            for name, values in past.features(flows.take(slice(begin, end))).items():
                found[name].append(values)
        if restarted:
            past = Context.resumed(past.state())
    for name, parts in found.items():
        np.testing.assert_allclose(np.concatenate(parts)[: len(flows)], wanted[name], err_msg=name)


@pytest.mark.parametrize("block", [7, 100, 350])
def test_the_last_hundred_flows_are_a_hundred(block):
    randomness = np.random.default_rng(5)
    flows = flows_of([
        (int(at), int(randomness.integers(1, 3)), int(randomness.integers(1, 60)), int(randomness.integers(0, 90)), 1, 1)
        for at in randomness.integers(0, 2000, 350) * MICRO
    ])  # fmt: skip
    wanted, past = brute_force(flows), Context()
    parts = [past.features(flows.take(slice(begin, begin + block))) for begin in range(0, len(flows), block)]
    for name in context.NAMES:
        np.testing.assert_allclose(np.concatenate([part[name] for part in parts]), wanted[name], err_msg=name)


def test_a_scan_stands_out():
    scan = [(second * MICRO, 9, 100 + second, 445, 1, 0) for second in range(60)]
    quiet = [(second * MICRO + 1, 1, 2, 443, 0, 500) for second in range(0, 60, 20)]
    flows = flows_of([*scan, *quiet])
    found = Context().features(flows)
    last = np.flatnonzero(flows.src == 9)[-1]
    assert found["src_destinations_120s"][last] == 59
    assert found["src_failed_share_120s"][last] == 1.0
    assert found["src_destinations_120s"][np.flatnonzero(flows.src == 1)[-1]] == 1


def test_flows_from_before_the_state_that_was_taken_up_are_late_and_count_from_when_they_came():
    past = Context()
    past.features(flows_of([(99 * MICRO, 1, 3, 80, 0, 0), (100 * MICRO, 1, 2, 80, 0, 0)]))
    found = past.features(flows_of([(50 * MICRO, 1, 2, 80, 0, 0), (101 * MICRO, 1, 2, 80, 0, 0)]))
    assert past.late == 1
    # Flows of one moment do not see each other: the late one is of the moment of the last.
    assert found["src_flows_120s"].tolist() == [1, 3]
    assert found["src_destinations_120s"].tolist() == [1, 2]


def test_a_late_scan_is_seen_by_what_comes_after_it():
    past = Context()
    past.features(flows_of([(100 * MICRO, 1, 2, 443, 0, 0)]))
    past.features(flows_of([(90 * MICRO + number, 9, 100 + number, 445, 1, 0) for number in range(40)]))
    found = past.features(flows_of([(101 * MICRO, 9, 7, 445, 1, 0)]))
    assert past.late == 40
    assert found["src_destinations_120s"][0] == 40
    assert found["src_failed_share_120s"][0] == 1.0


def test_silent_hosts_are_forgotten():
    past = Context()
    past.features(flows_of([(second * MICRO, 1 + second % 50, 2, 80, 0, 0) for second in range(1000)]))
    past.features(flows_of([(100_000 * MICRO, 99, 2, 80, 0, 0)]))
    assert len(past.kept) == 1
    assert len(past.met["src"].merged().key) == 1


def test_more_flows_than_can_be_kept_are_cut_and_it_is_said(monkeypatch):
    monkeypatch.setattr(context, "MOST_KEPT", 50)
    past = Context()
    past.features(flows_of([(number, 1, number, 80, 0, 0) for number in range(1, 200)]))
    assert len(past.kept) == 50
    assert past.cut == 1


def test_a_newer_state_is_refused(monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr(context, "STATE_FORMAT", 2)
        state = Context().state()
    with pytest.raises(ValueError, match="of format 2"):
        Context.resumed(state)


def test_hosts_that_there_is_no_room_for_are_counted(monkeypatch):
    monkeypatch.setattr(context, "MOST_MET", 10)
    past = Context()
    for begin in range(1, 401, 20):
        past.features(flows_of([(number * MICRO, number, 1_000, 80, 0, 0) for number in range(begin, begin + 20)]))
    again = Context.resumed(past.state())
    assert {len(met.merged().key) for met in again.met.values()} == {10}
    # All that was ever met and is not known any more, of sources, pairs, and sources with a port.
    assert again.forgotten == 3 * (400 - 10)
    assert past.forgotten <= again.forgotten
