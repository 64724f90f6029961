"""Container entry point of the register stage."""

import sys

import msgspec

from netanomaly import output, stage_io


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.registry import open_registry
        from netanomaly.registry.changes import CHAMPION
        from netanomaly.stages.register.program import admit, promotion

        model = stage.input("model")
        metadata = stage.input_json("model_metadata")
        admit(stage.parameter("quality_verdict"), stage.input_json("evaluation_metrics"))
        decision = stage.input_json("decision")
        uri, name = stage.parameter("registry"), stage.parameter("model_name")
        registration = open_registry(uri).register(
            name,
            model,
            metadata,
            run_id=stage.parameter("run_id"),
            task_name=stage.parameter("task_name"),
            model_version=metadata["model_version"],
            description=metadata["description"],
            metrics=metadata["metrics"],
            artifact_name="model.joblib",
            # That of the model that was evaluated: it is checked as the file is sent, which is read once.
            sha256=metadata["model"]["digest"].removeprefix("sha256:"),
            promotion=promotion(decision, stage.parameter("aliases")),
            why=decision["reason"],
            files={"model_metadata.json": stage.input("model_metadata"), "report.html": stage.input("report")},
        )
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
            {"model_name": name, "version": registration.version, "registry": uri, "aliases": aliases},
        )
        stage.describe(
            "registered",
            {"registered_version": registration.version, "became_champion": int(CHAMPION in registration.aliases)},
        )
        stage.tell({"model_name": name, "version": registration.version, "metrics": metadata["metrics"]})


if __name__ == "__main__":
    main(sys.argv[1:])
