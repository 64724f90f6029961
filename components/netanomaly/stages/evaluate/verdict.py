"""The one verdict on a model, and the checks behind it, in plain sentences: gates, decision, report and terminal show it."""

from dataclasses import asdict, dataclass
from typing import Any

from netanomaly.metrics.gates import DEFAULT_GATES
from netanomaly.metrics.promise import broken, can_be_told, off_promise
from netanomaly.report import documents, sources, words
from netanomaly.report.documents import Document
from netanomaly.report.status import Status

# What a verdict is in a word, the gravest first.
NOT_USABLE, REFUSED, NOT_TRUSTED = "not_usable", "refused", "not_trusted"
SUSPECT, UNKNOWN, UNTOLD = "suspected_leak", "unknown", "cannot_be_told"
RESERVED, PASSED = "reservations", "passed"
# What no model becomes champion with by itself, and what none replaces a champion with.
NEVER_CHAMPION = (NOT_USABLE, REFUSED, NOT_TRUSTED, SUSPECT)
ONLY_FIRST_CHAMPION = (UNKNOWN, UNTOLD)

_BLIND_SPOT_ROWS = 50
_BLIND_SPOT_RECALL = 0.5
_SOME_SHARED_ROWS, _MANY_SHARED_ROWS = 0.01, 0.05
_FEW_ROWS = 100
_NO_RANKING = "it is no better than chance"
_DETECTION = "Does it tell attacks from normal flows?"
_STABLE, _SHIFTED = 0.1, 0.25
"""The usual bounds of a population stability index."""
# The finding of the data gate that a column which the model learns from may hold the answer; others are left out of it.
_LEAK_RULE = "column_tells_alone"


@dataclass(frozen=True)
class Check:
    """One question and its answer. `brief` is what the front line says of an answer that is not good.

    `told` is false where the rows are too few for an answer.
    """

    status: Status
    title: str
    sentence: str
    brief: str = ""
    told: bool = True


def assess(
    evaluation: Document, validation: Document, training_data: Document, evaluation_data: Document
) -> dict[str, Any]:
    """Weigh the documents of one run. A question that they do not answer is not asked.

    Args:
        evaluation: The evaluation metrics, gates judged.
        validation: What the data gate found.
        training_data: The ingest report of the training data.
        evaluation_data: The ingest report of the evaluation data.

    Returns:
        "word" (one of the constants above), "status" (good, note, warning, bad), "headline", "reasons" (what stands
        against the model, the gravest first, half a line each) and "checks".
    """
    found = [
        _unseen(evaluation, validation, training_data, evaluation_data),
        _leak(validation),
        _alone(validation),
        _detection(evaluation),
        _gates(evaluation),
        _promise(evaluation),
        _stability(evaluation),
        _blind_spots(evaluation),
        _sample(evaluation),
        _data(validation),
    ]
    checks = [check for check in found if check is not None]
    word, status, headline = _weighed(checks, evaluation, validation)
    grave = sorted(
        (check for check in checks if check.brief and (check.status in ("bad", "warning") or not check.told)),
        key=lambda check: ("bad", "warning", "note", "good").index(check.status),
    )
    return {
        "word": word,
        "status": status,
        "headline": headline,
        "reasons": [check.brief for check in grave],
        "checks": [asdict(check) for check in checks],
    }


def _weighed(checks: list[Check], evaluation: Document, validation: Document) -> tuple[str, Status, str]:
    bad = [check.title for check in checks if check.status == "bad"]
    if _DETECTION in bad:
        nothing = any(check.brief == _NO_RANKING for check in checks)
        tells = "it does not tell attacks from normal flows" if nothing else "at its threshold it hardly tells attacks"
        return NOT_USABLE, "bad", f"Not usable: {tells}"
    if "refuse" in (documents.text(evaluation, "verdict"), documents.text(validation, "verdict")):
        return REFUSED, "bad", "Refused: do not use this model"
    if bad:
        return NOT_TRUSTED, "bad", "Do not trust these figures"
    if any(check.title == _LEAK for check in checks):
        return SUSPECT, "warning", "Look before you trust it: a column may give the answer away"
    if evaluation.get("labelled") is False:
        return UNKNOWN, "note", "Detection quality is not known: the evaluation data has no labels"
    if any(check.title == _DETECTION and not check.told for check in checks):
        return UNTOLD, "note", "Detection quality cannot be told: too few flows were judged"
    if not checks:
        return UNKNOWN, "note", "No evaluation was recorded"
    warnings = sum(check.status == "warning" for check in checks)
    untold = sum(not check.told for check in checks)
    if warnings:
        return RESERVED, "warning", f"Usable, with {words.plural(warnings + untold, 'reservation')}"
    if untold:
        return RESERVED, "note", f"Usable; {words.plural(untold, 'question')} cannot be told from so few flows"
    return PASSED, "good", "Passed every check"


