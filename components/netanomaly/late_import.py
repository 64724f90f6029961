"""Libraries that others import for a function or two, which are seldom called: imported when something of them is used.

scikit-learn imports scipy.stats wherever it is used, for ranks and means that no detector asks for: half of the second that
scikit-learn takes to import. For processes of our own: a program that imports this package imports as it always did.
"""

import sys
from collections.abc import Collection
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from threading import Lock
from types import ModuleType
from typing import Any


def put_off_scipy_stats() -> None:
    """Let scipy.stats be imported when something of it is used, and not because scikit-learn takes a few names from it."""
    put_off("scipy.stats", ("rankdata", "gmean", "chi2", "spearmanr"))


def put_off(name: str, taken: Collection[str]) -> None:
    """Let a module be imported when it is used, if it was not imported yet.

    Args:
        name: The module's full name. What is imported from within it before it is used is not found.
        taken: What others take from it by name (`from name import taken`) and do not use yet: that loads it when it is used.
    """
    if name not in sys.modules and not any(isinstance(each, _Late) and each.name == name for each in sys.meta_path):
        sys.meta_path.insert(0, _Late(name, taken))


class _Late(MetaPathFinder, Loader):
    """Finds a module of this name that stands for the real one."""

    def __init__(self, name: str, taken: Collection[str]) -> None:
        self.name = name
        self._taken = taken
        self._lock = Lock()

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname == self.name else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Standing(spec.name, self)

    def exec_module(self, module: ModuleType) -> None:
        for each in self._taken:
            setattr(module, each, _Taken(self, each))

    def real(self) -> ModuleType:
        """The module itself, which from now on is the one that an import finds."""
        with self._lock:
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            if isinstance(sys.modules.get(self.name), _Standing):
                del sys.modules[self.name]
        # Without the lock: who waits for an import, and for whom, is the import system's to know.
        return import_module(self.name)


class _Standing(ModuleType):
    """Stands for a module that is not imported yet, and hands on what is asked of it."""

    def __init__(self, name: str, late: _Late) -> None:
        super().__init__(name)
        self._late = late

    def __getattr__(self, name: str) -> Any:
        # The import system looks whether it is a package; it is none as long as nobody uses it.
        if name == "__path__":
            raise AttributeError(name)
        return getattr(self._late.real(), name)


class _Taken:
    """Stands for a function or an object of such a module."""

    def __init__(self, late: _Late, name: str) -> None:
        self._late, self._name = late, name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return getattr(self._late.real(), self._name)(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self._late.real(), self._name), name)
