"""Sizes and start times of the stage images, as the tables of docs/images.md: `make bench-images`.

Compressed size is that of the layers above the base, as a registry stores them (gzip, level 6). Start is the time from
creating a container to having removed it, with every import that the stage made in a run of the demo and no work.
"""

import gzip
import hashlib
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from netanomaly import images
from netanomaly.runners import docker_daemon
from netanomaly.runners.docker import DockerLauncher
from netanomaly.runners.launcher import StageCall
from netanomaly.runners.spec import Resources

from images.build import DOCKER

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 9
# What a stage has imported by its end. It has done its work before, so it does the same again.
IMPORTED = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
print("imported:", *(name for name in sys.modules if not name.startswith("__")), flush=True)
"""
IMPORTS = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:  # an alias that its library made, not a module
        pass
"""


def main() -> None:
    client = docker_daemon.connect()
    references = {stage: images.reference(stage) for stage in images.STAGES}
    docker_daemon.require(client, references.values())
    layers = compressed_layers(list(references.values()))
    base = len(client.images.get(images.base_image()).attrs["RootFS"]["Layers"])
    print(f"base {images.base_image()}: {megabytes(next(iter(layers.values()))[:base]):.0f} MB compressed")
    largest = max(megabytes(own) for own in layers.values())
    together = megabytes(list({layer for own in layers.values() for layer in own}))
    print(f"all images together: {together:.0f} MB, {together / largest:.2f} times the largest ({largest:.0f} MB)")
    with tempfile.TemporaryDirectory() as work:
        demo = demonstration(Path(work))
        launcher = DockerLauncher(client, readable=[ROOT], writable=[Path(work)])
        empty, least = start(launcher, demo, references["validate"], "pass", [])
        print(f"an empty container: {empty:.2f} s, at least {least:.2f} s\n")
        print("| stage | MB above the base | start, s | at least, s |\n| --- | ---: | ---: | ---: |")
        # Those that the demo ran; the last first: it registers again only what it finds as it was.
        ran = [stage for stage in images.STAGES if (demo / "executor" / f"{stage}.json").exists()]
        names = {stage: imported(launcher, demo, stage, references[stage]) for stage in reversed(ran)}
        for stage in ran:
            reference = references[stage]
            median, least = start(launcher, demo, reference, IMPORTS, names[stage])
            print(f"| {stage} | {megabytes(layers[reference][base:]):.0f} | {median:.2f} | {least:.2f} |", flush=True)


def demonstration(work: Path) -> Path:
    """Run the demo in containers; its run folder."""
    command = [str(Path(sys.executable).with_name("netanomaly")), "run", str(ROOT / "configs/nsl-kdd.json")]
    command += ["--runner", "docker", "--workdir", str(work), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return Path(json.loads(done.stdout)["run_dir"])


def imported(launcher: DockerLauncher, demo: Path, stage: str, image: str) -> list[str]:
    """Names of the modules that a stage has imported when it has done its work of the demo."""
    executor_input = (demo / f"executor/{stage}.json").read_text()
    arguments = [f"netanomaly.{stage}", "--executor-input", executor_input]
    call = calling(demo, image, IMPORTED, arguments)
    end = launcher.run(call, lambda _: None)
    assert end.code == 0, end.in_words()
    said = [line for line in call.log.read_text().splitlines() if line.startswith("imported: ")]
    return said[-1].split()[1:]


def compressed_layers(references: list[str]) -> dict[str, list[tuple[str, int]]]:
    """Digest and compressed size in bytes of each image's layers, the base's first."""
    layers: dict[str, tuple[str, int]] = {}
    with tempfile.TemporaryFile() as saved:
        subprocess.run([DOCKER, "save", *references], stdout=saved, check=True)
        saved.seek(0)
        with tarfile.open(fileobj=saved) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
            for name in {layer for image in manifest for layer in image["Layers"]}:
                member = archive.extractfile(name)
                assert member
                content = member.read()
                layers[name] = (hashlib.sha256(content).hexdigest(), len(gzip.compress(content, 6)))
    return {tag: [layers[name] for name in image["Layers"]] for image in manifest for tag in image["RepoTags"]}


def megabytes(layers: list[tuple[str, int]]) -> float:
    return sum(size for _, size in layers) / 1e6


def start(launcher: DockerLauncher, demo: Path, image: str, program: str, arguments: list[str]) -> tuple[float, float]:
    """Median and least seconds of a container that runs a program."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        end = launcher.run(calling(demo, image, program, arguments), lambda _: None)
        times.append(time.perf_counter() - started)
        assert end.code == 0, end.in_words()
    return statistics.median(times), min(times)


def calling(demo: Path, image: str, program: str, arguments: list[str]) -> StageCall:
    return StageCall(
        name="bench",
        image=image,
        command=("python3", "-c", program, *arguments),
        environment={},
        resources=Resources(),
        run_id="bench",
        run_dir=demo,
        log=demo / "bench.log",
    )


if __name__ == "__main__":
    main()
