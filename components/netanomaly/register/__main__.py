"""Container entry point of the register stage."""

import hashlib
import sys

import msgspec

from netanomaly import stage_io


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.register.program import admit
        from netanomaly.registry import Promotion, open_registry

        model = stage.input("model")
        metadata = stage.input_json("model_metadata")
        with model.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        admit(stage.parameter("quality_verdict"), stage.input_json("evaluation_metrics"), metadata, digest)
        uri, name = stage.parameter("registry"), stage.parameter("model_name")
        champion = str(stage.parameter("champion")).strip()
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
            sha256=digest.removeprefix("sha256:"),
            promotion=Promotion(
                aliases=tuple(stage.parameter("aliases")),
                compared=True,
                champion=int(champion) if champion else None,
            ),
            why=f"run {stage.parameter('run_id')}",
            files={"model_metadata.json": stage.input("model_metadata"), "report.html": stage.input("report")},
        )
        if registration.reason:
            print(f"warning: challenger, not champion: {registration.reason}", file=sys.stderr)  # noqa: T201
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
        stage.describe("registration", {"model_name": name, "version": registration.version, "registry": uri})


if __name__ == "__main__":
    main(sys.argv[1:])
