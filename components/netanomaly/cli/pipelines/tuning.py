"""The tuning pipeline, and training that begins with it, as the commands know them."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netanomaly.cli import summary as terminal
from netanomaly.cli.pipelines.kind import Wanted, document
from netanomaly.cli.pipelines.training import Training, shown, tracked

if TYPE_CHECKING:
    from netanomaly.runners import RunResult

_KEPT = {
    ("tune-select", "tuning"): "tuning.json",
    ("tune-select", "tuning_report"): "tuning_report.html",
}
_NOTHING: dict[str, Any] = {"outcome": None, "reason": None, "counts": {}, "configuration": {}}


class Tuning:
    """Traffic in, what hyper-parameters are best out."""

    def __init__(self, name: str = "tuning") -> None:
        """Args: name: Its own, or that of the form that makes flows of captures first."""
        self.name = name

    sources = Training.sources
    destinations = ("registry",)
    kept: Mapping[tuple[str, str], str] = {
        ("prepare", "resolved_configuration"): "training_run_config.json",
        ("validate", "data_report"): "data_report.html",
        **_KEPT,
    }
    pages: Mapping[str, str] = {"data_report": "data_report.html", "report": "tuning_report.html"}
    # Select, or plan where the data was refused.
    telling = ("tune-select", "tune-plan")
    beside = ("track",)

    def read(self, document: Mapping[str, Any]) -> Wanted:
        return _labelled(Training().read(document))

    def check(self, document: Mapping[str, Any]) -> Wanted:
        return _labelled(Training().check(document))

    def of_run(self, result: "RunResult") -> dict[str, Any]:
        return {
            # It is looked into for a champion, and nothing is registered there.
            "registry": None,
            "tuning": in_short(document(result, "tune-select", "tuning")),
            "tracking": tracked(document(result, "track", "tracked")),
        }

    def of_log(self, said: Mapping[str, Any]) -> dict[str, Any]:
        return {"registry": None, "tuning": in_short(said), "tracking": tracked(said.get("tracking"))}

    def lines(self, summary: Mapping[str, Any]) -> list[str]:
        return [*lines(summary["tuning"]), *shown(summary["tracking"])]


class TunedTraining(Training):
    """Training with what a search found."""

    kept: Mapping[tuple[str, str], str] = {**Training.kept, **_KEPT}
    pages: Mapping[str, str] = {**Training.pages, "tuning_report": "tuning_report.html"}
    # Data that is refused shows in plan, before train.
    telling = (*Training.telling, "tune-plan")

    def of_run(self, result: "RunResult") -> dict[str, Any]:
        return {**super().of_run(result), "tuning": in_short(document(result, "tune-select", "tuning"))}

    def of_log(self, said: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().of_log(said), "tuning": in_short(said.get("tuning"))}

    def lines(self, summary: Mapping[str, Any]) -> list[str]:
        return [*lines(summary["tuning"]), *super().lines(summary)]


def in_short(said: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a search came to, as summaries have it."""
    return {name: (said or {}).get(name, nothing) for name, nothing in _NOTHING.items()}


def lines(tuning: Mapping[str, Any]) -> list[str]:
    """What a search came to, for the terminal."""
    if not tuning["outcome"]:
        return []
    headline = "defaults kept" if tuning["outcome"] == "defaults_kept" else "tuned"
    shown = terminal.row("tuning", f"{headline}: {tuning['reason']}")
    counted = {name.replace("_", " "): count for name, count in tuning["counts"].items() if count}
    shown += terminal.row("trials", ", ".join(f"{count} {name}" for name, count in counted.items()) or "none")
    if tuning["configuration"]:
        shown += terminal.row("configure", json.dumps(tuning["configuration"]))
    return shown


def _labelled(wanted: Wanted) -> Wanted:
    return Wanted(wanted.model_name, "tuning", wanted.registry, wanted.workdir)
