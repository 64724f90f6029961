"""Score the evaluation rows in batches, measure, and judge."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from netanomaly.errors import DataError
from netanomaly.flows.contract import read_contract
from netanomaly.flows.flow_file import identities
from netanomaly.flows.labels import is_normal, spoken
from netanomaly.flows.sensor import refuse_other
from netanomaly.metrics import gates as quality_gates
from netanomaly.metrics import incident_rate
from netanomaly.metrics.comparison import CLASS_LOSS, KEEP, PROMOTE, compare
from netanomaly.metrics.comparison import UNTOLD as UNTOLD_APART
from netanomaly.metrics.detection import confidence_metrics, kinds, measure
from netanomaly.metrics.repeats import repeats
from netanomaly.metrics.stability import stability
from netanomaly.models.explanation import Strongest
from netanomaly.models.model import AnomalyModel
from netanomaly.models.rows import Rows
from netanomaly.models.smoke import document as smoke_rows
from netanomaly.scoring import replay
from netanomaly.stages.evaluate.champion import Champion
from netanomaly.stages.evaluate.confirmed import confirmed_attacks, said_of
from netanomaly.stages.evaluate.scoring import Scored, score_file
from netanomaly.stages.evaluate.settings import Settings
from netanomaly.stages.evaluate.verdict import NEVER_CHAMPION, ONLY_FIRST_CHAMPION, assess
from netanomaly.traffic import feature_list

_COIN_TOSS = 0.5
# Of the evaluation rows: less of an advantage is not told.
_SOME_SHARE = 0.01
_FEATURES_PER_ALERT = 4
# Of the training rows: fewer that stand apart from the others are not told.
_MUCH_APART = 0.03


@dataclass(frozen=True)
class Evaluation:
    """The evaluation metrics document, what Kubeflow shows of it, and rows with their scores to keep with the model."""

    document: dict[str, Any]
    decision: dict[str, Any]
    confidence_metrics: list[dict[str, float]]
    smoke: dict[str, Any]

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
    settings: Settings,
    progress: Callable[[int], Any] = int,
    champion: Champion | None = None,
    dossier: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Judge a model on the rows of a file, and against the champion on the same rows where there is one.

    A champion that cannot score these rows is no error: the decision says so, and the champion stays.

    Memory: the models, some batches, and what `ScoreCounts` takes, whatever the number of rows.

    Raises:
        DataError: No rows, feature columns that the model needs are absent, or flows of another kind of sensor.
    """
    if not file.metadata.num_rows:
        raise DataError("the evaluation data has no rows")
    contract = read_contract(file.schema_arrow)
    refuse_other(model.sensor, contract.sensor, allowed=settings.allow_other_sensor)
    label = contract.label_column
    label = label if label in file.schema_arrow.names else None
    scored = score_file(model, file, label, settings.normal_labels, settings.random_state, champion, progress)
    called = spoken(scored.names, settings.normal_labels)
    scored.rename(called)
    names, normal_names = scored.names, scored.normal_names
    document = {
        "format": 1,
        "held_out": settings.held_out,
        "model_type": model.model_type,
        **measure(
            scored.counts,
            label is not None,
            names,
            normal_names,
            model.thresholds,
            model.alert_budget,
            settings.random_state,
        ),
        "scores_digest": scored.digest,
    }
    points = confidence_metrics(*kinds(scored.counts, names, normal_names)) if document["roc_auc"] else []
    document["repeats"] = None
    if model.seen is not None:
        document["repeats"] = repeats(scored.counts, label is not None, names, normal_names)
    document["stability"] = stability(document)
    document["replay"] = _replayed(model, file, settings)
    document["alert_rates"] = scored.alert_blocks.document()
    document["false_alarms"] = false_alarms(model, document["normal"])
    document["confirmed"] = confirmed_attacks(model, settings.confirmed)
    document["confirmed_benign"] = (((dossier or {}).get("ingest") or {}).get("training") or {}).get("confirmed")
    document["top_alerts"] = top_alerts(model, scored.strongest, file)
    for alert in document["top_alerts"]:
        alert["label"] = called.get(alert["label"], alert["label"])
    results, reasons = quality_gates.judge(_by_label(settings.gates, called), document)
    document["gates"] = results
    document["findings"] = _findings(document, model)
    document["verdict"] = "refuse" if reasons else "pass"
    document["reasons"] = reasons
    known = dossier or {}
    data = known.get("ingest") or {}
    document["assessment"] = assess(
        document, known.get("validation") or {}, data.get("training") or {}, data.get("evaluation") or {}
    )
    comparison = None
    if champion is not None:
        comparison = _compared(model, scored, settings)
        comparison.setdefault("champion", {})["version"] = champion.version
        if champion.model is not None:
            comparison["champion"]["generation"] = champion.model.generation
            comparison.setdefault("challenger", {})["generation"] = model.generation
        _warn_of_advantage(document, scored, champion)
    decision = decide(comparison, reasons, document["assessment"])
    if comparison is not None:
        document["comparison"] = decision
    assert scored.sample.rows is not None  # noqa: S101 - there are rows
    smoke = smoke_rows(model.schema, scored.sample.rows, scored.sample.scores)
    return Evaluation(document, decision, points, smoke)


