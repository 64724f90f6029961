"""`netanomaly feedback add | list | withdraw | queue`: what people say of alerts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import output
from netanomaly.cli.feedback_given import caller, ends_at, kept_text, said_of
from netanomaly.cli.feedback_options import AlertsOption, ByOption, FeedbackOption
from netanomaly.cli.feedback_queue import queue
from netanomaly.cli.feedback_rehearsal import rehearsed
from netanomaly.cli.feedback_words import added_in_words, document_of, listed_in_words, plain, state_of
from netanomaly.cli.registry_words import DEFAULT, JsonOption, RegistryOption, show_json
from netanomaly.cli.scored import precision_in_words
from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.feedback.alert_files import Found
    from netanomaly.feedback.book import Book
    from netanomaly.feedback.documents import Verdict

app = typer.Typer(
    help="Say what alerts turned out to be, and what to look at next.\n\n"
    "Example: netanomaly feedback add 23eb216e --verdict attack --why scan",
    no_args_is_help=True,
)


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

    said = said_of(verdict)
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
    until = ends_at(expires, moment, needed=suppresses)
    made = documents.Verdict(
        id="",
        model=str(incident["model"]["name"]),
        version=int(incident["model"].get("version") or 0),
        alert=incident["id"],
        title=kept_text(str(incident.get("title") or ""), ""),
        said=said,
        why=kept_text(why, "--why"),
        by=kept_text(by, "--by") if by else caller(),
        at=moment.isoformat(timespec="seconds"),
        scope=wanted,
        expires_at=until if suppresses else "",
    )
    tried = rehearsed(registry, incident, wanted) if suppresses and wanted is not None else None
    book = open_book(place(feedback, registry))
    added = book.add(made if said == documents.UNSURE else _with_flows(made, book, found))
    for line in tried.warnings if tried else []:
        output.tell(f"warning: {line}")
    if as_json:
        hides = None if tried is None or tried.hides is None else tried.hides
        show_json({"verdict": added.id, **document_of(added), "would_hide": hides, "feedback": book.uri})
        return
    for line in added_in_words(added, book.uri):
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
            state = state_of(each, last=each.id in last, withdrawn=each.id in pages.withdrawn, moment=moment)
            if everything or state in ("holds", "label"):
                withdrawal = pages.withdrawn.get(each.id)
                document = {"verdict": each.id, **document_of(each), "state": state}
                listed.append(document if withdrawal is None else {**document, "withdrawn": plain(withdrawal)})
    if as_json:
        show_json({"feedback": book.uri, "verdicts": listed, "precision": precisions})
        return
    if not listed:
        output.say(f"nothing is said in {book.uri}" + ("" if everything else "; --all lists what no longer holds, too"))
    for document in listed:
        for line in listed_in_words(document):
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
        found[0].model, found[0].id, why=kept_text(why, "--why"), by=kept_text(by, "--by") if by else caller(), at=at
    )
    if as_json:
        show_json({**plain(made), "feedback": book.uri})
        return
    output.say(f"{made.verdict} is withdrawn: nothing follows from it any more")


app.command()(queue)


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
