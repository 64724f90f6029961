"""The stages of recorded runs."""

import json
from pathlib import Path

import pytest
from netanomaly.cluster.stages import RunView

RECORDED = json.loads((Path(__file__).parents[2] / "cluster/recorded/kfp-2.17.0-http.json").read_text("utf-8"))


def view(name, *tasks):
    (run,) = (entry["response"] for entry in RECORDED if entry["name"] == name)
    return RunView.of(run, {task: task.title() for task in tasks})


@pytest.mark.parametrize(
    ("name", "tasks", "state", "stages"),
    [
        ("run get, just created", ["importer", "look"], "waiting", ["waiting", "waiting"]),
        ("run get, running", ["importer", "look"], "running", ["succeeded", "running"]),
        ("run get, failed", ["fail", "note"], "failed", ["failed", "skipped"]),
        ("run get, failed after two retries", ["fail", "note"], "failed", ["failed", "skipped"]),
        ("run get, terminating", ["importer", "look"], "running", ["waiting", "waiting"]),
        ("run get, terminated", ["importer", "look"], "running", ["running", "waiting"]),
    ],
)
def test_states_of_recorded_runs(name, tasks, state, stages):
    seen = view(name, *tasks)
    assert seen.state == state
    assert [stage.state for stage in seen.stages()] == stages


def test_times_of_what_has_not_ended_are_none():
    importer, look = view("run get, running", "importer", "look").stages()
    assert (importer.seconds, look.seconds) == (5.0, None)
    (begun,) = view("run get, terminated", "importer").stages()
    assert begun.seconds is None


def test_the_pods_of_a_stage_that_was_tried_three_times_are_among_its_nodes():
    nodes = list(view("run get, failed after two retries", "fail", "note").nodes("fail"))
    attempts = {"failing-58pql-3138762930", "failing-58pql-3608389167", "failing-58pql-1461398388"}
    assert set(nodes[:3]) == attempts
    assert "failing-58pql-3474901935" in nodes
    assert len(nodes) == 5


def detail(name, state, start, end):
    return {
        "display_name": name,
        "state": state,
        "start_time": f"2026-01-01T00:{start}Z",
        "end_time": f"2026-01-01T00:{end}Z",
    }


def test_of_stages_that_began_together_the_shortest_is_the_cached_one():
    """The server does not say whose executor was left out."""
    details = [
        detail("executor", "SKIPPED", "01:01", "01:01"),
        detail("executor", "SUCCEEDED", "01:00", "01:40"),
        detail("slow", "SUCCEEDED", "01:00", "01:40"),
        detail("quick", "SUCCEEDED", "01:00", "01:02"),
        detail("later", "SUCCEEDED", "02:00", "02:01"),
    ]
    run = {"run_id": "r", "state": "SUCCEEDED", "run_details": {"task_details": details}}
    stages = RunView.of(run, {name: name for name in ("slow", "quick", "later")}).stages()
    assert {stage.name: stage.state for stage in stages} == {
        "slow": "succeeded",
        "quick": "cached",
        "later": "succeeded",
    }


def test_a_stage_that_the_server_calls_skipped_was_cached():
    run = {
        "run_id": "r",
        "state": "RUNNING",
        "run_details": {"task_details": [detail("a", "SKIPPED", "01:00", "01:00")]},
    }
    assert [stage.state for stage in RunView.of(run, {"a": "A"}).stages()] == ["cached"]


def test_a_branch_that_was_not_taken_is_skipped_and_began_with_nobody():
    """Argo skips its whole graph, and the server tells it in the word that it has for what came from the cache."""
    details = [detail("deploys-driver", "RUNNING", "01:00", "01:00")]
    run = {"run_id": "r", "state": "RUNNING", "run_details": {"task_details": details}}
    tasks, branches = {"deploys": "Deploys"}, frozenset({"deploys"})
    assert [stage.state for stage in RunView.of(run, tasks, branches=branches).stages()] == ["waiting"]
    details.append(detail("deploys", "SKIPPED", "01:05", "01:05"))
    assert [stage.state for stage in RunView.of(run, tasks, branches=branches).stages()] == ["skipped"]


def test_tasks_of_a_pipeline_inside_are_not_taken_for_those_of_the_same_keys_around_it():
    inner, outer = detail("condition-1", "SKIPPED", "05:00", "05:00"), detail("condition-1", "FAILED", "01:00", "06:00")
    for details in ([inner, outer], [outer, inner]):
        run = {"run_id": "r", "state": "FAILED", "run_details": {"task_details": details}}
        view = RunView.of(run, {"condition-1": "Retrain"}, branches=frozenset({"condition-1"}))
        assert [stage.state for stage in view.stages()] == ["failed"]


def test_of_a_stage_whose_driver_failed_the_drivers_own_attempts_are_looked_at():
    driver = detail("train-driver", "FAILED", "01:00", "01:05") | {"child_tasks": [{"pod_name": "run-7"}]}
    left_out = {key: value for key, value in detail("train", "", "01:05", "01:05").items() if key != "state"}
    executor = detail("executor", "FAILED", "01:06", "01:07") | {"child_tasks": [{"pod_name": "run-8"}]}
    run = {"run_id": "r", "state": "FAILED", "run_details": {"task_details": [left_out, executor, driver]}}
    seen = RunView.of(run, {"train": "Train"})
    assert [stage.state for stage in seen.stages()] == ["failed"]
    assert list(seen.nodes("train")) == ["run-7"]
