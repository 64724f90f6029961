"""What became of a flow, in one word for all sensors."""

import numpy as np
import numpy.typing as npt

UNANSWERED, HALF_OPEN, REFUSED, ESTABLISHED, CLOSED, RESET, OTHER = (
    "unanswered", "half_open", "refused", "established", "closed", "reset", "other",
)  # fmt: skip
WORDS = (UNANSWERED, HALF_OPEN, REFUSED, ESTABLISHED, CLOSED, RESET, OTHER)

FAILED = (UNANSWERED, HALF_OPEN, REFUSED)
"""The responder gave no service: what scans leave behind."""

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
_LETTERS = {"F": FIN, "S": SYN, "R": RST, "P": PSH, "A": ACK, "U": URG}

Flags = npt.NDArray[np.int64]


def of_letters(text: str) -> int:
    """TCP flags written as letters, as in `.AP.SF` and `FSPA`."""
    return sum({_LETTERS.get(letter, 0) for letter in text.upper()})


def of_tcp(
    flags_out: Flags, flags_in: Flags, answered: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.str_]:
    """Outcomes of TCP flows by the flags that went each way; `known` is false where the flags are not said."""
    both_closed = (flags_out & FIN != 0) & (flags_in & FIN != 0)
    any_reset = (flags_out | flags_in) & RST != 0
    no_handshake = (flags_in & SYN == 0) & (flags_in & RST != 0)
    opened = flags_out & SYN != 0
    accepted = (flags_in & SYN != 0) & (flags_out & ACK == 0)
    choices = [
        (~answered, UNANSWERED),
        (~known, OTHER),
        (no_handshake & opened, REFUSED),
        (opened & accepted, HALF_OPEN),
        (any_reset, RESET),
        (both_closed, CLOSED),
        (opened | (flags_in & SYN != 0), ESTABLISHED),
    ]
    return np.select([which for which, _ in choices], [word for _, word in choices], OTHER)


def without_flags(answered: npt.NDArray[np.bool_]) -> npt.NDArray[np.str_]:
    """Outcomes of flows of which only it is known whether anything came back."""
    return np.where(answered, ESTABLISHED, UNANSWERED)
