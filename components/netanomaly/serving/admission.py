"""How many requests, and bytes of them, are in the house at once: what is over is told to come again, and not kept."""

from types import TracebackType

from netanomaly.serving.errors import TooBusy, TooLarge
from netanomaly.serving.options import Limits


class Admission:
    """Counts what was let in. Used from the event loop alone."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests = 0
        self.bytes = 0

    def enter(self, announced: int | None) -> "Place":
        """Let a request in whose body is to have so many bytes, if it says so.

        Raises:
            TooLarge: Its body is larger than any may be.
            TooBusy: There are as many as may be.
        """
        if announced is not None:
            self._refuse_large(announced)
        if self.requests >= self.limits.requests:
            raise TooBusy(
                f"{self.requests} requests are being answered, as many as are taken at once; try again shortly"
            )
        place = Place(self)
        self.requests += 1
        try:
            place.hold(announced or 0)
        except TooBusy:
            place.leave()
            raise
        return place

    def take(self, size: int) -> None:
        if self.bytes + size > self.limits.held_bytes:
            raise TooBusy(
                f"{self.bytes:,} bytes of requests are held, and {self.limits.held_bytes:,} may be; try again shortly"
            )
        self.bytes += size

    def refuse(self, size: int) -> None:
        """Raise TooLarge where one body has so many bytes."""
        self._refuse_large(size)

    def _refuse_large(self, size: int) -> None:
        if size > self.limits.body_bytes:
            raise TooLarge(f"the body has over {self.limits.body_bytes:,} bytes; send fewer rows at once")


class Place:
    """One request's place: what it holds, until it leaves."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._held = 0
        self._left = False

    def hold(self, size: int) -> None:
        """Hold so many bytes in all. Raises TooLarge or TooBusy where that is too much."""
        self._admission.refuse(size)
        if size > self._held:
            self._admission.take(size - self._held)
            self._held = size

    def leave(self) -> None:
        """Give everything back; once."""
        if not self._left:
            self._left = True
            self._admission.requests -= 1
            self._admission.bytes -= self._held

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
