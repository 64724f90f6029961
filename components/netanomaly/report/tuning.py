"""The report on a search for hyper-parameters."""

import json
from collections.abc import Sequence

from markupsafe import Markup

from netanomaly.report import charts, documents, words
from netanomaly.report import tuning_charts as pictures
from netanomaly.report.documents import Document, Estimate
from netanomaly.report.page import render
from netanomaly.report.status import Status
from netanomaly.report.tuning_charts import Axis, Line
from netanomaly.report.verdict import Verdict

_MOST_TRIALS, _MOST_CLASSES = 64, 60
_STATES: dict[str, tuple[str, Status]] = {
    "complete": ("complete", "good"),
    "stopped": ("stopped early", "note"),
    "failed": ("failed", "bad"),
    "not_run": ("not run", "warning"),
}
_OBJECTIVES = {
    "classes": "Attack classes held out in turn",
    "rows": "Rows of one attack class held out in turn",
    "injected": "Injected attacks held out in turn",
}
_QUARTER, _MEAN, _DETECTOR = "¼ of the rows", "mean", "detector"


def tuning_page(tuning: Document) -> str:
    """The report on a search, as one self-contained HTML page.

    Args:
        tuning: As `tuning.json` has it.
    """
    trials = documents.objects(tuning, "trials")[:_MOST_TRIALS]
    best = _numbered(trials, documents.count(tuning, "best"))
    defaults, final = documents.section(tuning, "defaults"), documents.section(tuning, "final")
    tuned = documents.text(tuning, "outcome") == "tuned"
    return render(
        "tuning.html.j2",
        verdict=_verdict(tuning),
        lead=_lead(tuning),
        tiles=_tiles(tuning, best, final),
        tuned=tuned,
        best=documents.count(tuning, "best"),
        folds=_folds(best, final),
        differences=pictures.differences(_differences(best, final)),
        curve=_curve(tuning, trials),
        everything=_everything(trials, best, defaults),
        details=_details(tuning, trials, best, defaults),
        importance=[_important(each) for each in documents.objects(tuning, "importance")],
        classes=_classes(defaults, best, final),
        trials=[_trial(each, best) for each in trials],
        fold_names=[documents.text(each, "name") for each in documents.objects(defaults, "folds")],
        facts=_facts(tuning),
        configuration=json.dumps(documents.section(tuning, "configuration"), indent=2, ensure_ascii=False),
        configured=bool(documents.section(tuning, "configuration")),
    )


def _numbered(trials: Sequence[Document], number: int | None) -> Document:
    return next((each for each in trials if number is not None and documents.count(each, "number") == number), {})


def _verdict(tuning: Document) -> Verdict:
    reason = words.clip(documents.text(tuning, "reason"), 400)
    found = documents.section(tuning, "counts")
    briefs = []
    if failed := documents.count(found, "failed"):
        briefs.append(f"{words.plural(failed, 'trial')} failed; the table below says why")
    if left := documents.count(found, "not_run"):
        briefs.append(
            f"{words.plural(left, 'trial')} {'was' if left == 1 else 'were'} not run: the time allowed was over"
        )
    if documents.text(tuning, "outcome") == "tuned":
        kind = documents.text(documents.section(tuning, "chosen"), "model_type")
        return Verdict(
            "good",
            f"Tuned: {words.title(kind)} is trained with what trial {tuning['winner']} found",
            briefs=[reason, *briefs],
        )
    return Verdict("note", "Defaults kept: nothing beat them for certain", briefs=[reason, *briefs])


def _lead(tuning: Document) -> str:
    objective = documents.section(tuning, "objective")
    said = documents.text(objective, "said")
    return (
        f"Judged by {said}, of {words.budget(documents.number(objective, 'budget'))} of normal traffic. "
        f"{'Folds follow each other in time.' if tuning.get('by_time') else 'The data has no times, so that folds are random.'}"
    )


def _tiles(tuning: Document, best: Document, final: Document) -> list[dict[str, str]]:
    found = documents.section(tuning, "counts")
    defaults = documents.number(documents.section(tuning, "defaults"), "value")
    after, before = documents.estimate(final, "after"), documents.estimate(final, "before")
    never = "never seen by the search"
    parts = [
        f"{documents.count(found, state)} {_STATES[state][0]}" for state in _STATES if documents.count(found, state)
    ]
    return [
        {"name": "Defaults catch", "figure": words.percent(defaults), "ends": "", "meaning": "Mean of the folds, each attack class counting the same"},
        {"name": "Best trial catches", "figure": words.percent(documents.number(best, "value")), "ends": "", "meaning": f"Trial {documents.text(best, 'number')}, on the same folds" if best else "No trial got to the end"},
        {"name": "On what was " + never, "figure": words.percent(None if after is None else after.value), "ends": words.interval(after, as_percent=True), "meaning": f"The best trial; the defaults {words.percent(None if before is None else before.value)}"},
        {"name": "It took", "figure": words.duration(documents.number(tuning, "seconds") or 0), "ends": "", "meaning": f"Of processes, {', '.join(parts) or 'no trials'}"},
    ]  # fmt: skip


