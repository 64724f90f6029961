"""Techniques are hinted at where the pattern is plain, and nowhere else."""

import pytest
from netanomaly.alerts.techniques import Pattern, hint


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
    ],
)
def test_the_pattern_decides(pattern, technique, reason):
    found = hint(pattern)
    assert (found.id if found else None) == technique
    assert reason in (found.reason if found else "")
