"""Container entry point of the score stage."""

import dataclasses
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from netanomaly import stage_io
from netanomaly.errors import ConfigError


def ahead() -> None:
    """Import what the work needs, for a runner that starts this while the stages before it still run."""
    stage_io.do_without("pandas")
    for module in ("sklearn.tree", "netanomaly.stages.score.program"):
        import_module(module)


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        # Heavy imports come after the arguments are parsed: --help stays fast.
        from netanomaly import config
        from netanomaly.flows.captured import Captured
        from netanomaly.scoring.scoring import ALERTS, REPORT, SCORES, SUMMARY
        from netanomaly.stages.score.program import score
        from netanomaly.stages.score.settings import Overrides, resolved

        document = stage.parameter("configuration")
        if not isinstance(document, dict):
            raise ConfigError("the configuration is not a JSON object: {...}")
        overrides = {field.name: stage.parameter(field.name) for field in dataclasses.fields(Overrides)}
        wanted = resolved(document, Overrides(**overrides))
        for uri in config.as_list(wanted.data_source):
            stage_io.in_a_bucket(uri, "data source")
        stage_io.in_a_bucket(wanted.registry or "", "registry")
        if wanted.feedback:
            stage_io.in_a_bucket(wanted.feedback, "feedback")
        with tempfile.TemporaryDirectory() as folder:
            summary = score(wanted, Path(folder), stage.progress, Captured.of_stage(stage))
            for name, file in {"scores": SCORES, "alerts": ALERTS, "summary": SUMMARY, "report": REPORT}.items():
                shutil.move(Path(folder, file), stage.output(name))
        model = summary["model"]
        counted = {name: summary[name] for name in ("rows", "unscored", "alerts", "incidents")}
        stage.describe("scored", counted)
        stage.describe("scores", {"model": f"{model['name']}:{model['version']}", "rows": summary["rows"]})
        stage.set_output_parameter("version", model["version"])
        stage.tell({name: summary[name] for name in _SAID})


# What the terminal shows of a run: a line of the log is bounded, and has no rows.
_SAID = (
    *("model", "budget", "rows", "unscored", "dropped", "first_seen", "last_seen"),
    *(
        "alerts",
        "alerts_expected",
        "incidents",
        "incidents_expected",
        "by_severity",
        "gravest",
        "suppressed",
        "feedback",
    ),
)

if __name__ == "__main__":
    stage_io.do_without("pandas")
    main(sys.argv[1:])
