"""Container entry point of the validate stage."""

import sys

from netanomaly import stage_io


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.report import data_page
        from netanomaly.stages.validate.program import dossier, validate
        from netanomaly.stages.validate.settings import Settings

        training, evaluation = stage.input_json("training_report"), stage.input_json("evaluation_report")
        report = validate(training, evaluation, stage.settings(Settings))
        stage.write_json("dossier", dossier(training, evaluation, report))
        page = data_page(validation=report, training_data=training, evaluation_data=evaluation)
        stage.output("data_report").write_text(page, encoding="utf-8")
        severities = [finding["severity"] for finding in report["findings"]]
        found = {
            "verdict": report["verdict"],
            "errors": severities.count("error"),
            "warnings": severities.count("warning"),
        }
        stage.describe("dossier", found)
        stage.describe("data_report", found)


if __name__ == "__main__":
    main(sys.argv[1:])
