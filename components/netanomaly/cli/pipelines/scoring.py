"""The scoring pipeline as the commands know it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netanomaly.cli.pipelines.kind import Wanted, document
from netanomaly.cli.scored import scored
from netanomaly.config.scoring import ScoringConfig, parse

if TYPE_CHECKING:
    from netanomaly.runners import RunResult


class Scoring:
    """Traffic in, incidents out, by a registered model."""

    def __init__(self, name: str = "scoring") -> None:
        """Args: name: Its own, or that of the form that makes flows of captures first."""
        self.name = name

    sources = ("data_source",)
    destinations = ("registry",)
    kept: Mapping[tuple[str, str], str] = {
        ("score", "scores"): "scores.parquet",
        ("score", "alerts"): "alerts.ndjson",
        ("score", "summary"): "summary.json",
        ("score", "report"): "report.html",
    }
    pages: Mapping[str, str] = {"report": "report.html"}
    telling = ("score",)
    beside = ()

    def read(self, document: Mapping[str, Any]) -> Wanted:
        from netanomaly.stages.score.settings import refuse_other_form

        wanted = parse(document)
        refuse_other_form(wanted, following=False)
        return said_of_itself(wanted, "scoring")

    def check(self, document: Mapping[str, Any]) -> Wanted:
        from netanomaly.stages.score.settings import Overrides, refuse_other_form, resolved

        wanted = resolved(document, Overrides())
        refuse_other_form(wanted, following=False)
        return said_of_itself(wanted, "scoring")

    def of_run(self, result: "RunResult") -> dict[str, Any]:
        # Incidents are in a file of their own, each with its rows; what is told here is the log's.
        summary = document(result, "score", "summary")
        return self.of_log({} if summary is None else summary)

    def of_log(self, said: Mapping[str, Any]) -> dict[str, Any]:
        return {"version": (said.get("model") or {}).get("version"), "scored": dict(said) or None}

    def lines(self, summary: Mapping[str, Any]) -> list[str]:
        return scored(summary["scored"]) if summary["scored"] else []


def said_of_itself(wanted: ScoringConfig, label: str) -> Wanted:
    """What the commands ask of a scoring configuration."""
    name = wanted.model.partition("@")[0].partition(":")[0]
    return Wanted(name, label, wanted.registry or "", wanted.output_base_dir)
