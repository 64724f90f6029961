"""`netanomaly feedback add | list | withdraw | queue`: what people say of alerts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import output
from netanomaly.cli.registry_words import (
    DEFAULT,
    JsonOption,
    RegistryOption,
    counted,
    show_json,
    show_table,
    table,
    when,
)
from netanomaly.cli.scored import precision_in_words
from netanomaly.cli.summary import row
from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.feedback.alert_files import Found
    from netanomaly.feedback.book import Book
    from netanomaly.feedback.documents import Said, Scope, Verdict
    from netanomaly.feedback.reviewing import Proposed

app = typer.Typer(
    help="Say what alerts turned out to be, and what to look at next.\n\n"
    "Example: netanomaly feedback add 23eb216e --verdict attack --why scan",
    no_args_is_help=True,
)

FeedbackOption = Annotated[
    str,
    typer.Option(
        "--feedback",
        envvar="NETANOMALY_FEEDBACK",
        help="Where feedback is kept: a folder or s3://bucket/prefix. Default: the folder feedback of the registry.",
    ),
]
AlertsOption = Annotated[
    Path,
    typer.Option("--alerts", help="A folder of results of netanomaly score, with those below it, or an alerts.ndjson."),
]
ByOption = Annotated[str, typer.Option("--by", help="Who says so. Default: the user of this process.")]

_VERDICTS = ("benign", "attack", "unsure")
_STATES = {
    "holds": "keeps its like open",
    "label": "a label: nothing follows for other alerts",
    "expired": "expired: suppresses no more",
    "said anew": "another verdict on this alert came later",
}
_LONGEST_TEXT = 2000
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_LONGEST_DAYS = 366
_SIZE = 20


@app.command()
def add(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="The alert's id, or how it begins.")],
    verdict: Annotated[str, typer.Option("--verdict", help="benign, attack or unsure.")],
    why: Annotated[str, typer.Option("--why", help="For those who come after.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="part=value, again and again: entity, features, severity, targets, ports. Default: alerts just like it.",
        ),
    ] = None,
    expires: Annotated[
        str, typer.Option("--expires", help="How long a benign verdict suppresses: 12h, 30d, 8w, or a date.")
    ] = "",
    alerts: AlertsOption = Path(),
    by: ByOption = "",
    registry: RegistryOption = DEFAULT,
    feedback: FeedbackOption = "",
    as_json: JsonOption = False,
) -> None:
    """Say what an alert is. A benign one suppresses its like, visibly, until it expires.

    Example: netanomaly feedback add 23eb216e --verdict attack --why scan
    """
    from netanomaly.feedback import alert_files, documents, scopes
    from netanomaly.feedback.book import now, open_book, place

    said = _said(verdict)
    found = alert_files.find(alerts, alert)
    incident = found.incident
    moment = now()
    wanted = scopes.of_incident(incident) if said != documents.UNSURE else None
    if scope:
        if wanted is None:
            raise InputError(
                "--scope: nothing follows from this verdict, as it is unsure or the alert names no host and reason"
            )
        wanted = scopes.changed(wanted, scope)
        if not scopes.covers(wanted, incident):
            raise InputError(
                f"--scope: the alert itself is not within {scopes.in_words(wanted)}; a verdict speaks for its own alert, too"
            )
    suppresses = said == documents.BENIGN and wanted is not None
    until = _until(expires, moment, needed=suppresses)
    made = documents.Verdict(
        id="",
        model=str(incident["model"]["name"]),
        version=int(incident["model"].get("version") or 0),
        alert=incident["id"],
        title=_text(str(incident.get("title") or ""), ""),
        said=said,
        why=_text(why, "--why"),
        by=_text(by, "--by") if by else _caller(),
        at=moment.isoformat(timespec="seconds"),
        scope=wanted,
        expires_at=until if suppresses else "",
    )
    tried = _rehearsed(registry, incident, wanted) if suppresses and wanted is not None else None
    book = open_book(place(feedback, registry))
    added = book.add(made if said == documents.UNSURE else _with_flows(made, book, found))
    for line in tried.warnings if tried else []:
        output.tell(f"warning: {line}")
    if as_json:
        hides = None if tried is None or tried.hides is None else tried.hides
        show_json({"verdict": added.id, **_document(added), "would_hide": hides, "feedback": book.uri})
        return
    for line in _added(added, book.uri):
        output.say(line)


@app.command("list")
def show(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="Default: every model.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was withdrawn, has expired, or was said anew.")
    ] = False,
    registry: RegistryOption = DEFAULT,
    feedback: FeedbackOption = "",
    as_json: JsonOption = False,
) -> None:
    """What was said, by whom and when, and what follows from it.

    Example: netanomaly feedback list office --all
    """
    from netanomaly.feedback.book import now, open_book, place
    from netanomaly.feedback.reviewing import precision

    book = open_book(place(feedback, registry))
    moment = now()
    listed: list[dict[str, Any]] = []
    precisions = {}
    for name in [model] if model else book.models():
        pages = book.pages(name)
        for key, problem in pages.unreadable.items():
            output.tell(f"warning: {book.uri}/{key} cannot be read ({problem}); nothing follows from it")
        precisions[name] = precision(pages, moment)
        last = {verdict.id for verdict in pages.last_words()}
        for each in pages.verdicts:
            state = _state(each, last=each.id in last, withdrawn=each.id in pages.withdrawn, moment=moment)
            if everything or state in ("holds", "label"):
                withdrawal = pages.withdrawn.get(each.id)
                document = {"verdict": each.id, **_document(each), "state": state}
                listed.append(document if withdrawal is None else {**document, "withdrawn": _plain(withdrawal)})
    if as_json:
        show_json({"feedback": book.uri, "verdicts": listed, "precision": precisions})
        return
    if not listed:
        output.say(f"nothing is said in {book.uri}" + ("" if everything else "; --all lists what no longer holds, too"))
    for document in listed:
        for line in _listed(document):
            output.say(line)
    for name, found in precisions.items():
        if found:
            output.say(f"precision of {name}: {precision_in_words(found)}")


@app.command()
def withdraw(
    verdict: Annotated[str, typer.Argument(metavar="VERDICT", help="Its id, or how it begins.")],
    why: Annotated[str, typer.Option("--why", help="For those who come after.")],
    by: ByOption = "",
    registry: RegistryOption = DEFAULT,
    feedback: FeedbackOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take a verdict back: it stays in the list, and nothing follows from it any more.

    Example: netanomaly feedback withdraw 5d0c9a11 --why "it was the attacker's"
    """
    from netanomaly.feedback.book import now, open_book, place

    book = open_book(place(feedback, registry))
    found = [
        each for name in book.models() for each in book.pages(name).verdicts if each.id.startswith(verdict.lower())
    ]
    if not found or not verdict:
        raise InputError(f"{book.uri} has no verdict {verdict!r}; netanomaly feedback list --all shows every one")
    if len(found) > 1:
        raise InputError(f"{len(found)} verdicts in {book.uri} begin with {verdict!r}; give more of the id")
    at = now().isoformat(timespec="seconds")
    made = book.withdraw(
        found[0].model, found[0].id, why=_text(why, "--why"), by=_text(by, "--by") if by else _caller(), at=at
    )
    if as_json:
        show_json({**_plain(made), "feedback": book.uri})
        return
    output.say(f"{made.verdict} is withdrawn: nothing follows from it any more")


