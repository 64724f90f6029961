"""Where traffic records come from: files, folders and globs, here or in a bucket, and what identifies their content.

Light on purpose: `prepare` resolves sources without Arrow. A source is a list of paths, folders, globs, `file://` or
`s3://` URIs; those in a bucket are in `netanomaly.flows.objects`.
"""

import glob
import hashlib
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from netanomaly.errors import DataError
from netanomaly.paths import expanded

TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".data", ".arff")
PARQUET_SUFFIXES = (".parquet", ".pq")
NO_RECORDS = "file without records"
"""What is counted of one that scoring passes over."""

COMPRESSED_SUFFIXES = (".gz", ".xz", ".zst", ".bz2", ".zip")
"""One file inside, each."""

SENSOR_SUFFIXES = (".log", ".json", ".ndjson", ".jsonl", ".labeled", ".binetflow")
"""What sensors call their files; rotated ones have a number or a date behind it, or in between."""

CAPTURE_SUFFIXES = (".pcap", ".pcapng", ".cap")
"""What captures of packets are called; files of NetFlow are called nfcapd and the minute they began in."""

_SHA256 = "sha256:"


class SourceFile(Protocol):
    """One file of a source. `name` is its path relative to the folder or glob it was found by."""

    @property
    def uri(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def address(self) -> str:
        """The same for one file, however it was named."""

    @property
    def identity_is_known(self) -> bool:
        """Whether `identity` reads nothing."""

    def open(self) -> BinaryIO:
        """The stored bytes, as a seekable stream. Raises DataError."""

    def identity(self, sha256: str | None = None, /) -> str:
        """What tells its content from any other; may read every byte, where their `sha256` is not given."""


@dataclass(frozen=True)
class LocalFile:
    """A file of this machine."""

    uri: str
    name: str
    path: Path
    size: int

    @property
    def address(self) -> str:
        return str(self.path.resolve())

    @property
    def identity_is_known(self) -> bool:
        return False

    def open(self) -> io.BufferedReader:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise DataError(f"{self.uri} cannot be read: {error.strerror}") from None

    def identity(self, sha256: str | None = None, /) -> str:
        """`sha256:...` of the bytes."""
        if sha256 is None:
            with self.open() as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return f"{_SHA256}{sha256}"


@dataclass(frozen=True)
class Files:
    """The files that a source stands for, in the order in which they are read."""

    source: tuple[str, ...]
    files: tuple[SourceFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files as they are stored."""
        return sum(file.size for file in self.files)

    def identity(self) -> str:
        """Of the content; reads every byte, but of objects in a bucket none."""
        return combined_identity([(file.name, file.identity()) for file in self.files])

    @property
    def identity_is_known(self) -> bool:
        """Whether `identity` reads nothing."""
        return all(file.identity_is_known for file in self.files)


def resolve(source: Sequence[str]) -> Files:
    """Find the files of a source. A file named twice is taken once; a folder is searched in all its depth.

    Raises:
        DataError: When something named is not there, cannot be read, or holds no data file.
        StoreRefused, StoreUnavailable: A bucket cannot be looked at.
    """
    if not source:
        raise DataError("no data source is given; set data_source to a file, folder or glob")
    found: dict[str, SourceFile] = {}
    for item in source:
        for file in _list(item):
            found.setdefault(file.address, file)
    return Files(tuple(source), tuple(found.values()))


@dataclass(frozen=True)
class Present:
    """A file that is there now.

    Attributes:
        mark: Of its state: the same for as long as nobody wrote to it.
        modified: When it was written last, by the clock of where it is; seconds since 1970.
        grows: Whether it may be written to while it is read; an object in a bucket is whole from its first moment.
    """

    file: SourceFile
    mark: str
    modified: float
    grows: bool


def present(source: Sequence[str], is_wanted: Callable[[str], bool]) -> list[Present]:
    """The files of a source that are there now, those written first before others; that there is none is no error.

    Args:
        source: As for `resolve`.
        is_wanted: Whether a file of a folder is, by its name.

    Raises:
        DataError: A folder that is not there, or may not be looked into.
        StoreRefused, StoreUnavailable: A bucket cannot be looked at.
    """
    found: dict[str, Present] = {}
    for item in source:
        for each in _present(item, is_wanted):
            found.setdefault(each.file.address, each)
    return sorted(found.values(), key=lambda each: (each.modified, each.file.address))


def _present(item: str, is_wanted: Callable[[str], bool]) -> Iterable[Present]:
    if item.startswith("s3://"):
        from netanomaly.flows.objects import present_objects

        return present_objects(item, is_wanted)
    try:
        return _present_here(item, _local_path(item), is_wanted)
    except OSError as error:
        raise DataError(f"data source {item!r} cannot be read: {error.strerror}") from None


def _present_here(item: str, path: Path, is_wanted: Callable[[str], bool]) -> Iterable[Present]:
    named = [(each, each.name) for each in [path] if each.is_file()]
    if path.is_dir():
        named = [
            (each, each.relative_to(path).as_posix())
            for each in _inside(path)
            if is_wanted(each.name) and each.is_file()
        ]
    elif any(character in str(path) for character in "*?["):
        root = _fixed_part(path)
        named = [
            (Path(each), Path(each).relative_to(root).as_posix())
            for each in glob.glob(str(path), recursive=True)  # noqa: PTH207 - absolute patterns too
            if Path(each).is_file()
        ]
    elif not path.parent.is_dir():
        raise _absent(item, path)
    return [each for each in (_as_it_is(path, name) for path, name in named) if each is not None]


def _as_it_is(path: Path, name: str) -> Present | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    file = LocalFile(uri=str(path), name=name, path=path, size=status.st_size)
    return Present(file, mark_of(status), status.st_mtime, grows=True)


def mark_of(status: os.stat_result) -> str:
    """Of a file's state: another as soon as somebody wrote to it."""
    return f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"


def combined_identity(digests: Iterable[tuple[str, str]]) -> str:
    """Identity of a source from the name and identity of each of its files.

    One file is identified by its content alone, so that a renamed copy is the same data. Several are identified by
    the sorted pairs.
    """
    pairs = sorted(digests)
    if len(pairs) == 1:
        return pairs[0][1]
    whole = hashlib.sha256()
    for name, content in pairs:
        whole.update(f"{name}\0{content.removeprefix(_SHA256)}\n".encode())
    return f"{_SHA256}{whole.hexdigest()}"


def is_data_file(name: str) -> bool:
    """Whether a folder's file is read as data: .csv .txt .tsv .data .arff, each also compressed, and .parquet."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    if suffixes and suffixes[-1] in COMPRESSED_SUFFIXES:
        suffixes.pop()
        return bool(suffixes) and suffixes[-1] in TEXT_SUFFIXES
    return bool(suffixes) and suffixes[-1] in TEXT_SUFFIXES + PARQUET_SUFFIXES


def data_files(names: Sequence[str]) -> list[str]:
    """Those of a folder's files that are read: tables; where there is no CSV or Parquet among them, what sensors write;
    where there is neither, captures."""
    tables = [name for name in names if is_data_file(name)]
    # A text may be anything: notes beside logs.
    notes = all(any(suffix in _ANY_TEXT for suffix in Path(name.lower()).suffixes) for name in tables)
    for pattern in (_SENSOR, _CAPTURE) if notes else ():
        if found := [name for name in names if pattern.search(name.rpartition("/")[2].lower())]:
            return found
    return tables


def is_sensor_file(name: str) -> bool:
    """Whether a file is called as what sensors write is, or as a table, in which form some export it."""
    return is_data_file(name) or _SENSOR.search(name.rpartition("/")[2].lower()) is not None


def is_capture_file(name: str) -> bool:
    """Whether a file is called as captures of packets are, or as nfcapd's."""
    return _CAPTURE.search(name.rpartition("/")[2].lower()) is not None


_ANY_TEXT = (".txt", ".data")
_SENSOR = re.compile(rf"({'|'.join(map(re.escape, SENSOR_SUFFIXES))})(?![a-z])")
_CAPTURE = re.compile(rf"({'|'.join(map(re.escape, CAPTURE_SUFFIXES))})(?![a-z])|^nfcapd\.[0-9]")


def _list(item: str) -> Sequence[SourceFile]:
    if item.startswith("s3://"):
        # Where sources are files there may be no S3 client.
        from netanomaly.flows.objects import list_objects

        return list_objects(item, data_files)
    path = _local_path(item)
    try:
        if path.is_dir():
            return _list_folder(item, path)
        if path.exists():
            return [_describe(path, path.name)]
    except OSError as error:
        raise DataError(f"data source {item!r} cannot be read: {error.strerror}") from None
    if any(character in str(path) for character in "*?["):
        return _list_glob(item, path)
    raise _absent(item, path)


def _local_path(item: str) -> Path:
    if "\0" in item or not item.strip():
        raise DataError(f"data source {item!r} is not a path; give a file, folder or glob")
    scheme, separator, _ = item.partition("://")
    if not separator:
        return expanded(item)
    if scheme != "file":
        raise DataError(
            f"data source {item!r}: {scheme}:// is not a store that can be read; use a path, file:// or s3://"
        )
    try:
        parts = urlsplit(item)
    except ValueError:
        raise DataError(f"data source {item!r} is no URI; write file:///absolute/path") from None
    if parts.netloc not in ("", "localhost"):
        raise DataError(f"data source {item!r} names the host {parts.netloc!r}; write file:///absolute/path")
    return Path(unquote(parts.path))


def _list_folder(item: str, folder: Path) -> list[LocalFile]:
    inside = _inside(folder)
    chosen = set(data_files([str(path) for path in inside]))
    data = [path for path in inside if str(path) in chosen]
    if not data:
        seen = ", ".join(repr(path.name) for path in inside[:3]) or "nothing"
        raise DataError(
            f"folder {item!r} holds no data file (it holds {seen}); "
            f"read are {', '.join(TEXT_SUFFIXES + PARQUET_SUFFIXES + SENSOR_SUFFIXES + CAPTURE_SUFFIXES)}, nfcapd.*, also with "
            f"{', '.join(COMPRESSED_SUFFIXES)}"
        )
    return [_describe(path, path.relative_to(folder).as_posix()) for path in data]


def _inside(folder: Path) -> list[Path]:
    """What lies in a folder, at any depth, and is no folder; hidden things left out.

    A folder below that may not be looked into is an error: what is in it would be missed by nobody.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"folder {error.filename!r} cannot be read: {error.strerror}; allow it, or name the files")

    found: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not _hidden(name)]
        found += [Path(root, name) for name in names if not _hidden(name)]
    return sorted(found)


def _list_glob(item: str, pattern: Path) -> list[LocalFile]:
    # Of any number of them one after the other finds the same, and takes each folder once.
    parts = [
        part
        for part, before in zip(pattern.parts, ("", *pattern.parts), strict=False)
        if (part, before) != ("**", "**")
    ]
    pattern = Path(*parts)
    matches = sorted(Path(match) for match in glob.glob(str(pattern), recursive=True))  # noqa: PTH207 - absolute patterns too
    files = [path for path in matches if not path.is_dir()]
    if not files:
        raise DataError(f"data source {item!r} matches no file; check the pattern ({pattern.absolute()})")
    root = _fixed_part(pattern)
    return [_describe(path, path.relative_to(root).as_posix()) for path in files]


def _fixed_part(pattern: Path) -> Path:
    """The folder above the first part of the pattern that is not literal."""
    fixed: list[str] = []
    for part in pattern.parts:
        if any(character in part for character in "*?["):
            break
        fixed.append(part)
    return Path(*fixed)


def _describe(path: Path, name: str) -> LocalFile:
    if not path.is_file():
        what = "neither a file nor a folder" if path.exists() else "a link that leads nowhere"
        raise DataError(f"data source {str(path)!r} is {what}")
    return LocalFile(uri=str(path), name=name, path=path, size=path.stat().st_size)


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _absent(item: str, path: Path) -> DataError:
    where = "" if item == str(path.absolute()) else f" ({path.absolute()})"
    return DataError(f"data source {item!r} does not exist; check the path{where}")
