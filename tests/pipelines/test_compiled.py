"""The compiled pipeline that the package carries is the one that pipelines/ defines."""

import difflib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from kfp import components
from netanomaly.cli.pipelines import Name, kind_of

from tests.command import COMPILED, ROOT, netanomaly

# Of each pipeline: executors that ask the store, tasks that are never cached, and how many tasks a user waits for.
ASK_THE_STORE = {
    Name.training: {
        *(
            "exec-prepare",
            "exec-ingest",
            "exec-ingest-2",
            "exec-evaluate",
            "exec-register",
            "exec-track",
            "exec-deploy",
        ),
    },
    Name.training_from_captures: {
        *("exec-prepare", "exec-capture", "exec-capture-2", "exec-ingest", "exec-ingest-2"),
        *("exec-evaluate", "exec-register", "exec-track", "exec-deploy"),
    },
    Name.tuning: {"exec-prepare", "exec-ingest", "exec-ingest-2", "exec-track"},
    Name.scoring: {"exec-score"},
    Name.following: {"exec-score-new"},
    Name.scoring_from_captures: {"exec-capture", "exec-score"},
}
ASK_THE_STORE[Name.training_tuned] = ASK_THE_STORE[Name.training]
ASK_THE_STORE[Name.training_tuned_from_captures] = ASK_THE_STORE[Name.training_from_captures]
ASK_THE_STORE[Name.tuning_from_captures] = ASK_THE_STORE[Name.tuning] | {"exec-capture", "exec-capture-2"}
ASK_THE_STORE[Name.monitoring] = ASK_THE_STORE[Name.training] | {"exec-monitor"}
NEVER_CACHED = {
    Name.training_tuned: {"prepare", "register", "track", "deploy"},
    Name.training_tuned_from_captures: {"prepare", "register", "track", "deploy"},
    Name.tuning: {"prepare", "track"},
    Name.tuning_from_captures: {"prepare", "track"},
    Name.training: {"prepare", "register", "track", "deploy"},
    Name.training_from_captures: {"prepare", "register", "track", "deploy"},
    Name.scoring: {"score"},
    Name.following: {"score-new"},
    Name.monitoring: {"monitor", "prepare", "register", "track", "deploy"},
    Name.scoring_from_captures: {"capture", "score"},
}
# Captures alone pay a task for them. A search is plan, four rounds, suggest between them, and select; then it is shown.
DEPTH = {
    Name.training: 6,
    Name.training_from_captures: 7,
    Name.training_tuned: 15,
    Name.training_tuned_from_captures: 16,
    Name.tuning: 13,
    Name.tuning_from_captures: 14,
    Name.scoring: 1,
    Name.following: 1,
    Name.monitoring: 1,
    Name.scoring_from_captures: 2,
}


def tasks_of(carried: dict) -> dict[str, dict]:
    """Every task; those of branches, and of a pipeline inside another, in place of these."""

    def inside(tasks: dict[str, dict]) -> dict[str, dict]:
        found: dict[str, dict] = {}
        for name, task in tasks.items():
            graph = carried["components"][task["componentRef"]["name"]].get("dag")
            is_loop = "parameterIterator" in task
            found |= inside(graph["tasks"]) if graph and not is_loop else {name: task}
        return found

    return inside(carried["root"]["dag"]["tasks"])


@pytest.fixture(scope="module", params=list(Name))
def pipeline(request) -> Name:
    return request.param


@pytest.fixture(scope="module")
def documents(pipeline) -> list[dict]:
    return list(yaml.safe_load_all((COMPILED / f"{pipeline}.yaml").read_text()))


@pytest.fixture(scope="module")
def carried(documents) -> dict:
    return documents[0]


@pytest.fixture(scope="module")
def on_kubernetes(documents) -> dict:
    """Platform settings by executor."""
    return documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def test_the_carried_yaml_is_what_the_definition_compiles_to(tmp_path: Path):
    # Not in this process: at each setting of a task kfp reads the source of every frame on the stack, and pytest's is deep.
    subprocess.run([sys.executable, "-m", "pipelines.compile", str(tmp_path)], cwd=ROOT, check=True)
    was, is_now = (
        [line for path in sorted(folder.glob("*.yaml")) for line in path.read_text().splitlines()]
        for folder in (COMPILED, tmp_path)
    )
    difference = list(difflib.unified_diff(was, is_now, "carried", "compiled now", lineterm=""))
    if difference:
        pytest.fail("the definition changed; if that is meant, run `make compile`:\n" + "\n".join(difference))


def test_every_input_of_the_run_form_is_described(carried):
    inputs = carried["root"]["inputDefinitions"]["parameters"]
    assert "configuration" in inputs
    assert all(parameter.get("description") for parameter in inputs.values())


def test_every_task_has_a_display_name_and_every_component_a_description(carried):
    for task in tasks_of(carried).values():
        assert task["taskInfo"]["name"][0].isupper() or "parameterIterator" in task
    documented = [executor["container"]["command"] for executor in carried["deploymentSpec"]["executors"].values()]
    assert all(command[:2] == ["python3", "-m"] for command in documented)


