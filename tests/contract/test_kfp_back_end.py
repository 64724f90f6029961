"""What driver and API server of Kubeflow Pipelines 2.17.0 make of the compiled pipelines, as their source has it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest
import yaml
from netanomaly.cli.pipelines import Name

from tests.command import COMPILED

Document = dict[str, Any]
# The driver gets each as one argument, which Linux takes no longer than 128 KiB; a run's values come on top.
_LONGEST_ARGUMENT = 96 << 10
# The server puts five random letters behind the pipeline's name and a dash, and Argo makes a label of that.
_LONGEST_PIPELINE_NAME = 63 - 6


@dataclass(frozen=True)
class Graph:
    """A graph of tasks: its name, what goes into it, and the tasks."""

    name: str
    inputs: frozenset[str]
    tasks: Document


@pytest.fixture(scope="module", params=[*Name, "doctor"])
def documents(request) -> list[Document]:
    return list(yaml.safe_load_all((COMPILED / f"{request.param}.yaml").read_text()))


@pytest.fixture(scope="module")
def components(documents) -> Document:
    return {**documents[0]["components"], "root": documents[0]["root"]}


@pytest.fixture(scope="module")
def graphs(components) -> list[Graph]:
    return [
        Graph(name, frozenset(component.get("inputDefinitions", {}).get("parameters", {})), component["dag"]["tasks"])
        for name, component in components.items()
        if "dag" in component
    ]


def sources(node: Any) -> Iterator[str]:
    """Every name that platform settings take from the graph around the task."""
    if isinstance(node, dict):
        if "componentInputParameter" in node:
            yield node["componentInputParameter"]
        for each in node.values():
            yield from sources(each)
    elif isinstance(node, list):
        for each in node:
            yield from sources(each)


def test_what_a_task_asks_of_the_cluster_by_name_is_an_input_of_the_graph_it_is_in(documents, components, graphs):
    """The driver looks for it there alone (driver/resolve.go): in a branch, a loop, a pipeline inside another."""
    settings = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    met = set()
    for graph in graphs:
        for task in graph.tasks.values():
            executor = components[task["componentRef"]["name"]].get("executorLabel")
            if executor is not None:
                met.add(executor)
                assert set(sources(settings[executor])) <= graph.inputs, f"{graph.name}: {executor}"
    assert met == set(settings)


def test_every_parameter_of_every_task_in_every_graph_is_passed(components, graphs):
    """A default left unset is absent from the executor input there."""
    for graph in graphs:
        for name, task in graph.tasks.items():
            component = components[task["componentRef"]["name"]]
            declared = set(component.get("inputDefinitions", {}).get("parameters", {}))
            item = {task["parameterIterator"]["itemInput"]} if "parameterIterator" in task else set()
            assert declared - item == set(task.get("inputs", {}).get("parameters", {})), f"{graph.name}: {name}"


def test_no_graph_is_given_one_artefact_under_two_names(components, graphs):
    """Metadata keeps one name for each artefact that goes into a graph (metadata/client.go): the other would be missing."""
    for graph in graphs:
        for name, task in graph.tasks.items():
            if "dag" in components[task["componentRef"]["name"]]:
                given = [json.dumps(each, sort_keys=True) for each in task["inputs"].get("artifacts", {}).values()]
                assert len(given) == len(set(given)), f"{graph.name}: {name}"


def test_executors_of_the_same_container_have_the_same_interface(documents, components):
    """The API server keeps interfaces by the container's digest (argocompiler/argo.go): one would get the other's."""
    containers = documents[0]["deploymentSpec"]["executors"]
    of = {each["executorLabel"]: each for each in components.values() if "executorLabel" in each}
    for one, other in combinations(of, 2):
        if containers[one] == containers[other]:
            interfaces = [
                {key: of[each].get(key) for key in ("inputDefinitions", "outputDefinitions")} for each in (one, other)
            ]
            assert interfaces[0] == interfaces[1], f"{one} and {other}"


def test_names_and_sizes_leave_room_for_what_the_server_adds(documents, components):
    assert len(documents[0]["pipelineInfo"]["name"]) <= _LONGEST_PIPELINE_NAME
    for name, component in components.items():
        assert len(json.dumps(component)) < _LONGEST_ARGUMENT, name
