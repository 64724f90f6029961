"""Look at what `score` wrote of a window: alerts, times and ends of its rows; the rows themselves are not in it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netanomaly import json_input
from netanomaly.errors import Absent, ConfigError, InputError, OutsideError, Refused
from netanomaly.feedback import alert_files
from netanomaly.feedback.flows import belong
from netanomaly.feedback.suppression import NOTHING, Heard, is_open
from netanomaly.flows.left_out import RowsByFile
from netanomaly.models.rows import Rows
from netanomaly.monitoring.layout import Layout
from netanomaly.monitoring.seen import Seen
from netanomaly.monitoring.window import Window
from netanomaly.registry.location import locate
from netanomaly.scoring import checkpoint
from netanomaly.scoring.scoring import ALERTS, SCORES, SUMMARY

_MOST_SUMMARY_BYTES = 64 << 20


@dataclass(frozen=True, order=True)
class Scored:
    """Scores, and the summary of the run or commit that they are of."""

    scores: Path
    summary: Path


def scored_in(uris: Sequence[str]) -> list[Scored] | None:
    """The scores that these are: of runs, and of followers every commit; None where they are traffic.

    Raises:
        InputError: Some are, and others are not; they are in a bucket; or a follower has committed none yet.
    """
    found = [_scored(uri) for uri in uris]
    if all(each is None for each in found):
        return None
    if None in found:
        traffic = uris[found.index(None)]
        raise InputError(f"{traffic} is traffic, and others are scores; look at either")
    scored = sorted({each for several in found if several is not None for each in several})
    if not scored:
        raise InputError(f"{', '.join(uris)} holds no scores yet; look again when something was scored")
    return scored


def refuse_to_learn_scores(uris: Sequence[str], training: Mapping[str, Any]) -> None:
    """Raise ConfigError where a retraining would take scores for its training data."""
    if "data_source" not in training and scored_in(uris) is not None:
        raise ConfigError(
            f"{uris[0]} holds scores, and nothing can be learnt from these: name the data_source of the retraining in its "
            "configuration, or give the traffic itself"
        )


def summary_of(scored: Scored) -> dict[str, Any]:
    """The summary beside scores. Raises InputError where it cannot be read."""
    path = scored.summary
    try:
        document = json_input.parse(json_input.read(path, _MOST_SUMMARY_BYTES))
        named = document["model"]
        return {"name": str(named["name"]), "version": int(named["version"]), "digest": named["digest"], **document}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read as the summary of scores: {error}; score again") from None


def watch_scores(found: Sequence[Scored], threshold: float, heard: Heard = NOTHING) -> Seen:
    """Look at what `score` wrote: alerts, times and sources; the rows themselves are not in it.

    Args:
        found: Scores of one version.
        threshold: The version's own, by which its usual alert rate was seen: whoever scored may have chosen another.
        heard: What was said of the model's alerts: those that it suppresses now do not count as alerts.

    Raises:
        InputError: A file is no table of scores.
    """
    window = Window(Layout((), ()))
    digest = hashlib.sha256()
    count, open_alerts = 0, RowsByFile()
    for each in sorted(found):
        suppressed = _suppressed(each.scores, heard)
        summary = summary_of(each)
        digest.update(repr((summary["identity"], summary["version"])).encode())
        try:
            file = pq.ParquetFile(each.scores, pre_buffer=False)
            for batch in file.iter_batches(columns=["file", "record", "time", "src_ip", "dst_ip", "score", "alert"]):
                table = pa.Table.from_batches([batch])
                rows = Rows(np.empty((len(table), 0)), np.empty((len(table), 0), dtype=np.int32))
                # A row that could not be scored has no score, and does not alert.
                scores = pc.fill_null(table.column("score"), float("-inf")).to_numpy()
                alerting = scores > threshold
                still = alerting.copy()
                for incident in suppressed:
                    still &= ~belong(incident, batch).to_numpy(zero_copy_only=False)
                count += int(alerting.sum() - still.sum())
                files = table.column("file").combine_chunks().cast(pa.string()).dictionary_encode()
                open_alerts.add(files, table.column("record").to_numpy(), still)
                window.add(
                    rows,
                    alerts=still,
                    times=_seconds(table),
                    source=table.column("src_ip").combine_chunks(),
                    target=table.column("dst_ip").combine_chunks(),
                )
        except (OSError, pa.ArrowException, KeyError) as error:
            raise InputError(f"{each.scores} is no table of scores: {error}; score again") from None
    return Seen(window, "sha256:" + digest.hexdigest(), features=False, suppressed=count, open_alerts=open_alerts)


def _suppressed(scores: Path, heard: Heard) -> list[dict[str, Any]]:
    """The incidents of scores that feedback suppresses now, whatever it did when they were made."""
    alerts = scores.parent / ALERTS
    if scores.name != SCORES:
        # A follower's, by its number.
        alerts = scores.parent.parent / "alerts" / f"{scores.stem}.ndjson"
    if not heard.holding or not alerts.is_file():
        return []
    return [each for each in heard.mark([found.incident for found in alert_files.read(alerts)]) if not is_open(each)]


def _seconds(table: pa.Table) -> Any:
    micros = table.column("time").cast(pa.int64())
    found = pc.fill_null(micros, 0).to_numpy().astype(np.float64) / 1e6
    found[pc.is_null(micros).to_numpy()] = np.nan
    return found


def _scored(uri: str) -> list[Scored] | None:
    """The scores in a folder or file that `score` wrote; None: it is none of these."""
    if "://" in uri and not uri.startswith("file://"):
        _refuse_scores_in_bucket(uri)
        return None
    path = Path(uri.removeprefix("file://"))
    if path.name == SCORES or (path / SCORES).is_file():
        folder = path.parent if path.name == SCORES else path
        return [Scored(folder / SCORES, folder / SUMMARY)] if (folder / SUMMARY).is_file() else None
    if (path / checkpoint.KEY).is_file():
        path = path / "scores"
    if not (path.parent / checkpoint.KEY).is_file() and not (path.parent.parent / checkpoint.KEY).is_file():
        return None
    if path.suffix == ".parquet" and path.parent.name == "scores":
        return [_committed(path)]
    return [_committed(each) for each in path.glob("*.parquet")] if path.name == "scores" else None


def _refuse_scores_in_bucket(uri: str) -> None:
    """Results in a bucket would be taken for traffic, of which most columns are gone."""
    parent, _, last = uri.rstrip("/").rpartition("/")
    for place in (uri, parent) if last == "scores" else (uri,):
        if any(_is_there(place, name) for name in (checkpoint.KEY, SUMMARY)):
            raise InputError(
                f"{uri} holds what score wrote, and that is looked at in folders: copy it here (aws s3 sync, mc mirror) and give "
                "the copy"
            )


def _is_there(prefix: str, name: str) -> bool:
    """Whether a bucket has an object; of what cannot be looked at the source itself tells."""
    if any(character in prefix for character in "*?["):
        return False
    try:
        locate(prefix).read.stat(name)
    except (Absent, Refused, InputError, OutsideError):
        return False
    return True


def _committed(scores: Path) -> Scored:
    """Scores of one commit of a follower."""
    return Scored(scores, scores.parent.parent / "summaries" / f"{scores.stem}.json")
