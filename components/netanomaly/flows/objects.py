"""Data sources in a bucket: `s3://bucket/key`, `s3://bucket/folder` and globs, read piece by piece.

Server and credentials come from the environment (see `netanomaly.s3.client`). An object is identified by its ETag and
version; every piece of it is asked for under the condition that it is still that one. Keys are as they are written,
not percent-encoded.
"""

import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, TypeVar

from netanomaly.errors import Absent, DataError, Refused, StoreRefused, StoreUnavailable
from netanomaly.flows.glob_pattern import Glob
from netanomaly.flows.sources import Present
from netanomaly.s3 import answers, client
from netanomaly.s3.outage import Outage
from netanomaly.s3.transfer import read_up_to

T = TypeVar("T")

# Of a text file, what one request brings; Parquet asks for what it needs, and never for less than this.
_PIECE_BYTES = 4 << 20
_STATS_AT_ONCE = 16

MOST_OBJECTS = 1_000_000
"""Listed below one prefix."""


class Bucket:
    """The objects of one bucket, read only. An outage shorter than S3_RETRY_SECONDS is survived."""

    def __init__(self, name: str) -> None:
        self.name = name
        timeouts = client.Timeouts.from_environment()
        self._endpoint = client.endpoint()
        self._timeouts = timeouts
        self._client = client.connect(timeouts)
        self._answered = False

    def find(self, key: str) -> "ObjectFile | None":
        """One object as it is now; None where there is none."""
        try:
            found = self._ask(key, "read", lambda: self._client.stat_object(self.name, key))
        except Absent:
            return None
        version = found.version_id if found.version_id not in (None, "", "null") else ""
        return ObjectFile(self, key, key.rpartition("/")[2], found.size or 0, found.etag or "", version)

    def keys(self, prefix: str) -> list[str]:
        """Keys that begin so, sorted."""
        # Whole, so that a listing cut off half-way is not taken for a short one.
        listed = self._ask(prefix, "list", lambda: self._list(prefix))
        if len(listed) > MOST_OBJECTS:
            raise _too_many(self.name, prefix)
        return sorted(item.object_name for item in listed if not item.object_name.endswith("/"))

    def present(self, prefix: str) -> "list[tuple[ObjectFile, float]]":
        """Objects whose keys begin so, as a listing tells them, and when each was written."""
        listed = self._ask(prefix, "list", lambda: self._list(prefix))
        if len(listed) > MOST_OBJECTS:
            raise _too_many(self.name, prefix)
        return [
            (
                ObjectFile(self, item.object_name, item.object_name, item.size or 0, (item.etag or "").strip('"')),
                item.last_modified.timestamp(),
            )
            for item in listed
            if not item.object_name.endswith("/")
        ]

    def _list(self, prefix: str) -> list[Any]:
        listed = self._client.list_objects(self.name, prefix=prefix, recursive=True)
        return list(itertools.islice(listed, MOST_OBJECTS + 1))

    def piece(self, file: "ObjectFile", start: int, length: int) -> bytes:
        """Bytes of an object.

        Raises:
            DataError: It is gone, or no longer the one that `file` describes.
        """
        try:
            return self._ask(file.key, "read", lambda: self._get(file, start, length))
        except (Absent, Refused) as error:
            what = "was removed" if isinstance(error, Absent) else "changed"
            raise DataError(
                f"{file.uri} {what} while it was read; start the run again once the objects are complete"
            ) from None

    def _get(self, file: "ObjectFile", start: int, length: int) -> bytes:
        condition: dict[str, Any] = {"If-Match": f'"{file.etag}"'}
        response = self._client.get_object(self.name, file.key, offset=start, length=length, request_headers=condition)
        try:
            # Not every server minds the condition of a read.
            if (response.headers.get("ETag") or "").strip('"') != file.etag:
                raise Refused(file.key)
            # Not every server minds the range of a read either.
            data = read_up_to(response, length + 1)
        finally:
            response.close()
            response.release_conn()
        if len(data) != length:
            if len(data) > length:
                raise StoreRefused(
                    f"{self._endpoint} sends more of {file.uri} than the {length:,} bytes it was asked for; it must support "
                    "ranges of an object"
                )
            raise StoreUnavailable(f"{self._endpoint} sent {len(data)} of {length} bytes of {file.uri}")
        return data

    def _ask(self, key: str, action: str, request: Callable[[], T]) -> T:
        outage = Outage(self._timeouts.retry, self._timeouts.first_contact)
        while True:
            try:
                answer = request()
            except StoreUnavailable as error:
                outage.wait(error, answered=self._answered)
            except answers.CAUGHT as error:
                told = answers.in_words(error, f"s3://{self.name}", self._endpoint, key, action)
                if not isinstance(told, StoreUnavailable):
                    raise told from None
                outage.wait(told, answered=self._answered)
            else:
                self._answered = True
                return answer


@dataclass(frozen=True)
class ObjectFile:
    """One object of a source, as it was found. `name` is its key below the folder or glob it was found by."""

    bucket: Bucket = field(repr=False, compare=False)
    key: str
    name: str
    size: int
    etag: str
    version: str = ""

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket.name}/{self.key}"

    @property
    def address(self) -> str:
        return self.uri

    def open(self) -> BinaryIO:
        return ObjectStream(self)  # type: ignore[return-value]

    def identity(self, _: str | None = None, /) -> str:
        """ETag and version: no byte is read for it."""
        return f"etag:{self.etag}" + (f"@{self.version}" if self.version else "")

    @property
    def identity_is_known(self) -> bool:
        return True


