"""`netanomaly doctor`: whether this machine, or a cluster, is set up; and what to do where it is not."""

import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import __version__, images, output
from netanomaly.cli import cluster_words as words
from netanomaly.errors import OutsideError

if TYPE_CHECKING:
    from netanomaly.cluster.doctor import Check

# The registry of the bucket job in manifests/base.
_REGISTRY = "s3://netanomaly/registry"
_OBJECT_STORE = "netanomaly-object-store"
# What a run on the bundled data leaves, and some more.
_LEAST_FREE_BYTES = 1 << 30


def doctor(
    host: Annotated[
        str,
        typer.Option("--kfp", metavar="URL", help="A Kubeflow Pipelines server to look at, instead of this machine."),
    ] = "",
    namespace: words.NamespaceOption = "",
    registry: Annotated[str, typer.Option(help="URI of the registry that models will go to.")] = _REGISTRY,
    object_store: Annotated[
        str, typer.Option(help="Name of the Secret and of the ConfigMap of the object store.")
    ] = _OBJECT_STORE,
    image_prefix: words.ImagePrefixOption = images.DEFAULT_PREFIX,
    interval: words.IntervalOption = 3,
    token_file: words.TokenFileOption = None,
    ca_file: words.CaFileOption = None,
    timeout_seconds: words.TimeoutOption = 20,
    as_json: words.JsonOption = False,
) -> None:
    """Check an installation: this machine, or with --kfp a cluster, by a run of one small task there.

    Example: netanomaly doctor --kfp http://localhost:8080
    """
    if not host:
        checks = _machine(image_prefix)
        if as_json:
            words.show_json({"state": "ok", "exit_code": 0, "error": None, "checks": checks})
        else:
            _print(checks)
        return
    from netanomaly.cluster.doctor import examine
    from netanomaly.runners import console

    compiled = words.package(image_prefix, cache=False, pipeline="doctor")
    connection = words.connect(host, namespace, token_file, ca_file, timeout_seconds)
    with console.view(sys.stderr) as show:
        found = examine(connection, compiled, registry, object_store, seconds_between_looks=interval, on_event=show)
    checks = [_document(check) for check in found.checks]
    page = connection.run_page(found.run_id) if found.run_id else None
    if as_json:
        state = "failed" if found.exit_code else "ok"
        document = {"state": state, "exit_code": found.exit_code, "error": found.error, "to_do": found.to_do}
        words.show_json({**document, "run_id": found.run_id, "url": page, "checks": checks})
    else:
        _print(checks)
    if found.error:
        if page:
            output.tell(f"run: {page}")
        if found.to_do:
            output.tell(f"to do: {found.to_do}")
        output.tell(f"error: {found.error}")
    raise typer.Exit(found.exit_code)


def _machine(image_prefix: str) -> list[dict[str, Any]]:
    """What `netanomaly run` needs, and what it can do without."""
    version = ".".join(map(str, sys.version_info[:3]))
    free = shutil.disk_usage(Path.cwd()).free
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    enough = free >= _LEAST_FREE_BYTES
    disk = f"{free / 2**30:.1f} GiB free here" + ("" if enough else "; make room, or name another --workdir")
    return [
        {"name": "netanomaly", "ok": True, "said": f"{__version__}, Python {version}"},
        {"name": "disk", "ok": enough or None, "said": disk},
        {"name": "memory", "ok": True, "said": f"{memory / 2**30:.1f} GiB"},
        _docker(image_prefix),
    ]


def _docker(image_prefix: str) -> dict[str, Any]:
    """Docker may be absent: only `--runner docker` asks for it."""
    try:
        from netanomaly.runners import docker_daemon

        client = docker_daemon.connect()
    except (ImportError, OutsideError) as error:
        return {"name": "Docker", "ok": None, "said": f"{error}; `netanomaly run` does without"}
    try:
        missing = [
            stage
            for stage in images.STAGES
            if not client.images.list(name=images.reference(stage, image_prefix).partition("@")[0])
        ]
    finally:
        client.close()
    if missing:
        said = f"it answers; images of {', '.join(missing)} are not there: `make images`"
        return {"name": "Docker", "ok": None, "said": said}
    return {"name": "Docker", "ok": True, "said": "it answers, and has every stage's image"}


def _document(check: "Check") -> dict[str, Any]:
    return asdict(check)


def _print(checks: list[dict[str, Any]]) -> None:
    marks = {True: "ok", False: "FAILED", None: "-"}
    for check in checks:
        output.say(f"{check['name']:<12}{marks[check['ok']]:<8}{check['said']}")
