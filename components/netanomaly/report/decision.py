"""What becomes of a model, as a short note in Markdown: Kubeflow shows it beside the run."""

from netanomaly.output import visible_lines
from netanomaly.report import documents, tables, verdict, words
from netanomaly.report.documents import Document

_MEANING = {
    "promote": "it becomes champion, if the champion is still the one it was compared with",
    "keep": "it is registered, not as champion",
    "reject": "it is not registered",
}
_MOST_CLASSES = 10


def decision_note(decision: Document, evaluation: Document, model_name: str) -> str:
    """The decision, its reason, and the figures on both sides.

    Args:
        decision: What evaluate decided.
        evaluation: The evaluation it rests on.
        model_name: The model's name in the registry.
    """
    compared = tables.comparison(decision) or {}
    word = documents.text(decision, "decision")
    lines = [
        f"# {_plain(model_name)}: {_plain(word)}",
        "",
        f"**{_plain(words.title(word))}**: {_MEANING.get(word, 'unknown')}{_choice(decision)}.",
        "",
        f"Why: {_plain(str(compared.get('reason', '')))}",
        "",
    ]
    judged = verdict.read(evaluation)
    lines += [f"Verdict: {_plain(judged.headline)}{'' if judged.briefs else '.'}", ""]
    lines += [f"- {_plain(brief)}" for brief in judged.briefs] + ([""] if judged.briefs else [])
    lines += _sides(compared) or _figures(evaluation)
    lines += _losses(decision) + _gates(evaluation)
    rule = documents.text(decision, "rule")
    if rule:
        lines += [f"Rule: {_plain(rule)}.", ""]
    return visible_lines("\n".join(lines))


def _choice(decision: Document) -> str:
    """Where a person has to choose, that it is theirs."""
    return " but as challenger: a person has to choose" if decision.get("challenger_alias") is True else ""


def _sides(compared: tables.Row) -> list[str]:
    rows = compared.get("rows")
    if not isinstance(rows, list) or not rows:
        return []
    champion = _plain(str(compared["champion"]))
    lines = [
        f"| On the same flows | Champion (version {champion}) | This model | Difference |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, *figures in rows:
        shown = []
        for position, figure in enumerate(figures):
            text = "" if figure is None else f"{figure.value:{'+' if position == len(figures) - 1 else ''}.4f}"
            ends = words.interval(figure)
            shown.append(f"{text} ({ends})" if text and ends else text)
        lines.append(f"| {_plain(name)} | {' | '.join(shown)} |")
    return [*lines, ""]


def _figures(evaluation: Document) -> list[str]:
    """Without a champion: what there is to say of this model alone."""
    at = documents.section(evaluation, "at_threshold")
    found = {
        "ROC-AUC": documents.estimate(evaluation, "roc_auc"),
        "Average precision": documents.estimate(evaluation, "average_precision"),
        "False-positive rate": documents.estimate(at, "false_positive_rate"),
        "Recall": documents.estimate(at, "recall"),
    }
    lines = ["| Figure | This model |", "| --- | ---: |"]
    lines += [f"| {name} | {figure.value:.4f} |" for name, figure in found.items() if figure is not None]
    rows = documents.count(evaluation, "rows")
    return [*lines, f"| Flows it was judged on | {words.integer(rows)} |", ""]


def _losses(decision: Document) -> list[str]:
    losses = documents.objects(decision, "class_losses")[:_MOST_CLASSES]
    if not losses:
        return []
    lines = ["| Attack class caught less | Flows | Champion | This model |", "| --- | ---: | ---: | ---: |"]
    for loss in losses:
        recalls = " | ".join(words.percent(documents.number(loss, side)) for side in ("champion", "challenger"))
        name, rows = _plain(documents.text(loss, "name")), words.integer(documents.number(loss, "rows"))
        lines.append(f"| {name} | {rows} | {recalls} |")
    return [*lines, ""]


def _gates(evaluation: Document) -> list[str]:
    gates = tables.gates(evaluation)
    if not gates:
        return []
    lines = ["| Gate | Demanded | Measured | |", "| --- | ---: | ---: | --- |"]
    for name, demanded, measured, result, status in gates:
        lines.append(f"| {_plain(name)} | {demanded} | {measured} | {f'**{result}**' if status == 'bad' else result} |")
    return [*lines, ""]


def _plain(text: str) -> str:
    """Text that Markdown shows as it stands, on one line: names come from data."""
    text = " ".join(words.clip(text, 600).split())
    for mark in "\\`*_{}[]<>|#!":
        text = text.replace(mark, f"\\{mark}")
    return text
