"""The defaults stay unless they are beaten beyond the interval on every fold."""

import pytest
from netanomaly.tuning.selecting import KEPT, TUNED, best, counts, decided, in_words, winner

from tests.unit.tuning.making import difference, trial

BETTER, UNCLEAR, WORSE = (0.01, 0.1), (-0.01, 0.1), (-0.2, -0.1)


def test_the_best_of_those_that_beat_the_defaults_on_every_fold_wins():
    trials = [
        trial(1, "complete", 0.9, BETTER, UNCLEAR),
        trial(2, "complete", 0.7, BETTER, BETTER),
        trial(3, "complete", 0.8, BETTER, BETTER),
        trial(4, "complete", 0.8, BETTER, BETTER),
        trial(5, "stopped"),
        trial(6, "failed", why="no"),
    ]
    assert (winner(trials) or {})["number"] == 3
    assert (best(trials) or {})["number"] == 1
    outcome, reason = decided(trials, difference(0.05, 0.01, 0.09))
    assert outcome == TUNED
    assert "trial 3" in reason
    assert "+5.0 points, +1.0 to +9.0" in reason


@pytest.mark.parametrize("ends", [(UNCLEAR, UNCLEAR), (BETTER, UNCLEAR), (BETTER, WORSE), (BETTER, (0.0, 0.1))])
def test_one_fold_that_is_not_beaten_keeps_the_defaults(ends):
    trials = [trial(1, "complete", 0.99, *ends)]
    assert winner(trials) is None
    outcome, reason = decided(trials, difference(0.5, 0.4, 0.6))
    assert outcome == KEPT
    assert "no trial beats them beyond the interval on every fold; trial 1, the best, does on" in reason


def test_a_winner_that_is_worse_on_what_the_search_never_saw_is_no_winner():
    trials = [trial(1, "complete", 0.9, BETTER, BETTER)]
    outcome, reason = decided(trials, difference(-0.2, -0.3, -0.1))
    assert outcome == KEPT
    assert "never saw it catches less beyond the interval (-20.0 points" in reason
    assert decided(trials, difference(-0.2, -0.3, 0.1))[0] == TUNED
    assert decided(trials, None)[0] == KEPT


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["failed", "failed"], "every trial failed (2 failed)"),
        (["stopped", "failed"], "every trial was stopped early (1 stopped early, 1 failed)"),
        (["not_run", "failed"], "no trial got to the end (1 failed, 1 not run)"),
        ([], "no trial got to the end (no trials)"),
    ],
)
def test_where_no_trial_got_to_the_end_the_defaults_are_kept_and_it_is_said_why(states, said):
    trials = [trial(number, state) for number, state in enumerate(states, 1)]
    assert decided(trials, None) == (KEPT, said)
    assert sum(counts(trials).values()) == len(states)
    assert in_words(counts([]))
