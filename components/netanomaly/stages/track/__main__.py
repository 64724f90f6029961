"""Container entry point of the track stage."""

import os
import sys
import traceback
from typing import TYPE_CHECKING

from netanomaly import output, stage_io

if TYPE_CHECKING:
    from netanomaly.stages.track.program import Tracked


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
    from netanomaly.tracking.training import training_run
    from netanomaly.tracking.versions import Standing

    settings = stage.settings(Settings)
    if not settings.mlflow:
        return Tracked(warning=settings.nowhere_since)
    dossier = stage.input_json("dossier")
    pages = os.environ.get("KF_PIPELINES_UI_ENDPOINT", "").rstrip("/")
    further = {**made_by(), "netanomaly.kfp_run": f"{pages}/#/runs/details/{settings.run_id}" if pages else ""}
    run = training_run(stage.input_json("configuration"), dossier, stage.input_bytes("report"), further)

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

    admitted = dossier["evaluation"]["verdict"] == "pass"
    return track(run, settings, look_up if admitted else None, injected_run(settings, os.environ))


if __name__ == "__main__":
    main(sys.argv[1:])
