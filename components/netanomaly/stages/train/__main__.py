"""Container entry point of the train stage."""

import sys
from importlib import import_module

from netanomaly import absent, stage_io
from netanomaly.errors import ConfigError, GateRefusal
from netanomaly.late_import import put_off_scipy_stats


def ahead() -> None:
    """Import what the work needs, for a runner that starts this while the stages before it still run."""
    absent.do_without("pandas")
    put_off_scipy_stats()
    # The slowest of them on a thread of its own, which goes on while rows are read.
    import_module("netanomaly.stages.train.program").import_detectors()


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        # Heavy imports come after the arguments are parsed: --help stays fast.
        from netanomaly.flows.flow_file import open_flows
        from netanomaly.stages.train.program import refusal, train
        from netanomaly.stages.train.settings import Settings

        dossier = stage.input_json("dossier_before")
        validation = dossier["validation"]
        if validation["verdict"] != "pass":
            from netanomaly.metrics.outcome import outcome

            stage.tell(outcome(dossier))
            raise GateRefusal(refusal(validation))
        settings = stage.settings(Settings)
        if settings.tuned and "tuning" not in dossier:
            raise ConfigError(
                "the configuration asks for tuning, and this pipeline has none: run the pipeline netanomaly-training-tuned, or "
                "leave tuning out of the configuration"
            )
        flows = open_flows(stage.input("flows"))
        columns = [column["name"] for column in validation["columns"] if column["role"] in ("number", "category")]
        per_day = validation["training"]["rows_per_day"]
        trained = train(flows, settings, stage.progress, per_day, columns)
        model = stage.output("model")
        trained.model.save(model)
        summary = trained.summary
        made = {"training": summary, "model": stage_io.content(model), "reference": trained.reference}
        stage.write_json("dossier", {**dossier, **made})
        rows = {name: summary[name] for name in ("rows_fitted", "rows_calibrated")}
        stage.describe("model", {"framework": "scikit-learn", "model_type": summary["model_type"], **rows})
        stage.describe("dossier", rows)


if __name__ == "__main__":
    absent.do_without("pandas")
    put_off_scipy_stats()
    main(sys.argv[1:])
