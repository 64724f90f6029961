"""`netanomaly schedule`: recurring runs on a Kubeflow Pipelines server, kept under a name."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import config, images, output
from netanomaly.cli import cluster_words as words
from netanomaly.cli import summary as terminal
from netanomaly.cli.configuration_words import NoIdentitiesOption, SetOption, assigned
from netanomaly.cli.pipelines import Name, PipelineOption, as_wanted, kind_of
from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.cli.pipelines.kind import Kind
    from netanomaly.cluster.access import Connection
    from netanomaly.cluster.pipelines import Package, Version
    from netanomaly.cluster.scheduling import Left, Recurring
    from netanomaly.cluster.zones import Entry

_FIRINGS_SHOWN = 3


def schedule(
    configuration: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFIG]", help="The pipeline configuration, a JSON file; not needed for --list."),
    ] = None,
    pipeline: PipelineOption = Name.training,
    cron: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Five fields as in crontab: minute, hour, day, month, day of the week."),
    ] = None,
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Whose clock the times are of.")] = "UTC",
    name: Annotated[str | None, typer.Option(help="Name of the schedule; default: the model's.")] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Show the schedules that there are.")] = False,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            help="Remove the schedule; its runs stay. While one is going, the schedule is only switched off.",
        ),
    ] = False,
    now: Annotated[bool, typer.Option("--now", help="With --remove: cancel a run that is going, and remove.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    host: words.HostOption = "",
    namespace: words.NamespaceOption = "",
    experiment: words.ExperimentOption = "netanomaly",
    create_experiment: words.CreateExperimentOption = False,
    registry: words.RegistryOption = None,
    assignments: SetOption = None,
    no_identities: NoIdentitiesOption = False,
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
    """Have a pipeline run again and again; the same command again changes only what has changed.

    Example: netanomaly schedule day.json --cron @daily --host http://kfp:8080
    """
    from netanomaly.cluster import scheduling

    if configuration is not None:
        assignments = assigned(assignments, no_identities=no_identities)
        pipeline = as_wanted(pipeline, config.override(config.read(configuration), assignments))
    kind = kind_of(pipeline)
    compiled = words.package(image_prefix, cache=cache, pipeline=kind.name)
    access = (host, namespace, token_file, ca_file, timeout_seconds)
    if now and not remove:
        raise InputError("--now goes with --remove: nothing else cancels a run")
    if show_list or remove:
        wanted_name = name or _model_name(kind, configuration, required=remove)
        connection = words.connect(*access)
        found = _existing(connection, compiled.name, wanted_name)
        if show_list:
            _list(found, as_json)
        else:
            _remove(connection, str(wanted_name), found, dry_run=dry_run, now=now, interval=interval, as_json=as_json)
        return

    if configuration is None or cron is None:
        raise InputError("give a configuration and --cron, e.g. nightly.json --cron '0 3 * * *'; or --list")
    times = _times(cron, timezone, server_timezone)
    wanted = words.submission(kind, configuration, assignments, registry, parameters, compiled)
    wanted_name = name or wanted.wanted.model_name
    _check_name(wanted_name)
    connection = words.connect(*access)
    group, version = _place(connection, compiled, experiment, create_experiment=create_experiment, dry_run=dry_run)
    scheduled = scheduling.Schedule(wanted_name, times.cron, timezone, times.entries, group, version, wanted.parameters)
    plan = scheduling.plan(scheduled, scheduling.existing(connection.server, connection.namespace, version.pipeline_id))
    outcome = scheduling.Outcome(plan.kept)
    if not dry_run:
        outcome = scheduling.carry_out(connection.server, plan, seconds_between_looks=interval)
    kept = outcome.kept
    summary = {
        "state": plan.word,
        "dry_run": dry_run,
        "name": wanted_name,
        "cron": times.cron,
        "timezone": timezone,
        "next": times.next,
        "experiment": experiment,
        "pipeline": compiled.name,
        "pipeline_id": version.pipeline_id,
        "pipeline_version": version.name,
        "pipeline_version_id": version.version_id,
        "recurring_runs": [_document(recurring) for recurring in kept],
        "left": [_left(each) for each in outcome.left],
        "url": connection.recurring_run_page(kept[0].id) if kept else None,
    }
    if as_json:
        words.show_json(summary)
    else:
        _print(summary, len(times.entries))
    if plan.wakes:
        output.tell(
            f"note: {wanted_name} was switched off on the server; what {'would take' if dry_run else 'took'} its place is on"
        )
    for each in outcome.left:
        output.tell(
            f"note: run {each.runs[0]} of the old schedule goes on to its end; the old schedule is switched off, and the "
            "next call of this command deletes it"
        )
    if any(not recurring.enabled for recurring in kept):
        output.tell(f"warning: {wanted_name} is switched off on the server; switch it on there")


@dataclass(frozen=True)
class _Times:
    """Five fields, what they are on the server, and when they come next by the clock of their zone."""

    cron: str
    entries: tuple["Entry", ...]
    next: list[str]


def _times(cron: str, timezone: str, server_timezone: str) -> _Times:
    from netanomaly.cluster.cron import parse
    from netanomaly.cluster.zones import entries, zone

    times, wanted, server = parse(cron), zone(timezone), zone(server_timezone)
    now = datetime.now(UTC)
    firings = [moment.astimezone(wanted).isoformat() for moment in islice(times.firings(wanted, now), _FIRINGS_SHOWN)]
    return _Times(str(times), tuple(entries(times, wanted, server, now)), firings)


def _check_name(name: str) -> None:
    from netanomaly.cluster.scheduling import LONGEST_NAME

    if not name.strip() or len(name) > LONGEST_NAME:
        raise InputError(f"--name has {len(name)} characters; use 1 to {LONGEST_NAME}")


def _place(
    connection: "Connection", compiled: "Package", experiment: str, *, create_experiment: bool, dry_run: bool
) -> tuple[str, "Version"]:
    """The experiment's id and the pipeline's version, made where they are not there; of a dry run, as they would be."""
    from netanomaly.cluster import experiments, pipelines

    server, namespace = connection.server, connection.namespace
    if not dry_run:
        group = experiments.experiment(server, experiment, namespace, create=create_experiment)
        return group, pipelines.upload(server, compiled, namespace)
    pipeline_id, version = pipelines.find(server, compiled, namespace)
    version = version or pipelines.Version(pipeline_id or "", "", compiled.version_name, created=True)
    return experiments.find(server, experiment, namespace) or "", version


def _existing(connection: "Connection", pipeline: str, name: str | None) -> list["Recurring"]:
    from netanomaly.cluster import pipelines, scheduling

    pipeline_id = pipelines.find_pipeline(connection.server, pipeline, connection.namespace)
    found = scheduling.existing(connection.server, connection.namespace, pipeline_id)
    return [recurring for recurring in found if name in (None, recurring.name)]


def _model_name(kind: "Kind", configuration: Path | None, *, required: bool) -> str | None:
    if configuration is not None:
        return kind.read(config.read(configuration)).model_name
    if required:
        raise InputError("say which schedule: --name NAME, or the configuration that it was made with")
    return None


def _remove(
    connection: "Connection",
    name: str,
    found: list["Recurring"],
    *,
    dry_run: bool,
    now: bool,
    interval: float,
    as_json: bool,
) -> None:
    from netanomaly.cluster import scheduling

    left: tuple[Left, ...] = ()
    if not dry_run:
        left = scheduling.retire(connection.server, found, seconds_between_looks=interval)
        if now:
            scheduling.end_and_delete(connection.server, left, seconds_between_looks=interval)
            left = ()
    state = "switched off" if left else "removed" if found else "absent"
    if as_json:
        gone = [_document(each) for each in found if each not in [one.recurring for one in left]]
        document = {"state": state, "dry_run": dry_run, "name": name, "recurring_runs": gone}
        words.show_json({**document, "left": [_left(each) for each in left]})
    elif left:
        runs = ", ".join(run for each in left for run in each.runs)
        output.say(
            f"schedule {name} switched off; run {runs} goes on, and deleting the schedule would kill it: the same command "
            "again removes it when the run has ended, --now cancels the run and removes it at once"
        )
    elif found:
        output.say(f"schedule {name} {'would be ' if dry_run else ''}removed")
    else:
        output.say(f"there is no schedule {name}")


def _left(left: "Left") -> dict[str, Any]:
    return {"recurring_run_id": left.recurring.id, "runs": list(left.runs)}


def _list(found: list["Recurring"], as_json: bool) -> None:
    if as_json:
        words.show_json([{"name": each.name, **_document(each)} for each in found])
        return
    if not found:
        output.say("there is no schedule yet")
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
    shown = [
        *terminal.row("schedule", f"{summary['name']} {would}{summary['state']}"),
        *terminal.row(
            "times",
            f"{summary['cron']} in {summary['timezone']}"
            + (f", {entries} entries on the server: clocks are changed there" if entries > 1 else ""),
        ),
        *(f"{'' if number else 'next':<12}{moment.replace('T', ' ')}" for number, moment in enumerate(summary["next"])),
        *terminal.row("pipeline", f"{summary['pipeline']} {summary['pipeline_version']}"),
        # In one piece: a terminal opens it.
        *([f"{'page':<12}{summary['url']}"] if summary["url"] is not None else []),
    ]
    output.say_each(shown)
