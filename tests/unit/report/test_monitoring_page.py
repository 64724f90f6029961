"""The page on a window of traffic."""

from typing import Any

from netanomaly.report import monitoring_page

VERDICT: dict[str, Any] = {
    "model": {"name": "office", "version": 3}, "verdict": "quiet", "reasons": [], "do": "nothing", "notes": [],
    "rows": 8000, "alerts": 0, "first_seen": "2026-06-12T00:00:00.000Z", "last_seen": "2026-06-12T23:59:59.000Z",
    "hours": [[f"2026-06-12T{hour:02}:00:00.000Z", 300, 0] for hour in range(24)],
    "alert_rate": {"rate": 0.0, "usual": 0.01, "low": 0.0, "high": 0.02, "blocks": 40},
    "agreement": {"rate": 0.5, "usual": 0.5, "low": 0.375, "high": 0.625, "blocks": 40, "rows": 160, "members": 3},
}  # fmt: skip


def test_how_far_members_agree_is_shown_beside_what_is_usual_and_left_out_where_it_is_not_known():
    page = monitoring_page(VERDICT)
    assert "Members that agree" in page
    assert "of 3 alert where any of them does; 37.5% to 62.5% is usual" in page
    assert "Members that agree" not in monitoring_page(VERDICT | {"agreement": None})
    # Verdicts that were kept before it was.
    assert "Members that agree" not in monitoring_page({k: v for k, v in VERDICT.items() if k != "agreement"})


def test_a_window_without_alerts_has_a_small_scale():
    assert ">100%<" not in monitoring_page(VERDICT | {"alert_rate": None})


def test_decay_says_whether_attacks_are_missed_or_alerts_are_false():
    recall = {"name": "recall", "value": 0.2, "low": 0.1, "high": 0.3, "registered_low": 0.8}
    precision = recall | {"name": "precision"}
    fine = precision | {"high": 0.9}
    for quality, headline in (
        ([recall, fine], "it catches less than it did"),
        ([precision], "more of its alerts are false than its budget promises"),
        ([recall, precision], "it catches less than it did"),
    ):
        assert headline in monitoring_page(VERDICT | {"verdict": "decay", "quality": quality})


def test_the_scale_of_a_rate_ends_at_all_rows():
    hours = [[f"2026-06-12T{hour:02}:00:00.000Z", 300, 300] for hour in range(24)]
    page = monitoring_page(VERDICT | {"hours": hours})
    assert ">100%<" in page
    assert ">110" not in page


def test_no_band_is_spoken_of_where_what_is_usual_is_not_known():
    assert "shaded band" in monitoring_page(VERDICT)
    page = monitoring_page(VERDICT | {"verdict": "too little data", "alert_rate": {"rate": 0.7}})
    assert "shaded band" not in page
    assert "What is usual is not known" in page
