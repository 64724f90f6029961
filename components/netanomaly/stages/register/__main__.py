"""Container entry point of the register stage."""

import sys
import tempfile
from pathlib import Path

import msgspec

from netanomaly import output, stage_io
from netanomaly.errors import GateRefusal

# What submit shows of a search for hyper-parameters.
_OF_A_SEARCH = ("outcome", "reason", "counts", "configuration")


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.metrics.outcome import outcome
        from netanomaly.registry import claims, open_registry, smoke
        from netanomaly.registry.changes import CHAMPION
        from netanomaly.stages.register.metadata import describe
        from netanomaly.stages.register.program import REFERENCE, admit, promotion, written
        from netanomaly.stages.register.settings import Settings

        settings = stage.settings(Settings)
        dossier = stage.input_json("dossier")
        metadata = describe(stage.input_json("configuration"), dossier)
        found = dossier.get("tuning")
        searched = {} if found is None else {"tuning": {name: found[name] for name in _OF_A_SEARCH}}
        stage.write_json("model_metadata", metadata)
        stage.describe("model_metadata", {"model_digest": metadata["model"]["digest"], **metadata["metrics"]})
        registry = open_registry(stage_io.in_a_bucket(settings.registry, "registry"))
        monitored = registry.monitored(settings.model_name)
        try:
            admit(dossier["evaluation"])
        except GateRefusal as refusal:
            # A retraining that a gate refused is not repeated for its window.
            claims.ended(monitored, settings.run_id, claims.FAILED, str(refusal))
            told = {"model_name": settings.model_name, "metrics": metadata["metrics"], **searched}
            stage.tell({**told, **outcome(dossier)})
            raise
        claims.about_to_register(monitored, settings.run_id)
        decision = dossier["decision"]
        with tempfile.TemporaryDirectory() as folder:
            smoke_rows = Path(folder) / smoke.FILE
            smoke_rows.write_text(output.json_text(dossier["smoke"]) + "\n", encoding="utf-8")
            files = {
                "model_metadata.json": stage.output("model_metadata"),
                "report.html": stage.input("report"),
                smoke.FILE: smoke_rows,
            }
            if stage.has_input("tuning_report"):
                files["tuning_report.html"] = stage.input("tuning_report")
            if dossier.get("reference") is not None:
                # What monitoring compares with.
                files[REFERENCE] = Path(folder) / REFERENCE
                files[REFERENCE].write_text(written(dossier["reference"]), encoding="utf-8")
            registration = registry.register(
                settings.model_name,
                stage.input("model"),
                metadata,
                run_id=settings.run_id,
                task_name=stage.parameter("task_name"),
                model_version=metadata["model_version"],
                description=metadata["description"],
                metrics=metadata["metrics"],
                artifact_name="model.joblib",
                # That of the model that was evaluated: it is checked as the file is sent, which is read once.
                sha256=metadata["model"]["digest"].removeprefix("sha256:"),
                promotion=promotion(decision, settings.aliases),
                why=decision["reason"],
                files=files,
            )
        claims.ended(monitored, settings.run_id, claims.DONE, f"version {registration.version} registered")
        if registration.reason:
            output.tell(f"warning: challenger, not champion: {registration.reason}")
        stage.write_json(
            "registration",
            {
                "version": registration.version,
                "aliases": list(registration.aliases),
                "reason": registration.reason,
                **msgspec.to_builtins(registration.record),
            },
        )
        stage.set_output_parameter("version", registration.version)
        aliases = ", ".join(registration.aliases)
        stage.describe(
            "registration",
            {
                "model_name": settings.model_name,
                "version": registration.version,
                "registry": settings.registry,
                "aliases": aliases,
            },
        )
        stage.describe(
            "registered",
            {"registered_version": registration.version, "became_champion": int(CHAMPION in registration.aliases)},
        )
        stage.tell(
            {
                "model_name": settings.model_name,
                "version": registration.version,
                "metrics": metadata["metrics"],
                **searched,
                **outcome(dossier, {"aliases": registration.aliases, "reason": registration.reason}),
            }
        )


if __name__ == "__main__":
    main(sys.argv[1:])
