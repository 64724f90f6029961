"""Container entry point of the evaluate stage."""

import io
import sys
from importlib import import_module

from netanomaly import absent, stage_io
from netanomaly.late_import import put_off_scipy_stats


def ahead() -> None:
    """Import what the work needs, for a runner that starts this while the stages before it still run."""
    absent.do_without("pandas")
    put_off_scipy_stats()
    for module in ("scipy.special", "netanomaly.stages.evaluate.program", "netanomaly.report"):
        import_module(module)


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        # Heavy imports come after the arguments are parsed: --help stays fast.
        from netanomaly.flows.flow_file import open_flows
        from netanomaly.models.model import load
        from netanomaly.report import decision_note, evaluation_page
        from netanomaly.stages.evaluate.champion import load_champion
        from netanomaly.stages.evaluate.program import completed, evaluate
        from netanomaly.stages.evaluate.settings import Settings

        settings = stage.settings(Settings)
        dossier = stage.input_json("dossier_before")
        model = load(io.BytesIO(stage.input_bytes("model", dossier["model"]["digest"])))
        champion = None
        if settings.champion is not None:
            from netanomaly.registry import open_registry

            champion = load_champion(
                open_registry(stage_io.in_a_bucket(settings.registry, "registry")),
                settings.model_name,
                settings.champion,
            )
        flows = open_flows(stage.input("flows"))
        evaluation = evaluate(model, flows, settings, stage.progress, champion, dossier)
        document, decision = evaluation.document, evaluation.decision
        made = {
            "evaluation": document,
            "decision": decision,
            "smoke": evaluation.smoke,
            "reference": completed(dossier.get("reference"), document),
        }
        stage.write_json("dossier", {**dossier, **made})
        in_short = {"verdict": document["verdict"], "decision": decision["decision"], "reason": decision["reason"]}
        stage.describe("dossier", in_short)
        note = decision_note(decision, document, settings.model_name)
        stage.output("decision_note").write_text(note, encoding="utf-8")
        stage.describe("decision_note", in_short)
        stage.write_json("evaluation_metrics", document)
        stage.describe("evaluation_metrics", {"verdict": document["verdict"], "rows": document["rows"]})
        stage.describe("metrics", evaluation.headline)
        stage.describe("classification_metrics", evaluation.classification)
        page = evaluation_page(
            evaluation=document,
            validation=dossier["validation"],
            training=dossier["training"],
            training_data=dossier["ingest"]["training"],
            evaluation_data=dossier["ingest"]["evaluation"],
            configuration=settings.configuration,
            provenance={
                "trained_at": dossier["training"]["trained_at"],
                "champion": settings.champion,
                "versions": model.versions,
                "scores_digest": document["scores_digest"],
            },
        )
        stage.output("report").write_text(page, encoding="utf-8")
        stage.describe("report", {"verdict": document["verdict"], "rows": document["rows"]})


if __name__ == "__main__":
    absent.do_without("pandas")
    put_off_scipy_stats()
    main(sys.argv[1:])