def _unseen(
    evaluation: Document, validation: Document, training_data: Document, evaluation_data: Document
) -> Check | None:
    title = "Judged on flows it was not trained on?"
    # What the model has seen counts; where that is not known, what the training data holds.
    known = documents.section(evaluation, "repeats") or documents.section(validation, "overlap")
    share, rows = documents.number(known, "share"), documents.count(known, "rows")
    if evaluation.get("held_out") is True:
        how = sources.split_in_words(evaluation_data)
        sentence = f"Yes. Part of the data was held out before fitting{': ' + how if how else ''}."
    elif _same(training_data, evaluation_data):
        sentence = "No. Training and evaluation data are the same rows: the figures say nothing."
        return Check("bad", title, sentence, "it was judged on the rows it was trained on")
    elif evaluation.get("held_out") is False:
        sentence = "Yes. The evaluation data is a data set of its own."
    else:
        return None
    if not share:
        return Check("good", title, f"{sentence} No flow occurs in both." if share == 0 else sentence)
    shared = f"{words.integer(rows)} of its flows ({words.percent(share)})" if rows else words.percent(share)
    if share > _SOME_SHARED_ROWS:
        status: Status = "warning" if share > _MANY_SHARED_ROWS else "note"
        sentence = f"Mostly. {shared} equal one it was trained on, so the figures look better than they are."
        return Check(status, title, sentence, f"{words.percent(share)} of the evaluation data was seen in training")
    return Check("good", title, f"{sentence} {shared} equal one it was trained on, too few to matter.")


def _same(training_data: Document, evaluation_data: Document) -> bool:
    identity = documents.text(training_data, "identity")
    parts = {documents.text(data, "part") for data in (training_data, evaluation_data)}
    return bool(identity) and identity == documents.text(evaluation_data, "identity") and len(parts) == 1


_LEAK = "May a column give the answer away?"


def _leak(validation: Document) -> Check | None:
    suspected = [
        words.clip(column, 40)
        for finding in documents.objects(validation, "findings")
        if documents.text(finding, "rule") == _LEAK_RULE and (column := documents.text(finding, "column"))
    ]
    if not suspected:
        return None
    named = words.listed(list(dict.fromkeys(suspected)), most=3)
    columns = "column" if len(set(suspected)) == 1 else "columns"
    sentence = (
        f"It may: {columns} {named} alone tells attacks from normal flows. If that was made with the labels, the model "
        "catches nothing where they are not known yet: list it in ignore_columns and train again. If it is measured, say "
        "so in columns of the configuration: until then the model becomes no champion by itself."
    )
    return Check("warning", _LEAK, sentence, f"{columns} {named} may give the answer away")


def _alone(validation: Document) -> Check | None:
    """A measured column that tells all by itself is likely this capture's, and not tomorrow's."""
    names = [
        words.clip(documents.text(finding, "column"), 40)
        for finding in documents.objects(validation, "findings")
        if documents.text(finding, "rule") == "measurement_tells_alone"
    ]
    if not names:
        return None
    named = words.listed(names, most=3)
    tell = "tells" if len(names) == 1 else "tell"
    sentence = (
        f"No. By {named} alone attacks differ from all normal flows. If that is so of this capture only, the figures do not "
        "hold elsewhere."
    )
    return Check("warning", "Does it take more than one column?", sentence, f"{named} alone {tell} attacks")


def _detection(evaluation: Document) -> Check | None:
    """What the gates on it found: as a ranking, and at the threshold. Not asked without either class."""
    judged = [gate for gate in documents.objects(evaluation, "gates") if documents.text(gate, "gate") in DEFAULT_GATES]
    area = documents.estimate(evaluation, "roc_auc")
    at = documents.section(evaluation, "at_threshold")
    recall, false = documents.number(at, "recall"), documents.estimate(at, "false_positive_rate")
    if not judged or area is None or recall is None or false is None:
        return None
    ends = words.interval(area)
    said = f"ROC-AUC is {words.decimal(area.value)}" + (f" ({ends})" if ends else "")
    caught = words.interval(documents.estimate(at, "recall_interval"), as_percent=True)
    alerts = f"{words.percent(recall)} of attacks{f' ({caught})' if caught else ''} raise an alert, and "
    alerts += f"{words.percent(false.value)} of normal flows"
    found = {documents.text(gate, "gate"): gate.get("passed") for gate in judged}
    if found.get("min_roc_auc_low", True) is False:
        return Check("bad", _DETECTION, f"No. {said}: hardly better than a coin toss; {alerts}.", _NO_RANKING)
    if found.get("min_lift", True) is False:
        brief = "an attack is hardly likelier to raise an alert than a normal flow"
        return Check("bad", _DETECTION, f"Not at its threshold: {alerts}. {said}.", brief)
    if None in found.values():
        sentence = f"That cannot be told. {said}; {alerts}: so few flows leave open whether that is chance."
        return Check("note", _DETECTION, sentence, "it may be no better than chance", told=False)
    if recall < _BLIND_SPOT_RECALL:
        brief = f"it misses most attacks ({words.percent(recall)} caught)"
        return Check("warning", _DETECTION, f"Some of them: {alerts}. {said}.", brief)
    return Check("good", _DETECTION, f"Yes: {alerts}.")


