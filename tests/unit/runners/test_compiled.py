"""Reading a compiled pipeline: what is known is read, what is not is refused by name."""

from typing import Any

import pytest
import yaml
from netanomaly.errors import InputError
from netanomaly.runners.compiled import parse, read
from netanomaly.runners.spec import Container, Retry, TaskOutput

from tests.unit.runners.making import DATASET, artifact_of, constant, document, interface, output_of, task


def parsed(pipeline: dict[str, Any]):
    return parse(yaml.safe_dump(pipeline))


def refused(pipeline: dict[str, Any]) -> str:
    with pytest.raises(InputError) as raised:
        parsed(pipeline)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_task_is_read_with_all_that_is_known_of_it():
    make = interface(takes={"n": "NUMBER_INTEGER"}, gives={"verdict": "STRING"}, gives_artifacts={"flows": DATASET})
    use = interface(takes={"verdict": "STRING"}, takes_artifacts=("flows",))
    pipeline = parsed(
        document(
            {
                "use": task(
                    "use",
                    parameters={"verdict": output_of("make", "verdict")},
                    artifacts={"flows": artifact_of("make", "flows")},
                    cachingOptions={"enableCache": True},
                ),
                "make": task(
                    "make",
                    parameters={"n": constant(3.0)},
                    retryPolicy={
                        "maxRetryCount": 2,
                        "backoffDuration": "1.5s",
                        "backoffFactor": 3,
                        "backoffMaxDuration": "10s",
                    },
                ),
            },
            {"make": make, "use": use},
            container={
                "env": [{"name": "A", "value": "b"}],
                "resources": {"resourceCpuLimit": "500m", "resourceMemoryLimit": "2Gi", "cpuLimit": 0.5},
            },
        )
    )
    assert list(pipeline.dag.tasks) == ["make", "use"]
    make_task, use_task = pipeline.dag.tasks.values()
    assert use_task.after == ("make",)
    assert use_task.parameters == {"verdict": TaskOutput("make", "verdict")}
    assert make_task.retry == Retry(2, 1.5, 3.0, 10.0)
    assert [make_task.retry.wait_seconds(failures) for failures in (1, 2, 3)] == [1.5, 4.5, 10.0]
    container = make_task.component.body
    assert isinstance(container, Container)
    assert container.environment == {"A": "b"}
    assert (container.resources.cpu_limit, container.resources.memory_limit_bytes) == (0.5, 2 * 1024**3)


def test_platform_settings_in_a_second_document_are_for_clusters_but_for_the_variables_that_a_stage_takes():
    settings = {
        "imagePullPolicy": "IfNotPresent",
        "secretAsEnv": [{"keyToEnv": [{"secretKey": "key", "envVar": "AWS_ACCESS_KEY_ID"}], "optional": True}],
        "configMapAsEnv": [{"keyToEnv": [{"configMapKey": "url", "envVar": "S3_ENDPOINT_URL"}]}],
    }
    first = document({"a": task("a"), "b": task("b")})
    second = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-a": settings}}}}}
    tasks = parse(yaml.safe_dump_all([first, second])).dag.tasks
    bodies = {name: each.component.body for name, each in tasks.items()}
    taken = {name: body.outside for name, body in bodies.items() if isinstance(body, Container)}
    assert taken == {"a": {"AWS_ACCESS_KEY_ID", "S3_ENDPOINT_URL"}, "b": frozenset()}
    assert list(parse(yaml.safe_dump_all([first, {"platforms": {"kubernetes": {}}}])).dag.tasks) == ["a", "b"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"parameterIterator": {"items": {"raw": "[]"}}}, "has no field 'itemInput'"),
        ({"parameterIterator": {"itemInput": "i", "items": {"raw": "[]"}}}, "is no nested pipeline"),
        ({"parameterIterator": {"itemInput": "i", "items": {"raw": "{}"}}}, "raw is no list"),
        ({"artifactIterator": {"items": {}}}, "dsl.ParallelFor"),
        ({"triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}, "dsl.ExitHandler"),
        ({"inventedPolicy": {}}, "'inventedPolicy'"),
        ({"triggerPolicy": {"condition": "inputs.parameter_values['x'] > 3"}}, "is not understood"),
        ({"retryPolicy": {"backoffDuration": "soon"}}, "backoffDuration is 'soon'"),
        ({"dependentTasks": ["b"]}, "waits for 'b'"),
    ],
)
def test_a_task_setting_that_is_not_executed_is_refused_by_name(settings, named):
    assert named in refused(document({"a": {**task("a"), **settings}}))


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ({"taskFinalStatus": {"producerTask": "a"}}, "dsl.ExitHandler"),
        ({"componentInputParameter": "p", "parameterExpressionSelector": 'parseJson(string_value)["a"]'}, "loop item"),
        ({"runtimeValue": {"runtimeParameter": "p"}}, "runtime parameter"),
        ({"componentInputParameter": "q"}, "comes from input 'q'; did you mean"),
        ({"taskOutputParameter": {"producerTask": "z", "outputParameterKey": "k"}}, "comes from task 'z'"),
        ({"taskOutputParameter": {"producerTask": "b", "outputParameterKey": "k"}}, "output 'k' of task 'b'"),
        (constant("{{$.pipeline_task_uuid}}"), "use the run id"),
        (constant("run {{$.pipeline_job_uuid}}"), "only as the whole value"),
        (constant("{{$.workspace_path}}/x"), "no workspace"),
        (constant("{{$.inputs.parameters['zzz']}} x"), "names 'zzz'"),
    ],
)
def test_an_input_that_leads_nowhere_is_refused_by_name(source, named):
    tasks = {"a": task("a", parameters={"x": source}), "b": task("b")}
    assert named in refused(document(tasks, {"a": interface(takes={"x": "STRING"})}, {"pq": "STRING"}))


