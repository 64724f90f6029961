"""What MLflow's server, or whatever answers in its place, did not do.

TrackingFailed       in one line: what, where, what to do
|- TryAgain          no answer, or one that a server gives that cannot take it now
|- OutOfTime         all of the time there was is used up
`- Refusal           MLflow itself said no; `code` is its word for it
"""

from netanomaly.errors import OutsideError


class TrackingFailed(OutsideError):
    """MLflow was not told; nothing else is lost."""


class TryAgain(TrackingFailed):
    """The same request may succeed in a moment."""


class OutOfTime(TrackingFailed):
    """It took longer than it may."""


class Refusal(TrackingFailed):
    """MLflow's own refusal."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code
