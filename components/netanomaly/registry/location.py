"""Which store a registry URI means."""

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from netanomaly.errors import InputError
from netanomaly.registry.file_store import FileStore
from netanomaly.registry.store import Store

if TYPE_CHECKING:
    from netanomaly.registry.object_store import ObjectStore

_SINGLE_WRITER = "NETANOMALY_SINGLE_WRITER"


class Location:
    """A registry's place: a store to read from, and one to write to once the server is known to be fit for it."""

    def __init__(self, read: Store, bucket: "ObjectStore | None" = None, single_writer: bool = False) -> None:
        self.read = read
        self.uri = read.uri
        self.bucket = bucket
        self._single_writer = single_writer
        self._write: Store | None = None if bucket is not None else read

    @property
    def write(self) -> Store:
        """Raises UnfitStore when the server's conditional writes cannot be trusted."""
        if self._write is None:
            from netanomaly.registry.probe import trusted

            assert self.bucket is not None  # noqa: S101 - a folder is written as it is read
            self._write = trusted(self.bucket, self._single_writer)
        return self._write


def locate(uri: str | Path, *, single_writer: bool = False) -> Location:
    """A folder (a path or `file:///folder`) or a bucket (`s3://bucket/prefix`). Neither is touched yet.

    Args:
        uri: Where the registry is, or will be.
        single_writer: The user's word that only one process ever writes there, so that a server whose conditional
            writes cannot be trusted is accepted; also NETANOMALY_SINGLE_WRITER=1.

    Raises:
        InputError: The URI names no such place, or a variable of the environment is wrong.
    """
    text = str(uri)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Location(FileStore(Path(text).expanduser()))
    if scheme == "s3":
        from netanomaly.registry.object_store import ObjectStore
        from netanomaly.registry.retrying import Retrying

        bucket = ObjectStore(text)
        single_writer = single_writer or os.environ.get(_SINGLE_WRITER, "") not in ("", "0")
        return Location(Retrying(bucket), bucket, single_writer)
    parts = urlsplit(text)
    if scheme != "file":
        raise InputError(
            f"registry {text!r}: {scheme}:// is not supported; name a folder, file:///folder or s3://bucket/prefix"
        )
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise InputError(f"registry {text!r} names no folder of this machine; write file:///absolute/folder")
    return Location(FileStore(Path(unquote(parts.path))))
