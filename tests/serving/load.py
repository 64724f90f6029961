"""Clients that ask a server without a pause, and look at each answer."""

import threading

from tests.serving.conftest import Office
from tests.serving.running import Server


class Load:
    """Threads that score the same rows again and again.

    Attributes:
        wrong: What was wrong with answers; each thread ends with its first failed request.
        answers: How many there were.
        latest: The version of the last answer.
    """

    def __init__(self, running: Server, office: Office, threads: int = 3) -> None:
        self._running, self._table = running, office.rows(20)
        self._scores = [model.score(self._table).tolist() for model in office.models]
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]
        self.wrong: list[str] = []
        self.answers = 0
        self.latest = 0

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self) -> None:
        while not self._done.is_set():
            answered = self._running.score(self._table)
            if answered.status != 200:
                self.wrong.append(f"{answered.status}: {answered.body[:200]!r}")
                return
            number = int(answered.json["model_version"])
            if answered.output("score") != self._scores[number - 1]:
                self.wrong.append(f"version {number} gave another's scores")
            self.answers += 1
            self.latest = number