def test_every_output_of_every_component_is_described(carried):
    for name, component in carried["components"].items():
        outputs = component.get("outputDefinitions", {})
        for kind in ("artifacts", "parameters"):
            for output, definition in outputs.get(kind, {}).items():
                # What a loop hands on is what its tasks do.
                assert definition.get("description") or "dag" in component, f"{name}: {output}"


def test_only_stages_that_look_outside_are_never_cached(carried, pipeline):
    uncached = {
        name
        for name, task in tasks_of(carried).items()
        if not task.get("cachingOptions", {}).get("enableCache", False) and "parameterIterator" not in task
    }
    assert uncached == NEVER_CACHED[pipeline]


def test_compile_writes_the_yaml_with_the_wanted_image_prefix(tmp_path: Path):
    ended = netanomaly("compile", "--out", tmp_path / "new", "--image-prefix", "registry.example.org/team/")
    assert ended.code == 0
    assert ended.stdout.split() == [str(tmp_path / f"new/{name}.yaml") for name in Name]
    text = (tmp_path / "new/training.yaml").read_text()
    written = next(yaml.safe_load_all(text))
    images = {executor["container"]["image"] for executor in written["deploymentSpec"]["executors"].values()}
    complete = re.compile(r"registry\.example\.org/team/[a-z]+:[0-9.]+-[0-9a-f]{12}(-dirty)?(@sha256:[0-9a-f]{64})?")
    assert all(complete.fullmatch(image) for image in images), images
    assert len(images) == 8
    assert len(list(yaml.safe_load_all(text))) == 2


def test_every_stage_has_a_memory_and_a_processor_limit(carried):
    for name, executor in carried["deploymentSpec"]["executors"].items():
        resources = executor["container"].get("resources", {})
        assert {"resourceMemoryLimit", "resourceCpuLimit", "resourceMemoryRequest", "resourceCpuRequest"} <= set(
            resources
        ), name


def test_every_stage_may_run_where_pod_security_is_restricted(carried, on_kubernetes):
    assert set(on_kubernetes) == set(carried["deploymentSpec"]["executors"])
    assert all(stage["securityContext"] == {"runAsNonRoot": True} for stage in on_kubernetes.values())


