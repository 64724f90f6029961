"""Nested DAGs, `dsl.If` and `dsl.OneOf`."""

import threading
from pathlib import Path
from typing import Any

import pytest
from netanomaly.runners import StageExit, TaskFinished, run

from tests.unit.runners.making import (
    FakeLauncher,
    constant,
    document,
    executor_input,
    exits,
    interface,
    output_of,
    task,
    written,
)

VERDICT = "inputs.parameter_values['verdict']"


def branch(condition, component):
    return task(
        component,
        parameters={"verdict": {"componentInputParameter": "verdict"}},
        triggerPolicy={"condition": condition},
    )


def dag(tasks, outputs=None, *, takes=None, gives=None):
    return {"dag": {"tasks": tasks, "outputs": {"parameters": outputs or {}}}, **interface(takes, gives)}


def selected(name):
    return {"producerSubtask": name, "outputParameterKey": "text"}


CHOOSING: dict[str, Any] = {"takes": {"verdict": "STRING"}, "gives": {"text": "STRING"}}

# judge -> (yes | no) -> last, as the compiler writes dsl.If, dsl.Else and dsl.OneOf.
BRANCHES = {
    "judge": interface(gives={"text": "STRING"}),
    "say": interface(gives={"text": "STRING"}),
    "last": interface(takes={"text": "STRING"}),
    "if": dag(
        {"yes": task("say")},
        {"text": {"valueFromParameter": selected("yes")}},
        **CHOOSING,
    ),
    "else": dag(
        {"no": task("say")},
        {"text": {"valueFromParameter": selected("no")}},
        **CHOOSING,
    ),
    "choice": dag(
        {"if": branch(f"{VERDICT} == 'yes'", "if"), "else": branch(f"!({VERDICT} == 'yes')", "else")},
        {"text": {"valueFromOneof": {"parameterSelectors": [selected("if"), selected("else")]}}},
        **CHOOSING,
    ),
}
TASKS = {
    "judge": task("judge"),
    "choice": task("choice", parameters={"verdict": output_of("judge", "text")}),
    "last": task("last", parameters={"text": output_of("choice", "text")}),
}


@pytest.fixture
def execute(tmp_path):
    def execute(tasks, components, launcher, **settings):
        path = written(document(tasks, components), tmp_path)
        return run(path, {}, tmp_path / "run", launcher=launcher, **settings)

    return execute


def says(text):
    def behaviour(call, on_rows):
        Path(executor_input(call)["outputs"]["parameters"]["text"]["outputFile"]).write_text(text)
        return StageExit(code=0)

    return behaviour


@pytest.mark.parametrize(
    ("verdict", "taken", "left"), [("yes", "choice/if/yes", "choice/else/no"), ("x", "choice/else/no", "choice/if/yes")]
)
def test_one_branch_runs_and_its_output_goes_on(execute, verdict, taken, left):
    launcher = FakeLauncher(judge=says(verdict), **{taken: says(f"from {taken}")})
    result = execute(TASKS, BRANCHES, launcher)
    assert result.state == "succeeded"
    assert launcher.started == ["judge", taken, "last"]
    assert result.stage(left).state == "skipped"
    assert executor_input(launcher.calls["last"])["inputs"]["parameterValues"] == {"text": f"from {taken}"}


def test_without_an_else_a_choice_of_nothing_fails_the_run(execute):
    components = {**BRANCHES, "else": BRANCHES["else"] | {"dag": {"tasks": {}, "outputs": {}}}}
    components["choice"] = dag(
        {
            "if": branch(f"{VERDICT} == 'yes'", "if"),
            "else": branch(f"{VERDICT} == 'no'", "if"),
        },
        {"text": {"valueFromOneof": {"parameterSelectors": [selected("if"), selected("else")]}}},
        **CHOOSING,
    )
    result = execute(TASKS, components, FakeLauncher(judge=says("neither")))
    assert (result.state, result.failed_task) == ("failed", "choice")
    assert "pair dsl.If with dsl.Else" in (result.error or "")


def test_a_task_behind_a_skipped_branch_is_skipped_and_the_run_succeeds(execute):
    tasks = {
        "maybe": task(
            "maybe", parameters={"verdict": constant("no")}, triggerPolicy={"condition": f"{VERDICT} == 'yes'"}
        ),
        "behind": task("say", after=("maybe",)),
        "beside": task("say"),
    }
    components = {"maybe": dag({"inner": task("say")}, takes={"verdict": "STRING"}), "say": BRANCHES["say"]}
    launcher = FakeLauncher()
    result = execute(tasks, components, launcher)
    assert result.state == "succeeded"
    assert launcher.started == ["beside"]
    assert {stage.name: stage.state for stage in result.stages} == {
        "beside": "succeeded",
        "maybe/inner": "skipped",
        "behind": "skipped",
    }


def test_a_nested_pipeline_whose_last_task_is_skipped_has_ended_well(execute):
    skipping = {
        "maybe": {**branch(f"{VERDICT} == 'yes'", "maybe"), "inputs": {"parameters": {"verdict": constant("no")}}},
        "behind": task("say", after=("maybe",)),
    }
    components = {
        "maybe": dag({"inner": task("say")}, takes={"verdict": "STRING"}),
        "around": dag(skipping),
        "say": BRANCHES["say"],
    }
    launcher = FakeLauncher()
    result = execute({"around": task("around"), "after": task("say", after=("around",))}, components, launcher)
    assert result.state == "succeeded"
    assert launcher.started == ["after"]


def test_a_nested_pipeline_is_not_started_after_a_failure_beside_it(execute):
    failed = threading.Event()

    def good(call, on_rows):
        assert failed.wait(10)
        return StageExit(code=0)

    def watch(event):
        if isinstance(event, TaskFinished) and event.stage.name == "bad":
            failed.set()

    components = {"inner": dag({"one": task("say")}), "say": BRANCHES["say"], "plain": {}}
    tasks = {"bad": task("plain"), "good": task("plain"), "inner": task("inner", after=("good",))}
    launcher = FakeLauncher(bad=exits(1), good=good)
    result = execute(tasks, components, launcher, on_event=watch, side_by_side=2)
    assert {stage.name: stage.state for stage in result.stages} == {
        "bad": "failed",
        "good": "succeeded",
        "inner/one": "skipped",
    }


def test_a_failure_inside_a_nested_pipeline_fails_what_is_around_it(execute):
    components = {"inner": dag({"bad": task("say"), "next": task("say", after=("bad",))}), "say": BRANCHES["say"]}
    tasks = {"inner": task("inner"), "last": task("say", after=("inner",))}
    launcher = FakeLauncher(**{"inner/bad": exits(4, "no")})
    result = execute(tasks, components, launcher)
    assert (result.state, result.failed_task, result.exit_code) == ("failed", "inner/bad", 4)
    assert launcher.started == ["inner/bad"]


def test_a_nested_pipeline_that_was_started_goes_on_beside_a_failure(execute):
    failed = threading.Event()

    def slow(call, on_rows):
        assert failed.wait(10)
        return says("x")(call, on_rows)

    def fail(call, on_rows):
        failed.set()
        return exits(1)(call, on_rows)

    components = {"inner": dag({"one": task("say"), "two": task("say", after=("one",))}), "say": BRANCHES["say"]}
    launcher = FakeLauncher(**{"inner/one": slow, "bad": fail})
    result = execute({"inner": task("inner"), "bad": task("say")}, components, launcher)
    assert result.state == "failed"
    assert result.stage("inner/two").state == "succeeded"