def _gates(evaluation: Document) -> Check | None:
    title = "Good enough by the rules set beforehand?"
    gates = documents.objects(evaluation, "gates")
    off = [words.clip(documents.text(gate, "gate"), 40) for gate in gates if gate.get("off") is True]
    judged = [gate for gate in gates if gate.get("off") is not True]
    failed = [documents.text(gate, "gate") for gate in judged if gate.get("passed") is False]
    reasons = evaluation.get("reasons")
    if failed or documents.text(evaluation, "verdict") == "refuse":
        said = [str(reason) for reason in reasons] if isinstance(reasons, list) else []
        said = [words.clip(reason, 300) for reason in said] or [f"failed: {words.listed(failed)}"]
        sentence = f"No: {words.clip('; '.join(said), 600)}."
        asked_for = any(gate.get("by_default") is not True for gate in judged if gate.get("passed") is False)
        # What a gate that applies by default found is said already, as what it means.
        brief = f"quality gate failed: {words.listed(said, most=1)}" if asked_for or not failed else ""
        return Check("bad", title, sentence, brief)
    switched_off = f" Switched off by the configuration: {words.listed(off)}." if off else ""
    status: Status = "warning" if off else "good"
    brief = f"switched off: {words.listed(off)}" if off else ""
    chosen = [gate for gate in judged if gate.get("by_default") is not True]
    if chosen:
        every = {1: "The gate was", 2: "Both gates were"}.get(len(chosen), f"All {len(chosen)} gates were") + " passed."
        return Check(status, title, f"Yes. {every}{switched_off}", brief)
    if judged or off:
        demanded = "Nothing more was demanded than to be better than chance." if judged else ""
        sentence = f"No rule was set. {demanded}{switched_off}".replace("  ", " ")
        return Check(status if off else "note", title, sentence, brief)
    if documents.text(evaluation, "verdict"):
        return Check("note", title, "No rule was set: nothing was demanded of this model.")
    return None


def _promise(evaluation: Document) -> Check | None:
    title = "Keeps its promise on false alarms?"
    budget = documents.number(evaluation, "alert_budget")
    at = documents.section(evaluation, "at_threshold")
    achieved = documents.estimate(at, "false_positive_rate")
    if budget is None:
        return None
    if achieved is None and evaluation.get("labelled") is True:
        return None  # there are attacks alone
    if achieved is None:
        return _alert_rate(budget, documents.count(at, "alerts"), documents.count(evaluation, "rows"))
    said = f"Promised {words.budget(budget)} of normal flows, measured {words.percent(achieved.value)}"
    ends = words.interval(achieved, as_percent=True)
    said += f" ({ends})." if ends else "."
    if budget <= 0:
        return None
    ratio = off_promise(budget, achieved.value, achieved.ends)
    if ratio is None and not can_be_told(budget, achieved.ends):
        rows = documents.count(evaluation, "normal")
        few = words.plural(rows, "normal flow") if rows else "so few flows"
        brief = f"{few} cannot show that {words.budget(budget)} false alarms are kept to"
        return Check("note", title, f"That cannot be told. {said}", brief, told=False)
    if ratio is None:
        return Check("good", title, f"Yes. {said}")
    if not broken(ratio):
        return Check("good", title, f"Nearly. {said}")
    if off_promise(budget, achieved.value, achieved.ends, _expected_rate(evaluation)) is None:
        sentence = f"As far as can be told. {said} Chance explains it: few rows set the threshold."
        return Check("note", title, sentence)
    if ratio > 1:
        often = words.times(ratio)
        sentence = f"No. {said} Expect {often} the false alarms planned for."
        return Check("warning", title, sentence, f"it raises {often} the false alarms promised")
    return Check("note", title, f"It stays below. {said} The threshold is stricter than planned and misses more.")


