"""A DAG that is being executed: which of its tasks may start, with what, and what comes out of it.

Failure is as Argo has it for KFP: after a task failed, its DAG starts nothing more; what runs ends in its own
time, a nested DAG that was already started included.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from netanomaly.errors import InputError
from netanomaly.runners import placeholders
from netanomaly.runners.placeholders import RunNames
from netanomaly.runners.result import FAILED, RUNNING, SKIPPED, SUCCEEDED, WAITING, Artifact
from netanomaly.runners.spec import Component, Constant, Dag, DagInput, Interface, Task, TaskOutput
from netanomaly.runners.values import task_argument, typed

# May start, and waits for room.
READY = "ready"
_SETTLED = frozenset({SUCCEEDED, FAILED, SKIPPED})


class Scope:
    """One execution of a DAG component. `inputs` holds its parameters' values and its artefacts, by name.

    `turn_of` is the loop that this is one turn of.
    """

    def __init__(
        self,
        component: Component,
        inputs: Mapping[str, Any],
        *,
        prefix: str = "",
        within: "tuple[Scope, Task] | None" = None,
        turn_of: "Turns | None" = None,
    ) -> None:
        if not isinstance(component.body, Dag):
            raise TypeError(f"component {component.name!r} is no DAG")
        self.dag = component.body
        self.within = within
        self.turn_of = turn_of
        self.closed = False
        self.states = dict.fromkeys(self.dag.tasks, WAITING)
        self._interface = component.interface
        self._inputs = inputs
        self._prefix = prefix
        self._outputs: dict[str, Mapping[str, Any]] = {}

    def path(self, task: Task) -> str:
        """The task's name in the whole pipeline."""
        return self._prefix + task.name

    def startable(self) -> Iterator[Task]:
        """Tasks whose predecessors have all succeeded, in topological order. Skips those behind a skipped one."""
        for task in self.dag.tasks.values():
            if FAILED in self.states.values():
                return
            if self.states[task.name] != WAITING:
                continue
            before = {self.states[name] for name in task.after}
            if SKIPPED in before:
                self.states[task.name] = SKIPPED
            elif before <= {SUCCEEDED}:
                yield task

    def soon(self) -> Iterator[Task]:
        """Tasks that are next, or next but one, and run for certain if those before them succeed."""
        ahead = {name for name, state in self.states.items() if state in (SUCCEEDED, RUNNING, READY)}
        for _ in range(2):
            found = [
                task for task in self.dag.tasks.values() if task.name not in ahead and ahead.issuperset(task.after)
            ]
            found = [task for task in found if self.states[task.name] == WAITING and task.condition is None]
            yield from found
            ahead |= {task.name for task in found}

    def settle(self, task: Task, state: str, outputs: Mapping[str, Any] | None = None) -> None:
        """Note a task's last state and what came out of it."""
        self.states[task.name] = state
        if outputs is not None:
            self._outputs[task.name] = outputs

    @property
    def ended(self) -> bool:
        """Nothing runs and nothing more may start."""
        if FAILED in self.states.values():
            return RUNNING not in self.states.values()
        return _SETTLED.issuperset(self.states.values())

    @property
    def failed(self) -> bool:
        """Whether one of its tasks failed."""
        return FAILED in self.states.values()

    def inputs_of(self, task: Task, run: RunNames) -> tuple[dict[str, Any], dict[str, Artifact]]:
        """The values of a task's parameters, typed as its component declares them, and its artefacts.

        Raises:
            InputError: A value is absent or of the wrong type.
        """
        interface = task.component.interface
        given: dict[str, Any] = {}
        for name, source in task.parameters.items():
            value = source.value if isinstance(source, Constant) else self._value(source)
            if value is not None:
                given[name] = value
        taken = dict(given)
        for name, source in task.parameters.items():
            if isinstance(source, Constant) and isinstance(source.value, str):
                given[name] = placeholders.resolve_constant(source.value, run, task.name, taken)
        parameters = {}
        for name, value in given.items():
            where = f"input {name!r} of task {self.path(task)!r}"
            if name in interface.input_parameters:
                parameters[name] = task_argument(value, interface.input_parameters[name], where)
            else:
                # The compiler adds inputs for texts and conditions that the component does not declare.
                parameters[name] = value
        artifacts = {name: self._value(source) for name, source in task.artifacts.items()}
        item = None if task.loop is None else task.loop.item
        _check_all_given(interface, parameters, artifacts, self.path(task), item)
        return parameters, {name: artifact for name, artifact in artifacts.items() if artifact is not None}

    def outputs(self) -> dict[str, Any]:
        """What the DAG hands to the one around it. An output of a skipped task is absent.

        Raises:
            InputError: None of the branches that `dsl.OneOf` chooses from gave a value.
        """
        found = {}
        for name, sources in {**self.dag.output_parameters, **self.dag.output_artifacts}.items():
            values = [self._value(source) for source in sources]
            chosen = next((value for value in values if value is not None), None)
            if chosen is not None:
                # What a loop declares is the list of what its turns give.
                kind = self._interface.output_parameters.get(name) if self.turn_of is None else None
                found[name] = chosen if kind is None else typed(chosen, kind, f"output {name!r}")
            elif len(sources) > 1:
                raise InputError(f"none of the branches gave a value for output {name!r}; pair dsl.If with dsl.Else")
        return found

    def _value(self, source: DagInput | TaskOutput) -> Any:
        if isinstance(source, DagInput):
            return self._inputs.get(source.name)
        return self._outputs.get(source.task, {}).get(source.name)