@app.command()
def queue(
    alerts: AlertsOption = Path(),
    size: Annotated[int, typer.Option("--size", min=2, max=1000, help="How many alerts to propose.")] = _SIZE,
    model: Annotated[str, typer.Option("--model", help="Where the folder has alerts of several.")] = "",
    by: ByOption = "",
    registry: RegistryOption = DEFAULT,
    feedback: FeedbackOption = "",
    as_json: JsonOption = False,
) -> None:
    """What to look at: half drawn at random, so that precision is known, and half the loudest that nobody judged.

    Example: netanomaly feedback queue --alerts scored --size 20
    """
    from netanomaly.feedback import alert_files, reviewing
    from netanomaly.feedback.book import now, open_book, place
    from netanomaly.feedback.suppression import is_open

    incidents = [each.incident for each in alert_files.read(alerts) if is_open(each.incident)]
    named = sorted({str(each["model"]["name"]) for each in incidents})
    if model:
        incidents = [each for each in incidents if each["model"]["name"] == model]
    elif len(named) > 1:
        raise InputError(f"{alerts} has alerts of {', '.join(named)}; choose one by --model")
    if not incidents:
        raise InputError(f"{alerts} has no open alerts{f' of {model}' if model else ''}: there is nothing to review")
    name = model or named[0]
    incidents.sort(key=lambda each: (-int(each.get("risk_score") or 0), each["id"]))
    book = open_book(place(feedback, registry))
    pages = book.pages(name)
    who = _text(by, "--by") if by else _caller()
    made = book.propose(reviewing.review(incidents, pages, name, size, by=who, at=now()))
    shown = reviewing.proposed(made, incidents, pages)
    known = reviewing.precision(pages, now())
    if as_json:
        show_json(
            {
                "review": made.id,
                "feedback": book.uri,
                "incidents": made.incidents,
                "proposed": [
                    {
                        "alert": each.incident["id"],
                        "drawn": each.drawn,
                        "judged": each.judged or None,
                        "severity": each.incident["severity"],
                        "title": each.incident.get("title"),
                    }
                    for each in shown
                ],
                "precision": known,
            }
        )
        return
    _print_queue(shown, made.incidents)
    if known:
        output.say(f"precision so far: {precision_in_words(known)}")


