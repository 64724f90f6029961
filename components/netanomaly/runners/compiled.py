"""Read a compiled pipeline (KFP v2 PipelineSpec YAML) strictly: what is not known is refused by name."""

from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from netanomaly.errors import InputError, OutsideError
from netanomaly.runners import declarations
from netanomaly.runners.fields import Fields
from netanomaly.runners.spec import Component, Container, Dag, Interface, Pipeline, Task, TaskOutput
from netanomaly.runners.wiring import check

_SCHEMA_VERSIONS = ("2.1.",)


def read(path: Path | str) -> Pipeline:
    """Read a compiled pipeline file.

    Of the file's second document (platform settings) one thing counts here: which variables a stage takes from Secrets
    and ConfigMaps. The rest concerns a cluster only.

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
    outside = {}
    if len(documents) == 2:
        platforms = Fields(documents[1], "the platform settings").child("platforms")
        deployment = platforms.child("kubernetes").child("deploymentSpec")
        outside = {key: declarations.outside(settings) for key, settings in deployment.children("executors").items()}
    return _Reader(Fields(documents[0], "the pipeline"), outside).pipeline()


class _Reader:
    def __init__(self, document: Fields, outside: Mapping[str, frozenset[str]]) -> None:
        self._document = document
        self._outside = outside
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
        interface = declarations.interface(fields.child("inputDefinitions"), fields.child("outputDefinitions"))
        fields.refuse("singlePlatformSpecs", "platform settings inside a component")
        fields.refuse("taskConfigPassthroughs", "task configuration passthrough")
        body: Container | Dag
        if fields.has("dag"):
            body = self._dag(name, fields.child("dag"), interface)
        else:
            label = fields.take("executorLabel", str)
            if label not in self._executors:
                raise InputError(f"component {name!r} refers to executor {label!r}, which is not there")
            container = declarations.container(Fields(self._executors[label], f"executor {label!r}"), interface)
            body = replace(container, outside=self._outside.get(label, frozenset()))
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
        tasks = {key: self._task(declarations.safe(key, where), task) for key, task in fields.children("tasks").items()}
        outputs = fields.child("outputs")
        parameters = {
            key: declarations.output_parameter(output) for key, output in outputs.children("parameters").items()
        }
        artifacts = {key: declarations.output_artifact(output) for key, output in outputs.children("artifacts").items()}
        outputs.done()
        fields.done()
        dag = Dag(tasks=tasks, output_parameters=parameters, output_artifacts=artifacts)
        check(dag, interface, where)
        return replace(dag, tasks=_in_topological_order(tasks, where))

    def _task(self, name: str, fields: Fields) -> Task:
        fields = Fields(fields.all(), f"task {name!r}")
        fields.refuse("artifactIterator", "dsl.ParallelFor over artefacts")
        loop = declarations.loop(fields.child("parameterIterator"), fields.child("iteratorPolicy"))
        # Every local run is its own: nothing is kept that a later run could take over.
        fields.ignore("cachingOptions")
        information = fields.child("taskInfo")
        display_name = information.take("name", str, name)
        information.done()
        reference = fields.child("componentRef")
        component = self._referenced(reference.take("name", str), fields.where)
        reference.done()
        inputs = fields.child("inputs")
        parameters = {
            key: declarations.parameter_source(source) for key, source in inputs.children("parameters").items()
        }
        artifacts = {key: declarations.artifact_source(source) for key, source in inputs.children("artifacts").items()}
        inputs.done()
        after = dict.fromkeys(fields.take("dependentTasks", list, []))
        after.update((s.task, None) for s in (*parameters.values(), *artifacts.values()) if isinstance(s, TaskOutput))
        condition = declarations.condition(fields.child("triggerPolicy"))
        if fields.has("retryPolicy") and isinstance(component.body, Dag):
            fields.refuse("retryPolicy", "retry of a whole nested pipeline")
        retry = declarations.retry(fields.child("retryPolicy"))
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
            loop=loop,
        )


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
