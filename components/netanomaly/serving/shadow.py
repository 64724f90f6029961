"""A second model that scores what the first one answers, beside it: how far they agree is counted, nothing is answered.

It gets what processor time is left: while it is behind, rows pass it by, and are counted as such.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from netanomaly import output
from netanomaly.serving.desk import Done
from netanomaly.serving.errors import RequestError
from netanomaly.serving.measures import Measures
from netanomaly.serving.served import Served
from netanomaly.serving.wishes import Wishes

_MOST_WAITING_ROWS = 20_000
_AGREEMENT = {(True, True): "both", (False, False): "none", (True, False): "served", (False, True): "shadow"}


class Shadow:
    """Scores beside. Used from the event loop; `threads` has one thread."""

    def __init__(self, measures: Measures, threads: ThreadPoolExecutor) -> None:
        self.served: Served | None = None
        self._measures, self._threads = measures, threads
        self._waiting = 0
        self._told = ""

    def take(self, served: Served) -> None:
        """Another version scores from now on."""
        self.served = served
        self._measures.shadow_model.clear()
        self._measures.shadow_model.set(1, name=served.name, version=served.version, digest=served.digest)

    def hear(self, done: Done) -> None:
        """Score what was answered, some time."""
        served = self.served
        if served is None or not done.rows:
            return
        if self._waiting + done.rows > _MOST_WAITING_ROWS:
            self._measures.shadow_skipped.add(done.rows, why="behind")
            return
        self._waiting += done.rows
        work = asyncio.get_running_loop().run_in_executor(self._threads, _compared, served, done)
        work.add_done_callback(lambda ended: self._ended(ended, done.rows))

    def _ended(self, work: "asyncio.Future[tuple[dict[str, int], list[float]]]", rows: int) -> None:
        self._waiting -= rows
        if work.cancelled():
            return
        error = work.exception()
        if error is not None:
            self._measures.shadow_skipped.add(rows, why="failed")
            said = str(error) if isinstance(error, RequestError) else f"internal error: {type(error).__name__}: {error}"
            if said != self._told:
                self._told = said
                output.tell(f"warning: the shadow {self.served} could not score what was asked: {said}")
            return
        agreement, distances = work.result()
        for who, count in agreement.items():
            self._measures.shadow_rows.add(count, alerts=who)
        for distance in distances:
            self._measures.shadow_distance.observe(distance)


def _compared(served: Served, done: Done) -> tuple[dict[str, int], list[float]]:
    """How many rows alert by which model, each at its own budget, and how far apart their tail probabilities are."""
    answer = served.answer(done.table, Wishes())
    first = done.answer.scores > done.served.model.threshold
    counts = {
        who: int(np.count_nonzero((first == here) & (answer.alerting == there)))
        for (here, there), who in _AGREEMENT.items()
    }
    distances: list[float] = np.abs(np.log10(done.answer.shares) - np.log10(answer.shares)).tolist()
    return {who: count for who, count in counts.items() if count}, distances
