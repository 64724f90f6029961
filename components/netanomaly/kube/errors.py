"""What the Kubernetes API can answer instead of what was asked for.

InputError
`- Refused               it understood, and the same request fails again
   |- Forbidden             who asks is not known, or may not
   |- Missing               there is no such object, kind or namespace
   `- Contested             another manager owns a field, or the object has changed since it was read
OutsideError
`- Unavailable           no answer, or that of a server in trouble
"""

from netanomaly.errors import InputError, OutsideError


class Refused(InputError):
    """The API says no."""


class Forbidden(Refused):
    """Who asks is not known, or may not do that."""


class Missing(Refused):
    """What the request names is not there."""


class Contested(Refused):
    """Another manager owns a field that was to be set."""


class Unavailable(OutsideError):
    """The API cannot be reached, gave no answer in time, or failed."""