def test_every_stage_has_a_time_out_and_the_labels_that_network_policies_go_by(on_kubernetes):
    for name, stage in on_kubernetes.items():
        assert 3600 <= int(stage["activeDeadlineSeconds"]) <= 24 * 3600
        assert stage["imagePullPolicy"] == "IfNotPresent"
        labels = stage["podMetadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "netanomaly"
        assert name.startswith(f"exec-{labels['app.kubernetes.io/component']}")


def test_only_stages_that_ask_the_store_get_credentials_and_from_an_optional_secret(on_kubernetes, pipeline):
    assert {name for name, stage in on_kubernetes.items() if "secretAsEnv" in stage} == ASK_THE_STORE[pipeline]
    for name in ASK_THE_STORE[pipeline]:
        secrets = [
            source
            for source in on_kubernetes[name]["secretAsEnv"]
            if not is_signing_key(source) and not is_webhook(source)
        ]
        sources = [*secrets, *(source for source in on_kubernetes[name]["configMapAsEnv"] if not is_trust(source))]
        for source in sources:
            assert source["optional"] is True
            if is_mlflow(source):
                continue
            (named,) = (value for key, value in source.items() if key.endswith("NameParameter"))
            # In a branch it is an input of the branch.
            assert named["componentInputParameter"].removeprefix("pipelinechannel--") == "object_store"
        (mounted,) = on_kubernetes[name]["configMapAsVolume"]
        assert (mounted["configMapName"], mounted["optional"]) == ("netanomaly-ca", True)


def is_trust(source: dict[str, Any]) -> bool:
    return str(source.get("configMapName")) == "netanomaly-trust"


def is_mlflow(source: dict[str, Any]) -> bool:
    return "netanomaly-mlflow" in (source.get("configMapName"), source.get("secretName"))


def test_who_may_write_to_mlflow_is_for_the_stage_that_does_alone_and_of_a_fixed_name(on_kubernetes):
    given = {
        name: [kind for kind in ("secretAsEnv", "configMapAsEnv") if any(map(is_mlflow, stage.get(kind, [])))]
        for name, stage in on_kubernetes.items()
    }
    told = {name: kinds for name, kinds in given.items() if kinds}
    if "exec-track" in on_kubernetes:
        assert told == {"exec-prepare": ["configMapAsEnv"], "exec-track": ["secretAsEnv", "configMapAsEnv"]}
    else:
        assert told == ({"exec-prepare": ["configMapAsEnv"]} if "exec-prepare" in on_kubernetes else {})


def test_what_stages_believe_is_not_for_the_starter_of_a_run_to_say(carried, on_kubernetes, pipeline):
    """It is mounted from a name that is no parameter, and from nowhere else."""
    wanted = {
        "NETANOMALY_TRUSTED_KEYS",
        "NETANOMALY_WITHDRAWN_KEYS",
        "NETANOMALY_SIGNED_HEADS",
        "NETANOMALY_REGISTRY_ID",
    }
    for name in ASK_THE_STORE[pipeline]:
        (trust,) = (source for source in on_kubernetes[name]["configMapAsEnv"] if is_trust(source))
        assert trust["optional"] is True
        assert {key["envVar"] for key in trust["keyToEnv"]} == wanted
        others = [source for source in on_kubernetes[name]["configMapAsEnv"] if not is_trust(source)]
        assert not any(variable in str(others) for variable in wanted)
    assert not any("trust" in str(task["inputs"]).lower() for task in carried["root"]["dag"]["tasks"].values())


def is_signing_key(source: dict[str, Any]) -> bool:
    return str(source.get("secretName")) == "netanomaly-signing-key"


def is_webhook(source: dict[str, Any]) -> bool:
    return str(source.get("secretName")) == "netanomaly-webhook"


def test_only_the_stage_that_delivers_alerts_gets_what_signs_them(on_kubernetes):
    for name, stage in on_kubernetes.items():
        given = [source for source in stage.get("secretAsEnv", []) if "NETANOMALY_WEBHOOK_SECRET" in str(source)]
        assert len(given) == (name == "exec-score-new")
        assert all(is_webhook(source) and source["optional"] for source in given)


def test_only_the_stage_that_registers_gets_the_signing_key(on_kubernetes):
    for name, stage in on_kubernetes.items():
        given = [source for source in stage.get("secretAsEnv", []) if "NETANOMALY_SIGN_KEY" in str(source)]
        assert len(given) == (name == "exec-register")
        assert all(is_signing_key(source) and source["optional"] for source in given)


def test_the_name_of_the_secret_is_no_part_of_a_cache_key(carried):
    """It would be, as an input of a task; platform settings are none."""
    for task in tasks_of(carried).values():
        assert "object_store" not in str(task["inputs"])


def test_no_secret_of_the_environment_reaches_the_yaml(tmp_path):
    value = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
    variables: dict[str, Any] = {"AWS_ACCESS_KEY_ID": value, "AWS_SECRET_ACCESS_KEY": value, "AWS_SESSION_TOKEN": value}
    ended = netanomaly("compile", "--out", tmp_path, **variables)
    text = "".join(Path(line).read_text() for line in ended.stdout.splitlines())
    assert value not in text
    for found in re.finditer(r"envVar: (\w+)\n\s+secretKey: (\w+)", text):
        assert found[1] == found[2]


def test_no_stage_makes_a_user_wait_for_an_attempt_that_does_not_come(carried):
    """Stock 2.17.0 waits a retry policy's back-off and then makes no other attempt."""
    for task in tasks_of(carried).values():
        assert "retryPolicy" not in task


def test_the_form_shows_an_example_and_the_description_every_parameter(carried, pipeline):
    """The form of a run shows names and defaults, and no parameter's description."""
    parameters = carried["root"]["inputDefinitions"]["parameters"]
    example = parameters["configuration"]["defaultValue"]
    wanted = kind_of(pipeline).check(example)
    assert wanted.model_name == "office"
    assert wanted.registry == "s3://netanomaly/registry"
    for name in parameters:
        assert re.search(rf"\b{name}\b", carried["pipelineInfo"]["description"]), name


def test_the_kfp_client_reads_pipeline_and_platform_settings_from_the_one_file():
    loaded = components.load_component_from_file(str(COMPILED / "training.yaml"))
    assert set(loaded.platform_spec.platforms) == {"kubernetes"}
    required = {name for name, taken in loaded.component_spec.inputs.items() if not taken.optional}
    assert required == set()


def test_the_pipeline_is_no_deeper_than_the_documentation_says(carried, pipeline):
    everything = carried["root"]["dag"]["tasks"]
    # A branch is taken by those who ask for it.
    tasks = {name: task for name, task in everything.items() if "triggerPolicy" not in task}

    def depth(name: str) -> int:
        return 1 + max(map(depth, tasks[name].get("dependentTasks", ())), default=0)

    assert max(map(depth, tasks)) == DEPTH[pipeline]


@pytest.mark.parametrize("pipeline", Name)
def test_the_schema_of_a_pipelines_configuration_knows_its_example(pipeline):
    compiled = yaml.safe_load((COMPILED / f"{pipeline}.yaml").read_text().split("\n---\n")[0])
    example = compiled["root"]["inputDefinitions"]["parameters"]["configuration"]["defaultValue"]
    asked = netanomaly("config", "schema", "--pipeline", pipeline)
    assert asked.code == 0, asked.stderr
    checked = Draft202012Validator(asked.json)
    assert checked.is_valid(example)
    assert not checked.is_valid({**example, "no_such_field": 1})
