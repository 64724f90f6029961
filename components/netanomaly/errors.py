"""What can go wrong, and who can mend it.

    NetanomalyError          exit 1  a defect of ours, when raised as itself
    |- InputError            exit 2  the user's to mend; the same call fails again
    |  |- ConfigError                the pipeline configuration
    |  |- DataError                  a data source: what, which file, which line
    |  |- ModelError                 a model file that cannot be trusted or used
    |  `- StoreRefused               access denied, no such bucket, wrong credentials
    |- OutsideError          exit 3  a store, disk or server; running again may mend it
    |  `- StoreUnavailable           time-out, reset, 5xx, or a lock held by another process
    |     `- Unreachable             no connection at all: nothing was asked yet
    `- GateRefusal           exit 4  a data or quality gate said no

A message is one line: what is wrong, where, and the way out. Only exit 1 shows a traceback.

Two more are answers of a store that its callers turn into one of these: `Absent` and `Refused`.
"""


class NetanomalyError(Exception):
    """Root of everything this package raises on purpose."""

    exit_code = 1


class InputError(NetanomalyError):
    """Something the user gave cannot be used as it is."""

    exit_code = 2


class ConfigError(InputError):
    """The pipeline configuration is wrong."""


class DataError(InputError):
    """A data source is missing, malformed or not what the configuration says."""


class ModelError(InputError):
    """A model file is altered, incomplete, or made by library versions that cannot be used here."""


class StoreRefused(InputError):
    """A store said no: access denied, no such bucket, wrong credentials."""


class OutsideError(NetanomalyError):
    """Something outside failed (disk, store, network); the same call may succeed later."""

    exit_code = 3


class StoreUnavailable(OutsideError):
    """A store did not answer, or not in time; the same call may succeed later."""


class Unreachable(StoreUnavailable):
    """There is no connection to the store: the request was not even sent."""


class GateRefusal(NetanomalyError):
    """A data or quality gate refused; nothing is registered."""

    exit_code = 4


class Absent(Exception):
    """There is no object under this key."""


class Refused(Exception):
    """The condition of a request did not hold: the object exists already, or is no longer the one expected."""