def completed(reference: Mapping[str, Any] | None, document: Mapping[str, Any]) -> dict[str, Any] | None:
    """What monitoring compares with later, from training, with what evaluation adds: alert rates, and how good it was."""
    if reference is None:
        return None
    at = document["at_threshold"]
    quality = {"recall": at.get("recall_interval"), "false_positive_rate": at.get("false_positive_rate")}
    precision = at.get("precision")
    return {**reference, "rates": document["alert_rates"], "quality": {**quality, "precision": precision}}


def _replayed(model: AnomalyModel, file: pq.ParquetFile, settings: Settings) -> dict[str, Any] | None:
    """What the model catches of attacks injected among the normal flows; None where the data is no flows of a sensor."""

    def normal(name: str) -> bool:
        return is_normal(name, settings.normal_labels)

    known = all(name in feature_list.EVERY for name in model.schema.features)
    injected = replay.inject_into(file, settings.random_state, model.schema.features, normal) if known else None
    return None if injected is None else replay.caught(model, injected)


def _compared(model: AnomalyModel, scored: Scored, settings: Settings) -> dict[str, Any]:
    if scored.champion_error:
        return {"decision": KEEP, "because": INCOMPARABLE, "reason": scored.champion_error}
    return compare(
        scored.champion,
        scored.counts,
        scored.pairs,
        scored.names,
        scored.normal_names,
        model.alert_budget,
        float(settings.gates.get(quality_gates.IMPROVEMENT_GATE, 0.0)),
        settings.random_state,
    )


def _by_label(gates: Mapping[str, Any], called: Mapping[str, str]) -> dict[str, Any]:
    """The gates with classes by the names that they are called by here: a configuration may name 1 what is `attack`."""
    classes = gates.get(quality_gates.CLASS_GATE)
    if not classes:
        return dict(gates)
    return {**gates, quality_gates.CLASS_GATE: {called.get(name, name): least for name, least in classes.items()}}


def _warn_of_advantage(document: dict[str, Any], scored: Scored, champion: Champion) -> None:
    """Say where the champion was trained on more of the evaluation rows than the new model, and so is flattered."""
    theirs = scored.champion.of(marked=True).rows
    ours = document["repeats"]["rows"] if document["repeats"] else 0
    if theirs - ours > _SOME_SHARE * document["rows"]:
        message = (
            f"the champion, version {champion.version}, was trained on {theirs} of the evaluation rows and this model on "
            f"{ours}: the comparison favours the champion; evaluate on rows that neither has seen"
        )
        document["findings"].append({"severity": "warning", "message": message})


# Further reasons of a decision, in a word; those of a comparison are in comparison.py.
FIRST, GATE, NOT_FIT, INCOMPARABLE = "first", "gate", "not_fit", "incomparable"


