"""Container entry point of the monitor stage."""

import dataclasses
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from netanomaly import absent, stage_io
from netanomaly.errors import ConfigError


def ahead() -> None:
    """Import what the work needs, for a runner that starts this while the stages before it still run."""
    absent.do_without("pandas")
    import_module("netanomaly.stages.monitor.program")


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        # Heavy imports come after the arguments are parsed: --help stays fast.
        from netanomaly import config
        from netanomaly.stages.monitor.program import REPORT, VERDICT, monitor
        from netanomaly.stages.monitor.settings import Overrides, resolved

        document = stage.parameter("configuration")
        if not isinstance(document, dict):
            raise ConfigError("the configuration is not a JSON object: {...}")
        overrides = {field.name: stage.parameter(field.name) for field in dataclasses.fields(Overrides)}
        wanted = resolved(document, Overrides(**overrides))
        for uri in config.as_list(wanted.data_source):
            stage_io.in_a_bucket(uri, "data source")
        for name in ("registry", "feedback"):
            if uri := getattr(wanted, name):
                stage_io.in_a_bucket(uri, name)
        with tempfile.TemporaryDirectory() as folder:
            came = monitor(wanted, str(stage.parameter("job_id")), Path(folder), stage.progress)
            for name, file in {"verdict": VERDICT, "report": REPORT}.items():
                shutil.move(Path(folder, file), stage.output(name))
        verdict = came.verdict
        figures = {"rows": verdict["rows"], "alerts": verdict["alerts"], "distance": verdict.get("distance", 0.0)}
        stage.describe("monitored", figures)
        stage.describe("verdict", {"verdict": verdict["verdict"], "rows": verdict["rows"]})
        stage.set_output_parameter("found", verdict["verdict"])
        stage.set_output_parameter("retrain", "no" if came.training is None else "yes")
        stage.set_output_parameter("training", came.training or {})
        stage.tell({name: verdict.get(name) for name in SAID})


# What the terminal shows of a run: a line of the log is bounded, and has no rows.
SAID = (
    *(
        "model",
        "verdict",
        "reasons",
        "do",
        "rows",
        "alerts",
        "first_seen",
        "last_seen",
        "alert_rate",
        "agreement",
        "notes",
    ),
    *("distance", "retraining", "learnt"),
)

if __name__ == "__main__":
    absent.do_without("pandas")
    main(sys.argv[1:])
