"""What scoring came to, in a few lines that a terminal of 80 columns shows: after `score`, and after runs of its pipeline."""

from collections.abc import Mapping
from typing import Any

from netanomaly.cli.summary import row
from netanomaly.flows.sources import NO_RECORDS


def scored(summary: Mapping[str, Any]) -> list[str]:
    """Lines of a summary as `summary.json` has it."""
    model = summary["model"]
    low, high = summary["alerts_expected"]
    lines = [
        *row("model", f"{model['name']}:{model['version']}, alert budget {summary['budget']:g}"),
        *row("scored", _flows(summary)),
        *row("alerts", f"{summary['alerts']:,} flows ({low:,} to {high:,} expected of normal traffic)"),
        *row("incidents", f"{summary['incidents']:,}" + _by_severity(summary) + _promised(summary)),
    ]
    for incident in summary["gravest"]:
        lines += row("", f"- {incident['severity']}: {incident['title']}", hang=2, most=2)
    if more := summary["incidents"] - len(summary["gravest"]):
        lines += row("", f"and {more:,} more in the report")
    if suppressed := summary["suppressed"]:
        lines += row("suppressed", f"{suppressed:,} more by feedback, see netanomaly feedback list and the report")
    if (found := (summary["feedback"] or {}).get("precision")) is not None:
        lines += row("precision", precision_in_words(found))
    return lines


def _flows(summary: Mapping[str, Any]) -> str:
    from netanomaly.traffic.repeats import REPEATED

    said = f"{summary['rows'] - summary['unscored']:,} flows"
    if summary["first_seen"]:
        said += f", {summary['first_seen'][:19]} to {summary['last_seen'][:19]} UTC"
    if summary["unscored"]:
        said += f"; {summary['unscored']:,} could not be scored, see the scores"
    if nothing := summary["repaired"].get(NO_RECORDS):
        said += f"; {nothing:,} {NO_RECORDS if nothing == 1 else NO_RECORDS.replace('file', 'files')}"
    if again := summary["repaired"].get(REPEATED):
        said += f"; {again:,} {REPEATED if again == 1 else REPEATED.replace('flow that repeats', 'flows that repeat')}"
    if dropped := sum(summary["dropped"].values()):
        said += f"; {dropped:,} records are no flows, see the report"
    return said


def _by_severity(summary: Mapping[str, Any]) -> str:
    said = ", ".join(f"{count:,} {word}" for word, count in summary["by_severity"].items() if count)
    return f" ({said})" if said else ""


def _promised(summary: Mapping[str, Any]) -> str:
    expected = summary["incidents_expected"]
    return "" if expected is None else f"; {expected[0]:,} to {expected[1]:,} expected of normal traffic"


def precision_in_words(found: Mapping[str, Any]) -> str:
    """Precision as a person reads it."""
    return (
        f"{found['attacks']} of {found['judged']} alerts drawn at random were attacks: {found['precision']:.0%} "
        f"({found['low']:.0%} to {found['high']:.0%}); {found['drawn']} were drawn in {found['days']} days"
    )


_UNREAD_SHOWN = 5


def followed(report: Mapping[str, Any]) -> list[str]:
    """Lines of what a follower did, as `scoring.following.follow` reports it."""
    model, files = report["model"], report["files"]
    lines = [
        *row("model", f"{model['name']}:{model['version']}" if model["version"] else model["name"]),
        *row("scored", f"{report['rows']:,} flows of {files:,} file{'s' if files != 1 else ''} new or grown"),
        *row("incidents", f"{report['incidents']:,}, of {report['alerts']:,} alerting flows"),
    ]
    if suppressed := report["suppressed"]:
        lines += row("suppressed", f"{suppressed:,} more by feedback, see netanomaly feedback list")
    for name, why in list(report["unread"].items())[:_UNREAD_SHOWN]:
        lines += row("", f"not read: {name}: {why}", hang=2, most=3)
    if (more := len(report["unread"]) - _UNREAD_SHOWN) > 0:
        lines += row("", f"and {more:,} more files that could not be read")
    if waiting := report["waiting"]:
        said = f"{', '.join(waiting[:3])}{f' and {len(waiting) - 3:,} more' if len(waiting) > 3 else ''}"
        lines += row("waiting", f"for the end of what is being written: {said}", most=3)
    return [*lines, f"{'results':<12}{report['out']}, up to {report['last_commit']:08d}"]
