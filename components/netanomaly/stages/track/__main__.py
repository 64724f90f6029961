"""Container entry point of the track stage."""

import os
import sys
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netanomaly import output, stage_io

if TYPE_CHECKING:
    from netanomaly.stages.track.program import Tracked
    from netanomaly.tracking.runs import Run


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.stages.track.program import Tracked

        try:
            tracked = _tracked(stage)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with tracking, the run is not to fail of it
            output.tell_lines(traceback.format_exc().rstrip())
            tracked = Tracked(warning=f"MLflow was not told of this run: {type(error).__name__}: {error}")
        if tracked.warning:
            output.tell(f"warning: {tracked.warning}")
        stage.write_json("tracked", tracked.document())
        stage.describe("tracked", {"url": tracked.url, "warning": tracked.warning})
        stage.tell({"tracking": tracked.document()})


def _tracked(stage: stage_io.Stage) -> "Tracked":
    from netanomaly.registry import open_registry
    from netanomaly.stages.track.code import made_by
    from netanomaly.stages.track.program import Tracked, injected_run, track
    from netanomaly.stages.track.settings import Settings
    from netanomaly.tracking.versions import Standing

    settings = stage.settings(Settings)
    if not settings.mlflow:
        return Tracked(warning=settings.nowhere_since)
    dossier = stage.input_json("dossier")
    pages = os.environ.get("KF_PIPELINES_UI_ENDPOINT", "").rstrip("/")
    further = {**made_by(), "netanomaly.kfp_run": f"{pages}/#/runs/details/{settings.run_id}" if pages else ""}
    run = _run(stage, dossier, further)

    def look_up() -> Standing | None:
        registry = open_registry(stage_io.in_a_bucket(settings.registry, "registry"))
        version = registry.registered(settings.model_name, settings.run_id, stage.parameter("register_task"))
        if version is None:
            return None
        return Standing(
            registry=settings.registry,
            model=version.model,
            number=version.number,
            digest=dossier["model"]["digest"],
            run_id=settings.run_id,
            aliases=version.aliases,
            status=version.status,
        )

    admitted = dossier.get("evaluation", {}).get("verdict") == "pass"
    return track(run, settings, look_up if admitted else None, injected_run(settings, os.environ))


def _run(stage: stage_io.Stage, dossier: Mapping[str, Any], further: Mapping[str, str]) -> "Run":
    """A training, a search, or one after the other."""
    from netanomaly.tracking.searches import searched, tuning_run
    from netanomaly.tracking.training import training_run

    configuration = stage.input_json("configuration")
    if not stage.has_input("tuning"):
        return training_run(configuration, dossier, stage.input_bytes("report"), further)
    tuning, page = stage.input_json("tuning"), stage.input_bytes("tuning_report")
    if not stage.has_input("report"):
        return tuning_run(configuration, dossier, tuning, page, further)
    return searched(training_run(configuration, dossier, stage.input_bytes("report"), further), tuning, page)


if __name__ == "__main__":
    main(sys.argv[1:])
