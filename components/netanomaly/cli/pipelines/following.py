"""The pipeline that scores what is new since its last run, as the commands know it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netanomaly.cli.pipelines.kind import Wanted, document
from netanomaly.cli.pipelines.scoring import said_of_itself
from netanomaly.cli.scored import followed
from netanomaly.cli.summary import row
from netanomaly.config.scoring import parse

if TYPE_CHECKING:
    from netanomaly.runners import RunResult


class Following:
    """Files that appear and grow in, incidents out, each record once."""

    name = "following"
    sources = ("data_source",)
    destinations = ("registry", "out")
    kept: Mapping[tuple[str, str], str] = {
        ("score-new", "alerts"): "alerts.ndjson",
        ("score-new", "summary"): "summary.json",
    }
    pages: Mapping[str, str] = {}
    telling = ("score-new",)
    beside = ()

    def read(self, document: Mapping[str, Any]) -> Wanted:
        from netanomaly.stages.score.settings import refuse_other_form

        wanted = parse(document)
        # Before a run is begun that could only end so.
        refuse_other_form(wanted, following=True)
        return said_of_itself(wanted, self.name)

    def check(self, document: Mapping[str, Any]) -> Wanted:
        from netanomaly.stages.score.settings import Overrides, refuse_other_form, resolved

        wanted = resolved(document, Overrides())
        refuse_other_form(wanted, following=True)
        return said_of_itself(wanted, self.name)

    def of_run(self, result: "RunResult") -> dict[str, Any]:
        return self.of_log(document(result, "score-new", "summary") or {})

    def of_log(self, said: Mapping[str, Any]) -> dict[str, Any]:
        return {"version": (said.get("model") or {}).get("version"), "followed": dict(said) or None}

    def lines(self, summary: Mapping[str, Any]) -> list[str]:
        report = summary["followed"]
        if not report:
            return []
        return followed(report) if "rows" in report else row("scored", f"nothing: {report.get('said')}")
