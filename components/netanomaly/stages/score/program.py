"""Score a source with a version of a model, and write what came of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from netanomaly import config, output
from netanomaly.config.scoring import ScoringConfig
from netanomaly.feedback.book import open_book, place
from netanomaly.feedback.suppression import heard
from netanomaly.flows.captured import Captured
from netanomaly.registry import open_registry
from netanomaly.report import scoring_page
from netanomaly.scoring.choosing import choose
from netanomaly.scoring.scoring import REPORT
from netanomaly.scoring.scoring import score as score_source
from netanomaly.scoring.settings import Settings


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
    settings = Settings(
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
    summary = score_source(chosen.model, chosen.named, settings, folder, progress, said, captured)
    (folder / REPORT).write_text(scoring_page(summary, summary["listed"]), encoding="utf-8")
    return summary
