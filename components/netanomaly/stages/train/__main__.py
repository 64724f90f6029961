"""Container entry point of the train stage."""

import sys
from importlib import import_module

from netanomaly import stage_io
from netanomaly.errors import GateRefusal


def ahead() -> None:
    """Import what the work needs, for a runner that starts this while the stages before it still run."""
    stage_io.do_without("pandas")
    # The slowest of them on a thread of its own, which goes on while rows are read.
    import_module("netanomaly.stages.train.program").import_detectors()


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        # Heavy imports come after the arguments are parsed: --help stays fast.
        from netanomaly.flows.flow_file import open_flows
        from netanomaly.stages.train.program import Parameters, refusal, train

        validation = stage.input_json("validation_report")
        if stage.parameter("data_verdict") == "refuse":
            raise GateRefusal(refusal(validation))
        parameters = stage.parameters(Parameters, given={"rows_at_most": Parameters.rows_at_most})
        flows = open_flows(stage.input("flows"))
        trained = train(flows, parameters, stage.progress, validation["training"]["rows_per_day"])
        trained.model.save(stage.output("model"))
        stage.write_json("training_summary", trained.summary)
        summary = trained.summary
        rows = {name: summary[name] for name in ("rows_fitted", "rows_calibrated")}
        stage.describe("model", {"framework": "scikit-learn", "model_type": summary["model_type"], **rows})
        stage.describe("training_summary", rows)


if __name__ == "__main__":
    stage_io.do_without("pandas")
    main(sys.argv[1:])
