"""What a Kubeflow Pipelines server can answer instead of what was asked for.

InputError
`- Refused               it understood, and the same request fails again
   |- SignInNeeded          who asks is not known, or may not
   |- NotFound              there is no such thing
   `- Exists                the name is taken
OutsideError
`- Unavailable           no answer, or that of a server in trouble
"""

from netanomaly.errors import InputError, OutsideError


class Refused(InputError):
    """The server says no."""


class SignInNeeded(Refused):
    """The server wants other credentials, or more rights."""


class NotFound(Refused):
    """What the request names is not there."""


class Exists(Refused):
    """A thing of this name is there already."""


class Unavailable(OutsideError):
    """The server cannot be reached, gave no answer in time, or failed.

    `undecided`: what was asked for may have been done all the same, or may yet be.
    """

    def __init__(self, message: str, *, undecided: bool) -> None:
        super().__init__(message)
        self.undecided = undecided
