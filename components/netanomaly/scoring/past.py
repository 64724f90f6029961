"""What the flows of the next file are seen beside: the windows over the flows before it, from file to file."""

from netanomaly.traffic.context import Context, Floats, Flows

# A file that ended so long before what was seen last came late, and is seen beside its own flows alone.
_APART_SECONDS = 3600.0
# No file comes as late as that: a clock was wrong, or was put right.
_JUMP_SECONDS = 86_400.0


class Beside:
    """The past as one file meets it.

    A file from long before what was seen last does not belong into these windows: its flows see each other. Where it is
    more than a day before, the last flow that was seen had a wrong clock, or those of this file have: the windows go on
    from this file, as the flows after it will.
    """

    def __init__(self, past: Context) -> None:
        self._past, self._apart = past, False
        self._before, self._jumped = past, False

    @property
    def late(self) -> int:
        return self._past.late

    @late.setter
    def late(self, count: int) -> None:
        self._past.late = count

    @property
    def cut(self) -> int:
        return self._past.cut

    @cut.setter
    def cut(self, count: int) -> None:
        self._past.cut = count

    @property
    def forgotten(self) -> int:
        return self._past.forgotten

    @property
    def is_apart(self) -> bool:
        """Whether the file was from long before."""
        return self._apart

    @property
    def has_jumped(self) -> bool:
        """Whether it was from so long before that the clock must have been another."""
        return self._jumped

    def features(self, flows: Flows) -> dict[str, Floats]:
        """See `Context.features`."""
        last = self._past.last
        if last is not None and len(flows) and not self._apart:
            behind = last - float(flows.end[-1]) / 1e6
            if behind > _APART_SECONDS:
                self._apart, self._jumped = True, behind > _JUMP_SECONDS
                self._past = Context()
        return self._past.features(flows)

    def after(self) -> Context:
        """The past of the next file."""
        return self._before if self._apart and not self._jumped else self._past
