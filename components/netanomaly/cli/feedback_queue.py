"""`netanomaly feedback queue`: what to look at next."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netanomaly import output
from netanomaly.cli.feedback_given import caller, kept_text
from netanomaly.cli.feedback_options import AlertsOption, ByOption, FeedbackOption
from netanomaly.cli.registry_words import DEFAULT, JsonOption, RegistryOption, counted, show_json, show_table, table
from netanomaly.cli.scored import precision_in_words
from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.feedback.reviewing import Proposed

_SIZE = 20


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
    who = kept_text(by, "--by") if by else caller()
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
