"""What a request is refused with. Each becomes the protocol's error document, `{"error": ...}`.

RequestError           400  the request's own fault; the message names column, value and what is expected
|- NoSuchModel         404  another model or version is served here
|- TooSlow             408  its body did not come in time
|- TooLarge            413  more bytes, rows or values than are taken at once
|- UnknownForm         415  a body in a form that is not read
|- TooBusy             429  as many requests wait as may; comes with Retry-After
`- NotNow              503  not ready, draining, or it took too long; comes with Retry-After
"""

from netanomaly.errors import InputError


class RequestError(InputError):
    """A request that cannot be answered as it is."""

    status = 400
    retry_after: int | None = None


class NoSuchModel(RequestError):
    """Another model or version is served here."""

    status = 404


class TooSlow(RequestError):
    """Its body did not come in time."""

    status = 408


class TooLarge(RequestError):
    """More bytes, rows or values than are taken at once."""

    status = 413


class UnknownForm(RequestError):
    """A body in a form that is not read."""

    status = 415


class TooBusy(RequestError):
    """As many requests, or bytes of them, wait as may."""

    status = 429
    retry_after = 1


class NotNow(RequestError):
    """The server is not ready, is going down, or took too long."""

    status = 503
    retry_after = 2
