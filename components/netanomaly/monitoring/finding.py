"""Find what `score` wrote: scores of runs and of followers, in folders and in buckets, and what is kept beside them."""

import glob
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from netanomaly.errors import ConfigError, InputError, StoreRefused
from netanomaly.flows.sources import LocalFile, SourceFile
from netanomaly.paths import expanded
from netanomaly.scoring import checkpoint
from netanomaly.scoring.scoring import ALERTS, SCORES, SUMMARY

_COMMITS = "scores"
"""The folder of a follower that holds the scores of each of its commits."""
_TABLE = ".parquet"


@dataclass(frozen=True)
class Scored:
    """Scores of a run, or of one commit of a follower.

    Attributes:
        scores: The table.
        summary: What was scored, and by which version.
        alerts: Incidents of these scores; None where there are none.
    """

    scores: SourceFile
    summary: SourceFile
    alerts: SourceFile | None


def scored_in(uris: Sequence[str]) -> list[Scored] | None:
    """The scores that these are: of runs, and of followers every commit; None where they are traffic.

    Args:
        uris: Folders, files and globs, here or in a bucket.

    Raises:
        InputError: Some are, and others are not; a follower has committed none yet; or the summary of some is gone.
        StoreUnavailable: A bucket does not answer.
    """
    places = _Places()
    found = [_scored_by(places, uri) for uri in uris]
    if all(each is None for each in found):
        return None
    if None in found:
        traffic = uris[found.index(None)]
        raise InputError(f"{traffic} is traffic, and others are scores; look at either")
    # A follower and a commit of it may be named together.
    scored = {each.scores.address: each for several in found if several is not None for each in several}
    if not scored:
        raise InputError(f"{', '.join(uris)} holds no scores yet; look again when something was scored")
    return [scored[address] for address in sorted(scored)]


def refuse_to_learn_scores(uris: Sequence[str], training: Mapping[str, Any]) -> None:
    """Raise ConfigError where a retraining would take scores for its training data."""
    if "data_source" not in training and scored_in(uris) is not None:
        raise ConfigError(
            f"{uris[0]} holds scores, and nothing can be learnt from these: name the data_source of the retraining in its "
            "configuration, or give the traffic itself"
        )


class _Place(Protocol):
    """Where files are. Their addresses are texts with slashes, and no slash at the end."""

    def file(self, address: str) -> SourceFile | None: ...

    def inside(self, folder: str) -> Iterable[str]:
        """Addresses of the files that lie in a folder itself."""

    def matching(self, pattern: str) -> Iterable[str]:
        """Addresses of the files and the folders that a glob means."""


def _scored_by(places: "_Places", uri: str) -> list[Scored] | None:
    """The scores that a URI means; None: it is none of these."""
    place, address = places.of(uri)
    if not _is_glob(address):
        return _scored_at(place, address)
    if not _may_mean_scores(address):
        return None
    found = [each for match in place.matching(address) if (each := _scored_at(place, match)) is not None]
    return [each for several in found for each in several] if found else None


def _scored_at(place: _Place, address: str) -> list[Scored] | None:
    folder, _, name = address.rpartition("/")
    run = folder if name == SCORES else address
    if place.file(f"{run}/{SCORES}") is not None and place.file(f"{run}/{SUMMARY}") is not None:
        return [_beside(place, f"{run}/{SCORES}", f"{run}/{SUMMARY}", f"{run}/{ALERTS}")]
    if folder.endswith(f"/{_COMMITS}") and name.endswith(_TABLE):
        return [_committed(place, address)] if _is_follower(place, folder.removesuffix(f"/{_COMMITS}")) else None
    if _is_follower(place, address):
        address = f"{address}/{_COMMITS}"
    elif name != _COMMITS or not _is_follower(place, folder):
        return None
    return [_committed(place, each) for each in place.inside(address) if each.endswith(_TABLE)]


def _is_follower(place: _Place, folder: str) -> bool:
    return place.file(f"{folder}/{checkpoint.KEY}") is not None