def _folds(best: Document, final: Document) -> list[dict[str, object]]:
    rows = []
    for fold in [*documents.objects(best, "folds"), *([final] if documents.section(final, "difference") else [])]:
        before, after = documents.estimate(fold, "before"), documents.estimate(fold, "after")
        difference = documents.estimate(fold, "difference")
        if before is None or after is None or difference is None:
            continue
        last = documents.text(fold, "name") == "final"
        ends = difference.ends or (0.0, 0.0)
        status, said = ("note", "no clear difference")
        if ends[0] > 0:
            status, said = "good", "beaten"
        elif ends[1] < 0:
            status, said = "bad", "not reached"
        rows.append(
            {
                "name": "Final check" if last else words.title(documents.text(fold, "name")),
                "final": last,
                "before": before,
                "after": after,
                "before_bar": charts.rate_bar(before, "bar-normal"),
                "after_bar": charts.rate_bar(after),
                "difference": f"{difference.value * 100:+.1f}",
                "ends": f"{ends[0] * 100:+.1f} to {ends[1] * 100:+.1f}",
                "status": status,
                "said": said,
            }
        )
    return rows


def _differences(best: Document, final: Document) -> list[tuple[str, Estimate | None]]:
    found = [
        (documents.text(each, "name"), documents.estimate(each, "difference"))
        for each in documents.objects(best, "folds")
    ]
    return [*found, ("final", documents.estimate(final, "difference"))] if found else []


def _curve(tuning: Document, trials: Sequence[Document]) -> Markup:
    firsts: dict[int, int] = {}
    for each in trials:
        firsts.setdefault(documents.count(each, "round") or 0, documents.count(each, "number") or 0)
    points = [
        (documents.count(each, "number") or 0, documents.number(each, "value"), documents.text(each, "state"))
        for each in trials
    ]
    defaults = documents.number(documents.section(tuning, "defaults"), "value")
    return pictures.learning_curve(points, defaults, list(firsts.values()))


def _everything(trials: Sequence[Document], best: Document, defaults: Document) -> Markup:
    folds = [documents.text(each, "name") for each in documents.objects(defaults, "folds")]
    detectors = list(dict.fromkeys(_kind(each) for each in (*trials, defaults)))
    axes = [
        Axis(_DETECTOR, [words.title(name) for name in detectors]),
        Axis(_QUARTER, share=True),
        *(Axis(name, share=True) for name in folds),
        Axis(_MEAN, share=True),
    ]
    lines = [Line(_values(each), _drawn(each, best), _named(each)) for each in trials]
    return pictures.parallel(axes, [*lines, Line(_values(defaults), "defaults", "the defaults")], "Every trial")


def _details(
    tuning: Document, trials: Sequence[Document], best: Document, defaults: Document
) -> list[tuple[str, Markup]]:
    """Of each detector that was tried more than once, its parameters and what they caught."""
    found = []
    parameters = documents.section(documents.section(tuning, "space"), "parameters")
    for detector, dimensions in parameters.items():
        mine = [each for each in (*trials, defaults) if _kind(each) == detector]
        if len(mine) < 3 or not isinstance(dimensions, dict) or not dimensions:
            continue
        axes = [_axis(name, each, mine) for name, each in dimensions.items() if isinstance(each, dict)]
        axes = [*axes, Axis(_QUARTER, share=True), Axis(_MEAN, share=True)]
        lines = [Line(_values(each), _drawn(each, best, defaults), _named(each)) for each in mine]
        found.append((words.title(detector), pictures.parallel(axes, lines, f"Trials of {detector}")))
    return found


def _axis(name: str, dimension: Document, trials: Sequence[Document]) -> Axis:
    choices = dimension.get("choices")
    if isinstance(choices, list):
        return Axis(name, [_said(each) for each in choices])
    met = [number for each in trials if (number := documents.as_number(_parameters(each).get(name))) is not None]
    low = min([documents.number(dimension, "low") or 0.0, *met])
    high = max([documents.number(dimension, "high") or 0.0, *met])
    return Axis(name, None, low, high, bool(dimension.get("by_ratio")))


def _values(trial: Document) -> dict[str, object]:
    folds = {
        documents.text(each, "name"): each.get("recall")
        if "recall" in each
        else documents.section(each, "after").get("value")
        for each in documents.objects(trial, "folds")
    }
    given = {
        name: value if isinstance(value, int | float) and not isinstance(value, bool) else _said(value)
        for name, value in _parameters(trial).items()
    }
    # A choice among numbers is a name on its axis.
    return {
        **given,
        _DETECTOR: words.title(_kind(trial)),
        _QUARTER: trial.get("quarter"),
        **folds,
        _MEAN: trial.get("value"),
    }


