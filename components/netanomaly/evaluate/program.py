"""Score the evaluation rows in batches, measure, and judge."""

import dataclasses
import hashlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly.errors import DataError, ModelError
from netanomaly.flows.classes import Classes
from netanomaly.flows.contract import read_contract
from netanomaly.flows.labels import is_normal
from netanomaly.metrics import gates as quality_gates
from netanomaly.metrics.comparison import compare
from netanomaly.metrics.detection import confidence_metrics, measure
from netanomaly.metrics.intervals import Scores
from netanomaly.metrics.repeats import repeats
from netanomaly.models.blocks import block_threads
from netanomaly.models.explanation import Strongest
from netanomaly.models.model import AnomalyModel
from netanomaly.models.row_keys import are_among
from netanomaly.models.rows import Rows

# Batches that stay in the cache, scored side by side. Those that wait are read meanwhile; of 40 numbers each, one takes
# 10 MiB.
_ROWS_PER_BATCH = 32_768
_BATCHES_WAITING = 4

_COIN_TOSS = 0.5
_TOP_ALERTS = 20
_FEATURES_PER_ALERT = 4


@dataclass(frozen=True)
class Parameters:
    """What evaluate is told."""

    label_column: str
    normal_labels: list[str]
    gates: dict[str, Any]
    held_out: str
    random_state: int
    champion: str = ""

    def __post_init__(self) -> None:
        quality_gates.check(self.gates)


@dataclass(frozen=True)
class Evaluation:
    """The evaluation metrics document, and what Kubeflow shows of it."""

    document: dict[str, Any]
    decision: dict[str, Any]
    confidence_metrics: list[dict[str, float]]

    @property
    def headline(self) -> dict[str, float]:
        """Flat numbers, none of them missing: what the Metrics artefact takes."""
        document = self.document
        point = document["at_threshold"]
        found = {name: (document[name] or {}).get("value") for name in ("roc_auc", "average_precision")}
        for each in document["recall_at"]:
            percent = f"{each['false_positive_rate'] * 100:g}".replace(".", "_")
            found[f"recall_at_{percent}_percent"] = each["recall"]
        found |= {name: point[name] for name in ("alerts", "precision", "recall", "f1")}
        found["false_positive_rate"] = (point["false_positive_rate"] or {}).get("value")
        found |= {name: document[name] for name in ("threshold", "rows")}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def classification(self) -> dict[str, Any]:
        """ROC curve and confusion matrix as the ClassificationMetrics artefact takes them; empty without both kinds."""
        point = self.document["at_threshold"]
        if not self.confidence_metrics:
            return {}
        return {
            "confidenceMetrics": self.confidence_metrics,
            "confusionMatrix": {
                "annotationSpecs": [{"displayName": "normal"}, {"displayName": "attack"}],
                "rows": [
                    {"row": [point["true_negatives"], point["false_positives"]]},
                    {"row": [point["false_negatives"], point["true_positives"]]},
                ],
            },
        }


