"""The monitoring pipeline as the commands know it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netanomaly.cli.monitored import monitored
from netanomaly.cli.pipelines.kind import Wanted, document
from netanomaly.config.monitoring import MonitoringConfig, parse

if TYPE_CHECKING:
    from netanomaly.runners import RunResult


class Monitoring:
    """A window of traffic in, a verdict out, and a training where it is due."""

    def __init__(self) -> None:
        self.name = "monitoring"

    sources = ("data_source",)
    destinations = ("registry",)
    kept: Mapping[tuple[str, str], str] = {
        ("monitor", "verdict"): "verdict.json",
        ("monitor", "report"): "report.html",
    }
    pages: Mapping[str, str] = {"report": "report.html"}
    telling = ("monitor",)
    beside = ()

    def read(self, document: Mapping[str, Any]) -> Wanted:
        return _wanted(parse(document))

    def check(self, document: Mapping[str, Any]) -> Wanted:
        from netanomaly.stages.monitor.settings import Overrides, resolved

        return _wanted(resolved(document, Overrides()))

    def of_run(self, result: "RunResult") -> dict[str, Any]:
        verdict = document(result, "monitor", "verdict")
        return self.of_log({} if verdict is None else verdict)

    def of_log(self, said: Mapping[str, Any]) -> dict[str, Any]:
        return {"version": (said.get("model") or {}).get("version"), "monitored": dict(said) or None}

    def lines(self, summary: Mapping[str, Any]) -> list[str]:
        return monitored(summary["monitored"]) if summary["monitored"] else []


def _wanted(wanted: MonitoringConfig) -> Wanted:
    name = wanted.model.partition("@")[0].partition(":")[0]
    return Wanted(name, "monitoring", wanted.registry or "", wanted.output_base_dir)