def _drawn(trial: Document, best: Document, defaults: Document | None = None) -> str:
    if trial is defaults:
        return "defaults"
    if trial is best:
        return "best"
    return "plain" if documents.text(trial, "state") == "complete" else "stopped"


def _kind(trial: Document) -> str:
    return documents.text(documents.section(trial, "candidate"), "model_type")


def _parameters(trial: Document) -> Document:
    return documents.section(documents.section(trial, "candidate"), "parameters")


def _named(trial: Document) -> str:
    number = documents.text(trial, "number")
    return f"trial {number}: {_candidate(trial)}" if number else "the defaults"


def _candidate(trial: Document) -> str:
    """The detector and what was searched of its parameters, in short."""
    kind = _kind(trial)
    given = documents.section(trial, "params")
    chosen = _parameters(trial)
    shown = [
        f"{name.partition('.')[2]} {_said(chosen.get(name.partition('.')[2]))}"
        for name in given
        if name.startswith(f"{kind}.")
    ]
    if documents.section(trial, "candidate").get("context") is False:
        shown.append("without context")
    return ", ".join([words.title(kind), *shown])


def _said(value: object) -> str:
    if isinstance(value, list):
        return " + ".join(map(str, value))
    if isinstance(value, float):
        return words.value(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _important(found: Document) -> dict[str, object]:
    share, low, high = (documents.number(found, name) or 0.0 for name in ("share", "low", "high"))
    estimate = Estimate(share, low, high)
    return {
        "name": words.clip(documents.text(found, "name"), 60),
        "trials": documents.count(found, "trials"),
        "share": words.percent(share),
        "ends": words.interval(estimate, as_percent=True),
        "bar": charts.rate_bar(estimate, "bar-normal"),
    }


def _classes(defaults: Document, best: Document, final: Document) -> list[dict[str, str]]:
    rows = []
    before, after = documents.section(defaults, "classes"), documents.section(best, "classes")
    for name in before:
        one, other = documents.number(before, name), documents.number(after, name)
        rows.append(_class(str(name), "a fold", one, other))
    for name, each in documents.section(final, "classes").items():
        if isinstance(each, dict):
            rows.append(
                _class(str(name), "final check", documents.number(each, "before"), documents.number(each, "after"))
            )
    return rows[:_MOST_CLASSES]


def _class(name: str, where: str, before: float | None, after: float | None) -> dict[str, str]:
    change = "" if before is None or after is None else f"{(after - before) * 100:+.1f}"
    return {
        "name": words.clip(name, 60),
        "where": where,
        "before": words.percent(before),
        "after": words.percent(after),
        "change": change,
    }


def _trial(trial: Document, best: Document) -> dict[str, object]:
    said, status = _STATES.get(documents.text(trial, "state"), ("", "note"))
    internal = documents.section(trial, "internal")
    return {
        "number": documents.count(trial, "number"),
        "round": documents.count(trial, "round"),
        "what": words.clip(_candidate(trial), 200),
        "state": said,
        "status": status,
        "why": words.clip(documents.text(trial, "why"), 240),
        "quarter": words.percent(documents.number(trial, "quarter")),
        "folds": [
            words.percent(documents.number(documents.section(each, "after"), "value"))
            for each in documents.objects(trial, "folds")
        ],
        "mean": words.percent(documents.number(trial, "value")),
        "seconds": f"{documents.number(trial, 'seconds') or 0:.1f}",
        "agreement": words.decimal(documents.number(internal, "agreement"), 2),
        "stability": words.percent(documents.number(internal, "stability")),
        "best": trial is best,
    }


def _facts(tuning: Document) -> list[tuple[str, str]]:
    objective, data = documents.section(tuning, "objective"), documents.section(tuning, "data")
    defaults = documents.section(tuning, "defaults")
    splits = [
        f"{documents.text(each, 'name')}: fitted on {words.integer(documents.number(each, 'rows_fitted'))} rows, judged on "
        f"{words.integer(documents.number(each, 'normal'))} normal ones and "
        + words.listed(
            [
                f"{documents.text(one, 'name')} ({documents.text(one, 'rows')})"
                for one in documents.objects(each, "classes")
            ],
            12,
        )
        for each in documents.objects(tuning, "splits")
    ]
    return [
        ("Judged by", _OBJECTIVES.get(documents.text(objective, "kind"), "")),
        ("Rule", documents.text(tuning, "rule")),
        ("Defaults", _candidate(defaults) + ": " + _said_parameters(_parameters(defaults))),
        ("Data", f"{words.integer(documents.number(data, 'rows'))} rows, of which {words.integer(documents.number(data, 'sampled'))} were drawn; {documents.text(data, 'identity')}"),
        *((f"Rows of {place}", said) for place, said in (part.split(": ", 1) for part in splits)),
        ("Seed", documents.text(tuning, "seed")),
    ]  # fmt: skip


def _said_parameters(parameters: Document) -> str:
    return ", ".join(f"{name} {_said(value)}" for name, value in parameters.items() if value is not None)
