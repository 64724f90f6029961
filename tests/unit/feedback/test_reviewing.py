"""Half of what is proposed is a random sample of all, and precision is that of the sample."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.feedback.book import Pages
from netanomaly.feedback.reviewing import PERIOD_DAYS, precision, proposed, review
from netanomaly.metrics.intervals import wilson_share

from tests.unit.alerts.test_forms import INCIDENT
from tests.unit.feedback.conftest import verdict

AT = datetime(2026, 6, 14, tzinfo=UTC)
INCIDENTS = [{**INCIDENT, "id": f"{number:032x}", "risk_score": 100 - number // 3} for number in range(200)]


def judged(alerts, said):
    return [verdict({**INCIDENT, "id": alert}, id=alert, said=said) for alert in alerts]


def test_half_is_drawn_from_all_and_half_are_the_loudest_of_the_others():
    made = review(INCIDENTS, Pages(), "office", 20, by="jo", at=AT)
    assert (len(made.drawn), len(made.loudest), made.incidents) == (10, 10, 200)
    rest = [each["id"] for each in INCIDENTS if each["id"] not in made.drawn]
    assert made.loudest == rest[:10]
    assert [each.drawn for each in proposed(made, INCIDENTS, Pages())] == [True] * 10 + [False] * 10


def test_the_same_alerts_give_the_same_draw_until_they_change():
    made = review(INCIDENTS, Pages(), "office", 20, by="jo", at=AT)
    pages = Pages(reviews=[made], verdicts=judged(made.drawn, "benign"))
    assert review(INCIDENTS[::-1], pages, "office", 20, by="al", at=AT) == made
    later = review([*INCIDENTS, {**INCIDENT, "id": "f" * 32}], pages, "office", 20, by="jo", at=AT)
    assert not set(later.drawn) & set(made.drawn)


def test_what_was_judged_is_not_proposed_among_the_loudest():
    pages = Pages(verdicts=judged([each["id"] for each in INCIDENTS[:50]], "benign"))
    assert not {each["id"] for each in INCIDENTS[:50]} & set(
        review(INCIDENTS, pages, "office", 20, by="jo", at=AT).loudest
    )


def test_the_draw_has_nothing_to_do_with_how_loud_an_alert_is():
    """Over many days each tenth of the alerts by loudness is drawn as often as any other, within chance."""
    counts = [0] * 10
    for day in range(400):
        incidents = [{**INCIDENT, "id": f"{day:08x}{number:024x}"} for number in range(100)]
        place = {each["id"]: number for number, each in enumerate(incidents)}
        for alert in review(incidents, Pages(), "office", 20, by="jo", at=AT).drawn:
            counts[place[alert] // 10] += 1
    assert sum(counts) == 4000
    # 400 expected in each; a standard deviation is 19.
    assert all(320 < count < 480 for count in counts)


def test_precision_is_of_the_drawn_ones_alone():
    made = review(INCIDENTS, Pages(), "office", 20, by="jo", at=AT)
    verdicts = [
        *judged(made.drawn[:3], "attack"), *judged(made.drawn[3:8], "benign"), *judged(made.drawn[8:9], "unsure"),
        *judged(made.loudest, "attack"),
    ]  # fmt: skip
    found = precision(Pages(verdicts=verdicts, reviews=[made]), AT)
    assert found == {
        "drawn": 10, "judged": 8, "attacks": 3, "unsure": 1, "precision": 0.375, "low": 0.1368, "high": 0.6943, "days": PERIOD_DAYS,
    }  # fmt: skip


def test_nothing_is_said_of_precision_before_anything_was_judged_or_long_after():
    made = review(INCIDENTS, Pages(), "office", 20, by="jo", at=AT)
    assert precision(Pages(reviews=[made]), AT) is None
    pages = Pages(reviews=[made], verdicts=judged(made.drawn, "attack"))
    found = precision(pages, AT)
    assert found is not None
    assert found["precision"] == 1.0
    assert precision(pages, AT + timedelta(days=PERIOD_DAYS + 1)) is None


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Of R's prop.test(x, n, correct=FALSE).
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 29, 0.0061, 0.1718), (81, 263, 0.2553, 0.3662), (0, 0, 0.0, 1.0)],
)
def test_the_wilson_interval_is_the_published_one(successes, trials, low, high):
    assert wilson_share(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 400).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_wilson_interval_holds_the_share(counts):
    successes, trials = counts
    low, high = wilson_share(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1