def _expected_rate(evaluation: Document) -> tuple[float, float] | None:
    """The false-positive rates that the budget lets be expected of the rows judged."""
    judged = documents.section(documents.section(evaluation, "false_alarms"), "evaluated")
    rows, low, high = (documents.number(judged, name) for name in ("rows", "low", "high"))
    return (low / rows, high / rows) if rows and low is not None and high is not None else None


def _alert_rate(budget: float, alerts: int | None, rows: int | None) -> Check | None:
    """Without labels, alerts hold attacks too: more than the budget is a question, not a broken promise."""
    if alerts is None or not rows:
        return None
    rate = alerts / rows
    said = f"{words.percent(rate)} of all flows raise an alert; the budget is {words.budget(budget)} of normal flows."
    status: Status = "note" if rate <= 2 * budget else "warning"
    more = "" if status == "note" else " Either there are attacks among them or normal traffic has changed."
    brief = f"{words.percent(rate)} of all flows raise an alert"
    return Check(status, "As many alerts as planned?", said + more, brief)


def _stability(evaluation: Document) -> Check | None:
    """Without labels, whether scores are spread as in training; with them, the promise says as much and more."""
    index = documents.number(documents.section(evaluation, "stability"), "index")
    if index is None or evaluation.get("labelled") is not False:
        return None
    title = "Do flows look as in training?"
    said = f"The population stability index of the scores is {words.decimal(index, 2)}"
    if index < _STABLE:
        return Check("good", title, f"Yes. {said}, under {_STABLE}.")
    if index < _SHIFTED:
        return Check("note", title, f"Nearly. {said}, between {_STABLE} and {_SHIFTED}.")
    sentence = f"No. {said}, over {_SHIFTED}: traffic has changed, or there are attacks among it."
    return Check("warning", title, sentence, "scores are not spread as in training")


def _blind_spots(evaluation: Document) -> Check | None:
    """Large classes that are mostly missed, the one with the most attacks missed first."""
    title = "Blind to some kinds of attack?"
    classes = documents.objects(evaluation, "classes")
    large = [found for found in classes if (documents.count(found, "rows") or 0) >= _BLIND_SPOT_ROWS]
    missed = [
        (words.clip(documents.text(found, "name"), 40), recall, documents.number(found, "rows") or 0)
        for found in large
        if (recall := documents.number(found, "recall")) is not None and recall < _BLIND_SPOT_RECALL
    ]
    missed.sort(key=lambda each: (each[1] - 1) * each[2])
    # A single class is no kind among others: how much of it is caught was answered above.
    if not large or len(classes) == 1:
        return None
    if not missed:
        every = "the only large class" if len(large) == 1 else f"each of the {len(large)} large classes"
        return Check("good", title, f"No. It catches at least half of {every}.")
    named = [f"{name} ({words.percent(recall)} of {words.integer(rows)} caught)" for name, recall, rows in missed]
    brief = f"it misses most of {words.listed([name for name, _, _ in missed], most=3)}"
    return Check("warning", title, f"Yes. It misses most of {words.listed(named, most=4)}.", brief)


def _sample(evaluation: Document) -> Check | None:
    normal, attacks = documents.count(evaluation, "normal"), documents.count(evaluation, "attacks")
    if evaluation.get("labelled") is not True or normal is None or attacks is None:
        return None
    title = "Enough evidence?"
    counted = f"{words.plural(normal, 'normal flow')} and {words.plural(attacks, 'attack')}"
    if min(normal, attacks) == 0:
        sentence = f"No. The evaluation data has {counted}: half of the questions stay open."
        return Check("warning", title, sentence, f"it was judged on {counted}")
    if min(normal, attacks) < _FEW_ROWS:
        sentence = f"Hardly. There are only {counted}: see how wide the intervals are."
        return Check("warning", title, sentence, f"it was judged on only {counted}")
    return Check("good", title, f"Yes. {counted} were scored.")


def _data(validation: Document) -> Check | None:
    if not validation:
        return None
    title = "Sound data?"
    severities = [documents.text(finding, "severity") for finding in documents.objects(validation, "findings")]
    errors, warnings = severities.count("error"), severities.count("warning")
    if errors:
        also = f" and {words.plural(warnings, 'warning')}" if warnings else ""
        said = words.plural(errors, "error")
        return Check("bad", title, f"No. {said}{also}, listed below.", f"{said} in the data")
    if warnings:
        return Check("note", title, f"No errors, {words.plural(warnings, 'warning')}, listed below.")
    return Check("good", title, "Yes. The data checks found nothing.")