def _print_queue(shown: "list[Proposed]", incidents: int) -> None:
    made = table("ALERT", "WHY PROPOSED", "SEVERITY", "JUDGED", "WHAT")
    for each in shown:
        incident = each.incident
        made.add_row(
            incident["id"][:12], "drawn at random" if each.drawn else "among the loudest", incident["severity"],
            each.judged or "-", str(incident.get("title") or ""),
        )  # fmt: skip
    show_table(made)
    drawn = sum(each.drawn for each in shown)
    output.say(
        f"{counted(len(shown), 'alert')} of {incidents:,}: judge every one that was drawn ({drawn}), the dull ones too, or "
        "precision is not that of all alerts"
    )


def _with_flows(made: "Verdict", book: "Book", found: "Found") -> "Verdict":
    """The verdict with the alert's flows kept beside it, where its scores are still there."""
    import tempfile

    import msgspec
    import pyarrow.parquet as pq

    from netanomaly.feedback.flows import of_incident

    table, whole = of_incident(found.scores, found.incident)
    if table is None:
        output.tell("warning: the alert's scores are not beside it, so that none of its flows is kept for training")
        return made
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        pq.write_table(table, file, compression="zstd")
        kept = book.keep_rows(made.model, file, of=whole, rows=table.num_rows)
    return msgspec.structs.replace(made, rows=kept)


@dataclass(frozen=True)
class _Tried:
    """What a verdict would hide of attacks that are injected; None where that was not tried."""

    hides: list[dict[str, Any]] | None
    warnings: list[str]


