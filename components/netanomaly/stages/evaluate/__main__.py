"""Container entry point of the evaluate stage."""

import sys
from importlib import import_module

from netanomaly import stage_io


def ahead() -> None:
    """Import what the work needs, for a runner that starts this while the stages before it still run."""
    stage_io.do_without("pandas")
    for module in ("sklearn.tree", "scipy.stats", "netanomaly.stages.evaluate.program", "netanomaly.report"):
        import_module(module)


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        # Heavy imports come after the arguments are parsed: --help stays fast.
        from netanomaly.flows.flow_file import open_flows
        from netanomaly.models.model import load
        from netanomaly.report import decision_note, evaluation_page
        from netanomaly.stages.evaluate.champion import load_champion
        from netanomaly.stages.evaluate.program import Known, Parameters, evaluate

        parameters = stage.parameters(Parameters)
        model = load(stage.input("model"))
        champion = None
        if version := stage.parameter("champion"):
            from netanomaly.registry import open_registry

            name = stage.parameter("model_name")
            champion = load_champion(open_registry(stage.parameter("registry")), name, version)
        flows = open_flows(stage.input("flows"))
        known = Known(
            validation=stage.input_json("validation_report"),
            training_data=stage.input_json("training_report"),
            evaluation_data=stage.input_json("evaluation_report"),
        )
        evaluation = evaluate(model, flows, parameters, stage.progress, champion, known)
        document = evaluation.document
        stage.write_json("decision", evaluation.decision)
        in_short = {name: evaluation.decision[name] for name in ("decision", "reason")}
        stage.describe("decision", in_short)
        stage.output("decision_note").write_text(
            decision_note(evaluation.decision, document, stage.parameter("model_name")), encoding="utf-8"
        )
        stage.describe("decision_note", in_short)
        stage.write_json("evaluation_metrics", document)
        stage.describe("metrics", evaluation.headline)
        stage.describe("classification_metrics", evaluation.classification)
        page = evaluation_page(
            evaluation=document,
            validation=known.validation,
            training=stage.input_json("training_summary"),
            training_data=known.training_data,
            evaluation_data=known.evaluation_data,
            configuration=stage.input_json("configuration"),
            provenance={"versions": model.versions, "scores_digest": document["scores_digest"]},
        )
        stage.output("report").write_text(page, encoding="utf-8")
        stage.describe("report", {"verdict": document["verdict"], "rows": document["rows"]})
        stage.describe("evaluation_metrics", {"verdict": document["verdict"], "rows": document["rows"]})
        stage.set_output_parameter("verdict", document["verdict"])


if __name__ == "__main__":
    stage_io.do_without("pandas")
    main(sys.argv[1:])
