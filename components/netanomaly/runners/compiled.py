"""Read a compiled pipeline (KFP v2 PipelineSpec YAML) strictly: what is not known is refused by name."""

import re
from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from netanomaly.errors import InputError, OutsideError
from netanomaly.runners import conditions, placeholders
from netanomaly.runners.fields import Fields
from netanomaly.runners.spec import (
    ArtifactSource,
    ArtifactType,
    Component,
    Constant,
    Container,
    Dag,
    DagInput,
    InputArtifact,
    InputParameter,
    Interface,
    ParameterSource,
    ParameterType,
    Pipeline,
    Resources,
    Retry,
    Task,
    TaskOutput,
)
from netanomaly.runners.wiring import check

# Names become folders and files of the run folder.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SCHEMA_VERSIONS = ("2.1.",)
_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def read(path: Path | str) -> Pipeline:
    """Read a compiled pipeline file.

    The file's second document (platform settings: secrets, node selectors) concerns a cluster only and is ignored.

    Raises:
        InputError: The file is absent, not a compiled pipeline, or uses what the local runner does not execute.
        OutsideError: The file cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"pipeline file {str(path)!r} does not exist; `netanomaly compile` writes one") from None
    except UnicodeDecodeError as error:
        raise InputError(f"pipeline file {str(path)!r} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise OutsideError(f"pipeline file {str(path)!r} cannot be read: {error.strerror}") from None
    try:
        return parse(text)
    except InputError as error:
        raise InputError(f"pipeline {str(path)!r}: {error}") from None


def parse(text: str) -> Pipeline:
    """Read a compiled pipeline from its text.

    Raises:
        InputError: As `read`, without the file's name.
    """
    import yaml  # 20 ms that `--help` need not pay

    try:
        # The C parser is ten times as fast; PyYAML is built without it on some platforms.
        documents = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as error:
        raise InputError(f"not YAML: {' '.join(str(error).split())}") from None
    if not 1 <= len(documents) <= 2:
        raise InputError(
            f"holds {len(documents)} YAML documents; a compiled pipeline has one, or two with platform settings"
        )
    if len(documents) == 2:
        Fields(documents[1], "the platform settings").take("platforms", dict)
    return _Reader(Fields(documents[0], "the pipeline")).pipeline()


class _Reader:
    def __init__(self, document: Fields) -> None:
        self._document = document
        self._components = document.take("components", dict, {})
        deployment = document.child("deploymentSpec")
        self._executors = deployment.take("executors", dict, {})
        deployment.done()
        self._made: dict[str, Component | None] = {}

    def pipeline(self) -> Pipeline:
        document = self._document
        version = document.take("schemaVersion", str)
        if not version.startswith(_SCHEMA_VERSIONS):
            raise InputError(f"has schemaVersion {version!r}; the local runner reads 2.1, which kfp 2 writes")
        document.ignore("sdkVersion", "defaultPipelineRoot")
        information = document.child("pipelineInfo")
        name = information.take("name", str)
        description = information.take("description", str, "")
        information.ignore("displayName")
        information.done()
        root = self._component("root", document.child("root"))
        document.done()
        if not isinstance(root.body, Dag):
            raise InputError("its root is not a DAG")
        if root.interface.input_artifacts:
            names = ", ".join(root.interface.input_artifacts)
            raise InputError(f"takes artefacts as inputs ({names}); KFP starts no such run: take URIs as text")
        return Pipeline(name=name, description=description, root=root)

    def _component(self, name: str, fields: Fields) -> Component:
        interface = _interface(fields.child("inputDefinitions"), fields.child("outputDefinitions"))
        fields.refuse("singlePlatformSpecs", "platform settings inside a component")
        fields.refuse("taskConfigPassthroughs", "task configuration passthrough")
        body: Container | Dag
        if fields.has("dag"):
            body = self._dag(name, fields.child("dag"), interface)
        else:
            label = fields.take("executorLabel", str)
            if label not in self._executors:
                raise InputError(f"component {name!r} refers to executor {label!r}, which is not there")
            body = _container(Fields(self._executors[label], f"executor {label!r}"), interface)
        fields.done()
        return Component(name=name, interface=interface, body=body)

    def _referenced(self, name: str, where: str) -> Component:
        if name not in self._made:
            if name not in self._components:
                raise InputError(f"{where} refers to component {name!r}, which is not there")
            self._made[name] = None
            self._made[name] = self._component(name, Fields(self._components[name], f"component {name!r}"))
        made = self._made[name]
        if made is None:
            raise InputError(f"component {name!r} contains itself")
        return made

    def _dag(self, name: str, fields: Fields, interface: Interface) -> Dag:
        where = "the pipeline" if name == "root" else f"component {name!r}"
        tasks = {key: self._task(_safe(key, where), task) for key, task in fields.children("tasks").items()}
        outputs = fields.child("outputs")
        parameters = {key: _output_parameter(output) for key, output in outputs.children("parameters").items()}
        artifacts = {key: _output_artifact(output) for key, output in outputs.children("artifacts").items()}
        outputs.done()
        fields.done()
        dag = Dag(tasks=tasks, output_parameters=parameters, output_artifacts=artifacts)
        check(dag, interface, where)
        return replace(dag, tasks=_in_topological_order(tasks, where))

    def _task(self, name: str, fields: Fields) -> Task:
        fields = Fields(fields.all(), f"task {name!r}")
        fields.refuse("parameterIterator", "dsl.ParallelFor")
        fields.refuse("artifactIterator", "dsl.ParallelFor")
        fields.refuse("iteratorPolicy", "dsl.ParallelFor")
        # Every local run is its own: nothing is kept that a later run could take over.
        fields.ignore("cachingOptions")
        information = fields.child("taskInfo")
        display_name = information.take("name", str, name)
        information.done()
        reference = fields.child("componentRef")
        component = self._referenced(reference.take("name", str), fields.where)
        reference.done()
        inputs = fields.child("inputs")
        parameters = {key: _parameter_source(source) for key, source in inputs.children("parameters").items()}
        artifacts = {key: _artifact_source(source) for key, source in inputs.children("artifacts").items()}
        inputs.done()
        after = dict.fromkeys(fields.take("dependentTasks", list, []))
        after.update((s.task, None) for s in (*parameters.values(), *artifacts.values()) if isinstance(s, TaskOutput))
        condition = _condition(fields.child("triggerPolicy"))
        if fields.has("retryPolicy") and isinstance(component.body, Dag):
            fields.refuse("retryPolicy", "retry of a whole nested pipeline")
        retry = _retry(fields.child("retryPolicy"))
        fields.done()
        return Task(
            name=name,
            display_name=display_name,
            component=component,
            parameters=parameters,
            artifacts=artifacts,
            after=tuple(after),
            condition=condition,
            retry=retry,
        )


def _interface(inputs: Fields, outputs: Fields) -> Interface:
    made = Interface(
        input_parameters={
            _safe(k, inputs.where): _input_parameter(f) for k, f in inputs.children("parameters").items()
        },
        input_artifacts={_safe(k, inputs.where): _input_artifact(f) for k, f in inputs.children("artifacts").items()},
        output_parameters={_safe(k, outputs.where): _output_type(f) for k, f in outputs.children("parameters").items()},
        output_artifacts={
            _safe(k, outputs.where): _output_artifact_type(f) for k, f in outputs.children("artifacts").items()
        },
    )
    inputs.done()
    outputs.done()
    return made


def _input_parameter(fields: Fields) -> InputParameter:
    fields.ignore("description")
    made = InputParameter(
        type=_parameter_type(fields),
        has_default=fields.has("defaultValue"),
        default=fields.any("defaultValue"),
        optional=fields.take("isOptional", bool, False),
        literals=tuple(fields.take("literals", list, [])),
    )
    fields.done()
    return made


def _input_artifact(fields: Fields) -> InputArtifact:
    fields.ignore("description")
    fields.refuse("isArtifactList", "lists of artefacts")
    made = InputArtifact(type=_artifact_type(fields), optional=fields.take("isOptional", bool, False))
    fields.done()
    return made


def _output_type(fields: Fields) -> ParameterType:
    fields.ignore("description")
    made = _parameter_type(fields)
    fields.done()
    return made


def _output_artifact_type(fields: Fields) -> ArtifactType:
    fields.ignore("description")
    fields.refuse("isArtifactList", "lists of artefacts")
    made = _artifact_type(fields)
    fields.done()
    return made


def _parameter_type(fields: Fields) -> ParameterType:
    name = fields.take("parameterType", str)
    try:
        return ParameterType(name)
    except ValueError:
        raise InputError(f"{fields.where} is of type {name!r}, which the local runner does not know") from None


def _artifact_type(fields: Fields) -> ArtifactType:
    kind = fields.child("artifactType")
    made = ArtifactType(title=kind.take("schemaTitle", str), version=kind.take("schemaVersion", str, ""))
    kind.done()
    return made


def _container(fields: Fields, interface: Interface) -> Container:
    fields.refuse("importer", "dsl.importer")
    fields.refuse("resolver", "a resolver")
    fields.refuse("customJob", "a custom job of Vertex AI")
    container = fields.child("container")
    fields.done()
    container.refuse("lifecycle", "a pre-cache check")
    command = _texts(container, "command")
    if not command:
        raise InputError(
            f"{container.where} has no command; the KFP launcher needs one, and images have no entry point"
        )
    args = _texts(container, "args")
    placeholders.check_command(command, args, interface, container.where)
    environment = {}
    for variable in container.take("env", list, []):
        entry = Fields(variable, f"{container.where}.env")
        environment[entry.take("name", str)] = entry.take("value", str, "")
        entry.done()
    made = Container(
        image=container.take("image", str),
        command=command,
        args=args,
        environment=environment,
        resources=_resources(container.child("resources")),
    )
    container.done()
    return made


def _resources(fields: Fields) -> Resources:
    fields.refuse("accelerator", "an accelerator")
    # Requests are for a scheduler; the plain numbers are kfp's older form of the texts beside them.
    fields.ignore(
        "cpuRequest", "memoryRequest", "resourceCpuRequest", "resourceMemoryRequest", "cpuLimit", "memoryLimit"
    )
    cpu = fields.take("resourceCpuLimit", str, "")
    memory = fields.take("resourceMemoryLimit", str, "")
    fields.done()
    return Resources(
        cpu_limit=_quantity(cpu, {"": 1, "m": 0.001}, fields.where) if cpu else None,
        memory_limit_bytes=int(_quantity(memory, _BYTES, fields.where)) if memory else None,
    )


def _quantity(text: str, units: Mapping[str, float], where: str) -> float:
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", text)
    if match is None or match[2] not in units:
        raise InputError(f"{where} has the limit {text!r}, which is no fixed Kubernetes quantity such as 500m or 2Gi")
    return float(match[1]) * units[match[2]]


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    found = fields.take(name, list, [])
    for item in found:
        if not isinstance(item, str):
            raise InputError(f"{fields.where}.{name} holds {item!r}, which is not text")
    return tuple(found)


def _parameter_source(fields: Fields) -> ParameterSource:
    fields.refuse("parameterExpressionSelector", "a field of a loop item")
    fields.refuse("taskFinalStatus", "the final status of a task (dsl.ExitHandler)")
    made: ParameterSource
    if fields.has("runtimeValue"):
        value = fields.child("runtimeValue")
        value.refuse("runtimeParameter", "a runtime parameter")
        made = Constant(value.any("constant"))
        value.done()
        if isinstance(made.value, str):
            placeholders.check_constant(made.value, fields.where)
    elif fields.has("taskOutputParameter"):
        made = _task_output(fields.child("taskOutputParameter"), "producerTask", "outputParameterKey")
    else:
        made = DagInput(fields.take("componentInputParameter", str))
    fields.done()
    return made


def _artifact_source(fields: Fields) -> ArtifactSource:
    made: ArtifactSource
    if fields.has("taskOutputArtifact"):
        made = _task_output(fields.child("taskOutputArtifact"), "producerTask", "outputArtifactKey")
    else:
        made = DagInput(fields.take("componentInputArtifact", str))
    fields.done()
    return made


def _output_parameter(fields: Fields) -> tuple[TaskOutput, ...]:
    if fields.has("valueFromOneof"):
        choice = fields.child("valueFromOneof")
        selectors = choice.take("parameterSelectors", list)
        choice.done()
    else:
        selectors = [fields.any("valueFromParameter")]
    fields.done()
    return tuple(_task_output(Fields(s, fields.where), "producerSubtask", "outputParameterKey") for s in selectors)


def _output_artifact(fields: Fields) -> tuple[TaskOutput, ...]:
    selectors = fields.take("artifactSelectors", list)
    fields.done()
    return tuple(_task_output(Fields(s, fields.where), "producerSubtask", "outputArtifactKey") for s in selectors)


def _task_output(fields: Fields, task: str, key: str) -> TaskOutput:
    made = TaskOutput(task=fields.take(task, str), name=fields.take(key, str))
    fields.done()
    return made


def _condition(fields: Fields) -> conditions.Condition | None:
    fields.refuse("strategy", "a task that starts whatever becomes of those before it (dsl.ExitHandler)")
    text = fields.take("condition", str, "")
    fields.done()
    try:
        return conditions.parse(text) if text else None
    except InputError as error:
        raise InputError(f"{fields.where}: {error}") from None


def _retry(fields: Fields) -> Retry:
    made = Retry(
        count=fields.take("maxRetryCount", int, 0),
        seconds=_seconds(fields, "backoffDuration", "0s"),
        factor=float(fields.take("backoffFactor", (int, float), 2.0)),
        max_seconds=_seconds(fields, "backoffMaxDuration", "3600s"),
    )
    fields.done()
    return made


def _seconds(fields: Fields, name: str, default: str) -> float:
    text = fields.take(name, str, default)
    match = re.fullmatch(r"([0-9.]+)s", text)
    if match is None:
        raise InputError(f"{fields.where}.{name} is {text!r}; seconds such as '30s' are needed")
    return float(match[1])


def _safe(name: str, where: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{where} has the name {name!r}; names hold letters, digits, '_', '-' and '.', the last not first"
        )
    return name


def _in_topological_order(tasks: Mapping[str, Task], where: str) -> dict[str, Task]:
    """In the order of the YAML where the DAG leaves a choice."""
    order = list(tasks)
    sorter = TopologicalSorter({name: task.after for name, task in tasks.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise InputError(f"{where} has tasks that wait for each other: {', '.join(error.args[1])}") from None
    made: dict[str, Task] = {}
    while sorter.is_active():
        for name in sorted(sorter.get_ready(), key=order.index):
            made[name] = tasks[name]
            sorter.done(name)
    return made