@pytest.mark.parametrize(
    ("container", "named"),
    [
        ({"command": []}, "has no command"),
        ({"command": ["{{$.inputs.parameters['x']}}"]}, "only after the first word"),
        ({"args": ["{{$.outputs.output_file}}"]}, "parse {{$}}"),
        ({"args": ["{{$.pipeline_job_uuid}}"]}, "would not resolve"),
        ({"args": ["{{$.inputs.parameters['y']}}"]}, "inputs.parameters['y']"),
        ({"args": ["{{$.inputs.artifacts['y'].metadata}}"]}, "metadata"),
        ({"args": ['{"IfPresent": {"InputName": "x", "Then": "y"}}']}, "IfPresent"),
        ({"lifecycle": {"preCacheCheck": {"command": ["x"]}}}, "pre-cache check"),
        ({"resources": {"accelerator": {"type": "gpu"}}}, "accelerator"),
        ({"resources": {"resourceMemoryLimit": "{{$.inputs.parameters['x']}}"}}, "no fixed Kubernetes quantity"),
        ({"resources": {"resourceMemoryLimit": "2GB"}}, "'2GB'"),
        ({"privileged": True}, "'privileged'"),
    ],
)
def test_a_container_that_could_not_run_as_written_is_refused_by_name(container, named):
    tasks = {"a": task("a", parameters={"x": constant("v")})}
    assert named in refused(document(tasks, {"a": interface(takes={"x": "STRING"})}, container=container))


def test_a_component_or_executor_that_is_not_there_is_refused():
    pipeline = document({"a": task("a")})
    pipeline["components"]["comp-a"]["executorLabel"] = "exec-z"
    assert "executor 'exec-z', which is not there" in refused(pipeline)
    del pipeline["components"]["comp-a"]
    assert "component 'comp-a', which is not there" in refused(pipeline)


def test_an_importer_is_refused_by_name():
    pipeline = document({"a": task("a")})
    pipeline["deploymentSpec"]["executors"]["exec-a"] = {"importer": {"artifactUri": {"constant": "s3://b/k"}}}
    assert "dsl.importer" in refused(pipeline)


def test_a_parameter_left_to_its_default_is_refused_because_the_back_end_leaves_it_out():
    takes = {"n": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3.0, "isOptional": True}}
    message = refused(document({"a": task("a")}, {"a": interface(takes=takes)}))
    assert "leaves parameter 'n' to its default" in message


def test_a_missing_input_is_refused():
    assert "lacks parameter 'n'" in refused(document({"a": task("a")}, {"a": interface(takes={"n": "STRING"})}))
    assert "lacks artefact 'd'" in refused(document({"a": task("a")}, {"a": interface(takes_artifacts=("d",))}))


def test_a_condition_on_a_number_is_refused():
    condition = {"condition": "inputs.parameter_values['n'] == 'a'"}
    tasks = {"a": task("a", parameters={"n": constant(1)}, triggerPolicy=condition)}
    assert "NUMBER_INTEGER; compare text" in refused(document(tasks, {"a": interface(takes={"n": "NUMBER_INTEGER"})}))


def test_an_output_of_a_dag_that_its_interface_does_not_declare_is_refused():
    pipeline = document({"a": task("a")}, {"a": interface(gives={"k": "STRING"})})
    output = {"valueFromParameter": {"producerSubtask": "a", "outputParameterKey": "k"}}
    pipeline["root"]["dag"]["outputs"] = {"parameters": {"Output": output}}
    assert "'Output', which its interface does not declare" in refused(pipeline)


def test_tasks_are_in_the_order_of_the_file_where_the_dag_leaves_a_choice():
    tasks = {"a": task("n", after=("y",)), "b": task("n", after=("x",)), "x": task("n"), "y": task("n")}
    assert list(parsed(document(tasks)).dag.tasks) == ["x", "y", "a", "b"]


def test_tasks_that_wait_for_each_other_are_refused():
    assert "wait for each other" in refused(document({"a": task("a", after=("b",)), "b": task("b", after=("a",))}))


@pytest.mark.parametrize("name", ["../a", "a/b", ".", "..", ".hidden", "", "a b", "a\nb"])
def test_a_name_that_is_no_safe_file_name_is_refused(name):
    assert "has the name" in refused(document({name: task("a")}))
    assert "has the name" in refused(document({"a": task("a")}, {"a": interface(gives={name: "STRING"})}))


def test_a_type_that_is_not_known_is_refused():
    assert "'TASK_CONFIG'" in refused(document({"a": task("a")}, {"a": interface(takes={"c": "TASK_CONFIG"})}))


def test_a_component_that_contains_itself_is_refused():
    nested = {"dag": {"tasks": {"again": task("loop")}}}
    assert "contains itself" in refused(document({"a": task("loop")}, {"loop": nested}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML"),
        ("", "0 YAML documents"),
        ("null", "is NoneType"),
        ("- 1", "is list; an object is needed"),
        ("schemaVersion: 1.0.0", "schemaVersion '1.0.0'"),
        ("{}\n---\n{}\n---\n{}", "3 YAML documents"),
        ("!!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_what_is_no_compiled_pipeline_is_refused_in_one_line(text, message):
    with pytest.raises(InputError) as raised:
        parse(text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_and_one_that_is_no_text_are_the_users_errors(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not UTF-8"):
        read(tmp_path / "binary.yaml")
