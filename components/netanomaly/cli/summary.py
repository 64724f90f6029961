"""What a run came to, in a few lines that a terminal of 80 columns shows: after `run`, and after `submit`."""

import shlex
import textwrap
from collections.abc import Mapping
from typing import Any

WIDTH = 80
_LABEL = 12
_MOST_FINDINGS, _MOST_REASONS = 4, 3
_MOST_LINES, _MOST_OF_A_REASON = 3, 6


def lines(summary: Mapping[str, Any], registry: str = "") -> list[str]:
    """The verdict, the decision and the findings that matter.

    Args:
        summary: The run's summary as `--json` prints it: `model_name`, `version`, `metrics`, and what
            `metrics.outcome` gives, `verdict`, `decision`, `aliases`, `incidents_per_day`, `findings`. Whatever is absent is not shown.
        registry: Where the model is; named in the command that promotes a challenger.
    """
    return [
        *_verdict(summary.get("verdict")),
        *_decision(summary, registry),
        *_quality(summary),
        *_promise(summary.get("incidents_per_day")),
        *_findings(summary.get("findings") or []),
    ]


def row(label: str, text: str, hang: int = 0, most: int | None = None) -> list[str]:
    """A label and its text, which goes on below itself, `hang` columns further in, for at most so many lines."""
    return textwrap.wrap(
        f"{label:<{_LABEL}}{' '.join(text.split())}",
        WIDTH,
        subsequent_indent=" " * (_LABEL + hang),
        break_long_words=False,
        break_on_hyphens=False,
        max_lines=most,
        placeholder=" ...",
    )


def _items(texts: list[str], most: int, more: str) -> list[str]:
    shown = [line for text in texts[:most] for line in row("", f"- {text}", hang=2, most=_MOST_LINES)]
    return shown + (row("", f"and {len(texts) - most} more {more}") if len(texts) > most else [])


def _verdict(verdict: Mapping[str, Any] | None) -> list[str]:
    if not verdict:
        return []
    reasons = [str(reason) for reason in verdict.get("reasons") or ()]
    return [*row("verdict", str(verdict.get("headline"))), *_items(reasons, _MOST_REASONS, "in the report")]


def _decision(summary: Mapping[str, Any], registry: str) -> list[str]:
    decision = summary.get("decision")
    if not decision:
        return []
    aliases, version = summary.get("aliases") or (), summary.get("version")
    if decision["decision"] == "reject":
        # The error that follows has the reason.
        return row("decision", "rejected: nothing was registered")
    named = {"champion": "champion", "challenger": "challenger, not champion"}
    standing = next((words for alias, words in named.items() if alias in aliases), "registered, not champion")
    found = row("decision", f"{standing}: {decision['reason']}", most=_MOST_OF_A_REASON)
    if "champion" not in aliases and version is not None:
        if champion := decision.get("champion"):
            found += row("", f"The champion is still version {champion}.")
        if "challenger" in aliases:
            found += ["", *row("to promote", "look at the report, then"), *_command(summary, registry), ""]
    return found


def _command(summary: Mapping[str, Any], registry: str) -> list[str]:
    command = f"netanomaly registry alias set {summary['model_name']}:{summary['version']} champion"
    where = f" --registry {shlex.quote(registry)}" if registry else ""
    return [f"  {command} \\", f"   {where}"] if where else [f"  {command}"]


def _quality(summary: Mapping[str, Any]) -> list[str]:
    """Of the ranking, and at the threshold; nothing of rows too few to say anything."""
    if (summary.get("verdict") or {}).get("word") == "cannot_be_told":
        return []
    figures = {
        "roc_auc": "ROC-AUC {:.4f}",
        "recall": "catches {:.1%} of attacks",
        "false_positive_rate": "false alarms {:.2%}",
    }
    metrics = summary.get("metrics") or {}
    known = [words.format(metrics[name]) for name, words in figures.items() if metrics.get(name) is not None]
    return row("quality", "; ".join(known)) if known else []


def _promise(incidents: Mapping[str, Any] | None) -> list[str]:
    """What a day of normal traffic brings people to look at."""
    if not incidents:
        return []
    return row("promised", f"{incidents['low']:,} to {incidents['high']:,} incidents a day of normal traffic")


def _findings(findings: list[Mapping[str, Any]]) -> list[str]:
    if not findings:
        return []
    severities = [finding.get("severity") for finding in findings]
    counted = " and ".join(
        f"{count} {name}{'s' if count > 1 else ''}"
        for name in ("error", "warning")
        if (count := severities.count(name))
    )
    return [
        *row("findings", counted or str(len(findings))),
        *_items(_grouped(findings), _MOST_FINDINGS, "in the reports"),
    ]


def _grouped(findings: list[Mapping[str, Any]]) -> list[str]:
    """Messages in their order; of several by one rule the first, and how many more there are."""
    groups: dict[Any, list[str]] = {}
    for number, finding in enumerate(findings):
        groups.setdefault(finding.get("rule") or number, []).append(str(finding.get("message")))
    return [
        messages[0] if len(messages) == 1 else f"{messages[0]} (and {len(messages) - 1} more like this)"
        for messages in groups.values()
    ]
