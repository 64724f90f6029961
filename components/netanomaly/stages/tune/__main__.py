"""Container entry point of the tune stage: one program for each of its four components."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from netanomaly import absent, output, stage_io
from netanomaly.errors import GateRefusal, InputError


def ahead() -> None:
    """Import what the work needs, for a runner that starts this while the stages before it still run."""
    absent.do_without("pandas")
    import_module("netanomaly.stages.tune.program")


def main(argv: list[str]) -> None:
    if argv[:1] and argv[0] in _COMMANDS:
        command, argv = _COMMANDS[argv[0]], argv[1:]
    else:
        command = _none
    with stage_io.stage(argv) as stage:
        command(stage)


def _none(_: stage_io.Stage) -> None:
    raise InputError(f"say which part of the tune stage: {', '.join(_COMMANDS)}, before --executor-input")


def _plan(stage: stage_io.Stage) -> None:
    import pyarrow.parquet as pq

    from netanomaly.flows.flow_file import open_flows
    from netanomaly.metrics.outcome import outcome
    from netanomaly.stages.tune.program import ask, plan
    from netanomaly.stages.tune.settings import Settings

    settings, dossier = stage.settings(Settings), stage.input_json("dossier_before")
    flows = open_flows(stage.input("flows"))
    try:
        planned = plan(flows, dossier, settings, stage.progress)
    except GateRefusal:
        stage.tell(outcome(dossier))
        raise
    pq.write_table(planned.sample.table, stage.output("rows"))
    planned.shared.save(stage.output("shared"))
    output.tell(planned.search["objective"]["said"])
    _asked(stage, *ask(planned.search, [], settings))


def _suggest(stage: stage_io.Stage) -> None:
    from netanomaly.stages.tune.program import ask
    from netanomaly.stages.tune.settings import Settings

    settings, search = stage.settings(Settings), stage.input_json("search_before")
    _asked(stage, *ask(search, stage.parameter("results"), settings))


def _asked(stage: stage_io.Stage, search: Mapping[str, Any], lanes: list[dict[str, Any]]) -> None:
    stage.write_json("search", search)
    asked = search["rounds"][-1]
    stage.describe(
        "search", {"round": asked["round"], "trials": asked["asked"], "trials_before": len(search["trials"])}
    )
    stage.set_output_parameter("lanes", lanes)


def _trial(stage: stage_io.Stage) -> None:
    from netanomaly.stages.tune.lane import try_lane

    search = stage.input_json("search")
    rows, shared = stage.input("rows"), stage.input("shared")
    stage.set_output_parameter("result", try_lane(rows, shared, search, stage.parameter("lane"), output.tell))


def _select(stage: stage_io.Stage) -> None:
    import pyarrow.parquet as pq

    from netanomaly.report import tuning_page
    from netanomaly.stages.tune.program import in_short, select
    from netanomaly.tuning.state import load

    search, dossier = stage.input_json("search"), stage.input_json("dossier_before")
    shared = load(stage.input_bytes("shared"))
    table = pq.read_table(stage.input("rows"))
    document, train = select(table, shared, search, stage.parameter("results"), stage.parameter("settings"))
    stage.write_json("tuning", document)
    stage.write_json("dossier", {**dossier, "tuning": in_short(document)})
    stage.set_output_parameter("train", train)
    stage.set_output_parameter("outcome", document["outcome"])
    stage.output("tuning_report").write_text(tuning_page(document), encoding="utf-8")
    stage.describe("tuning", {"outcome": document["outcome"], "reason": document["reason"]})
    figures = {"defaults_recall": document["defaults"]["value"], "trials": len(document["trials"])}
    if (best := next((each for each in document["trials"] if each["number"] == document["best"]), None)) is not None:
        figures["best_recall"] = best["value"]
    if document["final"] is not None and "difference" in document["final"]:
        for name, side in (("final_defaults_recall", "before"), ("final_best_recall", "after")):
            figures[name] = document["final"][side]["value"]
    stage.describe("tuning_metrics", figures)
    stage.tell({name: document[name] for name in ("outcome", "reason", "counts", "configuration")})


_COMMANDS: dict[str, Callable[[stage_io.Stage], None]] = {
    "plan": _plan,
    "trial": _trial,
    "suggest": _suggest,
    "select": _select,
}


if __name__ == "__main__":
    absent.do_without("pandas")
    main(sys.argv[1:])
