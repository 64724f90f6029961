"""Every stage may be repeated: a server does so with pods that were deleted, before or after they had done their work."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from netanomaly import runners
from netanomaly.cli.compile import compiled_file
from netanomaly.registry import open_registry
from netanomaly.runners.launcher import StageCall, StageExit

from tests.pipelines.test_outside_failures import SAMPLES

# train notes when it trained; what register writes has the time of the registration, the configuration its own.
SAME_BYTES = ("prepare", "ingest", "ingest-2", "validate")
WITH_A_TIME = {"resolved_configuration"}


class Twice(runners.HostLauncher):
    """Runs each stage a second time, over what a killed attempt may have left, and keeps both attempts' outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: dict[str, list[dict[str, str]]] = {}

    def run(self, call: StageCall, on_rows: Callable[[int], None]) -> StageExit:
        first = super().run(call, on_rows)
        assert first.code == 0, first
        paths = outputs(call)
        self.outputs[call.name] = [digests(paths)]
        for path in paths:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] + b"\0 and no more")
        second = super().run(call, on_rows)
        self.outputs[call.name].append(digests(paths))
        return second


def outputs(call: StageCall) -> list[Path]:
    """The files of a stage's outputs."""
    given = json.loads(call.command[call.command.index("--executor-input") + 1])["outputs"]
    artifacts = (each["artifacts"][0]["uri"] for each in given.get("artifacts", {}).values())
    parameters = (each["outputFile"] for each in given.get("parameters", {}).values())
    return [path for path in map(Path, (*artifacts, *parameters)) if path.is_file()]


def digests(paths: list[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.name not in WITH_A_TIME}


@pytest.fixture(scope="module")
def repeated(tmp_path_factory) -> tuple[Twice, Path]:
    folder = tmp_path_factory.mktemp("repeated")
    configuration = {
        "model_name": "repeated",
        "model_type": "isolation_forest",
        "data_source": str(SAMPLES / "sample_training_data.csv"),
        "evaluation_data_source": str(SAMPLES / "sample_evaluation_data.csv"),
        "registry": str(folder / "registry"),
    }
    launcher = Twice()
    result = runners.run(
        compiled_file(), {"configuration": configuration}, folder / "run", run_id="1", launcher=launcher, retries=False
    )
    assert result.state == "succeeded", result.error
    return launcher, folder


@pytest.mark.parametrize("stage", SAME_BYTES)
def test_a_stage_that_is_repeated_writes_the_same_bytes_over_what_was_left(repeated, stage):
    launcher, _ = repeated
    first, second = launcher.outputs[stage]
    assert first
    assert second == first


def test_a_run_whose_every_stage_was_repeated_registers_one_version(repeated):
    launcher, folder = repeated
    assert len(launcher.outputs) == 8
    registry = open_registry(folder / "registry")
    assert registry.models() == ["repeated"]
    assert [version.number for version in registry.versions("repeated")] == [1]
    assert registry.load("repeated@champion") is not None