def evaluate(
    model: AnomalyModel,
    file: pq.ParquetFile,
    parameters: Parameters,
    progress: Callable[[int], Any] = int,
    champion: AnomalyModel | None = None,
) -> Evaluation:
    """Judge a model on the rows of a file, and against the champion on the same rows where there is one.

    Memory: a batch, and eight bytes a row for score and class, with as much again while they are sorted.

    Raises:
        DataError: No rows, or feature columns that the model needs are absent.
        ModelError: The champion cannot score these rows.
    """
    if not file.metadata.num_rows:
        raise DataError("the evaluation data has no rows")
    label = read_contract(file.schema_arrow).label_column
    label = label if label in file.schema_arrow.names else None
    strongest = Strongest(_TOP_ALERTS)
    seen = np.zeros(file.metadata.num_rows, dtype=bool) if model.seen is not None else None
    scores, classes, names = score_file(model, file, label, progress, strongest, seen)
    normal_names = {name for name in names if is_normal(name, parameters.normal_labels)}
    document = {
        "format": 1,
        "held_out": parameters.held_out == "yes",
        "model_type": model.model_type,
        **measure(
            scores,
            classes if label else None,
            names,
            normal_names,
            model.thresholds,
            model.alert_budget,
            parameters.random_state,
        ),
        "scores_digest": "sha256:" + hashlib.sha256(scores.tobytes()).hexdigest(),
    }
    attack = np.zeros(len(scores), dtype=bool)
    if label:
        attack = np.array([name not in normal_names for name in names], dtype=bool)[classes]
    points = []
    if document["roc_auc"]:
        points = confidence_metrics(np.sort(scores[~attack]), np.sort(scores[attack]))
    document["repeats"] = repeats(scores, attack if label else None, seen)
    document["false_alarms"] = false_alarms(model, document["normal"])
    document["top_alerts"] = top_alerts(
        model, strongest, [names[each] for each in classes[strongest.places]] if label else []
    )
    results, reasons = quality_gates.judge(parameters.gates, document)
    document["gates"] = results
    document["findings"] = _findings(document, model)
    document["verdict"] = "refuse" if reasons else "pass"
    document["reasons"] = reasons
    comparison = None
    if champion is not None:
        theirs = _champion_scores(champion, file, parameters.champion)
        comparison = compare(
            theirs,
            scores,
            attack,
            classes,
            names,
            model.alert_budget,
            float(parameters.gates.get(quality_gates.IMPROVEMENT_GATE, 0.0)),
            parameters.random_state,
        )
        comparison.setdefault("champion", {})["version"] = int(parameters.champion)
    decision = decide(comparison, reasons)
    if comparison is not None:
        document["comparison"] = decision
    return Evaluation(document, decision, points)


def decide(comparison: Mapping[str, Any] | None, reasons: Sequence[str]) -> dict[str, Any]:
    """What becomes of the model: `promote` (it becomes champion), `keep` (the champion stays) or `reject`.

    Args:
        comparison: With the champion; None where there is none.
        reasons: Why gates refused, a sentence each.
    """
    document = {"format": 1, **(comparison or {"champion": None})}
    if reasons:
        return {**document, "decision": "reject", "reason": "; ".join(reasons)}
    if comparison is None:
        return {**document, "decision": "promote", "reason": "there is no champion yet, and no gate refused"}
    return document


def _champion_scores(champion: AnomalyModel, file: pq.ParquetFile, version: str) -> Scores:
    absent = [name for name in champion.schema.features if name not in file.schema_arrow.names]
    if absent:
        raise ModelError(
            f"the champion, version {version}, needs the columns {', '.join(absent)}, which the evaluation data does "
            "not have: move the alias champion to a version that can be compared, or register under another model_name"
        )
    try:
        return score_file(champion, file, None)[0]
    except DataError as error:
        raise ModelError(f"the champion, version {version}, cannot score the evaluation data: {error}") from None


def false_alarms(model: AnomalyModel, normal: int | None) -> dict[str, Any]:
    """How many false alarms to expect at the model's threshold: among the normal rows judged, and in a day of traffic.

    Each with the range that holds it in 95 of 100 cases where traffic is as in training; None where not known.
    """
    point = model.operating_point(model.alert_budget)

    def expected(rows: float | None) -> dict[str, float] | None:
        if not rows:
            return None
        low, high = point.false_alarms(round(rows))
        return {"rows": rows, "expected": rows * point.budget, "low": low, "high": high}

    return {"evaluated": expected(normal), "per_day": expected(model.rows_per_day)}


