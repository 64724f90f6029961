"""Score a source with a version of a model, and write what came of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from netanomaly import config
from netanomaly.config.scoring import ScoringConfig
from netanomaly.registry import open_registry
from netanomaly.report import scoring_page
from netanomaly.scoring.choosing import choose
from netanomaly.scoring.scoring import REPORT
from netanomaly.scoring.scoring import score as score_source
from netanomaly.scoring.settings import Settings


def score(wanted: ScoringConfig, folder: Path, progress: Callable[[int], Any] = int) -> dict[str, Any]:
    """Write scores, incidents, summary and report into a folder; returns the summary.

    Args:
        wanted: What to score, and with what; its registry is named.
        folder: Exists, and is empty. The files' names are `netanomaly.scoring.scoring.FILES`.
        progress: Told how many rows are done.

    Raises:
        InputError: The model is not there or not to be used, the source cannot be read or is of another kind.
        OutsideError: The registry or the store cannot be reached.
    """
    chosen = choose(open_registry(wanted.registry or ""), wanted.model)
    settings = Settings(
        source=config.as_list(wanted.data_source),
        budget=wanted.budget,
        csv=wanted.csv,
        format=wanted.format,
        time_column=wanted.time_column or "",
        allow_other_sensor=wanted.allow_other_sensor,
        alert_format=wanted.alert_format,
    )
    summary = score_source(chosen.model, chosen.named, settings, folder, progress)
    (folder / REPORT).write_text(scoring_page(summary, summary["listed"]), encoding="utf-8")
    return summary
