"""What the commands that talk to a Kubeflow Pipelines server have in common: their options, and how they read them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import config, images, output
from netanomaly.cli.compile import compiled_file
from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.cli.pipelines.kind import Kind, Wanted
    from netanomaly.cluster.access import Connection
    from netanomaly.cluster.pipelines import Package

HostOption = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="URL",
        envvar="KF_PIPELINES_ENDPOINT",
        help="The server: http://localhost:8080 of a port-forward, https://host/pipeline behind Kubeflow's dashboard.",
    ),
]
NamespaceOption = Annotated[str, typer.Option("--namespace", help="Your profile, where the server keeps users apart.")]
ExperimentOption = Annotated[
    str, typer.Option("--experiment", envvar="KF_PIPELINES_DEFAULT_EXPERIMENT_NAME", help="What runs are grouped in.")
]
CreateExperimentOption = Annotated[
    bool, typer.Option("--create-experiment", help="Make the experiment where there is none of that name.")
]
MlflowExperimentOption = Annotated[
    str,
    typer.Option(
        "--mlflow-experiment",
        metavar="NAME",
        help="Experiment in which the server's own MLflow plug-in shows the run, where it has one.",
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="KF_PIPELINES_SA_TOKEN_PATH",
        help="File with a token, read anew for each request. A token or a cookie itself: NETANOMALY_KFP_TOKEN, "
        "NETANOMALY_KFP_COOKIE.",
    ),
]
CaFileOption = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        envvar=["NETANOMALY_KFP_CA_FILE", "SSL_CERT_FILE"],
        help="Certificates (PEM) of the authority that signed the server's.",
    ),
]
TimeoutOption = Annotated[
    int, typer.Option("--timeout", min=1, metavar="SECONDS", help="How long to wait for each answer of the server.")
]
IntervalOption = Annotated[
    float, typer.Option("--interval", min=0.01, metavar="SECONDS", help="How long to wait before looking again.")
]
WaitStartOption = Annotated[
    str | None,
    typer.Option(
        "--wait-start",
        metavar="TIME",
        help="Give up following, with exit code 3, where a pod has not started for so long: 90s, 10m, 1h.",
    ),
]
ImagePrefixOption = Annotated[
    str, typer.Option(envvar="NETANOMALY_IMAGE_PREFIX", help="Registry and repository of the stage images.")
]
CacheOption = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Take outputs of earlier runs where inputs are the same.")
]
RegistryOption = Annotated[
    str | None,
    typer.Option("--registry", help="Registry URI; default: the configuration's."),
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="NAME=VALUE", help="Another parameter of the pipeline, beside its defaults."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


def seconds(text: str | None, option: str) -> float | None:
    """A time as people write it: 90, 90s, 10m, 1h."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|)", text.strip())
    value = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
    if not value:
        raise InputError(f"{option} is {text!r}; write a time over 0, e.g. 90s, 10m or 1h")
    return value


def connect(
    host: str, namespace: str, token_file: Path | None, ca_file: Path | None, timeout_seconds: int
) -> "Connection":
    """A connection to the server; what is worth knowing of it goes to standard error."""
    from netanomaly.cluster.access import Access
    from netanomaly.cluster.access import connect as reach

    connection = reach(Access(host, namespace, token_file, ca_file, timeout_seconds))
    if connection.warning:
        output.tell(f"warning: {connection.warning}")
    return connection


def package(image_prefix: str, *, cache: bool, pipeline: str) -> "Package":
    """A pipeline by its name, with the references of its images.

    What is worth knowing of these goes to standard error.
    """
    from netanomaly.cluster.pipelines import Package

    if warning := images.unpushed(image_prefix):
        output.tell(f"warning: {warning}")
    text = images.resolved(compiled_file(pipeline).read_text(encoding="utf-8"), image_prefix)
    return Package.read(text, cache=cache)


@dataclass(frozen=True)
class Submission:
    """A configuration that can be run, and the pipeline's parameters that say it."""

    wanted: "Wanted"
    parameters: dict[str, Any]


def submission(
    kind: "Kind",
    configuration: Path,
    assignments: list[str] | None,
    registry: str | None,
    parameters: list[str] | None,
    compiled: "Package",
) -> Submission:
    """The configuration in a file with what the command line changes, checked for a cluster."""
    from netanomaly.cluster import submission as submissions

    document = config.override(config.read(configuration), assignments or [])
    if registry:
        document["registry"] = registry
    wanted = kind.check(document)
    further = config.override({}, parameters or [])
    return Submission(wanted, submissions.parameters(document, further, compiled, (*kind.sources, *kind.destinations)))


def show_json(document: Any) -> None:
    output.say_json(document)
