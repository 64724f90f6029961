"""Which store a registry URI means, and which keys what stands there is signed and believed by."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from netanomaly.errors import InputError
from netanomaly.paths import expanded
from netanomaly.registry.belief import Belief, signed_heads_required
from netanomaly.registry.file_store import FileStore
from netanomaly.registry.memory import Memory
from netanomaly.registry.signing import Trust
from netanomaly.registry.store import Store
from netanomaly.secrecy import refuse_credentials

if TYPE_CHECKING:
    from netanomaly.registry.object_store import ObjectStore

_SINGLE_WRITER = "NETANOMALY_SINGLE_WRITER"


class Location:
    """A registry's place: a store to read from, and one to write to once the server is known to be fit for it.

    `belief`: what is believed of what stands there, and signs what is written.
    """

    def __init__(
        self,
        read: Store,
        bucket: "ObjectStore | None" = None,
        single_writer: bool = False,
        sign_key: str = "",
        trusted_keys: Sequence[str] = (),
    ) -> None:
        self.read = read
        self.uri = read.uri
        self.bucket = bucket
        trust = Trust.in_keys(trusted_keys, "trusted_keys") if trusted_keys else Trust.from_environment()
        # What is half asked for is told before anything is read, and not first where it would matter.
        signed_heads_required(trusting=trust is not None)
        self.belief = Belief(read.identity, trust, sign_key, Memory.from_environment(trusting=trust is not None))
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


def locate(
    uri: str | Path, *, single_writer: bool = False, sign_key: str = "", trusted_keys: Sequence[str] = ()
) -> Location:
    """A folder (a path or `file:///folder`) or a bucket (`s3://bucket/prefix`). Neither is touched yet.

    Args:
        uri: Where the registry is, or will be.
        single_writer: The user's word that only one process ever writes there, so that a server whose conditional
            writes cannot be trusted is accepted; also NETANOMALY_SINGLE_WRITER=1.
        sign_key: What new records and heads are signed with, as for `Signer`; also NETANOMALY_SIGN_KEY.
        trusted_keys: What none of them signed is refused, as for `Trust.in_keys`; also
            NETANOMALY_TRUSTED_KEYS.

    Raises:
        InputError: The URI names no such place, a key is none, or a variable of the environment is wrong.
    """
    text = str(uri)
    refuse_credentials(text, "the address of a store")
    bucket = None
    if text.startswith("s3://"):
        from netanomaly.registry.object_store import ObjectStore
        from netanomaly.registry.retrying import Retrying

        bucket = ObjectStore(text)
        single_writer = single_writer or os.environ.get(_SINGLE_WRITER, "") not in ("", "0")
    read = FileStore(_folder(text)) if bucket is None else Retrying(bucket)
    return Location(read, bucket, single_writer, sign_key, trusted_keys)


def _folder(text: str) -> Path:
    scheme, separator, _ = text.partition("://")
    if not separator:
        return expanded(text)
    if scheme != "file":
        raise InputError(f"{text!r}: {scheme}:// is not supported; name a folder, file:///folder or s3://bucket/prefix")
    try:
        parts = urlsplit(text)
        local = parts.netloc in ("", "localhost") and parts.path
    except ValueError:
        local = ""
    if not local:
        raise InputError(f"{text!r} names no folder of this machine; write file:///absolute/folder")
    return Path(unquote(parts.path))
