"""Incidents out of the files that scoring wrote, in whichever form."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from netanomaly import json_input
from netanomaly.errors import DataError, InputError
from netanomaly.paths import expanded

ALERTS, SCORES = "alerts.ndjson", "scores.parquet"
# Of a follower's folder (docs/decisions/scored-once.md).
_CHECKPOINT, _COMMITTED = "checkpoint.json", "alerts"

# A shift's folder of hours, and no more: nobody means a whole disk.
_MOST_FILES = 10_000
_LONGEST_LINE = 4 << 20
_LEAST_PREFIX = 4


@dataclass(frozen=True)
class Found:
    """An incident as scoring made it, and where the scores are that it was made of."""

    incident: dict[str, Any]
    scores: Path


def read(where: Path) -> Iterator[Found]:
    """The incidents of a file, or of a folder and those below it, by path; each id once.

    In a folder they are in `alerts.ndjson`, or a follower's: in a file of each of its commits.

    Raises:
        DataError: There is no such file, or one that holds something else.
    """
    seen: set[str] = set()
    for path in _files(expanded(str(where))):
        for incident in _incidents(path):
            if incident["id"] not in seen:
                seen.add(incident["id"])
                yield Found(incident, _scores_of(path))


def find(where: Path, alert: str) -> Found:
    """The one incident whose id begins so.

    Raises:
        InputError: There is none, or there are several.
    """
    wanted = alert.strip().lower()
    if len(wanted) < _LEAST_PREFIX:
        raise InputError(f"{alert!r} is too short for an alert's id; give its first {_LEAST_PREFIX} characters or more")
    found = [each for each in read(where) if each.incident["id"].startswith(wanted)]
    if not found:
        raise InputError(
            f"no alert in {where} has an id that begins with {alert!r}; --alerts names the folder of its results"
        )
    if len(found) > 1:
        ids = ", ".join(each.incident["id"][: len(wanted) + 4] for each in found[:3])
        raise InputError(f"{len(found)} alerts in {where} have ids that begin with {alert!r} ({ids}); give more of it")
    return found[0]


def incidents(lines: BinaryIO, where: str) -> Iterator[dict[str, Any]]:
    """The incidents in a stream of a file that scoring wrote; `where` it is from, for messages. Raises DataError as `read`."""
    number = 0
    while line := lines.readline(_LONGEST_LINE + 1):
        number += 1
        if line.strip():
            yield _incident(line, f"{where}, line {number}")


def _files(where: Path) -> list[Path]:
    if where.is_file():
        return [where]
    if str(where).startswith("s3:"):
        raise DataError(
            f"{str(where).replace('s3:/', 's3://', 1)} is in a bucket, and --alerts reads folders: copy it here "
            "(aws s3 sync, mc mirror) and name the copy"
        )
    if not where.is_dir():
        raise DataError(
            f"{where} does not exist; --alerts names the folder of `netanomaly score --out`, or its {ALERTS}"
        )
    found = set()
    for path in _candidates(where):
        # What is still being written is in a folder that begins with a dot.
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(where).parts):
            found.add(path)
        if len(found) > _MOST_FILES:
            raise DataError(f"{where} holds more than {_MOST_FILES:,} files of alerts; name a folder of fewer")
    if not found:
        raise DataError(f"{where} holds no alerts; --alerts names the folder of `netanomaly score --out`")
    return sorted(found)


def _candidates(where: Path) -> Iterator[Path]:
    yield from where.rglob(ALERTS)
    if where.name == _COMMITTED and (where.parent / _CHECKPOINT).is_file():
        yield from where.glob("*.ndjson")
    for checkpoint in where.rglob(_CHECKPOINT):
        yield from (checkpoint.parent / _COMMITTED).glob("*.ndjson")


def _scores_of(alerts: Path) -> Path:
    """The scores that alerts were made of, which may be gone."""
    if alerts.parent.name == _COMMITTED and (alerts.parent.parent / _CHECKPOINT).is_file():
        return alerts.parent.parent / "scores" / f"{alerts.stem}.parquet"
    return alerts.parent / SCORES


def _incidents(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        yield from incidents(lines, str(path))


def _incident(line: bytes, where: str) -> dict[str, Any]:
    if len(line) > _LONGEST_LINE:
        raise DataError(f"{where} is longer than any alert; is this a file of `netanomaly score`?")
    try:
        document = json_input.parse(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise DataError(f"{where} is not JSON; is this a file of `netanomaly score`?") from None
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    incident = _ours(document)
    known = (
        isinstance(incident, dict)
        and isinstance(incident.get("id"), str)
        and all(isinstance(incident.get(name), dict) for name in ("model", "entity"))
        and isinstance(incident.get("severity"), str)
        and isinstance(incident["model"].get("name"), str)
    )
    if not known:
        raise DataError(f"{where} is no alert of netanomaly; name a file or folder of `netanomaly score`")
    return dict(incident)


def _ours(document: Any) -> Any:
    """The incident that an alert of any form carries."""
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("unmapped"), dict):
        return document["unmapped"].get("netanomaly")
    if isinstance(document.get("event"), dict) and isinstance(document.get("netanomaly"), dict):
        return {**document["netanomaly"], "id": document["event"].get("id"), "title": document.get("message")}
    return document
