"""A verdict on a window, for the terminal."""

from collections.abc import Mapping
from typing import Any

from netanomaly.cli.summary import row


def monitored(verdict: Mapping[str, Any]) -> list[str]:
    """What changed, in one line, and then what to do and what was looked at."""
    model = verdict["model"]
    said = f"{model['name']}:{model['version']}  {verdict['verdict']}"
    lines = [said + (f": {'; '.join(verdict['reasons'])}" if verdict["reasons"] else ""), *row("do", verdict["do"])]
    window = f"{verdict['rows']:,} rows"
    if verdict["first_seen"]:
        window += f", {verdict['first_seen'][:19]} to {verdict['last_seen'][:19]} UTC"
    rate = verdict.get("alert_rate")
    if rate:
        window += f"; {rate['rate']:.2%} alert, {rate['low']:.2%} to {rate['high']:.2%} is usual"
    lines += row("window", window)
    if agreement := verdict.get("agreement"):
        lines += row(
            "members",
            f"where any of its {agreement['members']} members alerts, {agreement['rate']:.0%} of them do; {agreement['low']:.0%} to "
            f"{agreement['high']:.0%} is usual",
        )
    for note in verdict["notes"]:
        lines += row("note", note)
    if words := (verdict.get("retraining") or {}).get("words"):
        lines += row("retraining", words)
    return lines
