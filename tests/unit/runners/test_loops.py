"""`dsl.ParallelFor` over parameters, and `dsl.Collected` of what its turns give."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from netanomaly.runners import StageExit, TaskFinished, TasksUnrolled, run
from netanomaly.runners.console import PlainView, TableView

from tests.unit.runners.making import (
    FakeLauncher,
    document,
    executor_input,
    exits,
    interface,
    output_of,
    task,
    written,
)

LOOP = "for-loop"


def dag(tasks, outputs=None, *, takes=None, gives=None):
    return {"dag": {"tasks": tasks, "outputs": {"parameters": outputs or {}}}, **interface(takes, gives)}


# list -> for each item: one -> last, as the compiler writes dsl.ParallelFor and dsl.Collected.
COMPONENTS: dict[str, Any] = {
    "list": interface(gives={"items": "LIST"}),
    "one": interface(takes={"item": "STRUCT"}, gives={"found": "STRUCT"}),
    "last": interface(takes={"all": "LIST"}),
    LOOP: dag(
        {"one": task("one", parameters={"item": {"componentInputParameter": "item"}})},
        {"found": {"valueFromParameter": {"producerSubtask": "one", "outputParameterKey": "found"}}},
        takes={"items": "LIST", "item": "STRUCT"},
        gives={"found": "LIST"},
    ),
}


def tasks(**loop: Any) -> dict[str, Any]:
    iterator = {"parameterIterator": {"itemInput": "item", "items": {"inputParameter": "items"}}}
    return {
        "list": task("list"),
        LOOP: task(LOOP, parameters={"items": output_of("list", "items")}, **{**iterator, **loop}),
        "last": task("last", parameters={"all": output_of(LOOP, "found")}),
    }


def gives(**values: Any):
    def behaviour(call, on_rows):
        outputs = executor_input(call)["outputs"]["parameters"]
        for name, value in values.items():
            Path(outputs[name]["outputFile"]).write_text(json.dumps(value))
        return StageExit(code=0)

    return behaviour


def echo(call, on_rows):
    given = executor_input(call)
    value = given["inputs"]["parameterValues"]["item"]
    Path(given["outputs"]["parameters"]["found"]["outputFile"]).write_text(json.dumps({"of": value}))
    return StageExit(code=0)


class Launcher(FakeLauncher):
    """Each turn echoes its item."""

    def run(self, call, on_rows):
        if call.name.startswith(LOOP) and call.name not in self._behaviours:
            self._behaviours[call.name] = echo
        return super().run(call, on_rows)


@pytest.fixture
def execute(tmp_path):
    def execute(tasks, launcher, components=COMPONENTS, **settings):
        path = written(document(tasks, components), tmp_path)
        return run(path, {}, tmp_path / "run", launcher=launcher, **settings)

    return execute


ITEMS = [{"n": number} for number in range(3)]


def test_each_item_is_a_turn_and_what_they_give_is_collected_in_the_order_of_the_items(execute):
    slow = threading.Event()

    def late(call, on_rows):
        assert slow.wait(30)
        return echo(call, on_rows)

    def last_turn(call, on_rows):
        slow.set()
        return echo(call, on_rows)

    launcher = Launcher(list=gives(items=ITEMS), **{f"{LOOP}/1/one": late, f"{LOOP}/3/one": last_turn})
    result = execute(tasks(), launcher, side_by_side=3)
    assert result.state == "succeeded"
    collected = executor_input(launcher.calls["last"])["inputs"]["parameterValues"]["all"]
    assert collected == [{"of": item} for item in ITEMS]
    assert [stage.name for stage in result.stages] == ["list", *(f"{LOOP}/{n}/one" for n in (1, 2, 3)), "last"]


def test_items_may_be_written_in_the_pipeline(execute):
    raw = {"itemInput": "item", "items": {"raw": json.dumps(ITEMS[:2])}}
    launcher = Launcher(list=gives(items=[]))
    assert execute(tasks(parameterIterator=raw), launcher).state == "succeeded"
    assert {f"{LOOP}/1/one", f"{LOOP}/2/one"} < set(launcher.started)


def test_no_items_are_an_empty_list(execute):
    launcher = Launcher(list=gives(items=[]))
    assert execute(tasks(), launcher).state == "succeeded"
    assert executor_input(launcher.calls["last"])["inputs"]["parameterValues"]["all"] == []


def test_no_more_turns_run_at_a_time_than_the_pipeline_says(execute):
    running, most, lock = [0], [0], threading.Lock()

    def counted(call, on_rows):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        try:
            return echo(call, on_rows)
        finally:
            with lock:
                running[0] -= 1

    launcher = Launcher(list=gives(items=ITEMS * 3), **{f"{LOOP}/{n}/one": counted for n in range(1, 10)})
    result = execute(tasks(iteratorPolicy={"parallelismLimit": 1}), launcher, side_by_side=8)
    assert result.state == "succeeded"
    assert most == [1]


def test_a_failed_turn_fails_the_loop_and_lets_the_others_end(execute):
    launcher = Launcher(list=gives(items=ITEMS), **{f"{LOOP}/2/one": exits(2, "bad item")})
    result = execute(tasks(), launcher, side_by_side=3)
    assert (result.state, result.exit_code, result.error) == ("failed", 2, "bad item")
    assert result.failed_task == f"{LOOP}/2/one"
    assert result.stage(f"{LOOP}/3/one").state == "succeeded"
    assert "last" not in launcher.started


def test_after_a_failed_turn_no_other_begins(execute):
    launcher = Launcher(list=gives(items=ITEMS), **{f"{LOOP}/1/one": exits(2, "bad item")})
    result = execute(tasks(iteratorPolicy={"parallelismLimit": 1}), launcher)
    assert launcher.started == ["list", f"{LOOP}/1/one"]
    assert result.stage(f"{LOOP}/3/one").state == "skipped"


def test_an_item_of_another_type_fails_the_run_with_its_number(execute):
    launcher = Launcher(list=gives(items=[{"n": 1}, 7]))
    result = execute(tasks(), launcher)
    assert result.exit_code == 2
    assert "item 2 of task 'for-loop' is 7; an object is needed" in (result.error or "")


def test_loops_inside_loops(execute):
    inner = COMPONENTS[LOOP]
    outer = dag(
        {
            "inner": task(
                "inner",
                parameters={"items": {"componentInputParameter": "items"}},
                parameterIterator={"itemInput": "item", "items": {"inputParameter": "items"}},
            )
        },
        {"found": {"valueFromParameter": {"producerSubtask": "inner", "outputParameterKey": "found"}}},
        takes={"lists": "LIST", "items": "LIST"},
        gives={"found": "LIST"},
    )
    components = {**COMPONENTS, "inner": inner, LOOP: outer}
    loop = task(
        LOOP,
        parameters={"lists": output_of("list", "items")},
        parameterIterator={"itemInput": "items", "items": {"inputParameter": "lists"}},
    )
    launcher = Launcher(list=gives(items=[ITEMS[:1], ITEMS]))
    result = execute({**tasks(), LOOP: loop}, launcher, components)
    assert result.state == "succeeded", result.error
    collected = executor_input(launcher.calls["last"])["inputs"]["parameterValues"]["all"]
    assert [len(each) for each in collected] == [1, 3]
    assert f"{LOOP}/2/inner/3/one" in [stage.name for stage in result.stages]


def test_whoever_watches_sees_the_turns_in_place_of_the_loop(execute, capsys):
    import io

    events: list[Any] = []
    table, stream = TableView(), io.StringIO()
    plain = PlainView(stream)

    def show(event):
        events.append(event)
        table(event)
        plain(event)

    execute(tasks(), Launcher(list=gives(items=ITEMS)), on_event=show)
    [unrolled] = [event for event in events if isinstance(event, TasksUnrolled)]
    assert [stage.name for stage in unrolled.stages] == [f"{LOOP}/{n}/one" for n in (1, 2, 3)]
    assert [stage.display_name for stage in unrolled.stages] == ["one 1", "one 2", "one 3"]
    finished = [event.stage.name for event in events if isinstance(event, TaskFinished)]
    assert sorted(finished) == sorted(["list", "last", *(f"{LOOP}/{n}/one" for n in (1, 2, 3))])
    shown = [str(cell) for cell in table.table().columns[0].cells]
    assert shown == ["list", "one 1", "one 2", "one 3", "last"]
    assert f"{LOOP}/2/one: succeeded" in stream.getvalue()
