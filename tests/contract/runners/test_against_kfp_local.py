# mypy: disable-error-code="type-arg,no-any-return"
"""The same compiled pipelines through kfp's own local runner and through ours: stages must see and give the same.

kfp.local runs container components in Docker only; here its task handler is replaced by one that runs the
command as a subprocess. That touches kfp's internals: when this fails after an upgrade of kfp, look there first.
"""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kfp import compiler, dsl, local
from kfp.local import status, subprocess_task_handler
from netanomaly.runners import HostLauncher, run

# Writes every output there is, after the executor input it got: outputs of one name are of one type.
PROGRAM = """
import json, pathlib, sys
given = json.loads(sys.argv[1])
outputs = given["outputs"]
texts = {"verdict": "pass\\n", "count": "7", "ratio": "0.25", "flag": "true"}
texts |= {"items": '[1, "a"]', "table": '{"k": [1.5]}'}
texts["echo"] = given["inputs"].get("parameterValues", {}).get("text", "")
for name, entry in outputs.get("parameters", {}).items():
    path = pathlib.Path(entry["outputFile"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(texts[name])
artifacts = {}
for name, entry in outputs.get("artifacts", {}).items():
    artifact = entry["artifacts"][0]
    path = pathlib.Path(artifact["uri"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
    metadata = {"rows": 3, "share": 0.5, "names": ["a", "b"], "curve": [{"x": 1}]}
    artifacts[name] = {"artifacts": [{"name": name, "uri": artifact["uri"], "metadata": metadata}]}
path = pathlib.Path(outputs["outputFile"])
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps({"artifacts": artifacts}))
"""
COMMAND = ["python3", "-c", PROGRAM]
INPUT = dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER


@dsl.container_component
def make(
    n: int,
    share: float,
    text: str,
    items_in: list,
    table_in: dict,
    yes: bool,
    flows: dsl.Output[dsl.Dataset],
    verdict: dsl.OutputPath(str),  # type: ignore[valid-type]
    count: dsl.OutputPath(int),  # type: ignore[valid-type]
    ratio: dsl.OutputPath(float),  # type: ignore[valid-type]
    flag: dsl.OutputPath(bool),  # type: ignore[valid-type]
    items: dsl.OutputPath(list),  # type: ignore[valid-type]
    table: dsl.OutputPath(dict),  # type: ignore[valid-type]
):
    return dsl.ContainerSpec(
        image="image:1",
        command=COMMAND,
        args=[INPUT, "--n", n, f"--text={text}", "--yes", yes, "--items", items_in, flows.path, verdict, "$HOME {{x}}"],
    )


@dsl.container_component
def use(
    flows: dsl.Input[dsl.Dataset],
    count: int,
    ratio: float,
    flag: bool,
    items_in: list,
    table_in: dict,
    text: str,
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
):
    return dsl.ContainerSpec(image="image:1", command=COMMAND, args=[INPUT, flows.path, flows.uri, model.uri, count])


@dsl.container_component
def say(text: str, echo: dsl.OutputPath(str)):  # type: ignore[valid-type]
    return dsl.ContainerSpec(image="image:1", command=COMMAND, args=[INPUT])


@dsl.pipeline(name="wiring")
def wiring(
    text: str,
    table_in: dict = {"a": [1, 2.5], "b": {"c": True}},  # noqa: B006 - kfp reads it and calls nothing
    n: int = 3,
    share: float = 1.0,
    yes: bool = True,
) -> str:
    made = make(n=n, share=share, text=text, items_in=[1, "b", 2.5], table_in=table_in, yes=yes)
    used = use(
        flows=made.outputs["flows"],
        count=made.outputs["count"],
        ratio=made.outputs["ratio"],
        flag=made.outputs["flag"],
        items_in=made.outputs["items"],
        table_in=made.outputs["table"],
        text=f"before {text} after, {made.outputs['ratio']}",
    )
    said = say(text=dsl.PIPELINE_JOB_ID_PLACEHOLDER).after(used)
    return said.outputs["echo"]


@dsl.pipeline(name="inner")
def inner(flows: dsl.Input[dsl.Dataset], text: str) -> str:
    used = use(flows=flows, count=1, ratio=1.5, flag=False, items_in=[], table_in={}, text=text)
    return say(text="inner").after(used).outputs["echo"]


