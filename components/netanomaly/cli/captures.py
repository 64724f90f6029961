"""Sources that are captures of packets, or binary NetFlow: flows are made of them before they are read."""

import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netanomaly import images, json_input
from netanomaly.cli.run import Runner
from netanomaly.errors import InputError, NetanomalyError, OutsideError

if TYPE_CHECKING:
    from netanomaly.flows.captured import Captured
    from netanomaly.runners.launcher import StageCall

# Suricata's own limits of memory, and what it takes beside.
_MEMORY_BYTES = 3 << 30


@contextmanager
def captured(source: list[str], runner: Runner, prefix: str) -> Iterator["Captured | None"]:
    """Flows of a source of captures, there until the block ends; None where it is anything else.

    Args:
        source: As people name it.
        runner: Where Suricata and nfdump run: on this machine, or in the capture stage's image.
        prefix: Registry and repository of that image.

    Raises:
        DataError: What makes flows is not installed, or a capture cannot be read.
        OutsideError: It failed, or Docker did.
    """
    from netanomaly.flows import sources
    from netanomaly.flows.captured import Captured, kind_of_source

    if kind_of_source(sources.resolve(source)) is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="netanomaly-capture-") as folder:
        flows = Path(folder, "flows")
        report = _here(source, flows) if runner is Runner.host else _in_its_image(source, flows, prefix)
        yield Captured(flows, report)


def _here(source: list[str], flows: Path) -> dict[str, Any]:
    from netanomaly.stages.capture.program import capture
    from netanomaly.stages.capture.settings import Settings

    with flows.open("wb") as out:
        return capture(Settings(source), out, flows.parent)


def _in_its_image(source: list[str], flows: Path, prefix: str) -> dict[str, Any]:
    from netanomaly.cli import docker
    from netanomaly.runners import docker_daemon, docker_leftovers

    source = [item if "://" in item else str(Path(item).absolute()) for item in source]
    folder = flows.parent
    report = folder / "report"
    image = images.reference("capture", prefix)
    with closing(docker_daemon.connect()) as client, docker_leftovers.holding(folder):
        docker_daemon.require(client, [image])
        launcher, outside = docker.reading(client, source)
        ended = launcher.run(_call(image, source, flows, report, outside), _unsaid)
    if ended.code != 0:
        kinds = {InputError.exit_code: InputError, OutsideError.exit_code: OutsideError}
        raise kinds.get(ended.code or 0, NetanomalyError)(ended.in_words())
    found: dict[str, Any] = json_input.parse(json_input.read(report))
    return found


def _unsaid(_rows: int) -> None:
    """Packets are no rows."""


def _call(image: str, source: list[str], flows: Path, report: Path, outside: frozenset[str]) -> "StageCall":
    from netanomaly.runners.launcher import StageCall
    from netanomaly.runners.spec import Resources

    folder = flows.parent
    return StageCall(
        name="capture",
        image=image,
        command=(
            "python3",
            "-m",
            "netanomaly.stages.capture",
            "--executor-input",
            _executor_input(source, flows, report),
        ),
        environment={},
        resources=Resources(memory_limit_bytes=_MEMORY_BYTES),
        run_id=str(uuid.uuid4()),
        run_dir=folder,
        log=folder / "log",
        outside=outside,
    )


def _executor_input(source: list[str], flows: Path, report: Path) -> str:
    def artefact(path: Path) -> Mapping[str, Any]:
        return {"artifacts": [{"name": path.name, "uri": str(path), "metadata": {}}]}

    return json.dumps(
        {
            "inputs": {"parameterValues": {"settings": {"source": source}, "configuration": {}, "data_source": ""}},
            "outputs": {
                "artifacts": {"flows": artefact(flows), "capture_report": artefact(report)},
                "outputFile": str(flows.parent / "executor_output.json"),
            },
        }
    )
