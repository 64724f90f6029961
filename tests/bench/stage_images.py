"""Sizes and start times of the stage images, as the tables of docs/images.md: `make bench-images`.

Compressed size is that of the layers above the base, as a registry stores them (gzip, level 6). Start is the time from
creating a container to having removed it, with the imports that the stage's work needs and no work.
"""

import gzip
import hashlib
import json
import statistics
import subprocess
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

ROUNDS = 7
IMPORTS = {
    "ingest": "pyarrow.parquet",
    "train": "pandas, pyarrow.parquet, sklearn.ensemble",
    "evaluate": "pandas, pyarrow.parquet, sklearn.ensemble, scipy.stats",
}


def main() -> None:
    client = docker_daemon.connect()
    references = {stage: images.reference(stage) for stage in images.STAGES}
    docker_daemon.require(client, references.values())
    layers = compressed_layers(list(references.values()))
    base = len(client.images.get(images.base_image()).attrs["RootFS"]["Layers"])
    launcher = DockerLauncher(client)
    print(f"base {images.base_image()}: {megabytes(next(iter(layers.values()))[:base]):.0f} MB compressed")
    print(f"an empty container: {start(launcher, references['describe'], 'pass'):.2f} s\n")
    print("| stage | MB above the base | start, s |\n| --- | ---: | ---: |")
    for stage, reference in references.items():
        program = f"import netanomaly.{stage}.__main__, netanomaly.{stage}.program"
        program += f", {IMPORTS[stage]}" if stage in IMPORTS else ""
        print(f"| {stage} | {megabytes(layers[reference][base:]):.0f} | {start(launcher, reference, program):.2f} |")
    largest = max(megabytes(own) for own in layers.values())
    together = megabytes(list({layer for own in layers.values() for layer in own}))
    print(f"\nall images together: {together:.0f} MB, {together / largest:.2f} times the largest ({largest:.0f} MB)")


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


def start(launcher: DockerLauncher, image: str, program: str) -> float:
    """Median seconds of a container that runs a program."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            call = StageCall(
                name="bench",
                image=image,
                command=("python3", "-c", program),
                environment={},
                resources=Resources(),
                run_id="bench",
                run_dir=Path(folder),
                log=Path(folder) / "log",
            )
            end = launcher.run(call, lambda _: None)
            assert end.code == 0, end.in_words()
            times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main()
