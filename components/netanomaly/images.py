"""Stage name to image reference; the only place that knows the registry prefix, the tag, and what an image holds.

A tag is the version and a digest of everything that goes into the image, computed without building it:
`netanomaly/train:0.1.0-3f9c2e1b7a04`. So Kubeflow's cache key, which holds the image's name and not its content,
changes when the content does. `-dirty` is added where one of those files differs from the last commit.

The compiled pipeline that the package carries names images by version only (`image`), so that it does not change
with every line of code; whoever runs or uploads it puts the real references in (`resolved`).
"""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from netanomaly import __version__
from netanomaly.errors import InputError

DEFAULT_PREFIX = "netanomaly"
STAGES = (
    *("prepare", "capture", "ingest", "validate", "tune", "train", "evaluate", "register", "track", "deploy"),
    *("score", "monitor"),
)
IMAGES = (*STAGES, "serve")
"""What has an image: every stage, and the server, which no pipeline runs."""

# Programs that a stage starts, from the base's own Debian mirror.
_DEBIAN_PACKAGES = {"capture": ("nfdump", "suricata")}

# https://github.com/distribution/reference: a host with an optional port, and names in small letters.
_NAME = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_HOST = r"(?:localhost|(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+|[A-Za-z0-9-]+(?=:)|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_PREFIX = re.compile(rf"(?:{_HOST}|{_NAME})(?:/{_NAME})*")

_PACKAGE = Path(__file__).resolve().parent
# Relative to the checkout: what else goes into every image, or decides how it is made.
_RECIPE = ("images/stage.Dockerfile", "images/install.py", "images/sbom.py", "images/pip.txt", "LICENSE")
# Of the package: for people's machines, not for images.
# Of another stage's folder, in the image of prepare: what it is told.
_TOLD = frozenset({"__init__.py", "settings.py"})
_NOT_IN_IMAGES = frozenset(
    {"cli", "cluster", "command.py", "runners", "compiled", "images.py", "mlflow_flavor.py", "__pycache__"}
)


def image(stage: str) -> str:
    """How a pipeline's definition names the image of a stage, e.g. `netanomaly/train:0.1.0`."""
    return f"{DEFAULT_PREFIX}/{stage}:{__version__}"


def checkout() -> Path | None:
    """The folder of the source checkout that this package is part of; None where it was installed without one."""
    root = _PACKAGE.parents[1]
    return root if (root / "images" / "stage.Dockerfile").is_file() else None


def reference(stage: str, prefix: str = DEFAULT_PREFIX) -> str:
    """The image of a stage as it can be pulled, e.g. `registry.example.org/team/train:0.1.0-3f9c2e1b7a04`.

    With its digest where `make push` has noted one. Outside a checkout the tag is the version alone.

    Raises:
        InputError: The prefix cannot be part of an image's name.
    """
    prefix = prefix.rstrip("/")
    if not _PREFIX.fullmatch(prefix):
        raise InputError(
            f"image prefix {prefix!r} cannot begin an image's name; write a registry and a repository in small letters, "
            "e.g. registry.example.org/team"
        )
    name = f"{prefix}/{stage}:{tag(stage)}"
    return pushed().get(name, name)


def unpushed(prefix: str) -> str:
    """What a person should know who names images by this prefix on a cluster; empty where there is nothing to say."""
    if prefix.rstrip("/") != DEFAULT_PREFIX:
        return ""
    return (
        f"images are called {DEFAULT_PREFIX}/..., which no registry has: a cluster runs them only where they were loaded "
        "into it (make kind-load); make push and --image-prefix (NETANOMALY_IMAGE_PREFIX) name a registry"
    )


def resolved(pipeline: str, prefix: str = DEFAULT_PREFIX) -> str:
    """The text of a compiled pipeline with every stage's image replaced by its full reference."""
    for stage in named(pipeline):
        full = reference(stage, prefix)
        line = re.compile(rf"(?m)^(\s*image: ){re.escape(image(stage))}$")
        pipeline = line.sub(lambda match, full=full: match[1] + full, pipeline)  # type: ignore[misc]
    return pipeline


