"""Score a source with a version of a model, whole or what is new of it, and write what came of it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from netanomaly import config, output
from netanomaly.config.scoring import ScoringConfig
from netanomaly.errors import Absent
from netanomaly.feedback.book import open_book, place
from netanomaly.feedback.suppression import heard
from netanomaly.flows.captured import Captured
from netanomaly.registry import open_registry
from netanomaly.report import scoring_page
from netanomaly.scoring.choosing import choose
from netanomaly.scoring.following import follow
from netanomaly.scoring.lease import AnotherWorks
from netanomaly.scoring.outputs import Outputs, alerts_key
from netanomaly.scoring.scoring import REPORT
from netanomaly.scoring.scoring import score as score_source
from netanomaly.scoring.settings import Settings
from netanomaly.scoring.webhook import Webhook


def score(
    wanted: ScoringConfig, folder: Path, progress: Callable[[int], Any] = int, captured: Captured | None = None
) -> dict[str, Any]:
    """Write scores, incidents, summary and report into a folder; returns the summary.

    Args:
        wanted: What to score, and with what; its registry is named.
        folder: Exists, and is empty. The files' names are `netanomaly.scoring.scoring.FILES`.
        progress: Told how many rows are done.
        captured: Of a source of captures, the flows that were made of it.

    Raises:
        InputError: The model is not there or not to be used, the source cannot be read or is of another kind.
        OutsideError: The registry or the store cannot be reached.
    """
    registry = wanted.registry or ""
    chosen = choose(open_registry(registry), wanted.model)
    said = heard(open_book(place(wanted.feedback or "", registry)), chosen.version.model)
    output.tell_each(said.warnings())
    summary = score_source(chosen.model, chosen.named, _settings(wanted), folder, progress, said, captured)
    (folder / REPORT).write_text(scoring_page(summary, summary["listed"]), encoding="utf-8")
    return summary


def score_new(wanted: ScoringConfig, alerts: Path) -> dict[str, Any]:
    """Score what is new since the last run, each record once; returns what was done.

    Where another run of the same is at work, nothing is done, and `state` says so: what is new is that one's.

    Args:
        wanted: What to follow, and with what; its registry and `out` are named.
        alerts: Where the incidents of this run are written, NDJSON; they are below `out` as well.

    Raises:
        InputError: Source, model or settings cannot be used, or no file that is new can be read.
        OutsideError: The registry or the store cannot be reached.
    """
    out = wanted.out or ""
    receivers = [Webhook(url) for url in wanted.webhooks]
    commits: list[int] = []
    alerts.touch()
    try:
        report = follow(
            wanted.registry or "",
            wanted.model,
            _settings(wanted),
            out,
            feedback=wanted.feedback or "",
            receivers=receivers,
            committed=commits.append,
        )
    except AnotherWorks as another:
        output.tell(str(another))
        return {"state": "another run works", "said": str(another), "out": out}
    store = Outputs.at(out, report["model"]["name"]).store
    with alerts.open("wb") as file:
        for number in commits:
            # Of a commit without incidents, open or suppressed, there is none.
            with suppress(Absent), store.read(alerts_key(number)) as pieces:
                file.writelines(pieces)
    return {"state": "done", **report}


def _settings(wanted: ScoringConfig) -> Settings:
    return Settings(
        source=config.as_list(wanted.data_source),
        budget=wanted.budget,
        alerts_per_day=wanted.alerts_per_day,
        csv=wanted.csv,
        format=wanted.format,
        time_column=wanted.time_column or "",
        allow_other_sensor=wanted.allow_other_sensor,
        identities=wanted.identities,
        alert_format=wanted.alert_format,
    )
