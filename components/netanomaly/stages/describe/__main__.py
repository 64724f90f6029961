"""Container entry point of the describe stage."""

import hashlib
import sys

from netanomaly import stage_io


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.stages.describe.program import Evidence, describe

        model = stage.input("model")
        with model.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        evidence = Evidence(
            configuration=stage.input_json("resolved_configuration"),
            training_report=stage.input_json("training_report"),
            evaluation_report=stage.input_json("evaluation_report"),
            validation_report=stage.input_json("validation_report"),
            training_summary=stage.input_json("training_summary"),
            evaluation_metrics=stage.input_json("evaluation_metrics"),
        )
        document = describe(evidence, digest, model.stat().st_size)
        stage.write_json("model_metadata", document)
        stage.describe("model_metadata", {"model_digest": digest, **document["metrics"]})


if __name__ == "__main__":
    main(sys.argv[1:])
