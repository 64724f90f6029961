"""What a reader needs to know before trusting a model: the verdict, and the checks behind it, in plain sentences."""

from dataclasses import dataclass

from netanomaly.report import documents, sources, words
from netanomaly.report.documents import Document
from netanomaly.report.status import Status

BROKEN_PROMISE = 1.3
"""An achieved false-positive rate this many times the promised one, or its inverse, is called a broken promise."""
_BLIND_SPOT_ROWS = 50
_BLIND_SPOT_RECALL = 0.5
_SOME_SHARED_ROWS, _MANY_SHARED_ROWS = 0.01, 0.05
_FEW_ROWS = 100
_CHANCE = 0.5
_DETECTION = "Does it tell attacks from normal flows?"
_STABLE, _SHIFTED = 0.1, 0.25
"""The usual bounds of a population stability index."""


@dataclass(frozen=True)
class Check:
    """One question and its answer. `brief` is what the front line says of an answer that is not good."""

    status: Status
    title: str
    sentence: str
    brief: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer in front. `status` is the worst of the checks, and bad where a gate refused."""

    status: Status
    headline: str
    checks: list[Check]

    @property
    def briefs(self) -> list[str]:
        """What stands against the model, in half a line each."""
        grave = [check for check in self.checks if check.status in ("bad", "warning") and check.brief]
        return [check.brief for check in sorted(grave, key=lambda check: check.status != "bad")]


def judge(evaluation: Document, validation: Document, training_data: Document, evaluation_data: Document) -> Verdict:
    """Weigh the documents of one run. A question that they do not answer is not asked."""
    found = [
        _unseen(evaluation, validation, training_data, evaluation_data),
        _detection(evaluation),
        _gates(evaluation),
        _promise(evaluation),
        _stability(evaluation),
        _blind_spots(evaluation),
        _sample(evaluation),
        _data(validation),
    ]
    checks = [check for check in found if check is not None]
    if "refuse" in (documents.text(evaluation, "verdict"), documents.text(validation, "verdict")):
        return Verdict("bad", "Refused: do not use this model", checks)
    bad = [check.title for check in checks if check.status == "bad"]
    if bad == [_DETECTION]:
        return Verdict("bad", "Not usable: it does not tell attacks from normal flows", checks)
    if bad:
        return Verdict("bad", "Do not trust these figures", checks)
    if evaluation.get("labelled") is False:
        return Verdict("note", "Detection quality is not known: the evaluation data has no labels", checks)
    warnings = sum(check.status == "warning" for check in checks)
    if warnings:
        return Verdict("warning", f"Usable, with {words.plural(warnings, 'reservation')}", checks)
    if not checks:
        return Verdict("note", "No evaluation was recorded", checks)
    return Verdict("good", "Passed every check", checks)


def off_promise(
    budget: float | None, achieved: documents.Estimate | None, expected: documents.Estimate | None = None
) -> float | None:
    """How many times its budget an achieved false-positive rate is, where chance does not explain the difference.

    Chance is in the rows judged (the interval of what was achieved) and in those that set the threshold (the range that
    was to be expected).
    """
    if budget is None or achieved is None or budget <= 0:
        return None
    by_chance = achieved.low is not None and achieved.high is not None and achieved.low <= budget <= achieved.high
    if expected is not None and expected.low is not None and expected.high is not None:
        by_chance = by_chance or expected.low <= achieved.value <= expected.high
    return None if by_chance or achieved.value == budget else achieved.value / budget


def broken(ratio: float | None) -> bool:
    """Whether a rate so many times its budget breaks the promise."""
    return ratio is not None and not 1 / BROKEN_PROMISE <= ratio <= BROKEN_PROMISE


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


def _detection(evaluation: Document) -> Check | None:
    """Whether the model is better than chance, as a ranking and at its threshold. Not asked without either class."""
    area = documents.estimate(evaluation, "roc_auc")
    at = documents.section(evaluation, "at_threshold")
    recall, false = documents.number(at, "recall"), documents.estimate(at, "false_positive_rate")
    if area is None or recall is None or false is None:
        return None
    ends = words.interval(area)
    said = f"ROC-AUC is {words.decimal(area.value)}" + (f" ({ends})" if ends else "")
    if area.value <= _CHANCE:
        return Check("bad", _DETECTION, f"No. {said}: a coin toss does as well.", "it is no better than chance")
    if area.low is not None and area.low <= _CHANCE:
        sentence = f"That is not certain. {said}: it may be no better than a coin toss."
        return Check("warning", _DETECTION, sentence, "it may be no better than chance")
    alerts = f"{words.percent(recall)} of attacks raise an alert, and {words.percent(false.value)} of normal flows"
    if recall <= false.value:
        few = (documents.count(evaluation, "attacks") or 0) < _BLIND_SPOT_ROWS
        brief = "an attack is no likelier to raise an alert than a normal flow"
        return Check("warning" if few else "bad", _DETECTION, f"Not at its threshold: {alerts}. {said}.", brief)
    if recall < _BLIND_SPOT_RECALL:
        return Check("warning", _DETECTION, f"Some of them: {alerts}. {said}.", "it misses most attacks")
    return Check("good", _DETECTION, f"Yes: {alerts}.")


def _gates(evaluation: Document) -> Check | None:
    title = "Good enough by the rules set beforehand?"
    gates = documents.objects(evaluation, "gates")
    failed = [documents.text(gate, "gate") for gate in gates if gate.get("passed") is not True]
    reasons = evaluation.get("reasons")
    if failed or documents.text(evaluation, "verdict") == "refuse":
        said = [str(reason) for reason in reasons] if isinstance(reasons, list) else []
        said = [words.clip(reason, 300) for reason in said] or [f"failed: {words.listed(failed)}"]
        sentence = f"No: {words.clip('; '.join(said), 600)}."
        return Check("bad", title, sentence, f"quality gate failed: {words.listed(said, most=1)}")
    if gates:
        every = {1: "The gate was", 2: "Both gates were"}.get(len(gates), f"All {len(gates)} gates were") + " passed."
        return Check("good", title, f"Yes. {every}")
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
    ratio = off_promise(budget, achieved)
    if ratio is None:
        return Check("good", title, f"Yes. {said}")
    if not broken(ratio):
        return Check("good", title, f"Nearly. {said}")
    if off_promise(budget, achieved, _expected_rate(evaluation, budget)) is None:
        sentence = f"As far as can be told. {said} Chance explains it: few rows set the threshold."
        return Check("note", title, sentence)
    if ratio > 1:
        often = words.times(ratio)
        sentence = f"No. {said} Expect {often} the false alarms planned for."
        return Check("warning", title, sentence, f"it raises {often} the false alarms promised")
    return Check("note", title, f"It stays below. {said} The threshold is stricter than planned and misses more.")


def _expected_rate(evaluation: Document, budget: float) -> documents.Estimate | None:
    """The false-positive rates that the budget lets be expected of the rows judged."""
    judged = documents.section(documents.section(evaluation, "false_alarms"), "evaluated")
    rows, low, high = (documents.number(judged, name) for name in ("rows", "low", "high"))
    return (
        documents.Estimate(budget, low / rows, high / rows) if rows and low is not None and high is not None else None
    )


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
    title = "Blind to some kinds of attack?"
    classes = documents.objects(evaluation, "classes")
    large = [found for found in classes if (documents.count(found, "rows") or 0) >= _BLIND_SPOT_ROWS]
    missed = [
        (words.clip(documents.text(found, "name"), 40), recall)
        for found in large
        if (recall := documents.number(found, "recall")) is not None and recall < _BLIND_SPOT_RECALL
    ]
    if not large:
        return None
    if not missed:
        every = "the only large class" if len(large) == 1 else f"each of the {len(large)} large classes"
        return Check("good", title, f"No. It catches at least half of {every}.")
    named = words.listed([f"{name} ({words.percent(recall)} caught)" for name, recall in missed], most=4)
    brief = f"it misses most of {words.listed([name for name, _ in missed], most=3)}"
    return Check("warning", title, f"Yes. It misses most of {named}.", brief)


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
