"""`netanomaly deploy`: a registered version served in a Kubernetes cluster, proven there or taken back."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import images, output
from netanomaly.cli.registry_words import DEFAULT, JsonOption, RegistryOption
from netanomaly.cli.summary import row
from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.kube.api import Api
    from netanomaly.stages.deploy.program import Done

_KINDS = ("auto", "inference-service", "deployment")


def deploy(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="office (its champion), office@alias or office:3, as in the registry."),
    ],
    namespace: Annotated[str, typer.Option("--namespace", help="Where; it has what manifests/serving brings.")],
    registry: RegistryOption = DEFAULT,
    name: Annotated[str, typer.Option("--name", help="Of the service; default: the model's, as DNS writes it.")] = "",
    kind: Annotated[
        str,
        typer.Option("--kind", help="auto (an InferenceService where there is KServe), inference-service, deployment."),
    ] = "auto",
    image_prefix: Annotated[
        str, typer.Option(envvar="NETANOMALY_IMAGE_PREFIX", help="Registry and repository of the images.")
    ] = images.DEFAULT_PREFIX,
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", help="Default: KUBECONFIG, or ~/.kube/config; in a pod its account.")
    ] = None,
    context: Annotated[str, typer.Option("--context", help="Which of its clusters; default: the current one.")] = "",
    url: Annotated[
        str,
        typer.Option("--url", metavar="URL", help="Where the server answers as seen from here, e.g. a port-forward."),
    ] = "",
    timeout: Annotated[
        int, typer.Option("--timeout", min=1, metavar="SECONDS", help="How long it may take to be ready.")
    ] = 600,
    as_json: JsonOption = False,
) -> None:
    """Serve a version in a Kubernetes cluster, with KServe or without; proven by its smoke rows, or taken back.

    Applies the version, waits until it is ready, and asks for the rows that were kept with it: their scores have to
    come back bit for bit. Where anything fails, what was served before is served again. Only a version that a quality
    gate passed, and that is not deprecated, is deployed. The same command again changes nothing.

    Example: netanomaly deploy office@champion --namespace serving
    """
    if kind not in _KINDS:
        raise InputError(f"--kind is {kind!r}; choose one of {', '.join(_KINDS)}")
    if not registry.startswith("s3://"):
        raise InputError(
            f"registry is {registry!r}, which no pod of a cluster can read; name s3://bucket/prefix with --registry"
        )
    from netanomaly.kube import access
    from netanomaly.registry import open_registry
    from netanomaly.stages.deploy import program
    from netanomaly.stages.deploy.settings import Settings, refuse_odd_names

    # Before anything asks for credentials.
    refuse_odd_names(namespace, name)
    opened = open_registry(registry)
    alone = ":" not in model and "@" not in model
    version = opened.version(f"{model}@champion" if alone and opened.champion(model) is not None else model)
    settings = Settings(
        registry,
        version.model,
        namespace,
        name,
        kind.replace("-", "_"),  # type: ignore[arg-type]
        images.reference("serve", image_prefix),
        timeout,
    )
    wanted = program.deployable(opened, version)
    inside = kubeconfig is None and not context and access.in_a_pod()
    api: Api = access.of_the_pod() if inside else access.of_a_person(kubeconfig, context)
    if (kind == "deployment" or program.kind_of(settings, api) == "deployment") and (
        warning := images.unpushed(image_prefix)
    ):
        output.tell(f"warning: {warning}")
    done = program.deploy(wanted, settings, program.Cluster(api, inside, url, output.tell))
    _show(done, as_json=as_json)


def _show(done: "Done", *, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {"state": "succeeded", **dataclasses.asdict(done)}
        output.say_json(document)
        return
    said = (done.before or "nothing was served there") if done.changed else f"{done.before}, the same"
    for line in (
        *row("served", f"{done.reference} as {done.kind.replace('_', ' ')} {done.name} in {done.namespace}"),
        *row("before", said),
        *row("proven", f"{done.smoke_rows} smoke rows got their scores, bit for bit"),
        *row("address", f"{done.address}/v2/models/{done.name}/infer"),
    ):
        output.say(line)
