"""The evaluation report: can this model be trusted, and what is the evidence."""

from collections.abc import Mapping

from netanomaly.report import documents, figures, sources, tables, verdict, words
from netanomaly.report.documents import Document
from netanomaly.report.page import render

_MOST_FACTS = 80


def evaluation_page(
    evaluation: Document,
    validation: Document,
    training: Document,
    training_data: Document,
    evaluation_data: Document,
    configuration: Document,
    provenance: Document,
) -> str:
    """The report on one trained model, as one self-contained HTML page of under 1 MB.

    Args:
        evaluation: What `evaluate` measured.
        validation: What `validate` found in the data.
        training: The training summary.
        training_data: The ingest report of the training data.
        evaluation_data: The ingest report of the evaluation data.
        configuration: The resolved configuration.
        provenance: Run id, digests, versions and times, in any nesting.

    Any field of any document may be absent; what depends on it is then left out.
    """
    at = documents.section(evaluation, "at_threshold")
    data = [sources.source("Training data", training_data), sources.source("Evaluation data", evaluation_data)]
    return render(
        "evaluation.html.j2",
        model=_identity(configuration, provenance),
        lead=_lead(evaluation, training, training_data, evaluation_data),
        verdict=verdict.read(evaluation),
        tiles=figures.tiles(evaluation),
        intervals=figures.intervals(evaluation),
        plain=figures.plain(at),
        false_alarms=[*figures.false_alarms(evaluation, training_data), *figures.confirmed(evaluation)],
        repeats=tables.repeats(evaluation),
        base_rates=figures.base_rates(at),
        attack_share=figures.attack_share(evaluation),
        gates=tables.gates(evaluation),
        comparison=tables.comparison(documents.section(evaluation, "comparison")),
        pictures=figures.pictures(evaluation),
        scores=figures.scores(evaluation),
        confusion=figures.confusion(at),
        threshold=documents.number(evaluation, "threshold"),
        classes=tables.classes(evaluation),
        replayed=tables.replayed(evaluation),
        more_classes=max(0, len(documents.objects(evaluation, "classes")) - tables.MOST_CLASSES),
        budgets=tables.budgets(evaluation),
        findings=sources.findings(evaluation, validation),
        top_alerts=tables.top_alerts(evaluation),
        data=[source for source in data if source.facts],
        fitting=_fitting(training),
        settings=_facts(configuration),
        provenance=_facts(_provenance(configuration, training, provenance)),
    )


def _identity(configuration: Document, provenance: Document) -> dict[str, str]:
    def first(field: str) -> str:
        return words.clip(documents.text(configuration, field) or documents.text(provenance, field))

    made = next(filter(None, (first(field) for field in ("created", "prepared_at", "started", "time"))), "")
    return {
        "name": first("model_name") or "Anomaly detector",
        "version": first("model_version"),
        "made": words.moment(made),
    }


def _provenance(configuration: Document, training: Document, provenance: Document) -> Document:
    """What is said of the run's origin, with what the other documents know of it."""
    known = {name: configuration.get(name) for name in ("run_id", "prepared_at", "champion", "random_state")}
    return {**known, "versions": training.get("versions"), **provenance}


def _lead(evaluation: Document, training: Document, training_data: Document, evaluation_data: Document) -> str:
    """What was trained on what, and judged on what, in two sentences."""
    kind = documents.text(evaluation, "model_type") or documents.text(training, "model_type") or "detector"
    used = documents.count(training, "rows_used") or documents.count(training, "rows")
    normal = "normal " if documents.text(training, "training_rows") == "normal" else ""
    model = words.clip(words.title(kind))
    trained = f"{model} trained on {words.integer(used)} {normal}flows" if used else model
    if source := sources.name(training_data):
        trained += f" of {source}" if used else f" trained on {source}"
    judged = documents.count(evaluation, "rows")
    if judged is None:
        return f"{trained}."
    name = sources.name(evaluation_data)
    of = f" of {name}" if name else ""
    if evaluation.get("held_out") is True:
        of = f" held out of {name}" if name else " held out before fitting"
    normal_rows, attacks = documents.count(evaluation, "normal"), documents.count(evaluation, "attacks")
    labels = ", without labels" if evaluation.get("labelled") is False else ""
    if normal_rows is not None and attacks is not None:
        labels = f": {words.integer(normal_rows)} normal, {words.plural(attacks, 'attack')}"
    return f"{trained}. Judged on {words.integer(judged)} flows{of}{labels}."


def _fitting(training: Document) -> list[tuple[str, str]]:
    facts = [
        ("Flows in the training data", words.integer(documents.number(training, "rows"))),
        ("Used for training", words.integer(documents.number(training, "rows_used"))),
        ("Fitted on", words.integer(documents.number(training, "rows_fitted"))),
        ("Threshold set on", words.integer(documents.number(training, "rows_calibrated"))),
        *_promise(documents.section(training, "calibration")),
        *_doubted(training),
        ("Features", words.integer(_length(training, "features"))),
        ("of them categorical", words.integer(_length(training, "categorical"))),
        ("Seconds", words.value(documents.number(training, "seconds"))),
        ("Generation of the detectors", words.integer(documents.number(training, "generation"))),
    ]
    parameters = [(name, said) for name, said in _facts(documents.section(training, "parameters"))]
    return [(name, said) for name, said in facts if said != words.MISSING] + parameters


def _promise(calibration: Document) -> list[tuple[str, str]]:
    """What the promised false-positive rate rests on."""
    if documents.text(calibration, "by") != "time":
        return [("which are", "a random part of those used")] if calibration else []
    ends = [documents.text(calibration, end) for end in ("from", "to")]
    first, last = map(words.moment, ends)
    days = words.plural(documents.count(calibration, "days") or 0, "day")
    seconds = words.seconds_between(*ends)
    lasting = days if seconds is None or seconds >= 86_400 else words.duration(seconds)
    gap = documents.number(calibration, "gap_seconds") or 0
    return [
        (
            "which are",
            f"the latest of those used, {first} to {last} ({lasting}), {gap:.0f} seconds after those fitted on",
        )
    ]


def _doubted(training: Document) -> list[tuple[str, str]]:
    """What was done about attacks among the training rows, and the share that was found."""
    found = documents.section(training, "contamination")
    if not found:
        return []
    if found.get("doubted") is not True:
        known = documents.text(training, "training_rows") == "normal"
        return [("Flows doubted", "none, they are known to be normal" if known else "none, as configured")]
    left_out, apart = documents.number(found, "left_out"), documents.number(found, "stands_apart")
    doubted = "the oddest" if left_out is None else f"the oddest {left_out:.0%}"
    facts = [("Flows doubted", f"{doubted}: nobody knows whether attacks are among them")]
    if apart is not None:
        facts.append(("of which stand clearly apart", f"{apart:.1%} of the flows: rare kinds of traffic, or attacks"))
    return facts


def _length(document: Document, name: str) -> float | None:
    found = document.get(name)
    return float(len(found)) if isinstance(found, list | tuple) else None


def _facts(document: Document, within: str = "") -> list[tuple[str, str]]:
    """Every leaf of a document as a name and its value, nested names joined by a dot."""
    facts: list[tuple[str, str]] = []
    for name, found in document.items():
        path = f"{within}{name}"
        if isinstance(found, Mapping):
            facts += _facts(found, f"{path}.")
        elif isinstance(found, list | tuple):
            if found:
                facts.append((words.clip(path), words.listed([words.clip(str(item), 100) for item in found], most=12)))
        elif found is not None and found != "":
            facts.append((words.clip(path), words.clip(str(found), 200)))
    return facts[:_MOST_FACTS]
