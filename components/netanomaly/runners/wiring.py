"""Whether the tasks of a DAG fit together: every reference is to something that is there, every input is given."""

from collections.abc import Mapping
from typing import Any

from netanomaly.errors import InputError
from netanomaly.runners import placeholders
from netanomaly.runners.spec import Constant, Dag, DagInput, Interface, ParameterType, Task, TaskOutput
from netanomaly.runners.values import nearest


def check(dag: Dag, interface: Interface, where: str) -> None:
    """Check a DAG against its interface.

    Raises:
        InputError: A reference leads nowhere, or a task leaves an input open that the back end would not fill.
    """
    for task in dag.tasks.values():
        _check_sources(task, dag, interface)
        for name in task.after:
            if name not in dag.tasks:
                raise InputError(f"task {task.name!r} waits for {name!r}, which {where} does not have")
        _check_loop(task)
        _check_inputs_given(task)
        _check_texts(task)
    for outputs, kind in ((dag.output_parameters, "parameters"), (dag.output_artifacts, "artifacts")):
        for name, sources in outputs.items():
            declared = interface.output_parameters if kind == "parameters" else interface.output_artifacts
            if name not in declared:
                raise InputError(f"{where} has the output {name!r}, which its interface does not declare")
            for source in sources:
                _check_task_output(source, kind, dag, f"output {name!r} of {where}")


def _check_sources(task: Task, dag: Dag, interface: Interface) -> None:
    inputs: tuple[tuple[Mapping[str, Any], Mapping[str, Any], str], ...] = (
        (task.parameters, interface.input_parameters, "parameters"),
        (task.artifacts, interface.input_artifacts, "artifacts"),
    )
    for sources, of_the_dag, kind in inputs:
        for name, source in sources.items():
            where = f"input {name!r} of task {task.name!r}"
            if isinstance(source, DagInput) and source.name not in of_the_dag:
                raise InputError(f"{where} comes from input {source.name!r}{nearest(source.name, of_the_dag)}")
            if isinstance(source, TaskOutput):
                _check_task_output(source, kind, dag, where)


def _check_task_output(source: TaskOutput, kind: str, dag: Dag, where: str) -> None:
    if source.task not in dag.tasks:
        raise InputError(f"{where} comes from task {source.task!r}{nearest(source.task, dag.tasks)}")
    of = dag.tasks[source.task].component.interface
    declared: Mapping[str, Any] = of.output_parameters if kind == "parameters" else of.output_artifacts
    if source.name not in declared:
        raise InputError(
            f"{where} comes from output {source.name!r} of task {source.task!r}{nearest(source.name, declared)}"
        )


def _check_loop(task: Task) -> None:
    if task.loop is None:
        return
    interface = task.component.interface
    if not isinstance(task.component.body, Dag):
        raise InputError(f"task {task.name!r} loops over items and is no nested pipeline")
    if task.loop.item not in interface.input_parameters:
        raise InputError(f"the items of task {task.name!r} are its input {task.loop.item!r}, which it does not declare")
    if isinstance(task.loop.items, str) and task.loop.items not in task.parameters:
        raise InputError(f"task {task.name!r} loops over {task.loop.items!r}, which is not given to it")
    for name, kind in interface.output_parameters.items():
        if kind is not ParameterType.LIST:
            raise InputError(f"output {name!r} of task {task.name!r} is {kind.value}; that of a loop is a list")
    if interface.output_artifacts:
        names = ", ".join(interface.output_artifacts)
        raise InputError(
            f"task {task.name!r} collects artefacts ({names}), which the local runner does not: parameters"
        )


def _check_inputs_given(task: Task) -> None:
    interface = task.component.interface
    for name, parameter in interface.input_parameters.items():
        if name in task.parameters or (task.loop is not None and name == task.loop.item):
            continue
        if parameter.has_default and parameter.default is not None:
            raise InputError(
                f"task {task.name!r} leaves parameter {name!r} to its default, which KFP's back end does not "
                "pass on; pass it explicitly"
            )
        if not parameter.optional:
            raise InputError(f"task {task.name!r} lacks parameter {name!r}")
    for name, artifact in interface.input_artifacts.items():
        if name not in task.artifacts and not artifact.optional:
            raise InputError(f"task {task.name!r} lacks artefact {name!r}")
    for name in task.artifacts:
        if name not in interface.input_artifacts:
            raise InputError(f"task {task.name!r} is given artefact {name!r}{nearest(name, interface.input_artifacts)}")


def _check_texts(task: Task) -> None:
    for name, source in task.parameters.items():
        if isinstance(source, Constant) and isinstance(source.value, str):
            for named in placeholders.named_inputs(source.value):
                if named not in task.parameters or isinstance(task.parameters[named], Constant):
                    raise InputError(f"input {name!r} of task {task.name!r} names {named!r}, which is not given to it")
    if task.condition is None:
        return
    declared = task.component.interface.input_parameters
    for name in task.condition.parameters:
        if name not in task.parameters:
            raise InputError(f"the condition of task {task.name!r} reads {name!r}, which is not given to it")
        if name in declared and declared[name].type is not ParameterType.STRING:
            raise InputError(
                f"the condition of task {task.name!r} reads {name!r}, which is {declared[name].type.value}; "
                "compare text: KFP carries numbers as doubles, which equal no integer"
            )
