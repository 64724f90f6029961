"""Techniques are hinted at where the pattern is plain, and nowhere else."""

import numpy as np
import pytest
from netanomaly.alerts.techniques import Pattern, beat, hint
from netanomaly.metrics.attack_patterns import PATTERNS

from tests.unit.feedback.test_rehearsal import techniques_of


@pytest.mark.parametrize(
    ("pattern", "technique", "reason"),
    [
        (Pattern(2000, 1, 2000, 1, "445", 3600), "T1046", "horizontal scan"),
        (Pattern(1000, 1, 1, 1000, "", 60), "T1046", "vertical scan"),
        (Pattern(4201, 1599, 1, 2060, "", 86400), "T1046", "scanned from many places"),
        (Pattern(300, 1, 1, 1, "22", 600), "T1110", "300 flows from one source to SSH"),
        (Pattern(9000, 500, 1, 1, "80", 60), "T1498", "500 sources"),
        (Pattern(9000, 500, 1, 1, "80", 86400), None, ""),
        (Pattern(3, 1, 1, 1, "443", 60), None, ""),
        (Pattern(60, 1, 30, 12, "", 60), None, ""),
        (Pattern(2, 1, 1, 1, "443", 60, bytes_out=3e8, outward=True), "T1048", "300 MB or more from inside"),
        (Pattern(2, 1, 1, 1, "443", 60, bytes_out=3e8), None, ""),
        (Pattern(2, 1, 1, 1, "443", 60, bytes_out=9e7, outward=True), None, ""),
        (Pattern(2, 1, 30, 1, "443", 60, bytes_out=3e8, outward=True), "T1046", "horizontal"),
        (Pattern(90, 1, 1, 1, "443", 5400, 60.2, outward=True), "T1071", "one every 60 seconds"),
        (Pattern(90, 1, 1, 1, "443", 5400, outward=True), None, ""),
    ],
)
def test_the_pattern_decides(pattern, technique, reason):
    found = hint(pattern)
    assert (found.id if found else None) == technique
    assert reason in (found.reason if found else "")


def test_a_timer_beats_and_a_person_does_not():
    draw = np.random.default_rng(1)
    timer = np.cumsum(draw.uniform(57, 63, 60))
    assert beat(timer) == pytest.approx(60, abs=1)
    assert beat(np.append(timer[::-1], np.nan)) == beat(timer)
    # A beacon that was off for an hour is one still.
    assert beat(np.concatenate([timer[:30], timer[30:] + 3600])) == pytest.approx(60, abs=1)
    assert beat(np.cumsum(draw.exponential(60, 60))) == 0
    assert beat(np.cumsum(np.full(60, 0.1))) == 0
    assert beat(timer[:5]) == 0


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_attacks_that_are_injected_get_the_hint_of_their_technique(pattern):
    assert techniques_of(pattern.name) == {pattern.technique}