class ObjectStream(io.RawIOBase):
    """A seekable view of an object; memory is that of one piece, or of one read that asks for more."""

    def __init__(self, file: ObjectFile) -> None:
        super().__init__()
        self._file = file
        self._at = 0
        self._start, self._piece = 0, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._file.size - self._at)
        size = left if size < 0 else min(size, left)
        data = self._held(size)
        if len(data) < size:
            data += self._fetched(size - len(data))
        return data

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _held(self, size: int) -> bytes:
        """What of the next bytes is in memory already."""
        offset = self._at - self._start
        if not 0 <= offset < len(self._piece):
            return b""
        data = self._piece[offset : offset + size]
        self._at += len(data)
        return data

    def _fetched(self, size: int) -> bytes:
        if size < _PIECE_BYTES:
            self._start = self._at
            self._piece = self._file.bucket.piece(self._file, self._at, min(_PIECE_BYTES, self._file.size - self._at))
            return self._held(size)
        data = self._file.bucket.piece(self._file, self._at, size)
        self._at += size
        return data


def list_objects(item: str, data_files: Callable[[Sequence[str]], list[str]]) -> list[ObjectFile]:
    """The objects that a URI stands for: one, all data files below it, or those that match it as a glob.

    Raises:
        DataError: There is none.
        StoreRefused: No such bucket, or no right to look.
        StoreUnavailable: The server does not answer.
    """
    name, _, key = item.removeprefix("s3://").partition("/")
    bucket = Bucket(client.bucket_name(name, item))
    refused = None
    if key and not key.endswith("/"):
        try:
            if one := bucket.find(key):
                return [one]
        except StoreRefused as error:
            # Who has rights below the key only is refused at the key itself.
            refused = error
        if any(character in key for character in "*?["):
            return _matching(bucket, item, key)
    folder = key if not key or key.endswith("/") else f"{key}/"
    try:
        keys = bucket.keys(folder)
    except StoreRefused as error:
        raise refused or error from None
    if refused and not keys:
        raise refused
    data = data_files([key for key in keys if not _hidden(key.removeprefix(folder))])
    if not keys:
        raise DataError(f"data source {item!r} does not exist: no such object, and none below it; check bucket and key")
    if not data:
        seen = ", ".join(repr(key.removeprefix(folder)) for key in keys[:3])
        raise DataError(
            f"{item!r} holds no data file (it holds {seen}); read are names as in a folder: .csv, .parquet and so on"
        )
    return _described(bucket, data, folder)


def present_objects(item: str, is_wanted: Callable[[str], bool]) -> list[Present]:
    """The objects that a URI stands for now, at one listing; that there is none is no error. Raises as `list_objects`."""
    name, _, key = item.removeprefix("s3://").partition("/")
    bucket = Bucket(client.bucket_name(name, item))
    is_glob = any(character in key for character in "*?[")
    fixed = Glob.fixed_part(key) if is_glob else key
    folder = f"{fixed.rpartition('/')[0]}/" if is_glob and "/" in fixed else "" if is_glob else f"{key.rstrip('/')}/"
    folder = "" if folder == "/" else folder
    glob = Glob(key) if is_glob else None
    found = []
    for file, modified in bucket.present(fixed):
        inside = file.key.removeprefix(folder)
        if glob is not None:
            wanted = glob.matches(file.key)
        else:
            wanted = file.key == key or (file.key.startswith(folder) and not _hidden(inside) and is_wanted(inside))
        if wanted and file.size:
            name = file.key.rpartition("/")[2] if file.key == key else inside
            found.append(Present(replace(file, name=name), f"{file.etag}-{file.size}", modified, grows=False))
    return found


def _too_many(bucket: str, prefix: str) -> DataError:
    return DataError(
        f"s3://{bucket}/{prefix} has more than {MOST_OBJECTS:,} objects below it; name a folder further down"
    )


def _matching(bucket: Bucket, item: str, pattern: str) -> list[ObjectFile]:
    glob = Glob(pattern)
    fixed = Glob.fixed_part(pattern)
    folder = fixed.rpartition("/")[0]
    folder = f"{folder}/" if folder else ""
    keys = [key for key in bucket.keys(fixed) if glob.matches(key)]
    if not keys:
        raise DataError(f"data source {item!r} matches no object; check the pattern")
    return _described(bucket, keys, folder)


def _described(bucket: Bucket, keys: list[str], folder: str) -> list[ObjectFile]:
    # A listing names no versions.
    with ThreadPoolExecutor(_STATS_AT_ONCE) as asking:
        found = list(asking.map(bucket.find, keys))
    return [
        ObjectFile(bucket, file.key, file.key.removeprefix(folder), file.size, file.etag, file.version)
        for file in _all_there(bucket, keys, found)
    ]


def _all_there(bucket: Bucket, keys: list[str], found: "list[ObjectFile | None]") -> Iterator[ObjectFile]:
    for key, file in zip(keys, found, strict=True):
        if file is None:
            raise DataError(f"s3://{bucket.name}/{key} was removed while it was looked at; start the run again")
        yield file


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))
