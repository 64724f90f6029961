"""A DAG that is being executed: what is known of the tasks that are still to come."""

import pytest
import yaml
from netanomaly.runners.compiled import parse
from netanomaly.runners.result import RUNNING
from netanomaly.runners.scope import Scope

from tests.unit.runners.making import document, task

MAYBE = {"triggerPolicy": {"condition": "'yes' == 'yes'"}}


@pytest.mark.parametrize(
    ("tasks", "soon"),
    [
        ({"b": task("b", after=("a",)), "c": task("c", after=("b",)), "d": task("d", after=("c",))}, ["b", "c"]),
        (
            {"b": task("b", after=("a",)), "c": task("c", after=("a",)), "d": task("d", after=("b", "c"))},
            ["b", "c", "d"],
        ),
        ({"b": task("b", after=("a",), **MAYBE), "c": task("c", after=("b",))}, []),
    ],
    ids=["chain", "side by side", "behind a condition"],
)
def test_the_next_tasks_and_those_after_them_come_soon_but_none_that_may_be_skipped(tasks, soon):
    pipeline = parse(yaml.safe_dump(document({"a": task("a"), **tasks})))
    scope = Scope(pipeline.root, {})
    scope.settle(pipeline.dag.tasks["a"], RUNNING)
    assert [each.name for each in scope.soon()] == soon
