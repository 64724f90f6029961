"""Build stage images: `python -m images.build [--context-only] [STAGE...]`, all stages by default.

Downloads the locked wheels, lays out one build context for each stage below build/images/ and gives it to
`docker build` without a network, but for stages that need Debian packages. An image whose tag is there already is not built again: the tag is a digest of what
goes in.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from netanomaly import __version__, images

from images import wheelhouse

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "images"
DOCKER = os.environ.get("DOCKER", "docker")
# Which layer a library goes to; the rest is the third. Arrow's readers alone are what `ingest` needs.
_LAYERS = {
    "arrow": ("numpy", "pyarrow"),
    "science": (
        "joblib",
        "narwhals",
        "scikit-learn",
        "scipy",
        "threadpoolctl",
        "cloudpickle",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m images.build", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(images.IMAGES))
    parser.add_argument("--prefix", default=images.DEFAULT_PREFIX, help="registry and repository of the images")
    parser.add_argument("--network", action="store_true", help="pip fetches inside the build instead of before it")
    parser.add_argument("--context-only", action="store_true", help="lay out build/images/ for another builder")
    parser.add_argument("--again", action="store_true", help="build though the image is there, using no cache")
    parser.add_argument("--ca", type=Path, help="certificates (PEM) that pip is to trust inside the build")
    parser.add_argument("--pip-config", type=Path, help="a pip.conf for pip inside the build: its index, its proxy")
    parser.add_argument("--wheelhouse", type=Path, default=ROOT / ".cache" / "wheelhouse", help="where wheels are kept")
    parser.add_argument("--bills", type=Path, default=ROOT / "build" / "sbom", help="where bills of materials are kept")
    options = parser.parse_args()
    unknown = set(options.stages) - set(images.IMAGES)
    if unknown:
        parser.error(f"no stage is called {', '.join(sorted(unknown))}; there are {', '.join(images.IMAGES)}")
    if not options.context_only:
        _check_daemon()
    stages = options.stages or list(images.IMAGES)
    if not options.network:
        locks = [ROOT / "images" / "pip.txt", *(ROOT / "requirements" / f"{stage}.txt" for stage in stages)]
        wheelhouse.download(locks, options.wheelhouse, wheelhouse.machine())
    for_pip = {"ca.crt": options.ca, "pip.conf": options.pip_config}
    for stage in stages:
        context = layout(stage, OUT / stage, None if options.network else options.wheelhouse, for_pip)
        reference = images.reference(stage, options.prefix).partition("@")[0]
        if options.context_only:
            print(context)
        elif options.again or not _exists(reference):
            started = time.monotonic()
            _build(stage, reference, context, network=options.network, again=options.again)
            print(f"built {reference} in {time.monotonic() - started:.0f} s", flush=True)
        else:
            print(f"there is {reference} already")
        if not options.context_only:
            _keep_bill(stage, reference, options.bills)


def layout(
    stage: str, context: Path, wheels: Path | None, for_pip: Mapping[str, Path | None] = MappingProxyType({})
) -> Path:
    """Lay out the build context of a stage in a folder, and return the folder.

    `for_pip` are files of this machine for pip inside the build, by the names that install.py knows.
    """
    shutil.rmtree(context, ignore_errors=True)
    installer, layers = context / "installer", context / "layers"
    for folder in (installer, *(layers / name for name in (*_LAYERS, "rest", "code"))):
        folder.mkdir(parents=True)
    for name, path in images.inputs(stage).items():
        if name.startswith("lib/"):
            target = layers / "code" / name
        else:
            target = (installer if name in ("install.py", "sbom.py") else context) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    shutil.copyfile(ROOT / "LICENSE", layers / "code" / "lib" / "netanomaly" / "LICENSE")
    entries = wheelhouse.locked((context / "requirements.txt").read_text(encoding="utf-8"), wheelhouse.machine())
    for layer in (*_LAYERS, "rest"):
        named = _LAYERS.get(layer)
        mine = [
            entry
            for name, entry in sorted(entries.items())
            if (name in named if named else not any(name in others for others in _LAYERS.values()))
        ]
        (layers / layer / "requirements.txt").write_text("".join(mine), encoding="utf-8")
        if wheels is not None:
            _link_all(wheelhouse.wheels_of(mine, wheels), layers / layer / "wheels")
    if wheels is not None:
        pip = wheelhouse.locked((context / "pip.txt").read_text(encoding="utf-8"), wheelhouse.machine())
        _link_all(wheelhouse.wheels_of(pip.values(), wheels), installer)
    for name, given in for_pip.items():
        if given is not None:
            shutil.copyfile(given, installer / name)
    return context


def _link_all(files: Iterable[Path], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for path in files:
        try:
            (folder / path.name).hardlink_to(path)
        except OSError:
            shutil.copyfile(path, folder / path.name)


def _build(stage: str, reference: str, context: Path, *, network: bool, again: bool) -> None:
    command = [DOCKER, "build", "--quiet", "--file", str(context / "stage.Dockerfile"), "--tag", reference]
    packages = images.debian_packages(stage)
    # The host's network, so that the mirror is reached as this machine reaches it.
    command += ["--network", "host" if packages else "default" if network else "none"]
    arguments = {"DEBIAN_PACKAGES": " ".join(packages)} if packages else {}
    arguments |= {"STAGE": stage, "VERSION": reference.rpartition(":")[2], "REVISION": _revision(stage)}
    arguments["BASE_IMAGE"] = images.base_image()
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    if again:
        command.append("--no-cache")
    built = subprocess.run(
        [*command, str(context)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if built.returncode:
        print("\n".join(built.stdout.splitlines()[-20:]), file=sys.stderr)
        hint = ""
        if images.base_image().startswith("python:"):
            hint = "; where no registry can be reached, run `make offline-base` first"
        raise SystemExit(f"error: image {reference} could not be built on {images.base_image()}{hint}")


def _exists(reference: str) -> bool:
    return subprocess.run([DOCKER, "image", "inspect", reference], capture_output=True, check=False).returncode == 0


def _keep_bill(stage: str, reference: str, folder: Path) -> None:
    """Copy the image's bill of materials to a folder."""
    made = subprocess.run([DOCKER, "create", reference], capture_output=True, text=True, check=True)
    container = made.stdout.strip()
    folder.mkdir(parents=True, exist_ok=True)
    source = f"{container}:/usr/share/netanomaly/sbom.cdx.json"
    try:
        subprocess.run([DOCKER, "cp", source, str(folder / f"{stage}.cdx.json")], capture_output=True, check=True)
    finally:
        subprocess.run([DOCKER, "rm", container], capture_output=True, check=False)


def _revision(stage: str) -> str:
    """The last commit that changed what goes into the image; the version where there is no git to ask."""
    paths = [str(path) for path in images.inputs(stage).values()]
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "log", "-1", "--format=%H", "--", *paths], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or __version__


def _check_daemon() -> None:
    if shutil.which(DOCKER) is None:
        raise SystemExit("error: the docker command is missing; docs/images.md says what to install")
    asked = subprocess.run([DOCKER, "version"], capture_output=True, text=True, check=False)
    if asked.returncode:
        said = (asked.stderr.strip() or asked.stdout.strip()).splitlines()
        raise SystemExit(f"error: no Docker daemon answers: {said[-1] if said else 'docker version failed'}")


if __name__ == "__main__":
    main()
