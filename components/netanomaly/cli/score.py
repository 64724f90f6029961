"""`netanomaly score`: traffic scored by a registered model, and what stands out as incidents."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from netanomaly import images, output
from netanomaly.cli import captures
from netanomaly.cli.feedback_options import FeedbackOption
from netanomaly.cli.registry_words import DEFAULT, JsonOption, RegistryOption
from netanomaly.cli.run import Runner
from netanomaly.cli.score_follow import deliver_alerts, follow_source
from netanomaly.cli.scored import scored
from netanomaly.cli.table_options import ColumnsOption, DelimiterOption, TimeColumnOption, csv_format
from netanomaly.errors import ConfigError

if TYPE_CHECKING:
    from netanomaly.scoring.delivery import Receiver
    from netanomaly.scoring.settings import Settings


def score(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="office (its champion), office@alias or office:3, as in the registry; or a folder that holds one, as "
            "`registry download` writes it, or the model's file there: ./office/model.joblib.",
        ),
    ],
    source: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Files, folders, globs or s3:// addresses.")],
    out: Annotated[
        str,
        typer.Option("--out", help="Folder or s3:// address for the results; made, or one that holds results already."),
    ],
    registry: RegistryOption = DEFAULT,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Share of normal flows that may alert, one of the model's points; default: as it was trained."
        ),
    ] = None,
    alerts_per_day: Annotated[
        float | None,
        typer.Option(
            help="In place of --budget: the point with the most alerts for no more incidents a day than that."
        ),
    ] = None,
    alert_format: Annotated[
        str, typer.Option(help="How alerts.ndjson is written: netanomaly, ecs (Elastic) or ocsf.")
    ] = "netanomaly",
    time_column: TimeColumnOption = "",
    delimiter: DelimiterOption = None,
    columns: ColumnsOption = None,
    allow_other_sensor: Annotated[
        bool, typer.Option("--allow-other-sensor", help="Score flows of another kind of sensor than was learnt from.")
    ] = False,
    no_identities: Annotated[
        bool, typer.Option("--no-identities", help="Salted digests in place of addresses in the results, and no uids.")
    ] = False,
    feedback: FeedbackOption = "",
    runner: Annotated[
        Runner, typer.Option(help="Where flows are made of captures: host, by this machine's suricata; docker.")
    ] = Runner.host,
    image_prefix: Annotated[
        str, typer.Option(envvar="NETANOMALY_IMAGE_PREFIX", help="Registry and repository of the stage images.")
    ] = images.DEFAULT_PREFIX,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on: score files as they appear and grow, each record once.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="With --follow: score what is new, and end. For cron and scheduled runs.")
    ] = False,
    every: Annotated[float, typer.Option(help="With --follow: seconds from look to look.", min=0.1, max=3600)] = 4.0,
    webhook: Annotated[
        list[str] | None,
        typer.Option("--webhook", metavar="URL", help="Who is told of alerts by signed HTTP; docs/scoring.md."),
    ] = None,
    print_alerts: Annotated[
        bool, typer.Option("--print", help="Alerts on standard output too, one JSON document a line.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score traffic with a registered model: scores.parquet, alerts.ndjson, summary.json and report.html.

    With --follow and a folder or prefix, the same of each file that appears or grows there, numbered.

    Example: netanomaly score office conn.log --out scored
    """
    from netanomaly.scoring.settings import Settings

    settings = Settings(
        source=source,
        budget=budget,
        csv=csv_format(columns, delimiter),
        time_column=time_column,
        allow_other_sensor=allow_other_sensor,
        identities=not no_identities,
        alert_format=alert_format,
        alerts_per_day=alerts_per_day,
    )
    if once and not follow:
        raise ConfigError("--once ends a --follow after what is new: give both, or neither")
    if print_alerts and as_json:
        raise ConfigError("--print and --json both write to standard output; choose one")
    receivers = _receivers(webhook or [], print_alerts=print_alerts)
    if follow and no_identities:
        raise ConfigError(
            "--no-identities is of one result, whose digests are under a salt of its own; --follow makes many that belong "
            "together: score files by themselves, or leave it out"
        )
    if follow:
        follow_source(
            registry,
            model,
            settings,
            out,
            feedback=feedback,
            once=once,
            every_seconds=every,
            receivers=receivers,
            as_json=as_json,
        )
        return
    alerts = _score_all(
        registry, model, settings, out, feedback, runner, image_prefix, as_json=as_json, quiet=print_alerts
    )
    if receivers:
        deliver_alerts(alerts, receivers)


def _receivers(webhooks: list[str], *, print_alerts: bool) -> list["Receiver"]:
    from netanomaly.scoring.delivery import Printed

    printed: list[Receiver] = [Printed()] if print_alerts else []
    if not webhooks:
        return printed
    from netanomaly.scoring.webhook import Webhook

    return [*printed, *(Webhook(url) for url in webhooks)]


def _score_all(
    registry: str,
    model: str,
    settings: "Settings",
    out: str,
    feedback: str,
    runner: Runner,
    image_prefix: str,
    *,
    as_json: bool,
    quiet: bool,
) -> bytes:
    """Score the whole source; the alerts as they were written."""
    from netanomaly.feedback.book import open_book, place
    from netanomaly.feedback.suppression import heard
    from netanomaly.report import scoring_page
    from netanomaly.scoring.choosing import choose, opened
    from netanomaly.scoring.results import results
    from netanomaly.scoring.scoring import ALERTS, REPORT
    from netanomaly.scoring.scoring import score as score_source

    chosen = choose(*opened(registry, model))
    with results(out) as made:
        said = heard(open_book(place(feedback, registry)), chosen.version.model)
        output.tell_each(said.warnings())
        with captures.captured(settings.source, runner, image_prefix) as captured:
            summary = score_source(chosen.model, chosen.named, settings, made, _Progress(), said, captured)
        page = scoring_page(summary, summary["listed"])
        (made / REPORT).write_text(page, encoding="utf-8")
        alerts = (made / ALERTS).read_bytes()
    if as_json:
        output.say_json({**{name: value for name, value in summary.items() if name != "listed"}, "out": out})
    elif not quiet:
        output.say_each([*scored(summary), f"{'report':<12}{out.rstrip('/')}/report.html"])
    return alerts


class _Progress:
    """Rows done, on one line of a terminal; nothing where there is none."""

    def __init__(self) -> None:
        self._shown = 0

    def __call__(self, rows: int) -> None:
        if sys.stderr.isatty() and rows - self._shown >= 500_000:
            self._shown = rows
            output.tell(f"{rows:,} rows scored")
