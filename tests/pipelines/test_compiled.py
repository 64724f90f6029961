"""The compiled pipeline that the package carries is the one that pipelines/ defines."""

import difflib
from pathlib import Path

import pytest
import yaml

from pipelines.compile import COMPILED, compile_all
from tests.command import netanomaly


@pytest.fixture(scope="module")
def carried() -> dict:
    return yaml.safe_load((COMPILED / "training.yaml").read_text())


def test_the_carried_yaml_is_what_the_definition_compiles_to(tmp_path: Path):
    compile_all(tmp_path)
    was = (COMPILED / "training.yaml").read_text().splitlines()
    is_now = (tmp_path / "training.yaml").read_text().splitlines()
    difference = list(difflib.unified_diff(was, is_now, "carried", "compiled now", lineterm=""))
    if difference:
        pytest.fail("the definition changed; if that is meant, run `make compile`:\n" + "\n".join(difference))


def test_every_input_of_the_run_form_is_described(carried):
    inputs = carried["root"]["inputDefinitions"]["parameters"]
    assert "configuration" in inputs
    assert all(parameter.get("description") for parameter in inputs.values())


def test_every_task_has_a_display_name_and_every_component_a_description(carried):
    for task in carried["root"]["dag"]["tasks"].values():
        assert task["taskInfo"]["name"][0].isupper()
    documented = [executor["container"]["command"] for executor in carried["deploymentSpec"]["executors"].values()]
    assert all(command[:2] == ["python3", "-m"] for command in documented)


def test_every_output_of_every_component_is_described(carried):
    for name, component in carried["components"].items():
        outputs = component.get("outputDefinitions", {})
        for kind in ("artifacts", "parameters"):
            for output, definition in outputs.get(kind, {}).items():
                assert definition.get("description"), f"{name}: {output}"


def test_only_stages_that_look_outside_are_never_cached(carried):
    uncached = {
        name
        for name, task in carried["root"]["dag"]["tasks"].items()
        if not task.get("cachingOptions", {}).get("enableCache", False)
    }
    assert uncached == {"prepare", "register"}


def test_every_parameter_of_every_task_is_passed(carried):
    """A default left unset is absent from the executor input on the back end, and the driver fails."""
    for name, task in carried["root"]["dag"]["tasks"].items():
        component = carried["components"][task["componentRef"]["name"]]
        declared = set(component.get("inputDefinitions", {}).get("parameters", {}))
        assert declared == set(task["inputs"].get("parameters", {})), name


def test_compile_writes_the_yaml_with_the_wanted_image_prefix(tmp_path: Path):
    ended = netanomaly("compile", "--out", tmp_path / "new", "--image-prefix", "registry.example.org/team/")
    assert ended.code == 0
    written = yaml.safe_load(Path(ended.stdout.strip()).read_text())
    images = {executor["container"]["image"] for executor in written["deploymentSpec"]["executors"].values()}
    assert all(image.startswith("registry.example.org/team/") for image in images)
    assert len(images) == 7


def test_every_stage_has_a_memory_and_a_processor_limit(carried):
    for name, executor in carried["deploymentSpec"]["executors"].items():
        resources = executor["container"].get("resources", {})
        assert {"resourceMemoryLimit", "resourceCpuLimit", "resourceMemoryRequest", "resourceCpuRequest"} <= set(
            resources
        ), name
