"""Which candidate wins, if any: the defaults stay unless they are beaten beyond the interval on every fold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from netanomaly.tuning.endings import COMPLETE, FAILED, NOT_RUN, STOPPED

TUNED, KEPT = "tuned", "defaults_kept"

RULE = (
    "the candidate that catches most among those whose recall is higher than the defaults' beyond the interval on every fold; "
    "the defaults where there is none, and where the final check finds it worse beyond the interval"
)

Trial = Mapping[str, Any]


def best(trials: Sequence[Trial]) -> Trial | None:
    """The trial that catches most; of several the earliest."""
    complete = [each for each in trials if each["state"] == COMPLETE]
    return max(complete, key=lambda each: (each["value"], -each["number"]), default=None)


def winner(trials: Sequence[Trial]) -> Trial | None:
    """The best of those that beat the defaults on every fold beyond the interval."""
    return best([each for each in trials if each["state"] == COMPLETE and beats(each)])


def beats(trial: Trial) -> bool:
    """Whether its recall is higher than the defaults' beyond the interval on every fold."""
    return all(fold["difference"]["low"] > 0 for fold in trial["folds"])


def decided(trials: Sequence[Trial], final: Mapping[str, Any] | None) -> tuple[str, str]:
    """`tuned` or `defaults_kept`, and why.

    Args:
        trials: All of them.
        final: The final check of the winner, or of the best trial where there is no winner; None: there was none to check.
    """
    found = winner(trials)
    counted = counts(trials)
    if found is not None:
        if final is None:
            return KEPT, f"trial {found['number']} beats the defaults on every fold, and the final check of it failed"
        difference = final["difference"]
        said = _points(difference)
        if difference["high"] < 0:
            return KEPT, (
                f"trial {found['number']} beats the defaults on every fold, and on the rows and classes that the search never "
                f"saw it catches less beyond the interval ({said})"
            )
        return TUNED, (
            f"trial {found['number']} beats the defaults beyond the interval on every fold; on rows and classes that the search "
            f"never saw it catches {final['after']['value']:.1%}, the defaults {final['before']['value']:.1%} ({said})"
        )
    if not counted[COMPLETE]:
        reason = "no trial got to the end"
        if counted[STOPPED]:
            reason = "every trial was stopped early"
        elif counted[FAILED] and not counted[NOT_RUN]:
            reason = "every trial failed"
        return KEPT, f"{reason} ({in_words(counted)})"
    top = best(trials)
    assert top is not None  # noqa: S101 - one is complete
    beaten = sum(fold["difference"]["low"] > 0 for fold in top["folds"])
    return KEPT, (
        f"no trial beats them beyond the interval on every fold; trial {top['number']}, the best, does on {beaten} of "
        f"{len(top['folds'])}"
    )


def counts(trials: Sequence[Trial]) -> dict[str, int]:
    """How many trials ended in which way."""
    found = Counter(each["state"] for each in trials)
    return {state: found.get(state, 0) for state in (COMPLETE, STOPPED, FAILED, NOT_RUN)}


def in_words(counted: Mapping[str, int]) -> str:
    """`20 complete, 10 stopped early, 2 failed`."""
    names = {COMPLETE: "complete", STOPPED: "stopped early", FAILED: "failed", NOT_RUN: "not run"}
    return ", ".join(f"{counted[state]} {name}" for state, name in names.items() if counted[state]) or "no trials"


def _points(difference: Mapping[str, float]) -> str:
    value, low, high = (difference[name] * 100 for name in ("value", "low", "high"))
    return f"{value:+.1f} points, {low:+.1f} to {high:+.1f}"
