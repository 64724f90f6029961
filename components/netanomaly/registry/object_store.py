"""A registry in a bucket: one request for each call, no retry, no belief in what was not answered.

`netanomaly.registry.retrying` stands above it and settles what stayed open.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.sse import Sse

from netanomaly.errors import Absent, Refused, StoreRefused
from netanomaly.registry import bounds
from netanomaly.registry.artifacts import open_source
from netanomaly.registry.errors import WrongDigest
from netanomaly.registry.store import Listed, Stored, Uploaded
from netanomaly.s3 import answers, client
from netanomaly.s3.transfer import read_up_to

# What is lost of an answer that is cut off is less than one piece.
_PIECE_BYTES = 1 << 16
# S3 takes no part under 5 MiB but the last, and at most 10,000 of them.
_PART_BYTES = 8 << 20
_SMALLEST_PART_BYTES = 5 << 20
_MOST_PARTS = 10_000
_JSON = "application/json"
_MOST_OBJECTS = 1_000_000


class ObjectStore:
    """Objects under one prefix of a bucket.

    Args:
        uri: `s3://bucket/prefix`; server and credentials come from the environment (see `s3.client`).
        timeouts: Default: from the environment.

    Raises:
        InputError: The URI or a variable of the environment is wrong.
    """

    def __init__(self, uri: str, timeouts: client.Timeouts | None = None) -> None:
        place = client.place(uri)
        self.uri = f"s3://{place.bucket}/{place.prefix}".rstrip("/")
        self.identity = self.uri
        self.timeouts = timeouts or client.Timeouts.from_environment()
        self.endpoint = client.endpoint()
        self._bucket, self._prefix = place.bucket, place.prefix
        # What the server calls itself, known after the first write.
        self.server = ""
        self._made: tuple[int, Minio] | None = None
        self._client  # noqa: B018 - a wrong environment is told here, not at the first request

    def get(self, key: str) -> Stored:
        return self._get(key, {})

    def get_other(self, key: str, etag: str) -> Stored | None:
        try:
            stored = self._get(key, {"If-None-Match": etag})
        except Refused:
            return None
        # Not every server minds the condition of a read.
        return None if stored.etag == etag else stored

    def put_new(self, key: str, data: bytes) -> str:
        return self._put(key, data, _Condition("If-None-Match", "*"))

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        try:
            return self._put(key, data, _Condition("If-Match", etag))
        except Absent:
            raise Refused(key) from None

    def list(self, prefix: str) -> Iterator[Listed]:
        with self._in_words(prefix, "list"):
            listed = self._client.list_objects(self._bucket, prefix=self._prefix + prefix, recursive=True)
            for count, item in enumerate(listed):
                if count >= _MOST_OBJECTS:
                    raise StoreRefused(
                        f"{self.uri}/{prefix} lists more than {_MOST_OBJECTS:,} objects; that is no registry"
                    )
                name = item.object_name or ""
                if not name.startswith(self._prefix + prefix):
                    raise answers.not_s3(self.endpoint)
                key = name.removeprefix(self._prefix)
                yield Listed(key, item.size or 0, item.last_modified, item.etag or "")

    def upload(self, source: Path, address: Callable[[str], str], sha256: str | None = None) -> Uploaded:
        with open_source(source) as file:
            size = os.fstat(file.fileno()).st_size
            stream: BinaryIO
            if size <= _PART_BYTES:
                data = file.read(_PART_BYTES + 1)
                stream, size = io.BytesIO(data), len(data)
                found = hashlib.sha256(data).hexdigest()
                if sha256 is not None and found != sha256:
                    raise WrongDigest.of_source(source, found, sha256)
            else:
                # The address is by content: without a known digest the file is read once more.
                found = sha256 or hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                stream = _Verified(file, source, size, found)  # type: ignore[assignment]
            key = address(found)
            part = max(_PART_BYTES, -(-size // _MOST_PARTS))
            with self._in_words(key, "write"):
                result = self._client.put_object(
                    self._bucket, self._prefix + key, stream, size, part_size=part, num_parallel_uploads=1
                )
        if not result.etag:
            raise answers.not_s3(self.endpoint)
        return Uploaded(key, found, size)

    @contextmanager
    def read(self, key: str, start: int = 0) -> Iterator[Iterator[bytes]]:
        """The object in pieces, from a byte on."""
        with self._in_words(key, "read"):
            response = self._client.get_object(self._bucket, self._prefix + key, offset=start)
        try:
            yield self._pieces(response, key)
        finally:
            response.close()
            response.release_conn()

    def stat(self, key: str) -> Listed:
        with self._in_words(key, "read"):
            found = self._client.stat_object(self._bucket, self._prefix + key)
        return Listed(key, found.size or 0, found.last_modified or datetime.now(UTC), found.etag or "")

    def remove(self, key: str) -> None:
        with self._in_words(key, "delete"):
            self._client.remove_object(self._bucket, self._prefix + key)

    def remove_all(self, keys: Sequence[str]) -> None:
        with self._in_words(keys[0] if keys else "", "delete"):
            wanted = [DeleteObject(self._prefix + key) for key in keys]
            failed = next(iter(self._client.remove_objects(self._bucket, wanted)), None)
        if failed is not None:
            raise StoreRefused(f"{self.endpoint} refused to delete {self.uri}: {failed.code}: {failed.message}")

    @property
    def _client(self) -> Minio:
        # A connection shared by two processes after a fork mixes up their answers.
        if self._made is None or self._made[0] != os.getpid():
            self._made = os.getpid(), client.connect(self.timeouts)
        return self._made[1]

    def _get(self, key: str, condition: dict[str, Any]) -> Stored:
        most = bounds.most_bytes(key)
        with self._in_words(key, "read"):
            response = self._client.get_object(self._bucket, self._prefix + key, request_headers=condition)
            try:
                etag, data = response.headers.get("ETag"), read_up_to(response, most + 1)
            finally:
                response.close()
                response.release_conn()
        if not etag:
            raise answers.not_s3(self.endpoint)
        if len(data) > most:
            raise bounds.too_large(key)
        return Stored(data, etag)

    def _put(self, key: str, data: bytes, condition: Sse) -> str:
        with self._in_words(key, "write"):
            result = self._client.put_object(
                self._bucket,
                self._prefix + key,
                io.BytesIO(data),
                len(data),
                content_type=_JSON,
                sse=condition,
                # In one part, whatever the size: a multipart upload drops the condition.
                part_size=max(_SMALLEST_PART_BYTES, len(data)),
            )
        if not result.etag:
            raise answers.not_s3(self.endpoint)
        headers: Mapping[str, str] = result.http_headers or {}
        self.server = headers.get("Server") or ""
        return f'"{result.etag}"'

    def _pieces(self, response: Any, key: str) -> Iterator[bytes]:
        with self._in_words(key, "read"):
            yield from response.stream(_PIECE_BYTES, decode_content=False)

    @contextmanager
    def _in_words(self, key: str, action: str) -> Iterator[None]:
        try:
            yield
        except answers.CAUGHT as error:
            raise answers.in_words(error, self.uri, self.endpoint, key, action) from None


class _Condition(Sse):
    """One conditional header. Of all that `put_object` takes, only this is sent, signed, as it stands."""

    def __init__(self, name: str, value: str) -> None:
        self._headers = {name: value}

    def headers(self) -> dict[str, str]:
        return self._headers

    def tls_required(self) -> bool:
        return False


class _Verified:
    """A file that ends with an error instead of its last byte when it is not the one it was said to be."""

    def __init__(self, file: BinaryIO, path: Path, size: int, sha256: str) -> None:
        self._file, self._path, self._left, self._sha256 = file, path, size, sha256
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._digest.update(data)
        self._left -= len(data)
        if not self._left and self._digest.hexdigest() != self._sha256:
            raise WrongDigest.of_source(self._path, self._digest.hexdigest(), self._sha256)
        return data
