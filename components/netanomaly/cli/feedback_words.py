"""Verdicts in words and as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from netanomaly.cli.registry_words import when
from netanomaly.cli.summary import row

if TYPE_CHECKING:
    from netanomaly.feedback.documents import Scope, Verdict

_STATES = {
    "holds": "keeps its like open",
    "label": "a label: nothing follows for other alerts",
    "expired": "expired: suppresses no more",
    "said anew": "another verdict on this alert came later",
}


def state_of(verdict: "Verdict", *, last: bool, withdrawn: bool, moment: datetime) -> str:
    from netanomaly.feedback.book import expired

    if withdrawn:
        return "withdrawn"
    if not last:
        return "said anew"
    if verdict.scope is None or verdict.said == "unsure":
        return "label"
    return "expired" if verdict.said == "benign" and expired(verdict, moment) else "holds"


def added_in_words(verdict: "Verdict", uri: str) -> list[str]:
    from netanomaly.feedback import scopes

    lines = [
        *row("verdict", f"{verdict.id}: {verdict.said}, by {verdict.by}"),
        *row("alert", f"{verdict.alert[:12]} of {verdict.model}: {verdict.title}"),
    ]
    if verdict.scope is None:
        lines += row("follows", "nothing for other alerts; it counts for precision")
    elif verdict.said == "benign":
        lines += row("suppresses", scopes.in_words(verdict.scope))
        lines += row("until", f"{verdict.expires_at[:16].replace('T', ' ')} UTC")
    else:
        lines += row("keeps open", scopes.in_words(verdict.scope))
    if verdict.rows is not None:
        of = "" if verdict.rows.rows == verdict.rows.of else f" of {verdict.rows.of:,}"
        lines += row("label", f"{verdict.rows.rows:,}{of} flows are kept for training")
    return [*lines, *row("kept in", uri)]


def listed_in_words(document: Mapping[str, Any]) -> list[str]:
    """One verdict in some lines: what was said and whether it holds, by whom and why, of what and for what."""
    from netanomaly.feedback import scopes

    state = document["state"]
    if state == "holds" and document["expires_at"]:
        state = f"suppresses until {document['expires_at'][:16].replace('T', ' ')} UTC"
    lines = [
        f"{document['verdict']}  {document['said']}, {_STATES.get(state, state)}",
        f"    {document['by']}, {when(document['at'])}: {document['why']}",
        f"    alert {document['alert'][:12]} of {document['model']}: {document['title']}",
    ]
    if document["scope"] is not None:
        lines.append(f"    speaks for {scopes.in_words(_scope(document['scope']))}")
    if "withdrawn" in document:
        withdrawn = document["withdrawn"]
        lines.append(f"    withdrawn by {withdrawn['by']}, {when(withdrawn['at'])}: {withdrawn['why']}")
    return lines


def document_of(verdict: "Verdict") -> dict[str, Any]:
    return {name: value for name, value in plain(verdict).items() if name != "id"}


def plain(document: Any) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(document)
    return found


def _scope(document: dict[str, Any]) -> "Scope":
    import msgspec

    from netanomaly.feedback.documents import Scope

    return msgspec.convert(document, Scope)
