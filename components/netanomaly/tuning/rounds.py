"""How a search is cut into rounds. Loads no library: the pipeline's definition is made by it."""

import math

ROUNDS = 4
"""A pipeline cannot loop until something is found: its rounds are written out, so many."""

IN_A_ROUND = 16
TRIALS_AT_MOST = ROUNDS * IN_A_ROUND


def in_rounds(trials: int) -> list[int]:
    """How many trials each round has."""
    each = math.ceil(trials / ROUNDS)
    return [max(0, min(each, trials - place * each)) for place in range(ROUNDS)]
