"""The training pipeline as the commands know it."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netanomaly import config, output
from netanomaly.cli import summary as terminal
from netanomaly.cli.pipelines.kind import Wanted, document, written
from netanomaly.metrics.outcome import outcome

if TYPE_CHECKING:
    from netanomaly.runners import RunResult


class Training:
    """Traffic in, a registered detector out."""

    def __init__(self, name: str = "training") -> None:
        """Args: name: Its own, or that of the form that makes flows of captures first."""
        self.name = name

    sources = ("data_source", "evaluation_data_source")
    destinations = ("registry",)
    kept: Mapping[tuple[str, str], str] = {
        ("prepare", "resolved_configuration"): "training_run_config.json",
        ("validate", "data_report"): "data_report.html",
        ("train", "model"): "model.joblib",
        ("evaluate", "evaluation_metrics"): "evaluation_metrics.json",
        ("evaluate", "report"): "report.html",
        ("register", "model_metadata"): "model_metadata.json",
    }
    pages: Mapping[str, str] = {"data_report": "data_report.html", "report": "report.html"}
    # Register, or train where the data was refused.
    telling: tuple[str, ...] = ("register", "train")
    beside = ("track",)

    def read(self, document: Mapping[str, Any]) -> Wanted:
        _tell_unused(document)
        return _wanted(config.parse(document))

    def check(self, document: Mapping[str, Any]) -> Wanted:
        from netanomaly.stages.prepare.program import check

        wanted, _ = check(document)
        _tell_unused(document)
        return _wanted(wanted)

    def of_run(self, result: "RunResult") -> dict[str, Any]:
        # Where a gate refused, register has described what it did not register.
        described = written(result, "register", "model_metadata")
        metadata = json.loads(described.read_text(encoding="utf-8")) if described.is_file() else {}
        registered = result.state == "succeeded"
        dossiers = (document(result, task, "dossier") for task in ("evaluate", "train", "validate"))
        # As the last stage that succeeded left it.
        dossier = next((found for found in dossiers if found is not None), None)
        return {
            "version": int(result.output("register", "version")) if registered else None,
            "metrics": metadata.get("metrics", {}),
            **outcome(dossier, document(result, "register", "registration")),
            "tracking": tracked(document(result, "track", "tracked")),
        }

    def of_log(self, said: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "version": said.get("version"),
            "metrics": said.get("metrics", {}),
            **{name: said.get(name, nothing) for name, nothing in outcome().items()},
            "tracking": tracked(said.get("tracking")),
        }

    def lines(self, summary: Mapping[str, Any]) -> list[str]:
        lines = [*terminal.lines(summary, summary["registry"]), *shown(summary["tracking"])]
        if summary["error"]:
            return lines
        version = f", version {summary['version']}" if summary["version"] is not None else ""
        return [*terminal.row("model", f"{summary['model_name']} {summary['model_version']}{version}"), *lines]


def tracked(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Where the run is in MLflow, and what went wrong; None where nobody asked for it."""
    found = {name: (said or {}).get(name) for name in ("url", "version", "warning")}
    return found if found["url"] or found["warning"] else None


def shown(tracking: Mapping[str, Any] | None) -> list[str]:
    """The same, for the terminal."""
    if not tracking:
        return []
    # In one piece: a terminal opens it.
    page = [f"{'mlflow':<12}{tracking['url']}"] if tracking["url"] else []
    return [*page, *(terminal.row("warning", tracking["warning"]) if tracking["warning"] else [])]


def _tell_unused(document: Mapping[str, Any]) -> None:
    for name in config.unused_parameters(document):
        output.tell(f"warning: {name} is not used: the detector is {config.parse(document).model_type}")


def _wanted(wanted: config.Config) -> Wanted:
    version = wanted.model_version
    return Wanted(wanted.model_name, version, wanted.registry or "", wanted.output_base_dir, version)
