import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.report import words
from netanomaly.report.documents import Estimate
from netanomaly.report.intervals import wilson


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (None, "—"), (0, "0%"), (1, "100%"), (0.61, "61.0%"), (0.00824, "0.82%"), (0.0004, "0.04%"),
        (1e-9, "<0.001%"), (0.99999, ">99.9%"), (0.9995, ">99.9%"), (0.999, "99.9%"),
    ],
)  # fmt: skip
def test_a_share_is_never_rounded_to_all_or_nothing(rate, said):
    assert words.percent(rate) == said


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_only_nothing_is_said_to_be_0_percent_and_only_all_to_be_100(rate):
    if rate < 1 - 1e-9:
        assert words.percent(rate) not in ("0%", "0.0%", "0.00%", "100%", "100.0%")


@pytest.mark.parametrize(
    ("rate", "whole", "said"),
    [
        (0.61, 100, "61 of 100"), (0, 100, "0 of 100"), (1, 100, "100 of 100"), (0.001, 100, "fewer than 1 of 100"),
        (0.999, 100, "all but a few of 100"), (0.01, 1000, "10 of 1,000"),
    ],
)  # fmt: skip
def test_a_rate_becomes_a_count_that_one_can_picture(rate, whole, said):
    assert words.out_of(rate, whole) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (None, "—"), (0, "0"), (381709090, "381,709,090"), (0.123456, "0.1235"), (-1, "-1"),
        (1e-7, "1.00e-07"), (1e300, "1.00e+300"),
    ],
)  # fmt: skip
def test_a_value_of_any_size_is_short(number, said):
    assert words.value(number) == said


def test_an_interval_without_ends_says_nothing():
    assert words.interval(Estimate(0.5)) == words.interval(None) == ""
    assert words.interval(Estimate(0.5, 0.4, 0.6)) == "0.400 to 0.600"


def test_long_lists_are_counted():
    assert words.listed(["a", "b", "c"], most=3) == "a, b and c"
    assert words.listed(["a", "b", "c"], most=2) == "a, b and 1 more"
    assert words.listed([]) == ""


def test_a_time_is_shown_in_utc_and_anything_else_as_it_is():
    assert words.moment("2026-01-02T03:04:05+02:00") == "2026-01-02 01:04 UTC"
    assert words.moment("yesterday") == "yesterday"


def test_names_of_measures_are_written_as_people_write_them():
    assert words.title("roc_auc") == "ROC-AUC"
    assert words.title("isolation_forest") == "Isolation forest"


def test_wilsons_interval_matches_published_values():
    """Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662, 0 of 20 gives 0 to 0.1611."""
    found = wilson(81, 263, 0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    none = wilson(0, 20, 0.95)
    assert none is not None
    assert (none.low, none.high) == pytest.approx((0, 0.1611), abs=5e-5)


@pytest.mark.parametrize(("hits", "trials", "confidence"), [(0, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1)])
def test_counts_that_make_no_sense_have_no_interval(hits, trials, confidence):
    assert wilson(hits, trials, confidence) is None
