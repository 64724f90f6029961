"""Libraries that a process does without, though they are installed.

Arrow and scikit-learn import pandas wherever they find it, for nothing that a stage or the command asks of them; that takes
longer than many a stage, and 32 MiB.
"""

import sys
from collections.abc import Collection
from importlib.abc import MetaPathFinder
from typing import Any


def do_without(*modules: str) -> None:
    """Make this process one where these libraries are not installed, as they are not in a stage's image."""
    sys.meta_path.insert(0, _Absent(modules))


class _Absent(MetaPathFinder):
    """Answers that these top-level modules do not exist."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, *_: Any) -> None:
        """Raise for a name that is to be absent; leave every other one to the finders that follow."""
        if fullname in self._names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