def named(pipeline: str) -> tuple[str, ...]:
    """The stages whose images the text of a compiled pipeline names."""
    return tuple(stage for stage in STAGES if re.search(rf"(?m)^\s*image: {re.escape(image(stage))}$", pipeline))


def tag(stage: str) -> str:
    """Version and content digest of a stage's image."""
    root = checkout()
    if root is None:
        return __version__
    files = inputs(stage)
    digest = hashlib.sha256(f"{stage}\n{base_image()}\n{' '.join(debian_packages(stage))}\n".encode())
    for name, path in sorted(files.items()):
        digest.update(f"{name}\n{_content(path)}\n".encode())
    dirty = "-dirty" if _changed(root) & set(files.values()) else ""
    return f"{__version__}-{digest.hexdigest()[:12]}{dirty}"


def inputs(stage: str) -> dict[str, Path]:
    """The files of a checkout that decide what is in a stage's image: name in the build context, and file.

    Modules of the package are below `lib/`: what stages share and the stage's own folder, less its `component.py`;
    of other stages, their settings, for prepare, which writes them. The server is in the image `serve` alone.
    """
    root = checkout()
    if root is None:
        raise FileNotFoundError(2, "images are built from a source checkout", str(_PACKAGE))
    files = {Path(name).name: root / name for name in _RECIPE}
    files["requirements.txt"] = root / "requirements" / f"{stage}.txt"
    held = _held(_PACKAGE)
    others = {parts[1] for parts in held if parts[0] == "stages" and parts[2:] == ("component.py",)} - {stage}
    for parts, path in held.items():
        of_another = parts[0] == "stages" and not others.isdisjoint(parts[1:2])
        if stage == "prepare" and path.name in _TOLD:
            of_another = False
        if parts[0] == "serving":
            of_another = stage != "serve"
        if not of_another and path.name != "component.py":
            files["/".join(("lib", "netanomaly", *parts))] = path
    return files


def debian_packages(stage: str) -> tuple[str, ...]:
    """The Debian packages in a stage's image beside those of its base."""
    return _DEBIAN_PACKAGES.get(stage, ())


def base_image() -> str:
    """What images are built on: BASE_IMAGE of the environment, else what `make offline-base` made, else the default."""
    root = checkout()
    if os.environ.get("BASE_IMAGE"):
        return os.environ["BASE_IMAGE"]
    if root is None:
        return ""
    made = root / "images" / ".base"
    if made.is_file():
        return made.read_text(encoding="utf-8").strip()
    default = re.search(r"(?m)^ARG BASE_IMAGE=(\S+)$", (root / "images" / "stage.Dockerfile").read_text("utf-8"))
    return default[1] if default else ""


def pushed() -> Mapping[str, str]:
    """References with digest of the images that `make push` has pushed from this checkout, by name and tag."""
    root = checkout()
    notes = root / "build" / "pushed-images.json" if root else None
    if notes is None or not notes.is_file():
        return {}
    return dict(json.loads(notes.read_text(encoding="utf-8")))


# Once in a process: a pipeline names eight images, and most of their files are the same.
@lru_cache(maxsize=1)
def _held(package: Path) -> dict[tuple[str, ...], Path]:
    """The package's files that an image may hold, by their parts below it."""
    return {
        parts: path
        for path in package.rglob("*")
        if _NOT_IN_IMAGES.isdisjoint(parts := path.relative_to(package).parts) and path.is_file()
    }


@cache
def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def _changed(root: Path) -> set[Path]:
    """Files that differ from the last commit, new ones included; empty where there is no git to ask."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(root), "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames"],
            capture_output=True,
            check=False,
        )
    except OSError:
        return set()
    if asked.returncode:
        return set()
    return {root / os.fsdecode(entry[3:]) for entry in asked.stdout.split(b"\0") if entry}
