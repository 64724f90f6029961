"""How the programs of the serve image end: by one line that says why, and an exit code."""

import traceback
from collections.abc import Callable

from netanomaly import output
from netanomaly.errors import NetanomalyError, OutsideError


def exit_code(work: Callable[[], None]) -> int:
    """Do the work; the exit code of how it ended, said in one line on standard error where it failed."""
    with output.guarded():
        try:
            work()
        except NetanomalyError as error:
            if error.exit_code == NetanomalyError.exit_code:
                output.tell_lines(traceback.format_exc().rstrip())
            return _failed(str(error), error.exit_code)
        except OSError as error:
            return _failed(f"{error.strerror or error}", OutsideError.exit_code)
        except Exception as error:  # noqa: BLE001 - the process boundary: a defect becomes a traceback, one line and exit 1
            output.tell_lines(traceback.format_exc().rstrip())
            return _failed(f"internal error: {type(error).__name__}: {error}", NetanomalyError.exit_code)
    return 0


def _failed(message: str, code: int) -> int:
    output.tell(f"error: {' '.join(message.split())}")
    return code
