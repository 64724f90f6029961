"""Container entry point of the validate stage."""

import sys

from netanomaly import stage_io


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.report import data_page
        from netanomaly.stages.validate.evidence import Parameters
        from netanomaly.stages.validate.program import validate

        training, evaluation = stage.input_json("training_report"), stage.input_json("evaluation_report")
        report = validate(training, evaluation, stage.parameters(Parameters))
        stage.write_json("validation_report", report)
        page = data_page(validation=report, training_data=training, evaluation_data=evaluation)
        stage.output("data_report").write_text(page, encoding="utf-8")
        stage.set_output_parameter("verdict", report["verdict"])
        severities = [finding["severity"] for finding in report["findings"]]
        found = {
            "verdict": report["verdict"],
            "errors": severities.count("error"),
            "warnings": severities.count("warning"),
        }
        stage.describe("validation_report", found)
        stage.describe("data_report", found)


if __name__ == "__main__":
    main(sys.argv[1:])
