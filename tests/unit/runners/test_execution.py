"""How a DAG is executed: order, wiring, failure, retry, cancelling. No process is started here."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest
from netanomaly.errors import InputError, OutsideError
from netanomaly.runners import (
    Event,
    RunFinished,
    RunStarted,
    StageExit,
    TaskFinished,
    TaskProgress,
    TaskRetried,
    TaskStarted,
    run,
)

from tests.unit.runners.making import (
    DATASET,
    METRICS,
    FakeLauncher,
    artifact_of,
    constant,
    document,
    executor_input,
    exits,
    interface,
    output_of,
    succeed,
    task,
    written,
)

CHAIN = {"a": task("a"), "b": task("b", after=("a",)), "c": task("c", after=("b",))}
# left and right are independent of each other; end waits for both.
DIAMOND = {
    "start": task("start"),
    "left": task("left", after=("start",)),
    "right": task("right", after=("start",)),
    "end": task("end", after=("left", "right")),
}


@pytest.fixture
def execute(tmp_path):
    """Run tasks with a launcher; the run folder is `tmp_path / "run"`."""

    def execute(tasks, launcher=None, *, components=None, parameters=None, arguments=None, container=None, **settings):
        path = written(document(tasks, components, parameters, container), tmp_path)
        return run(path, arguments or {}, tmp_path / "run", launcher=launcher or FakeLauncher(), **settings)

    return execute


def states(result):
    return {stage.name: stage.state for stage in result.stages}


def test_a_task_starts_when_all_before_it_succeeded(execute):
    launcher = FakeLauncher()
    result = execute(DIAMOND, launcher)
    assert result.state == "succeeded"
    assert result.exit_code == 0
    assert launcher.started[0] == "start"
    assert launcher.started[-1] == "end"
    assert set(states(result).values()) == {"succeeded"}


def test_independent_tasks_run_side_by_side(execute):
    both = threading.Barrier(2, timeout=10)

    def meet(call, on_rows):
        both.wait()
        return succeed(call, on_rows)

    assert execute(DIAMOND, FakeLauncher(left=meet, right=meet), side_by_side=2).state == "succeeded"


def test_no_more_tasks_run_side_by_side_than_allowed(execute):
    running = threading.Semaphore(1)

    def alone(call, on_rows):
        assert running.acquire(blocking=False)
        ended = succeed(call, on_rows)
        running.release()
        return ended

    tasks = {name: task(name) for name in "abcdef"}
    assert execute(tasks, FakeLauncher(**dict.fromkeys("abcdef", alone)), side_by_side=1).state == "succeeded"


def test_parameters_and_artefacts_go_from_task_to_task(execute):
    def make(call, on_rows):
        outputs = executor_input(call)["outputs"]
        Path(outputs["parameters"]["count"]["outputFile"]).write_text("7\n")
        flows = outputs["artifacts"]["flows"]["artifacts"][0]
        Path(flows["uri"]).write_text("rows")
        written_to = Path(outputs["outputFile"])
        written_to.parent.mkdir(parents=True)
        entry = {"name": "flows", "uri": flows["uri"], "metadata": {"rows": 7}}
        written_to.write_text(json.dumps({"artifacts": {"flows": {"artifacts": [entry]}}}))
        return StageExit(code=0)

    launcher = FakeLauncher(make=make)
    result = execute(
        {
            "make": task("make"),
            "use": task(
                "use",
                parameters={
                    "count": output_of("make", "count"),
                    "given": {"componentInputParameter": "given"},
                    "pipelinechannel--make-count": output_of("make", "count"),
                    "text": constant("{{$.inputs.parameters['pipelinechannel--make-count']}} of {{x}}"),
                    "alone": constant("{{$.inputs.parameters['pipelinechannel--make-count']}}"),
                    "run": constant("{{$.pipeline_job_uuid}}"),
                    "task": constant("{{$.pipeline_task_name}}"),
                },
                artifacts={"flows": artifact_of("make", "flows")},
            ),
        },
        launcher,
        components={
            "make": interface(gives={"count": "NUMBER_INTEGER"}, gives_artifacts={"flows": DATASET}),
            "use": interface(
                takes={
                    "count": "NUMBER_INTEGER",
                    "given": "STRUCT",
                    "text": "STRING",
                    "alone": "NUMBER_INTEGER",
                    "run": "STRING",
                    "task": "STRING",
                },
                takes_artifacts=("flows",),
            ),
        },
        parameters={"given": "STRUCT"},
        arguments={"given": {"a": [1.0, "$HOME é"]}},
        run_id="run-1",
    )
    flows = result.output("make", "flows")
    assert flows.path.read_text() == "rows"
    assert result.output("make", "count") == 7
    assert executor_input(launcher.calls["use"])["inputs"] == {
        "parameterValues": {
            "count": 7,
            "given": {"a": [1, "$HOME é"]},
            "pipelinechannel--make-count": 7,
            "text": "7 of {{x}}",
            "alone": 7,
            "run": "run-1",
            "task": "use",
        },
        "artifacts": {
            "flows": {
                "artifacts": [
                    {
                        "name": "flows",
                        "type": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"},
                        "uri": str(flows.path),
                        "metadata": {"rows": 7},
                    }
                ]
            }
        },
    }


def test_a_task_without_inputs_gets_empty_inputs_as_on_a_cluster(execute):
    launcher = FakeLauncher()
    execute({"a": task("a")}, launcher)
    assert executor_input(launcher.calls["a"])["inputs"] == {}


def test_a_value_that_holds_a_placeholder_arrives_as_it_is(execute):
    launcher = FakeLauncher()
    value = "{{$}} {{$.inputs.parameters['x']}}"
    execute(
        {"a": task("a", parameters={"x": {"componentInputParameter": "x"}})},
        launcher,
        components={"a": interface(takes={"x": "STRING"})},
        parameters={"x": "STRING"},
        arguments={"x": value},
        container={"args": ["{{$}}", "--x={{$.inputs.parameters['x']}}"]},
    )
    assert executor_input(launcher.calls["a"])["inputs"]["parameterValues"]["x"] == value
    assert launcher.calls["a"].command[2] == f"--x={value}"


def test_after_a_failure_nothing_new_starts_and_the_run_fails_with_the_stages_code(execute):
    launcher = FakeLauncher(a=exits(4, "gate says no"))
    result = execute(CHAIN, launcher)
    assert (result.state, result.exit_code, result.failed_task, result.error) == ("failed", 4, "a", "gate says no")
    assert launcher.started == ["a"]
    assert states(result) == {"a": "failed", "b": "skipped", "c": "skipped"}


def test_a_running_sibling_of_a_failed_task_ends_in_its_own_time_and_a_waiting_one_does_not_start(execute):
    failed, started = threading.Event(), threading.Event()

    def left(call, on_rows):
        assert started.wait(10)
        return StageExit(code=1)

    def right(call, on_rows):
        started.set()
        assert failed.wait(10)
        return succeed(call, on_rows)

    tasks = {**DIAMOND, "third": task("third", after=("start",)), "after_right": task("after_right", after=("right",))}
    launcher = FakeLauncher(left=left, right=right)

    def watch(event):
        if isinstance(event, TaskFinished) and event.stage.name == "left":
            failed.set()

    result = execute(tasks, launcher, side_by_side=2, on_event=watch)
    assert states(result) == {
        "start": "succeeded",
        "left": "failed",
        "right": "succeeded",
        "third": "skipped",
        "after_right": "skipped",
        "end": "skipped",
    }


def test_the_first_failure_in_the_dags_order_is_the_runs_even_when_it_came_last(execute):
    right_failed = threading.Event()

    def left(call, on_rows):
        assert right_failed.wait(10)
        return StageExit(code=2, error="left is wrong")

    def watch(event):
        if isinstance(event, TaskFinished) and event.stage.name == "right":
            right_failed.set()

    launcher = FakeLauncher(left=left, right=exits(3, "right is away"))
    result = execute(DIAMOND, launcher, side_by_side=2, on_event=watch)
    assert (result.failed_task, result.error, result.exit_code) == ("left", "left is wrong", 2)


@pytest.mark.parametrize(
    ("end", "exit_code", "error"),
    [
        (StageExit(code=1), 1, "stage a exited with 1"),
        (StageExit(code=2, error="wrong"), 2, "wrong"),
        (StageExit(code=5), 1, "stage a exited with 5"),
        (StageExit(code=None, signal=9), 3, "stage a was killed by SIGKILL (out of memory?); start the run again"),
        (StageExit(code=None, signal=11), 3, "stage a was killed by SIGSEGV"),
        (StageExit(code=None, signal=9, error="out of memory: limit 2 GiB"), 3, "out of memory: limit 2 GiB"),
    ],
)
def test_how_a_stage_ends_decides_what_the_run_says(execute, end, exit_code, error):
    result = execute({"a": task("a")}, FakeLauncher(a=lambda call, on_rows: end))
    assert (result.exit_code, result.error) == (exit_code, error)
    assert result.stage("a").exit_code == end.shell_code


def test_a_stage_that_cannot_be_started_fails_the_run_with_the_launchers_reason(execute):
    def away(call, on_rows):
        raise OutsideError("no daemon")

    result = execute({"a": task("a")}, FakeLauncher(a=away))
    assert (result.state, result.exit_code, result.error) == ("failed", 3, "no daemon")


def test_a_defect_of_the_launcher_fails_the_run_and_does_not_hang_it(execute):
    def broken(call, on_rows):
        raise ZeroDivisionError("oh")

    result = execute({"a": task("a")}, FakeLauncher(a=broken))
    assert (result.exit_code, result.error) == (1, "internal error: ZeroDivisionError: oh")


@pytest.mark.parametrize(
    "gives",
    [{"gives": {"verdict": "STRING"}}, {"gives_artifacts": {"flows": DATASET}}, {"gives_artifacts": {"m": METRICS}}],
)
def test_a_stage_that_ends_well_without_its_declared_outputs_has_failed(execute, gives):
    result = execute({"a": task("a")}, FakeLauncher(a=exits(0)), components={"a": interface(**gives)})
    assert (result.state, result.exit_code) == ("failed", 1)
    assert "was not written" in (result.error or "")


def test_an_output_parameter_in_the_executor_output_goes_before_its_file(execute):
    def both(call, on_rows):
        outputs = executor_input(call)["outputs"]
        Path(outputs["parameters"]["verdict"]["outputFile"]).write_text("in the file")
        path = Path(outputs["outputFile"])
        path.parent.mkdir(parents=True)
        path.write_text('{"parameterValues": {"verdict": "in the executor output"}}')
        return StageExit(code=0)

    result = execute({"a": task("a")}, FakeLauncher(a=both), components={"a": interface(gives={"verdict": "STRING"})})
    assert result.output("a", "verdict") == "in the executor output"


def test_metrics_need_no_file(execute):
    def only_metadata(call, on_rows):
        outputs = executor_input(call)["outputs"]
        path = Path(outputs["outputFile"])
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"artifacts": {"m": {"artifacts": [{"metadata": {"auc": 0.9}}]}}}))
        return StageExit(code=0)

    result = execute(
        {"a": task("a")}, FakeLauncher(a=only_metadata), components={"a": interface(gives_artifacts={"m": METRICS})}
    )
    assert result.output("a", "m").metadata == {"auc": 0.9}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"artifacts": {"m": {"artifacts": [{"metadata": {"auc": NaN}}]}}}', "holds NaN"),
        ('{"artifacts": {"m": {"artifacts": [{"metadata": {"a": [{"b": null}]}}]}}}', "holds null"),
        ('{"artifacts": {"m": {}}}', "no list of artefacts"),
        ('{"artefacts": {}}', "not an object of"),
        ("{", "not JSON"),
    ],
)
def test_an_executor_output_that_kfp_would_refuse_fails_the_task(execute, text, message):
    def write(call, on_rows):
        path = Path(executor_input(call)["outputs"]["outputFile"])
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return StageExit(code=0)

    result = execute(
        {"a": task("a")}, FakeLauncher(a=write), components={"a": interface(gives_artifacts={"m": METRICS})}
    )
    assert result.state == "failed"
    assert message in (result.error or "")


def test_an_output_of_the_wrong_type_fails_its_task_before_anyone_uses_it(execute):
    result = execute({"a": task("a")}, components={"a": interface(gives={"n": "NUMBER_INTEGER"})})
    assert result.error == "output parameter 'n' holds 'yes'; a whole number is needed"


def test_an_argument_too_long_for_linux_fails_with_its_size(execute):
    result = execute(
        {"a": task("a", parameters={"x": {"componentInputParameter": "x"}})},
        components={"a": interface(takes={"x": "STRING"})},
        parameters={"x": "STRING"},
        arguments={"x": "é" * 70_000},
    )
    assert result.exit_code == 2
    assert "pass large values as files" in (result.error or "")


def test_a_failed_task_is_started_again_as_often_as_it_may(execute, tmp_path):
    ends = [StageExit(code=1), StageExit(code=None, signal=9)]

    def fail_twice(call, on_rows):
        call.log.write_text(f"{len(ends)} left")
        assert not any((tmp_path / "run/tasks/a").iterdir())
        (tmp_path / "run/tasks/a/half").touch()
        return ends.pop(0) if ends else succeed(call, on_rows)

    events: list[Event] = []
    launcher = FakeLauncher(a=fail_twice)
    retry = {"maxRetryCount": 2, "backoffDuration": "0s"}
    result = execute({"a": task("a", retryPolicy=retry)}, launcher, on_event=events.append)
    assert result.state == "succeeded"
    assert result.stage("a").attempts == 3
    assert [event.error for event in events if isinstance(event, TaskRetried)] == [
        "stage a exited with 1",
        "stage a was killed by SIGKILL (out of memory?); start the run again",
    ]
    logs = {path.name: path.read_text() for path in (tmp_path / "run/logs").iterdir()}
    assert logs == {"a.attempt-1.log": "2 left", "a.attempt-2.log": "1 left", "a.log": "0 left"}


def test_retries_end_with_the_last_failure(execute):
    launcher = FakeLauncher(a=exits(3))
    result = execute({"a": task("a", retryPolicy={"maxRetryCount": 1})}, launcher)
    assert (result.state, result.exit_code, launcher.started) == ("failed", 3, ["a", "a"])


@pytest.mark.parametrize("code", [2, 4])
def test_what_cannot_get_better_is_not_tried_again(execute, code):
    launcher = FakeLauncher(a=exits(code))
    execute({"a": task("a", retryPolicy={"maxRetryCount": 5})}, launcher)
    assert launcher.started == ["a"]


def test_a_run_without_retries_tries_once_whatever_the_pipeline_says(execute):
    launcher = FakeLauncher(a=exits(3))
    execute({"a": task("a", retryPolicy={"maxRetryCount": 5})}, launcher, retries=False)
    assert launcher.started == ["a"]


def test_events_tell_the_run_in_order(execute):
    def count(call, on_rows):
        on_rows(10)
        on_rows(20)
        return succeed(call, on_rows)

    events: list[Event] = []
    result = execute({"a": task("a"), "b": task("b", after=("a",))}, FakeLauncher(a=count), on_event=events.append)
    assert [type(event) for event in events] == [
        RunStarted,
        TaskStarted,
        TaskProgress,
        TaskProgress,
        TaskFinished,
        TaskStarted,
        TaskFinished,
        RunFinished,
    ]
    assert isinstance(events[0], RunStarted)
    assert [stage.name for stage in events[0].stages] == ["a", "b"]
    assert events[3] == TaskProgress("a", 20)
    assert events[-1] == RunFinished(result.state, result.seconds)


def test_the_state_in_the_run_folder_is_that_of_the_moment(execute, tmp_path):
    seen = []

    def look(call, on_rows):
        state = json.loads((tmp_path / "run/run.json").read_text())
        seen.append((state["state"], {stage["name"]: stage["state"] for stage in state["stages"]}))
        return succeed(call, on_rows)

    execute({"a": task("a"), "b": task("b", after=("a",))}, FakeLauncher(b=look))
    assert seen == [("running", {"a": "succeeded", "b": "running"})]
    after = json.loads((tmp_path / "run/run.json").read_text())
    assert (after["state"], after["exit_code"], after["process"]) == ("succeeded", 0, os.getpid())


def test_a_signal_stops_the_stages_and_cancels_the_run(execute):
    launcher = FakeLauncher()

    def wait(call, on_rows):
        os.kill(os.getpid(), signal.SIGINT)
        assert launcher.stopped.wait(10)
        return StageExit(code=None, signal=signal.SIGTERM)

    launcher._behaviours["a"] = wait
    before = signal.getsignal(signal.SIGINT)
    result = execute(CHAIN, launcher)
    assert (result.state, result.exit_code) == ("canceled", 130)
    assert states(result) == {"a": "canceled", "b": "skipped", "c": "skipped"}
    assert signal.getsignal(signal.SIGINT) is before


def test_a_hang_up_that_is_ignored_stays_so_and_an_interrupt_does_not(execute):
    def look(call, on_rows):
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        return succeed(call, on_rows)

    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGINT)}
    try:
        assert execute({"a": task("a")}, FakeLauncher(a=look)).error is None
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_second_signal_kills(execute):
    launcher = FakeLauncher()

    def stubborn(call, on_rows):
        os.kill(os.getpid(), signal.SIGTERM)
        assert launcher.stopped.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)
        assert launcher.killed.wait(10)
        return StageExit(code=None, signal=signal.SIGKILL)

    launcher._behaviours["a"] = stubborn
    assert execute(CHAIN, launcher).exit_code == 143


def test_a_signal_ends_the_wait_before_a_retry(execute):
    launcher = FakeLauncher(a=exits(3))

    def interrupt(event):
        if isinstance(event, TaskRetried):
            os.kill(os.getpid(), signal.SIGINT)

    retry = {"maxRetryCount": 1, "backoffDuration": "3000s"}
    result = execute({"a": task("a", retryPolicy=retry)}, launcher, on_event=interrupt)
    assert (result.state, launcher.started) == ("canceled", ["a"])


def test_a_failing_listener_leaves_no_stage_running(execute):
    launcher = FakeLauncher()

    def until_killed(call, on_rows):
        assert launcher.killed.wait(10)
        return StageExit(code=None, signal=signal.SIGKILL)

    launcher._behaviours["a"] = until_killed

    def fail(event):
        if isinstance(event, TaskStarted):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute({"a": task("a")}, launcher, on_event=fail)
    assert not [thread for thread in threading.enumerate() if thread.name == "a"]


def test_a_run_folder_that_can_no_longer_be_written_ends_all_stages(execute, tmp_path):
    launcher = FakeLauncher()

    def until_killed(call, on_rows):
        assert launcher.killed.wait(10)
        return StageExit(code=None, signal=signal.SIGKILL)

    def full(call, on_rows):
        (tmp_path / "run/run.json.new").mkdir()
        return succeed(call, on_rows)

    launcher._behaviours |= {"left": until_killed, "right": full}
    with pytest.raises(OutsideError, match="run folder cannot be written: Is a directory"):
        execute(DIAMOND, launcher, side_by_side=2)
    assert launcher.killed.is_set()


def test_a_folder_that_holds_a_run_is_not_used_again(execute):
    execute({"a": task("a")})
    with pytest.raises(InputError, match="holds a run already"):
        execute({"a": task("a")})


def test_a_run_folder_that_cannot_be_made_is_an_outside_failure(execute, tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutsideError, match="run folder cannot be written: "):
        execute({"a": task("a")})


def test_a_wrong_argument_leaves_no_run_folder(execute, tmp_path):
    with pytest.raises(InputError, match="has no parameter 'x'"):
        execute({"a": task("a")}, arguments={"x": 1})
    assert not (tmp_path / "run").exists()


def test_outputs_are_asked_for_by_task_and_name(execute):
    result = execute(
        {"a": task("a"), "b": task("b", after=("a",))},
        FakeLauncher(b=exits(1)),
        components={"a": interface(gives={"verdict": "STRING"})},
    )
    assert result.output("a", "verdict") == "yes"
    with pytest.raises(InputError, match="no output 'verdikt'; did you mean 'verdict'"):
        result.output("a", "verdikt")
    with pytest.raises(InputError, match="no stage 'A'"):
        result.output("A", "verdict")
    with pytest.raises(InputError, match="it failed"):
        result.output("b", "x")
