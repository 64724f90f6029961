"""Reading a parsed YAML document strictly: each field is taken once, with its type; what is left over is refused."""

from typing import Any, TypeVar

from netanomaly.errors import InputError

T = TypeVar("T")

_REQUIRED: Any = object()


class Fields:
    """The fields of one object of the document, and where it stands, for error messages."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise InputError(f"{where} is {type(value).__name__}; an object is needed")
        self._left = dict(value)
        self.where = where

    def take(self, name: str, kind: type[T] | tuple[type[T], ...], default: T = _REQUIRED) -> T:
        """The field's value, or the default when it is absent."""
        if name not in self._left:
            if default is _REQUIRED:
                raise InputError(f"{self.where} has no field {name!r}")
            return default
        value = self._left.pop(name)
        # True is an int to Python, not to KFP.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"{self.where}.{name} is {value!r}, of the wrong type")
        return value

    def child(self, name: str) -> "Fields":
        """The object under the field; an empty one when it is absent."""
        return Fields(self._left.pop(name, {}), f"{self.where}.{name}")

    def children(self, name: str) -> dict[str, "Fields"]:
        """The objects under the field, by their keys."""
        found = self._left.pop(name, {})
        if not isinstance(found, dict):
            raise InputError(f"{self.where}.{name} is {type(found).__name__}; an object is needed")
        return {str(key): Fields(value, f"{self.where}.{name}.{key}") for key, value in found.items()}

    def has(self, name: str) -> bool:
        """Whether the field is there and not yet taken."""
        return name in self._left

    def any(self, name: str, default: Any = None) -> Any:
        """The field's value, whatever its type."""
        return self._left.pop(name, default)

    def all(self) -> dict[str, Any]:
        """Every field that is left, to be read under another name."""
        left, self._left = self._left, {}
        return left

    def ignore(self, *names: str) -> None:
        """Known fields that mean nothing to a local run."""
        for name in names:
            self._left.pop(name, None)

    def refuse(self, name: str, what: str) -> None:
        """Refuse a known feature that is not executed locally."""
        if self._left.get(name):
            raise InputError(f"{self.where} uses {what}, which the local runner does not execute")
        self._left.pop(name, None)

    def done(self) -> None:
        """Refuse what was not taken."""
        if self._left:
            names = ", ".join(repr(str(name)) for name in self._left)
            raise InputError(f"{self.where} has unknown {names}; the local runner executes only what it knows")
