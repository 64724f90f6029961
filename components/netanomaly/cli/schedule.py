"""`netanomaly schedule`: recurring runs on a Kubeflow Pipelines server, kept under a name."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import images
from netanomaly.cli import cluster_words as words
from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.cluster.access import Connection
    from netanomaly.cluster.scheduling import Recurring

_FIRINGS_SHOWN = 3


def schedule(
    configuration: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFIG]", help="The pipeline configuration, a JSON file; not needed for --list."),
    ] = None,
    cron: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Five fields as in crontab: minute, hour, day, month, day of the week."),
    ] = None,
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Whose clock the times are of.")] = "UTC",
    name: Annotated[str | None, typer.Option(help="Name of the schedule; default: the model's.")] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Show the schedules that there are.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the schedule; its runs stay.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    host: words.HostOption = "",
    namespace: words.NamespaceOption = "",
    experiment: words.ExperimentOption = "netanomaly",
    create_experiment: words.CreateExperimentOption = False,
    registry: words.RegistryOption = None,
    assignments: words.SetOption = None,
    parameters: words.ParameterOption = None,
    image_prefix: words.ImagePrefixOption = images.DEFAULT_PREFIX,
    cache: words.CacheOption = True,
    server_timezone: Annotated[
        str,
        typer.Option(
            metavar="ZONE", envvar="NETANOMALY_KFP_TIMEZONE", help="The server's own clock (cronScheduleTimezone)."
        ),
    ] = "UTC",
    interval: words.IntervalOption = 5,
    token_file: words.TokenFileOption = None,
    ca_file: words.CaFileOption = None,
    timeout_seconds: words.TimeoutOption = 60,
    as_json: words.JsonOption = False,
) -> None:
    """Have the training pipeline run again and again; the same command again changes only what has changed.

    Example: netanomaly schedule nightly.json --cron '0 3 * * *' --timezone Europe/Berlin --host http://localhost:8080
    """
    from netanomaly.cluster import experiments, pipelines, scheduling
    from netanomaly.cluster.cron import parse
    from netanomaly.cluster.pipelines import Version
    from netanomaly.cluster.zones import entries, zone

    compiled = words.package(image_prefix, cache=cache)
    if show_list or remove:
        wanted_name = name or _model_name(configuration, required=remove)
        connection = words.connect(host, namespace, token_file, ca_file, timeout_seconds)
        pipeline_id = pipelines.find_pipeline(connection.server, compiled.name, connection.namespace)
        found = scheduling.existing(connection.server, connection.namespace, pipeline_id)
        found = [recurring for recurring in found if wanted_name in (None, recurring.name)]
        if show_list:
            _list(found, as_json)
        else:
            _remove(connection, str(wanted_name), found, dry_run, as_json)
        return

    if configuration is None or cron is None:
        raise InputError("give a configuration and --cron, e.g. nightly.json --cron '0 3 * * *'; or --list")
    times, wanted_zone, server_zone = parse(cron), zone(timezone), zone(server_timezone)
    wanted = words.submission(configuration, assignments, registry, parameters, compiled)
    wanted_name = name or wanted.config.model_name
    if not wanted_name.strip() or len(wanted_name) > scheduling.LONGEST_NAME:
        raise InputError(f"--name has {len(wanted_name)} characters; use 1 to {scheduling.LONGEST_NAME}")
    now = datetime.now(UTC)
    on_server = entries(times, wanted_zone, server_zone, now)

    connection = words.connect(host, namespace, token_file, ca_file, timeout_seconds)
    server = connection.server
    if dry_run:
        group = experiments.find(server, experiment, connection.namespace) or ""
        pipeline_id, version = pipelines.find(server, compiled, connection.namespace)
        version = version or Version(pipeline_id or "", "", compiled.version_name, created=True)
    else:
        group = experiments.experiment(server, experiment, connection.namespace, create=create_experiment)
        version = pipelines.upload(server, compiled, connection.namespace)
    scheduled = scheduling.Schedule(
        wanted_name, str(times), timezone, tuple(on_server), group, version, wanted.parameters
    )
    plan = scheduling.plan(scheduled, scheduling.existing(server, connection.namespace, version.pipeline_id))
    kept = list(plan.kept) if dry_run else scheduling.carry_out(server, plan, seconds_between_looks=interval)
    firings = [moment.astimezone(wanted_zone) for moment in islice(times.firings(wanted_zone, now), _FIRINGS_SHOWN)]
    summary = {
        "state": plan.word,
        "dry_run": dry_run,
        "name": wanted_name,
        "cron": str(times),
        "timezone": timezone,
        "next": [moment.isoformat() for moment in firings],
        "experiment": experiment,
        "pipeline": compiled.name,
        "pipeline_id": version.pipeline_id,
        "pipeline_version": version.name,
        "pipeline_version_id": version.version_id,
        "recurring_runs": [_document(recurring) for recurring in kept],
        "url": connection.recurring_run_page(kept[0].id) if kept else None,
    }
    if as_json:
        words.show_json(summary)
    else:
        _print(summary, len(on_server))
    if any(not recurring.enabled for recurring in kept):
        typer.echo(f"warning: {wanted_name} is switched off on the server; switch it on there", err=True)


def _model_name(configuration: Path | None, *, required: bool) -> str | None:
    from netanomaly import config

    if configuration is not None:
        return config.parse(config.read(configuration)).model_name
    if required:
        raise InputError("say which schedule: --name NAME, or the configuration that it was made with")
    return None


def _remove(connection: "Connection", name: str, found: Iterable["Recurring"], dry_run: bool, as_json: bool) -> None:
    from netanomaly.cluster import scheduling

    going = list(found)
    if not dry_run:
        for recurring in going:
            scheduling.remove(connection.server, recurring)
    state = "removed" if going else "absent"
    if as_json:
        gone = [_document(recurring) for recurring in going]
        words.show_json({"state": state, "dry_run": dry_run, "name": name, "recurring_runs": gone})
    elif going:
        typer.echo(f"schedule {name} {'would be ' if dry_run else ''}removed")
    else:
        typer.echo(f"there is no schedule {name}")


def _list(found: list["Recurring"], as_json: bool) -> None:
    if as_json:
        words.show_json([{"name": each.name, **_document(each)} for each in found])
        return
    if not found:
        typer.echo("there is no schedule yet")
        return
    from netanomaly.cli.registry_words import show_table, table

    shown = table("schedule", "times", "zone", "state", "on the server", "from", "until")
    for each in sorted(found, key=lambda each: (each.name, each.times.get("start_time", ""))):
        shown.add_row(
            each.name,
            each.cron or "made elsewhere",
            each.zone,
            "on" if each.enabled else "off",
            *(each.times.get(field, "") for field in ("cron", "start_time", "end_time")),
        )
    show_table(shown)


def _document(recurring: "Recurring") -> dict[str, Any]:
    return {
        "recurring_run_id": recurring.id,
        "cron": recurring.cron,
        "timezone": recurring.zone,
        "server_cron": recurring.times.get("cron"),
        "start_time": recurring.times.get("start_time"),
        "end_time": recurring.times.get("end_time"),
        "enabled": recurring.enabled,
        "pipeline_version_id": recurring.version_id,
    }


def _print(summary: dict[str, Any], entries: int) -> None:
    would = "would be " if summary["dry_run"] and summary["state"] != "unchanged" else ""
    shown = {
        "schedule": f"{summary['name']} {would}{summary['state']}",
        "times": f"{summary['cron']} in {summary['timezone']}"
        + (f", {entries} entries on the server: clocks are changed there" if entries > 1 else ""),
        "next": ", ".join(moment.replace("T", " ") for moment in summary["next"]),
        "pipeline": f"{summary['pipeline']} {summary['pipeline_version']}",
        "page": summary["url"],
    }
    for label, value in shown.items():
        if value is not None:
            typer.echo(f"{label:<30}{value}")
