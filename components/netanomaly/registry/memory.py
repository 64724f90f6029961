"""What a process has seen of signed heads, kept beside it: so that a head that was put back is known as old.

Optional: NETANOMALY_REGISTRY_MEMORY names the file. Whoever can write the whole store can put an older state of it back,
signatures and all; nobody who sees that state alone can tell. Who has seen a later one can.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from netanomaly.errors import InputError, OutsideError
from netanomaly.registry import bounds, documents
from netanomaly.registry.errors import RolledBack

REGISTRY_MEMORY = "NETANOMALY_REGISTRY_MEMORY"

_MOST_BYTES = 16 << 20


class _Seen(msgspec.Struct):
    """Per registry and model the highest revision of a head that a trusted key signed."""

    format: int
    registries: dict[str, dict[str, int]]


class Memory:
    """A file of revisions. Several processes may use it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def from_environment(cls, *, trusting: bool) -> "Memory | None":
        """By NETANOMALY_REGISTRY_MEMORY. Raises InputError where it is empty, or no keys are trusted."""
        given = os.environ.get(REGISTRY_MEMORY)
        if given is None:
            return None
        if not given.strip() or not trusting:
            raise InputError(
                f"{REGISTRY_MEMORY} needs the path of a file, and NETANOMALY_TRUSTED_KEYS beside it: what no key signed "
                "is not worth remembering"
            )
        return cls(Path(given).expanduser())

    def see(self, registry: str, model: str, revision: int, what: str) -> None:
        """Remember this revision. Raises RolledBack where a later one was seen."""
        with self._locked() as seen:
            known = seen.registries.get(registry, {}).get(model, -1)
            if revision < known:
                raise RolledBack(
                    f"{what} is its revision {revision}, and {known} was seen here before ({self._path}): an older state "
                    "was put back; do not use it, ask who keeps the registry"
                )
            if revision > known:
                seen.registries.setdefault(registry, {})[model] = revision
                self._write(seen)

    def refuse_known(self, registry: str, model: str, what: str) -> None:
        """Raises RolledBack where a signed head of the model was ever seen."""
        with self._locked() as seen:
            if model in seen.registries.get(registry, {}):
                raise RolledBack(
                    f"{what} is gone or not signed, and a signed one was seen here before ({self._path}); do not use it, "
                    "ask who keeps the registry"
                )

    def models(self, registry: str) -> set[str]:
        """Names of all models that were ever seen."""
        with self._locked() as seen:
            return set(seen.registries.get(registry, {}))

    @contextmanager
    def _locked(self) -> Iterator[_Seen]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._read()
        finally:
            os.close(lock)

    def _read(self) -> _Seen:
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                raise ValueError("it is too large")
            return bounds.parse(_Seen, self._path.read_bytes())
        except FileNotFoundError:
            return _Seen(documents.FORMAT, {})
        except OSError as error:
            raise self._unusable(error) from None
        except ValueError as error:
            raise InputError(
                f"{self._path}, which remembers heads of registries, is damaged: {error}; restore it, or remove it and "
                "begin anew"
            ) from None

    def _write(self, seen: _Seen) -> None:
        temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                file.write(documents.canonical(seen))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> OutsideError:
        return OutsideError(f"{self._path}, which remembers heads of registries, cannot be used: {error.strerror}")
