"""Is the false-positive rate that was promised the one that was achieved? Loads no numeric library."""

BROKEN_PROMISE = 1.3
"""An achieved false-positive rate this many times the promised one, or its inverse, is called a broken promise."""
_TOLD = 2.0

Ends = tuple[float, float]
"""The lower and the upper end of an interval."""


def off_promise(budget: float, achieved: float, chance: Ends | None, expected: Ends | None = None) -> float | None:
    """How many times its budget an achieved rate is, where chance does not explain the difference; else None.

    Args:
        budget: The rate promised, over 0.
        achieved: The rate measured.
        chance: Its interval: chance in the rows judged.
        expected: The rates that the budget lets be expected: chance in the rows that set the threshold.
    """
    by_chance = chance is not None and chance[0] <= budget <= chance[1]
    by_chance = by_chance or (expected is not None and expected[0] <= achieved <= expected[1])
    return None if by_chance or achieved == budget else achieved / budget


def broken(ratio: float | None) -> bool:
    """Whether a rate so many times the promised one breaks the promise."""
    return ratio is not None and not 1 / BROKEN_PROMISE <= ratio <= BROKEN_PROMISE


def can_be_told(budget: float, chance: Ends | None) -> bool:
    """Whether the rows judged rule out twice the promised rate: if not, they cannot show that the promise is kept."""
    return chance is None or chance[1] <= _TOLD * budget
