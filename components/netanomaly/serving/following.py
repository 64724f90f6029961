"""Looks, again and again, whether another version is meant, and takes it up when it is loaded and warm."""

import asyncio
import time
from collections.abc import Callable

from netanomaly import output
from netanomaly.errors import NetanomalyError
from netanomaly.serving import memory
from netanomaly.serving.measures import Measures
from netanomaly.serving.models import Models
from netanomaly.serving.served import Served
from netanomaly.serving.state import State


class Following:
    """One model's versions, taken up as the registry moves.

    Args:
        role: `model` or `shadow`.
        models: Where versions come from.
        take: Called on the event loop with each version that is ready to score.
        seconds: Between two looks.
    """

    def __init__(
        self,
        role: str,
        models: Models,
        take: Callable[[Served], None],
        state: State,
        measures: Measures,
        seconds: float,
    ) -> None:
        self._role, self._models, self._take = role, models, take
        self._state, self._measures, self._seconds = state, measures, seconds

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            await self.look()

    async def look(self) -> None:
        """Look once. What fails leaves the version that is served, and is told."""
        try:
            served = await asyncio.to_thread(self._models.newer)
        except (NetanomalyError, OSError) as error:
            self._failed(type(error).__name__, str(error))
            return
        except Exception as error:  # noqa: BLE001 - whatever a model does when it is loaded, the old one goes on serving
            self._failed("defect", f"internal error: {type(error).__name__}: {error}")
            return
        self._measures.looked.set(round(time.time(), 3), role=self._role)
        if self._state.troubles.pop(self._role, None):
            output.tell(f"{self._role} {self._models.reference}: the registry can be followed again")
        if served is not None:
            self._take(served)
            self._measures.swaps.add(role=self._role)
            output.tell(f"{self._role} {self._models.reference}: {served} ({served.digest}) is taken up")
            served = None
            await asyncio.to_thread(memory.give_back)

    def _failed(self, kind: str, said: str) -> None:
        self._measures.swap_failures.add(role=self._role, kind=kind)
        said = output.visible(" ".join(said.split()))
        if self._state.troubles.get(self._role) != said:
            output.tell(
                f"warning: {self._role} {self._models.reference} is not followed, the version before goes on: {said}"
            )
        self._state.troubles[self._role] = said