def _rehearsed(registry: str, incident: Mapping[str, Any], scope: "Scope") -> _Tried:
    """Attacks by the same host, scored by the version that raised the alert."""
    from netanomaly.registry import open_registry
    from netanomaly.scoring.rehearsal import can_rehearse, hidden_attacks

    model = incident["model"]
    reference = f"{model['name']}:{model.get('version')}"
    try:
        loaded = open_registry(registry).load(reference)
    except InputError as error:
        return _Tried(None, [f"whether it would hide attacks was not tried, as {reference} cannot be loaded: {error}"])
    if not can_rehearse(loaded):
        return _Tried(
            None,
            [
                f"whether it would hide attacks is not known: {reference} learnt from a table, whose attacks nobody can make"
            ],
        )
    found = hidden_attacks(loaded, model, scope, str(incident["entity"]["ip"]))
    hides = [
        {
            "attack": each.pattern.name,
            "technique": each.pattern.technique,
            "hidden": each.hidden,
            "alerted": each.alerted,
        }
        for each in found
    ]
    return _Tried(
        hides,
        [
            f"this verdict would also hide an attack ({each.pattern.technique}, {each.pattern.name.replace('_', ' ')}: "
            f"{each.pattern.words}): injected, it was hidden in {each.hidden} of {each.alerted} tries that alerted; "
            "narrow it by --scope targets=... or ports=..., or withdraw it"
            for each in found
        ],
    )


def _said(text: str) -> "Said":
    if text not in _VERDICTS:
        raise InputError(f"--verdict {text!r}: say one of {', '.join(_VERDICTS)}")
    return text  # type: ignore[return-value]


def _text(text: str, option: str) -> str:
    """Text that is kept.

    Raises:
        InputError: It is blank where something is to be said, or too long.
    """
    kept = " ".join(text.split())
    if not kept and option:
        raise InputError(f"{option} is blank; say it in a few words, for those who come after")
    if len(kept) > _LONGEST_TEXT:
        raise InputError(f"{option} has {len(kept):,} characters; say it in {_LONGEST_TEXT:,}")
    return kept


def _until(text: str, moment: datetime, *, needed: bool) -> str:
    """When a verdict ends, ISO 8601 in UTC; empty where it has no end.

    Raises:
        InputError: It is needed and not there, no time, over already, or further off than a year.
    """
    if not text:
        if needed:
            raise InputError("a benign verdict suppresses its like until it expires: say how long, e.g. --expires 30d")
        return ""
    number, unit = text[:-1], text[-1:]
    try:
        if unit in _UNITS and number.isascii() and number.isdigit() and len(number) <= 5:
            end = moment + timedelta(**{_UNITS[unit]: int(number)})
        else:
            end = datetime.fromisoformat(text)
            end = end.replace(tzinfo=UTC) if end.tzinfo is None else end
    except (ValueError, OverflowError):
        raise InputError(f"--expires {text!r} is no time; write e.g. 12h, 30d, 8w or 2027-01-31") from None
    if end <= moment:
        raise InputError(f"--expires {text!r} is over already; say how long the verdict is to hold")
    if end > moment + timedelta(days=_LONGEST_DAYS):
        raise InputError(f"--expires {text!r} is over a year off; what holds so long is looked at again once a year")
    return end.astimezone(UTC).isoformat(timespec="seconds")


def _caller() -> str:
    from netanomaly.registry.changes import caller

    return caller()


def _state(verdict: "Verdict", *, last: bool, withdrawn: bool, moment: datetime) -> str:
    from netanomaly.feedback.book import expired

    if withdrawn:
        return "withdrawn"
    if not last:
        return "said anew"
    if verdict.scope is None or verdict.said == "unsure":
        return "label"
    return "expired" if verdict.said == "benign" and expired(verdict, moment) else "holds"


def _added(verdict: "Verdict", uri: str) -> list[str]:
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


def _listed(document: Mapping[str, Any]) -> list[str]:
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


def _document(verdict: "Verdict") -> dict[str, Any]:
    return {name: value for name, value in _plain(verdict).items() if name != "id"}


def _plain(document: Any) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(document)
    return found


def _scope(document: dict[str, Any]) -> "Scope":
    import msgspec

    from netanomaly.feedback.documents import Scope

    return msgspec.convert(document, Scope)
