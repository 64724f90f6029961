"""Score every row of a file, batch by batch, and keep what judging needs of the scores."""

import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly.flows.classes import Classes, Codes
from netanomaly.flows.labels import is_normal
from netanomaly.metrics.alert_rates import AlertBlocks
from netanomaly.metrics.comparison import Pairs
from netanomaly.metrics.distribution import ScoreCounts, Scores
from netanomaly.models.blocks import block_threads
from netanomaly.models.explanation import Strongest
from netanomaly.models.model import AnomalyModel
from netanomaly.models.rows import Rows
from netanomaly.models.smoke import Sample
from netanomaly.stages.evaluate.champion import ByChampion, Champion

# Batches that stay in the cache, scored side by side. Those that wait are read meanwhile; of 40 numbers each, one takes
# 10 MiB.
_ROWS_PER_BATCH = 32_768
_BATCHES_WAITING = 4

_TOP_ALERTS = 20


@dataclass(frozen=True)
class _Batch:
    rows: Rows
    scores: Scores
    votes: npt.NDArray[np.int64] | None
    seen: npt.NDArray[np.bool_] | None
    champion: ByChampion | str | None


@dataclass
class Scored:
    """All that is kept of the rows of a file. Those that a model was trained on are marked in its counts.

    Without labels all rows are of one class, whose name is empty.
    """

    counts: ScoreCounts
    champion: ScoreCounts
    pairs: Pairs
    sample: Sample
    strongest: Strongest = field(default_factory=lambda: Strongest(_TOP_ALERTS))
    names: list[str] = field(default_factory=list)
    normal_names: set[str] = field(default_factory=set)
    digest: str = ""
    alert_blocks: AlertBlocks = field(default_factory=AlertBlocks)
    """Of the rows that are normal, or of all without labels."""
    champion_error: str = ""
    """Why the champion was not compared: nothing of what is kept of its scores counts then."""

    def rename(self, called: Mapping[str, str]) -> None:
        """Call the classes by other names."""
        self.names = [called[name] for name in self.names]
        self.normal_names = {called[name] for name in self.normal_names}


def score_file(
    model: AnomalyModel,
    file: pq.ParquetFile,
    label: str | None,
    normal_labels: list[str],
    seed: int,
    champion: Champion | None = None,
    progress: Callable[[int], Any] = int,
) -> Scored:
    """Score each row by the model and, where there is one, by the champion.

    Args:
        model: Its thresholds are those at which counts are exact.
        file: Flows.
        label: The column of class names, or None.
        normal_labels: What the configuration calls normal.
        seed: Of the sample of pairs.
        champion: Scores the same rows.
        progress: Told how many rows are done.

    Memory: a few batches, the models, and that of the counts, whatever the number of rows.

    Raises:
        DataError: Feature columns that the model needs are absent.
    """
    scored = Scored(
        ScoreCounts([point.threshold for point in model.thresholds]),
        ScoreCounts(),
        Pairs(seed),
        Sample(file.metadata.num_rows),
        alert_blocks=AlertBlocks(model.voters),
    )
    if champion is not None and (error := champion.cannot_judge(file.schema_arrow.names, model.sensor)):
        scored.champion_error, champion = error, None
    needed = {
        *model.schema.features,
        *(champion.model.schema.features if champion and champion.model else ()),
        *([label] if label else []),
    }
    met, digest, done = Classes(), hashlib.sha256(), 0
    with block_threads() as threads:
        waiting: deque[tuple[Codes | None, Future[_Batch]]] = deque()

        def score(batch: pa.RecordBatch) -> _Batch:
            rows = model.schema.rows(batch)
            return _Batch(
                rows,
                *model.score_with_votes(rows),
                model.has_seen(rows),
                champion.score(batch) if champion and not scored.champion_error else None,
            )

        def take() -> None:
            nonlocal done
            codes, future = waiting.popleft()
            batch = future.result()
            scores = batch.scores
            names = list(met.counts)
            scored.counts.add(scores, codes, batch.seen)
            alerting = scores > model.threshold
            of = slice(None) if codes is None else ~_attacks(names, normal_labels)[codes]
            scored.alert_blocks.add(alerting[of], None if batch.votes is None else batch.votes[of])
            scored.sample.offer(done, batch.rows, scores)
            scored.strongest.offer(done, batch.rows, scores, lambda row: None if codes is None else names[codes[row]])
            if isinstance(batch.champion, str):
                scored.champion_error = scored.champion_error or batch.champion
            elif batch.champion is not None and not scored.champion_error:
                theirs, seen_by_champion = batch.champion
                scored.champion.add(theirs, codes, seen_by_champion)
                if codes is not None:
                    scored.pairs.add(theirs, scores, _attacks(names, normal_labels)[codes])
            digest.update(scores.tobytes())
            done += len(scores)
            progress(done)

        columns = [name for name in file.schema_arrow.names if name in needed]
        for batch in file.iter_batches(_ROWS_PER_BATCH, columns=columns):
            codes = met.codes(batch.column(label)) if label else None
            waiting.append((codes, threads.submit(score, batch)))
            if len(waiting) > _BATCHES_WAITING:
                take()
        while waiting:
            take()
    scored.names = list(met.counts)
    scored.normal_names = {name for name in met.counts if is_normal(name, normal_labels)}
    scored.digest = "sha256:" + digest.hexdigest()
    return scored


def _attacks(names: list[str], normal_labels: list[str]) -> npt.NDArray[np.bool_]:
    return np.array([not is_normal(name, normal_labels) for name in names], dtype=bool)