def top_alerts(model: AnomalyModel, strongest: Strongest, labels: Sequence[str]) -> list[dict[str, Any]]:
    """The rows that alert the loudest, with the features that made them stand out; rows are counted from 1.

    Args:
        model: Which scored them.
        strongest: The rows of highest score.
        labels: The class of each; empty without labels.
    """
    if strongest.rows is None or model.typical is None:
        return []
    alerts = []
    explained = model.explain_rows(strongest.rows, _FEATURES_PER_ALERT)
    for position, (place, score) in enumerate(zip(strongest.places, strongest.scores, strict=True)):
        if score > model.threshold:
            alerts.append(
                {
                    "row": int(place) + 1,
                    "score": float(score),
                    "label": labels[position] if labels else None,
                    "features": [dataclasses.asdict(each) for each in explained[position]],
                }
            )
    return alerts


def score_file(
    model: AnomalyModel,
    file: pq.ParquetFile,
    label: str | None,
    progress: Callable[[int], Any] = int,
    strongest: Strongest | None = None,
    seen: npt.NDArray[np.bool_] | None = None,
) -> tuple[Scores, npt.NDArray[np.int32], list[str]]:
    """Score of each row, position of its class among the names, and the names in order of appearance.

    `strongest` is offered every row; `seen` is told which rows the model was trained on.
    """
    scores = np.empty(file.metadata.num_rows, dtype=np.float32)
    classes = np.zeros(len(scores) if label else 0, dtype=np.int32)
    met = Classes()
    columns = [name for name in model.schema.features if name in file.schema_arrow.names]
    scored = 0
    with block_threads() as threads:
        waiting: deque[Future[tuple[Rows, Scores]]] = deque()

        def score(batch: pa.RecordBatch) -> tuple[Rows, Scores]:
            rows = model.schema.rows(batch)
            return rows, model.score_rows(rows)

        def take() -> None:
            nonlocal scored
            rows, found = waiting.popleft().result()
            if strongest is not None:
                strongest.offer(scored, rows, found)
            scores[scored : scored + len(found)] = found
            if seen is not None and model.seen is not None:
                seen[scored : scored + len(found)] = are_among(rows, model.seen)
            scored += len(found)
            progress(scored)

        start = 0
        for batch in file.iter_batches(_ROWS_PER_BATCH, columns=[*columns, *([label] if label else [])]):
            waiting.append(threads.submit(score, batch))
            if label:
                classes[start : start + batch.num_rows] = met.codes(batch.column(label))
            start += batch.num_rows
            if len(waiting) > _BATCHES_WAITING:
                take()
        while waiting:
            take()
    return scores, classes, list(met.counts)


def _findings(document: Mapping[str, Any], model: AnomalyModel) -> list[dict[str, str]]:
    """What a reader must know before trusting the figures."""
    found = []

    def warn(message: str) -> None:
        found.append({"severity": "warning", "message": message})

    if not document["labelled"]:
        warn("the evaluation data has no labels: alerts are counted, detection is not measured")
    elif not document["attacks"]:
        warn("the evaluation data has no attacks: false alarms are measured, detection is not")
    elif not document["normal"]:
        warn("the evaluation data has no normal rows: recall at the threshold is measured, false alarms are not")
    area = document["roc_auc"]
    if area and area["high"] < _COIN_TOSS:
        warn(
            f"ROC-AUC is {area['value']:.3f}: normal rows are odder to the model than attacks, so its training data is "
            "probably mostly attacks (or the labels are the wrong way round); see what normal_labels and training_rows say"
        )
    rate = document["at_threshold"]["false_positive_rate"]
    if rate:
        point = model.operating_point(model.alert_budget)
        low, high = point.false_alarms(document["normal"], confidence=0.99)
        false_alarms = document["at_threshold"]["false_positives"]
        if not low <= false_alarms <= high and model.training_rows == "normal":
            side = "over" if false_alarms > high else "under"
            warn(
                f"the false-positive rate is {rate['value']:.2%}, {side} the promised {point.budget:.2%} "
                f"(expected {low} to {high} false alarms, there were {false_alarms}): "
                "normal traffic here differs from that in training"
            )
    return found
