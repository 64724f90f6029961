"""Peak memory of every stage in its container against its limit, with a million rows to train on and as many to judge.

    python -m tests.bench.stage_memory [--rows 1000000]

The peak is the stage's own resident set. The kernel counts more against a limit (files it has cached, which it gives
up), so a second run under half of every limit shows that there is room.
"""

import argparse
import lzma
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from docker import DockerClient
from netanomaly import images, runners
from netanomaly.cli import docker
from netanomaly.cli.compile import compiled_file
from netanomaly.runners import compiled
from netanomaly.runners.docker import DockerLauncher
from netanomaly.runners.launcher import StageCall, StageExit
from netanomaly.runners.result import RunResult
from netanomaly.runners.spec import Container

from tests.bench.end_to_end import KDD99, ROOT, write_flows

DATA = ROOT / "build" / "bench"


class Halved(DockerLauncher):
    """With half of every memory limit."""

    def run(self, call: StageCall, on_rows: Callable[[int], None]) -> StageExit:
        limit = call.resources.memory_limit_bytes
        assert limit
        return super().run(replace(call, resources=replace(call.resources, memory_limit_bytes=limit // 2)), on_rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    if not KDD99.exists():
        raise SystemExit(f"the benchmark needs {KDD99}")
    document = configuration(rows)
    client = docker.connect(images.STAGES, images.DEFAULT_PREFIX, keep=False)
    limits = memory_limits()
    whole = run(client, document, DockerLauncher)
    print(f"\n{rows:,} + {rows:,} rows of 42 columns, peak MiB\n")
    print("| stage | peak | limit | limit / peak |\n| --- | ---: | ---: | ---: |")
    for stage in whole.stages:
        peak, limit = stage.peak_memory_bytes or 0, limits[stage.name]
        print(f"| {stage.name} | {peak / 2**20:.0f} | {limit / 2**20:.0f} | {limit / peak:.1f} |")
    print(f"\nrun {whole.state} in {whole.seconds:.0f} s; under half of every limit: ", end="", flush=True)
    half = run(client, document, Halved)
    print(f"{half.state} in {half.seconds:.0f} s {half.error or ''}")


def configuration(rows: int) -> dict[str, Any]:
    """The smallest configuration over the generated flows, which are written if they are not there."""
    DATA.mkdir(parents=True, exist_ok=True)
    paths = [DATA / f"kdd99_{part}_{rows}.csv" for part in ("training", "evaluation")]
    if not all(path.exists() for path in paths):
        with lzma.open(KDD99) as file:
            source = pd.read_csv(file)
        for seed, path in enumerate(paths, 1):
            write_flows(source, path, rows, seed)
    return {
        "model_name": "memory",
        "data_source": str(paths[0]),
        "evaluation_data_source": str(paths[1]),
        "registry": str(DATA / f"registry-{time.time_ns()}"),
    }


def memory_limits() -> Mapping[str, int]:
    """Bytes, by task, as the compiled pipeline has them."""
    limits = {}
    for name, task in compiled.read(compiled_file()).dag.tasks.items():
        assert isinstance(task.component.body, Container)
        limits[name] = task.component.body.resources.memory_limit_bytes or 0
    return limits


def run(client: DockerClient, document: dict[str, Any], kind: type[DockerLauncher]) -> RunResult:
    """A run of the compiled pipeline in containers, in a folder of its own."""
    folder = DATA / f"memory-{time.time_ns()}"
    folder.mkdir()
    pipeline = folder / "pipeline.yaml"
    pipeline.write_text(images.resolved(compiled_file().read_text("utf-8")), encoding="utf-8")
    registry = Path(document["registry"])
    registry.mkdir(exist_ok=True)
    launcher = kind(
        client, readable=[Path(document[f"{name}data_source"]) for name in ("", "evaluation_")], writable=[registry]
    )
    return runners.run(
        pipeline, {"configuration": document}, folder, run_id=folder.name, launcher=launcher, on_event=lambda _: None
    )


if __name__ == "__main__":
    main()
