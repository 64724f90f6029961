"""Container entry point of the score stage."""

import dataclasses
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from netanomaly import absent, stage_io
from netanomaly.errors import ConfigError
from netanomaly.late_import import put_off_scipy_stats

if TYPE_CHECKING:
    from netanomaly.config.scoring import ScoringConfig


def ahead() -> None:
    """Import what the work needs, for a runner that starts this while the stages before it still run."""
    absent.do_without("pandas")
    put_off_scipy_stats()
    import_module("netanomaly.stages.score.program")


def main(argv: list[str]) -> None:
    new = argv[:1] == ["new"]
    with stage_io.stage(argv[1:] if new else argv) as stage:
        # Heavy imports come after the arguments are parsed: --help stays fast.
        from netanomaly import config
        from netanomaly.stages.score.settings import Overrides, refuse_other_form, resolved

        document = stage.parameter("configuration")
        if not isinstance(document, dict):
            raise ConfigError("the configuration is not a JSON object: {...}")
        names = [field.name for field in dataclasses.fields(Overrides) if new or field.name != "out"]
        wanted = resolved(document, Overrides(**{name: stage.parameter(name) for name in names}))
        refuse_other_form(wanted, following=new)
        for uri in config.as_list(wanted.data_source):
            stage_io.in_a_bucket(uri, "data source")
        for name in ("registry", "feedback", "out"):
            if uri := getattr(wanted, name):
                stage_io.in_a_bucket(uri, name)
        (_score_new if new else _score)(stage, wanted)


def _score(stage: stage_io.Stage, wanted: "ScoringConfig") -> None:
    from netanomaly.flows.captured import Captured
    from netanomaly.scoring.scoring import ALERTS, REPORT, SCORES, SUMMARY
    from netanomaly.stages.score.program import score

    with tempfile.TemporaryDirectory() as folder:
        summary = score(wanted, Path(folder), stage.progress, Captured.of_stage(stage))
        for name, file in {"scores": SCORES, "alerts": ALERTS, "summary": SUMMARY, "report": REPORT}.items():
            shutil.move(Path(folder, file), stage.output(name))
    model = summary["model"]
    stage.describe("scored", {name: summary[name] for name in ("rows", "unscored", "alerts", "incidents")})
    stage.describe("scores", {"model": f"{model['name']}:{model['version']}", "rows": summary["rows"]})
    stage.set_output_parameter("version", model["version"])
    stage.tell({name: summary[name] for name in _SAID})


def _score_new(stage: stage_io.Stage, wanted: "ScoringConfig") -> None:
    from netanomaly.stages.score.program import score_new

    summary = score_new(wanted, stage.output("alerts"))
    stage.write_json("summary", summary)
    stage.describe("scored", {name: summary.get(name, 0) for name in ("files", "rows", "alerts", "incidents")})
    stage.set_output_parameter("version", summary.get("model", {}).get("version", 0))
    # Files that cannot be read may be thousands; a line of the log is bounded.
    unread = summary.get("unread", {})
    waiting = summary.get("waiting", [])[:_MOST_UNREAD]
    stage.tell({**summary, "unread": dict(list(unread.items())[:_MOST_UNREAD]), "waiting": waiting})


_MOST_UNREAD = 5
# What the terminal shows of a run: a line of the log is bounded, and has no rows.
_SAID = (
    *("model", "budget", "rows", "unscored", "dropped", "first_seen", "last_seen", "alerts", "alerts_expected"),
    *("incidents", "incidents_expected", "by_severity", "gravest", "suppressed", "feedback"),
)

if __name__ == "__main__":
    absent.do_without("pandas")
    put_off_scipy_stats()
    main(sys.argv[1:])
