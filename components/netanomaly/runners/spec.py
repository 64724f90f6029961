"""What a compiled pipeline is, as plain values: a KFP v2 PipelineSpec reduced to what the local runner executes.

Source: api/v2alpha1/pipeline_spec.proto of kubeflow/pipelines. `compiled.read` makes these from YAML and has
checked every reference in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from netanomaly.runners.conditions import Condition


class ParameterType(Enum):
    """Types of a parameter, by their names in the compiled YAML."""

    NUMBER_INTEGER = "NUMBER_INTEGER"
    NUMBER_DOUBLE = "NUMBER_DOUBLE"
    STRING = "STRING"
    BOOLEAN = "BOOLEAN"
    LIST = "LIST"
    STRUCT = "STRUCT"


@dataclass(frozen=True)
class ArtifactType:
    """E.g. `system.Dataset`, `0.0.1`."""

    title: str
    version: str


@dataclass(frozen=True)
class InputParameter:
    """A declared input parameter. `default` counts only where `has_default`: null is a value."""

    type: ParameterType
    has_default: bool = False
    default: Any = None
    optional: bool = False
    literals: tuple[Any, ...] = ()


@dataclass(frozen=True)
class InputArtifact:
    """A declared input artefact."""

    type: ArtifactType
    optional: bool = False


@dataclass(frozen=True)
class Interface:
    """The declared inputs and outputs of a component."""

    input_parameters: Mapping[str, InputParameter] = field(default_factory=dict)
    input_artifacts: Mapping[str, InputArtifact] = field(default_factory=dict)
    output_parameters: Mapping[str, ParameterType] = field(default_factory=dict)
    output_artifacts: Mapping[str, ArtifactType] = field(default_factory=dict)


@dataclass(frozen=True)
class Resources:
    """Limits of a container; None is no limit. CPU in cores."""

    cpu_limit: float | None = None
    memory_limit_bytes: int | None = None


@dataclass(frozen=True)
class Container:
    """What a task executes. Placeholders in `command` and `args` are still in place."""

    image: str
    command: tuple[str, ...]
    args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = Resources()
    outside: frozenset[str] = frozenset()
    """Variables that come from outside the pipeline: on a cluster from Secrets and ConfigMaps."""


@dataclass(frozen=True)
class Constant:
    """A value written in the YAML; a text may hold placeholders."""

    value: Any


@dataclass(frozen=True)
class DagInput:
    """An input of the DAG that the task stands in."""

    name: str


@dataclass(frozen=True)
class TaskOutput:
    """An output of another task of the same DAG."""

    task: str
    name: str


ParameterSource = Constant | DagInput | TaskOutput
ArtifactSource = DagInput | TaskOutput


@dataclass(frozen=True)
class Retry:
    """How often a failed task is started again, and how long to wait before: seconds, growing by `factor`."""

    count: int = 0
    seconds: float = 0.0
    factor: float = 2.0
    max_seconds: float = 3600.0

    def wait_seconds(self, failures: int) -> float:
        """Seconds to wait after so many failures (1 is the first)."""
        return min(self.seconds * self.factor ** (failures - 1), self.max_seconds)


@dataclass(frozen=True)
class Loop:
    """How often a nested DAG is executed (dsl.ParallelFor): once for each item, which is its input `item`.

    `items` is a list, or the DAG's input that holds one. `at_a_time` is how many run side by side; None: as many as there
    is room for.
    """

    item: str
    items: "tuple[Any, ...] | str"
    at_a_time: int | None = None


@dataclass(frozen=True)
class Task:
    """One node of a DAG. `after` holds every task it waits for, those whose outputs it takes included."""

    name: str
    display_name: str
    component: "Component"
    parameters: Mapping[str, ParameterSource]
    artifacts: Mapping[str, ArtifactSource]
    after: tuple[str, ...]
    condition: Condition | None = None
    retry: Retry = Retry()
    loop: Loop | None = None


@dataclass(frozen=True)
class Dag:
    """Tasks in topological order, and where the DAG's outputs come from: the first source that has a value.

    More than one source is `dsl.OneOf`.
    """

    tasks: Mapping[str, Task]
    output_parameters: Mapping[str, tuple[TaskOutput, ...]] = field(default_factory=dict)
    output_artifacts: Mapping[str, tuple[TaskOutput, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """An interface and what stands behind it."""

    name: str
    interface: Interface
    body: Container | Dag


@dataclass(frozen=True)
class Pipeline:
    """A compiled pipeline; `root.body` is its DAG, `root.interface` its parameters and outputs."""

    name: str
    description: str
    root: Component

    @property
    def dag(self) -> Dag:
        """The outermost DAG."""
        if not isinstance(self.root.body, Dag):
            raise TypeError("the root of a pipeline is a DAG")
        return self.root.body
