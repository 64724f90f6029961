"""`netanomaly submit`: a pipeline on a Kubeflow Pipelines server, followed to its end."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import config, images, output
from netanomaly.cli import cluster_words as words
from netanomaly.cli import summary as terminal
from netanomaly.cli.configuration_words import NoIdentitiesOption, SetOption, assigned
from netanomaly.cli.pipelines import Name, PipelineOption, as_wanted, kind_of
from netanomaly.errors import NetanomalyError, OutsideError

if TYPE_CHECKING:
    from netanomaly.cli.pipelines.kind import Kind
    from netanomaly.cluster.access import Connection
    from netanomaly.cluster.following import End
    from netanomaly.cluster.pipelines import Package


def submit(
    configuration: Annotated[Path, typer.Argument(metavar="CONFIG", help="The pipeline configuration, a JSON file.")],
    pipeline: PipelineOption = Name.training,
    host: words.HostOption = "",
    namespace: words.NamespaceOption = "",
    experiment: words.ExperimentOption = "netanomaly",
    create_experiment: words.CreateExperimentOption = False,
    run_name: Annotated[
        str | None,
        typer.Option(
            help="What the run is called, before the time; default: the model and its version, or the pipeline."
        ),
    ] = None,
    registry: words.RegistryOption = None,
    assignments: SetOption = None,
    no_identities: NoIdentitiesOption = False,
    parameters: words.ParameterOption = None,
    image_prefix: words.ImagePrefixOption = images.DEFAULT_PREFIX,
    mlflow_experiment: words.MlflowExperimentOption = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end.")] = True,
    wait_start: words.WaitStartOption = None,
    cache: words.CacheOption = True,
    interval: words.IntervalOption = 5,
    token_file: words.TokenFileOption = None,
    ca_file: words.CaFileOption = None,
    timeout_seconds: words.TimeoutOption = 60,
    as_json: words.JsonOption = False,
) -> None:
    """Run a pipeline on a Kubeflow Pipelines server, and follow it.

    Data and registry have to be where pods reach them: s3://bucket/... The exit code is the failed stage's own.

    Example: netanomaly submit nightly.json --host http://localhost:8080
    """
    from netanomaly.cluster import experiments, pipelines, runs
    from netanomaly.runners.interruption import interruptions

    assignments = assigned(assignments, no_identities=no_identities)
    seconds_to_start = words.seconds(wait_start, "--wait-start")
    kind = kind_of(as_wanted(pipeline, config.override(config.read(configuration), assignments)))
    compiled = words.package(image_prefix, cache=cache, pipeline=kind.name)
    submitted = words.submission(kind, configuration, assignments, registry, parameters, compiled)
    wanted = submitted.wanted
    name = runs.unique_name(run_name or f"{wanted.model_name} {wanted.label}"[: runs.LONGEST_NAME])
    try:
        connection = words.connect(host, namespace, token_file, ca_file, timeout_seconds)
        server = connection.server
        group = experiments.experiment(server, experiment, connection.namespace, create=create_experiment)
        version = pipelines.upload(server, compiled, connection.namespace)
    except OutsideError as error:
        raise OutsideError(f"no run was made: {error}") from None
    try:
        with interruptions(_stop):
            run = runs.create(
                server,
                name,
                group,
                version.of_run,
                submitted.parameters,
                mlflow_experiment=mlflow_experiment,
                seconds_between_looks=interval,
            )
    except _Stopped as stopped:
        output.tell(f"error: stopped while run {name!r} was being made: look for it by that name")
        raise typer.Exit(stopped.code) from None
    if mlflow_experiment and (failure := runs.plugin_failure(run)):
        output.tell(f"warning: the server's MLflow plug-in does not show this run: {failure}")
    summary = {
        "state": "waiting",
        "exit_code": 0,
        "error": None,
        "run_id": run["run_id"],
        "run_name": name,
        "url": connection.run_page(run["run_id"]),
        "experiment": experiment,
        "namespace": connection.namespace or None,
        "pipeline": compiled.name,
        "pipeline_id": version.pipeline_id,
        "pipeline_version": version.name,
        "pipeline_version_id": version.version_id,
        "model_name": wanted.model_name,
        "model_version": wanted.model_version,
        "registry": wanted.registry,
        **kind.of_log({}),
        "stages": [],
    }
    if wait:
        summary |= _followed(connection, kind, summary, compiled, interval, seconds_to_start)
    if as_json:
        words.show_json(summary)
    if summary["error"]:
        last = [f"run: {summary['url']}", f"error: {summary['error']}"]
        output.tell_each([*kind.lines(summary), *last])
    elif not as_json:
        _print(kind, summary)
    raise typer.Exit(summary["exit_code"])


class _Stopped(BaseException):
    """A signal asked to stop."""

    def __init__(self, number: signal.Signals) -> None:
        self.name = number.name
        self.code = 128 + number


def _stop(number: signal.Signals) -> None:
    raise _Stopped(number)


def _followed(
    connection: "Connection",
    kind: "Kind",
    summary: Mapping[str, Any],
    compiled: "Package",
    interval: float,
    seconds_to_start: float | None,
) -> dict[str, Any]:
    """What following the run adds to the summary; that it cannot be followed is one of the ends."""
    from netanomaly.cluster.following import Followed, follow
    from netanomaly.cluster.waiting import NotStarted
    from netanomaly.runners import console
    from netanomaly.runners.interruption import interruptions

    try:
        with interruptions(_stop), console.view(sys.stderr) as show:
            run = Followed(
                connection.server,
                summary["run_id"],
                compiled.name,
                compiled.tasks,
                summary["url"],
                connection.pods,
                compiled.ends,
                compiled.branches,
            )
            end = follow(run, seconds_between_looks=interval, seconds_to_start=seconds_to_start, on_event=show)
    except _Stopped as stopped:
        error = f"no longer followed ({stopped.name}); run {summary['run_id']} goes on, and can be ended on its page"
        return {"state": "running", "exit_code": stopped.code, "error": error}
    except NotStarted as late:
        error = f"{late}; run {summary['run_id']} goes on waiting, and can be ended on its page"
        return {"state": "waiting", "exit_code": late.exit_code, "error": error}
    except NetanomalyError as error:
        return {"state": "unknown", "exit_code": error.exit_code, "error": str(error)}
    return _ended(kind, end)


def _ended(kind: "Kind", end: "End") -> dict[str, Any]:
    result = dict(next((end.results[stage] for stage in kind.telling if stage in end.results), {}))
    for stage in kind.beside:
        result |= end.results.get(stage, {})
    return {
        "state": end.state,
        "exit_code": end.exit_code,
        "error": end.error,
        **kind.of_log(result),
        "stages": [
            {
                "name": stage.name,
                "display_name": stage.display_name,
                "state": stage.state,
                "seconds": stage.seconds,
                "rows": stage.rows,
                "exit_code": stage.exit_code,
                "error": stage.error,
            }
            for stage in end.stages
        ],
    }


def _print(kind: "Kind", summary: Mapping[str, Any]) -> None:
    shown = [
        *kind.lines(summary),
        *(terminal.row("registry", summary["registry"]) if summary["registry"] else []),
        # In one piece: a terminal opens it.
        f"{'run':<12}{summary['url']}",
    ]
    output.say_each(shown)
