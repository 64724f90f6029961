"""What a run came to, in one small plain document: what a terminal, a log and `--json` show. Loads no numeric library."""

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]

_GRAVE = ("error", "warning")
_MOST = 100
# Rules of the data gate that speak of single columns or rows, often of many, and seldom change what a result means.
_TELL_LITTLE = ("constant_column", "missing_values", "infinite_values", "impossible_values", "duplicate_rows")


def outcome(dossier: Document | None = None, registration: Document | None = None) -> dict[str, Any]:
    """The verdict, the decision and the findings that matter, of what there is.

    Args:
        dossier: As the last stage that wrote it left it; None where none did.
        registration: What register wrote.

    Returns:
        "verdict": word, status, headline and reasons; None where nothing was evaluated.
        "decision": what was decided, why in a word and in a sentence, the champion's version it was compared with; None
        without a decision.
        "aliases": those that the new version got.
        "incidents_per_day": what is promised of normal traffic; None where it is not known.
        "findings": errors and warnings as severity, rule (None of the evaluation's own) and message; what says most of
        the result comes first.
    """
    dossier = dossier or {}
    evaluation, validation = dossier.get("evaluation") or {}, dossier.get("validation") or {}
    found = [
        {"severity": finding["severity"], "rule": finding.get("rule"), "message": finding["message"]}
        for document in (evaluation, validation)
        for finding in document.get("findings") or ()
        if finding.get("severity") in _GRAVE
    ]
    return {
        "verdict": _part(evaluation.get("assessment"), ("word", "status", "headline", "reasons")),
        "decision": _decision(dossier.get("decision"), registration),
        "aliases": list((registration or {}).get("aliases") or ()),
        "incidents_per_day": (evaluation.get("false_alarms") or {}).get("incidents_per_day"),
        "findings": _shortened(
            sorted(found, key=lambda each: (_GRAVE.index(each["severity"]), each["rule"] in _TELL_LITTLE))
        ),
    }


def _shortened(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most so many as one line of a log may hold, and how many more there are."""
    if len(findings) <= _MOST:
        return findings
    more = {"severity": findings[_MOST]["severity"], "rule": None, "message": f"{len(findings) - _MOST} more findings"}
    return [*findings[:_MOST], more]


def _part(document: Document | None, names: tuple[str, ...]) -> dict[str, Any] | None:
    return {name: document.get(name) for name in names} if document else None


def _decision(decision: Document | None, registration: Document | None) -> dict[str, Any] | None:
    found = _part(decision, ("decision", "because", "reason"))
    if found is None or decision is None:
        return None
    champion = (decision.get("champion") or {}).get("version")
    # Where the champion changed meanwhile, the registry decided otherwise, and says why.
    if reason := (registration or {}).get("reason"):
        found |= {"decision": "keep", "because": "champion_changed", "reason": reason}
    return {**found, "champion": champion}