def decide(
    comparison: Mapping[str, Any] | None, reasons: Sequence[str], assessment: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What becomes of the model: `promote` (it becomes champion), `keep` (it does not) or `reject` (not registered).

    `challenger` is true where a person has to choose: the model is registered under that alias.

    Args:
        comparison: With the champion; None where there is none.
        reasons: Why gates refused, a sentence each.
        assessment: The verdict.
    """
    document = {"format": 1, **(comparison or {"champion": None}), "challenger_alias": False}
    if reasons:
        return {**document, "decision": "reject", "because": GATE, "reason": "; ".join(reasons)}
    if assessment is not None and assessment["word"] in NEVER_CHAMPION:
        reason = f"with such a verdict no model becomes champion by itself ({assessment['headline']})"
        return {**document, "decision": KEEP, "because": NOT_FIT, "reason": reason, "challenger_alias": True}
    if comparison is None:
        reason = "there is no champion yet, and no gate refused"
        if assessment is not None and assessment["word"] in ONLY_FIRST_CHAMPION:
            reason += "; how good it is, is not known"
        return {**document, "decision": PROMOTE, "because": FIRST, "reason": reason}
    doubted = assessment is not None and assessment["word"] in ONLY_FIRST_CHAMPION
    if doubted and comparison["decision"] == PROMOTE:
        reason = f"with such a verdict no model replaces a champion by itself ({comparison['reason']})"
        return {**document, "decision": KEEP, "because": NOT_FIT, "reason": reason, "challenger_alias": True}
    return {**document, "challenger_alias": comparison.get("because") in (INCOMPARABLE, UNTOLD_APART, CLASS_LOSS)}


def false_alarms(model: AnomalyModel, normal: int | None) -> dict[str, Any]:
    """How many false alarms to expect at the model's threshold: among the normal rows judged, and in a day of traffic.

    Each with the range that holds it in 95 of 100 cases where traffic is as in training; None where not known. Of a day
    incidents, too: false alarms grouped as scoring groups them.
    """
    point = model.operating_point(model.alert_budget)

    def expected(rows: float | None) -> dict[str, float] | None:
        if not rows:
            return None
        low, high = point.false_alarms(round(rows))
        return {"rows": rows, "expected": rows * point.budget, "low": low, "high": high}

    rate = model.incident_rate(model.alert_budget)
    return {
        "evaluated": expected(normal),
        "per_day": expected(model.rows_per_day),
        "incidents_per_day": None if rate is None or not rate.tells_a_day else incident_rate.document(rate),
    }


def top_alerts(model: AnomalyModel, strongest: Strongest, file: pq.ParquetFile) -> list[dict[str, Any]]:
    """Those of the rows of highest score that alert, with the features that made them stand out.

    `flow` tells how a row is found again, as far as the source says (`netanomaly.flows.identity`); `row` is the number of
    its record in the source's file, or else in the flow file, from 1.
    """
    if strongest.rows is None or model.typical is None:
        return []
    alerts = []
    explained = model.explain_rows(strongest.rows, _FEATURES_PER_ALERT)
    flows = identities(file, strongest.places.tolist())
    for position, (place, score) in enumerate(zip(strongest.places, strongest.scores, strict=True)):
        if score > model.threshold:
            flow = flows[position]
            alerts.append(
                {
                    "row": flow.get("record", int(place) + 1),
                    "flow": flow,
                    "context": feature_list.in_short(_numbers_of(strongest.rows, position, model)),
                    "score": float(score),
                    "label": strongest.labels[position],
                    "features": [
                        {**dataclasses.asdict(each), "words": feature_list.explained(each.name, each.value)}
                        for each in explained[position]
                    ],
                }
            )
    return alerts


def _numbers_of(rows: Rows, position: int, model: AnomalyModel) -> dict[str, float | None]:
    numbers = rows.numbers[position].tolist()
    return {name: None if value != value else value for name, value in zip(model.schema.numeric, numbers, strict=True)}


def _findings(document: Mapping[str, Any], model: AnomalyModel) -> list[dict[str, str]]:
    """What a reader must know before trusting the figures."""
    found = [{"severity": "warning", "message": message} for message in said_of(document)]

    def warn(message: str) -> None:
        found.append({"severity": "warning", "message": message})

    if not document["labelled"]:
        warn("the evaluation data has no labels: alerts are counted, detection is not measured")
    elif not document["attacks"]:
        warn("the evaluation data has no attacks: false alarms are measured, detection is not")
    elif not document["normal"]:
        warn("the evaluation data has no normal rows: recall at the threshold is measured, false alarms are not")
    apart = getattr(model.detector, "found", {}).get("stands_apart", 0.0)
    if model.training_rows == "all" and apart > _MUCH_APART:
        warn(
            f"{apart:.1%} of the training rows stand clearly apart from the others, and nobody knows whether they are attacks "
            "or rare kinds of normal traffic: they rank between the two; if all are normal, set training_rows to 'normal'"
        )
    area = document["roc_auc"]
    if area and area["high"] < _COIN_TOSS:
        trained_on = (
            "so its training data is probably mostly attacks (or the labels are the wrong way round); see what normal_labels "
            "and training_rows say"
            if model.training_rows == "all"
            else "though it learnt from normal rows alone: in these columns the attacks look like the most common of them (or the "
            "labels are the wrong way round); see what normal_labels says, and which columns are learnt from"
        )
        warn(f"ROC-AUC is {area['value']:.3f}: normal rows are odder to the model than attacks, {trained_on}")
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