def _committed(place: _Place, scores: str) -> Scored:
    """Scores of one commit of a follower."""
    folder, _, name = scores.rpartition("/")
    out, number = folder.removesuffix(f"/{_COMMITS}"), name.removesuffix(_TABLE)
    return _beside(place, scores, f"{out}/summaries/{number}.json", f"{out}/alerts/{number}.ndjson")


def _beside(place: _Place, scores: str, summary: str, alerts: str) -> Scored:
    found = [place.file(address) for address in (scores, summary)]
    for file, address in zip(found, (scores, summary), strict=True):
        if file is None:
            raise InputError(f"{address} is gone, and without it these scores cannot be looked at; score again")
    return Scored(found[0], found[1], place.file(alerts))  # type: ignore[arg-type]


def _is_glob(address: str) -> bool:
    return any(character in address for character in "*?[")


def _may_mean_scores(pattern: str) -> bool:
    """By its last part: what is called *.log is traffic, and is not listed twice."""
    name = pattern.rpartition("/")[2]
    return "." not in name or name.endswith(_TABLE)


class _Places:
    """The machine, and the buckets that were named, each connected to once."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def of(self, uri: str) -> tuple[_Place, str]:
        """Where a URI leads, and the address there."""
        if not uri.startswith("s3://"):
            path = Path(unquote(urlsplit(uri).path)) if uri.startswith("file://") else expanded(uri)
            return _Here(), str(path.absolute())
        from netanomaly.s3.client import bucket_name

        name, _, key = uri.removeprefix("s3://").partition("/")
        name = bucket_name(name, uri)
        if name not in self._buckets:
            self._buckets[name] = _Bucket(name)
        key = key.strip("/")
        return self._buckets[name], f"/{key}" if key else ""


class _Here:
    """Files of this machine."""

    def file(self, address: str) -> SourceFile | None:
        path = Path(address)
        return LocalFile(address, path.name, path, path.stat().st_size) if path.is_file() else None

    def inside(self, folder: str) -> Iterable[str]:
        return sorted(str(path) for path in Path(folder).iterdir()) if Path(folder).is_dir() else []

    def matching(self, pattern: str) -> Iterable[str]:
        # A file may be called like that.
        return sorted({*glob.glob(pattern, recursive=True), *([pattern] if Path(pattern).exists() else [])})  # noqa: PTH207 - absolute patterns


class _Bucket:
    """Objects of a bucket, each looked for once. Addresses are keys with a slash before them."""

    def __init__(self, name: str) -> None:
        from netanomaly.flows.objects import Bucket

        self._bucket = Bucket(name)
        self._known: dict[str, SourceFile | None] = {}

    def file(self, address: str) -> SourceFile | None:
        if address not in self._known:
            try:
                self._known[address] = self._bucket.find(address.removeprefix("/"))
            except StoreRefused:
                # Who may read one object alone is refused at all others: what of the source cannot be read is told there.
                self._known[address] = None
        return self._known[address]

    def inside(self, folder: str) -> Iterable[str]:
        # What stands beside the scores is asked for next.
        listed = self._list(f"{folder.rpartition('/')[0]}/")
        return [each for each in listed if each.rpartition("/")[0] == folder]

    def matching(self, pattern: str) -> Iterable[str]:
        from netanomaly.flows.glob_pattern import Glob

        wanted = Glob(pattern)
        listed = self._list(Glob.fixed_part(pattern))
        folders = {folder for each in listed for folder in _above(each)}
        return sorted(each for each in {*listed, *folders} if wanted.matches(each))

    def _list(self, prefix: str) -> list[str]:
        found = {f"/{file.key}": file for file, _ in self._bucket.present(prefix.removeprefix("/"))}
        self._known |= found
        return sorted(found)


def _above(address: str) -> Iterable[str]:
    """The folders that a file is in."""
    while address := address.rpartition("/")[0]:
        yield address
