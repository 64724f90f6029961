"""Who may read what the command writes: run folders, logs, registries hold data and models that are not everyone's."""

import os
import re

from netanomaly.errors import InputError

VARIABLE = "NETANOMALY_UMASK"
_OWNER_ALONE = 0o077


def set_umask() -> None:
    """Let new files and folders be their owner's alone, or as NETANOMALY_UMASK says; those that are there stay as they are.

    Of a registry that several people write, the folder is theirs to set up (docs/security.md): NETANOMALY_UMASK=007.

    Raises:
        InputError: It is no umask.
    """
    text = os.environ.get(VARIABLE, "")
    if text and not re.fullmatch(r"0?[0-7]{3}", text):
        raise InputError(f"{VARIABLE} is {text!r}; write three octal digits, e.g. 027 to let your group read")
    os.umask(int(text, 8) if text else _OWNER_ALONE)
