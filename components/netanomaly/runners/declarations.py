"""Read the parts of a compiled pipeline that stand alone: interfaces, containers, sources of inputs and outputs, policies.

Each function takes the fields of one object of the YAML, and raises InputError for what it does not know.
"""

import re
from collections.abc import Mapping
from typing import Any

from netanomaly import json_input
from netanomaly.errors import InputError
from netanomaly.runners import conditions, placeholders
from netanomaly.runners.fields import Fields
from netanomaly.runners.spec import (
    ArtifactSource,
    ArtifactType,
    Constant,
    Container,
    DagInput,
    InputArtifact,
    InputParameter,
    Interface,
    Loop,
    ParameterSource,
    ParameterType,
    Resources,
    Retry,
    TaskOutput,
)

# Names become folders and files of the run folder.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def interface(inputs: Fields, outputs: Fields) -> Interface:
    """The declared inputs and outputs of a component."""
    made = Interface(
        input_parameters={safe(k, inputs.where): _input_parameter(f) for k, f in inputs.children("parameters").items()},
        input_artifacts={safe(k, inputs.where): _input_artifact(f) for k, f in inputs.children("artifacts").items()},
        output_parameters={safe(k, outputs.where): _output_type(f) for k, f in outputs.children("parameters").items()},
        output_artifacts={
            safe(k, outputs.where): _output_artifact_type(f) for k, f in outputs.children("artifacts").items()
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


def container(fields: Fields, interface: Interface) -> Container:
    """The container of an executor, its placeholders checked against the interface."""
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


def outside(settings: Fields) -> frozenset[str]:
    """The variables that an executor's Kubernetes settings take from Secrets and ConfigMaps; the other settings are left."""
    names = set()
    for kind in ("secretAsEnv", "configMapAsEnv"):
        for source in settings.take(kind, list, []):
            pairs = Fields(source, f"{settings.where}.{kind}").take("keyToEnv", list, [])
            names |= {Fields(pair, f"{settings.where}.{kind}.keyToEnv").take("envVar", str) for pair in pairs}
    return frozenset(names)


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


def parameter_source(fields: Fields) -> ParameterSource:
    """Where a task's input parameter comes from."""
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


def artifact_source(fields: Fields) -> ArtifactSource:
    """Where a task's input artefact comes from."""
    made: ArtifactSource
    if fields.has("taskOutputArtifact"):
        made = _task_output(fields.child("taskOutputArtifact"), "producerTask", "outputArtifactKey")
    else:
        made = DagInput(fields.take("componentInputArtifact", str))
    fields.done()
    return made


def output_parameter(fields: Fields) -> tuple[TaskOutput, ...]:
    """Where an output parameter of a DAG comes from; more than one source is `dsl.OneOf`."""
    if fields.has("valueFromOneof"):
        choice = fields.child("valueFromOneof")
        selectors = choice.take("parameterSelectors", list)
        choice.done()
    else:
        selectors = [fields.any("valueFromParameter")]
    fields.done()
    return tuple(_task_output(Fields(s, fields.where), "producerSubtask", "outputParameterKey") for s in selectors)


def output_artifact(fields: Fields) -> tuple[TaskOutput, ...]:
    """Where an output artefact of a DAG comes from."""
    selectors = fields.take("artifactSelectors", list)
    fields.done()
    return tuple(_task_output(Fields(s, fields.where), "producerSubtask", "outputArtifactKey") for s in selectors)


def _task_output(fields: Fields, task: str, key: str) -> TaskOutput:
    made = TaskOutput(task=fields.take(task, str), name=fields.take(key, str))
    fields.done()
    return made


def condition(fields: Fields) -> conditions.Condition | None:
    """The condition of a task, None where it has none."""
    fields.refuse("strategy", "a task that starts whatever becomes of those before it (dsl.ExitHandler)")
    text = fields.take("condition", str, "")
    fields.done()
    try:
        return conditions.parse(text) if text else None
    except InputError as error:
        raise InputError(f"{fields.where}: {error}") from None


def loop(iterator: Fields, policy: Fields) -> Loop | None:
    """Over what a task is executed again and again, None where it is executed once."""
    at_a_time = policy.take("parallelismLimit", int, 0)
    policy.done()
    if not (iterator.has("itemInput") or iterator.has("items")):
        iterator.done()
        return None
    item, source = iterator.take("itemInput", str), iterator.child("items")
    iterator.done()
    items: tuple[Any, ...] | str
    if source.has("raw"):
        try:
            written = json_input.parse(source.take("raw", str))
        except ValueError as error:
            raise InputError(f"{source.where}.raw is not JSON: {error}") from None
        if not isinstance(written, list):
            raise InputError(f"{source.where}.raw is no list")
        items = tuple(written)
    else:
        items = source.take("inputParameter", str)
    source.done()
    return Loop(item, items, at_a_time or None)


def retry(fields: Fields) -> Retry:
    """The retry policy of a task."""
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


def safe(name: str, where: str) -> str:
    """The name, when it can be the name of a file."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{where} has the name {name!r}; names hold letters, digits, '_', '-' and '.', the last not first"
        )
    return name