@dsl.pipeline(name="nesting")
def nesting(text: str) -> str:
    made = make(n=1, share=0.5, text="", items_in=[], table_in={}, yes=False)
    nested = inner(flows=made.outputs["flows"], text=text)
    return say(text=nested.output).outputs["echo"]


@dsl.pipeline(name="branching")
def branching(text: str) -> str:
    said = say(text=text)
    with dsl.If(said.outputs["echo"] == "promote"):
        first = say(text="promoted")
    with dsl.Elif(said.outputs["echo"] == "wait"):
        second = say(text="waiting")
    with dsl.Else():
        third = say(text="refused")
    chosen = dsl.OneOf(first.outputs["echo"], second.outputs["echo"], third.outputs["echo"])
    return say(text=chosen).outputs["echo"]


RUN_ID = "12345678"


class Recorded:
    """Commands that stages got, with folders taken off paths: those are each runner's own affair."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.commands: list[Any] = []

    def add(self, command: list[str]) -> None:
        _, _, _, given, *words = command
        # A list in a command is JSON, whose numbers differ in the same way.
        words = [self._bare(json.loads(word) if word.startswith("[") else word) for word in words]
        self.commands.append([self._bare(json.loads(given)), *words])

    def in_order(self) -> list[Any]:
        return sorted(self.commands, key=partial(json.dumps, sort_keys=True))

    def _bare(self, value: Any) -> Any:
        if isinstance(value, dict):
            bare = {key: self._bare(item) for key, item in value.items()}
            # Only its being there counts.
            return {**bare, "outputFile": "here"} if "outputFile" in bare else bare
        if isinstance(value, list):
            return [self._bare(item) for item in value]
        if isinstance(value, float) and value.is_integer():
            # A whole number has no point on a cluster, and has one in kfp.local's lists and objects.
            return int(value)
        if isinstance(value, str) and value.startswith(str(self._folder)):
            return f"FOLDER/{Path(value).name}"
        return value


@pytest.fixture
def with_kfp(tmp_path, monkeypatch):
    """Run a pipeline with kfp.local; gives its output and what its stages got."""
    recorded = Recorded(tmp_path / "kfp")

    class Handler:
        def __init__(self, *, full_command: list[str], **_: Any) -> None:
            self._command = full_command

        def run(self) -> Any:
            recorded.add(self._command)
            done = subprocess.run([sys.executable, *self._command[1:]], check=False)
            return status.Status.FAILURE if done.returncode else status.Status.SUCCESS

    monkeypatch.setattr(subprocess_task_handler, "SubprocessTaskHandler", Handler)
    monkeypatch.setattr("kfp.local.placeholder_utils.make_random_id", lambda: RUN_ID)

    def with_kfp(pipeline, arguments):
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "kfp"))
        task = pipeline(**arguments)
        return task.output, recorded.in_order()

    return with_kfp


@pytest.fixture
def with_ours(tmp_path):
    """Run a pipeline with the host launcher; gives its output and what its stages got."""
    recorded = Recorded(tmp_path / "ours")

    class Launcher(HostLauncher):
        def run(self, call, on_rows):
            recorded.add(list(call.command))
            return super().run(call, on_rows)

    def with_ours(pipeline, arguments):
        compiled = tmp_path / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(compiled))
        result = run(compiled, arguments, tmp_path / "ours", launcher=Launcher(), run_id=RUN_ID)
        assert result.error is None
        return result.pipeline_outputs["Output"], recorded.in_order()

    return with_ours


TEXTS = ["plain", "two words, \"quotes\" 'both', $HOME {{x}} é \\n \t", "-7", ""]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("pipeline", [wiring, nesting], ids=["wiring", "nesting"])
def test_stages_get_and_give_the_same(with_kfp, with_ours, pipeline, text):
    ours, theirs = with_ours(pipeline, {"text": text}), with_kfp(pipeline, {"text": text})
    assert ours[0] == theirs[0]
    for our_command, their_command in zip(ours[1], theirs[1], strict=True):
        assert our_command == their_command


@pytest.mark.parametrize(("text", "outcome"), [("promote", "promoted"), ("wait", "waiting"), ("other", "refused")])
def test_branches_are_taken_alike(with_kfp, with_ours, text, outcome):
    ours = with_ours(branching, {"text": text})
    assert ours[0] == outcome
    assert ours == with_kfp(branching, {"text": text})