class Turns:
    """The turns of a loop: one execution of its DAG for each item, so many at a time."""

    def __init__(self, around: Scope, task: Task, inputs: Mapping[str, Any]) -> None:
        """Args: around: Where the loop stands. inputs: Of the loop, the list among them.

        Raises:
            InputError: What it loops over is no list, or an item is not of its type.
        """
        loop = task.loop
        if loop is None:
            raise TypeError(f"task {task.name!r} is no loop")
        items = inputs.get(loop.items) if isinstance(loop.items, str) else list(loop.items)
        if not isinstance(items, list):
            raise InputError(f"task {around.path(task)!r} loops over {loop.items!r}, which is no list")
        declared = task.component.interface.input_parameters[loop.item]
        self.around, self.task = around, task
        self.scopes = []
        for number, item in enumerate(items, 1):
            value = task_argument(item, declared, f"item {number} of task {around.path(task)!r}")
            prefix = f"{around.path(task)}/{number}/"
            given = {**inputs, loop.item: value}
            self.scopes.append(Scope(task.component, given, prefix=prefix, within=(around, task), turn_of=self))
        self._at_a_time = loop.at_a_time or len(items)
        self._begun = 0

    @property
    def failed(self) -> bool:
        """Whether a task of one turn failed."""
        return any(scope.failed for scope in self.scopes)

    @property
    def ended(self) -> bool:
        """Every turn that was begun has ended, and no other may begin."""
        begun = self.scopes[: self._begun]
        return all(scope.ended for scope in begun) and (self.failed or self._begun == len(self.scopes))

    def next(self) -> Iterator[Scope]:
        """The turns that may begin now; after a failure none does."""
        while self._begun < len(self.scopes) and not self.failed:
            if sum(not scope.ended for scope in self.scopes[: self._begun]) >= self._at_a_time:
                return
            self._begun += 1
            yield self.scopes[self._begun - 1]

    def outputs(self) -> dict[str, list[Any]]:
        """What each turn gave, in the order of the items.

        Raises:
            InputError: One gave nothing.
        """
        found: dict[str, list[Any]] = {name: [] for name in self.task.component.interface.output_parameters}
        for number, scope in enumerate(self.scopes, 1):
            given = scope.outputs()
            for name, values in found.items():
                if name not in given:
                    raise InputError(f"item {number} of task {self.around.path(self.task)!r} gave no {name!r}")
                values.append(given[name])
        return found


def _check_all_given(
    interface: Interface,
    parameters: Mapping[str, Any],
    artifacts: Mapping[str, Any],
    path: str,
    item: str | None,
) -> None:
    for name, parameter in interface.input_parameters.items():
        if name not in parameters and not parameter.optional and name != item:
            raise InputError(f"input {name!r} of task {path!r} has no value")
    for name, artifact in interface.input_artifacts.items():
        if artifacts.get(name) is None and not artifact.optional:
            raise InputError(f"input artefact {name!r} of task {path!r} is not there")
