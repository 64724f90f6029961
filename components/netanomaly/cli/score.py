"""`netanomaly score`: traffic scored by a registered model, and what stands out as incidents."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import output
from netanomaly.cli.registry_words import DEFAULT, JsonOption, RegistryOption
from netanomaly.cli.score_follow import follow_source
from netanomaly.cli.summary import row
from netanomaly.errors import ConfigError

if TYPE_CHECKING:
    from netanomaly.scoring.settings import Settings

_SHOWN = 5


def score(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="office (its champion), office@alias or office:3, as in the registry."),
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
    alert_format: Annotated[
        str, typer.Option(help="How alerts.ndjson is written: netanomaly, ecs (Elastic) or ocsf.")
    ] = "netanomaly",
    time_column: Annotated[str, typer.Option(help="Of a table, the column of times; default: known by its name.")] = "",
    delimiter: Annotated[str | None, typer.Option(help="Of a CSV; default: told by its first lines.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Of a CSV without a header, its columns by name, parted by commas.")
    ] = None,
    allow_other_sensor: Annotated[
        bool, typer.Option("--allow-other-sensor", help="Score flows of another kind of sensor than was learnt from.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on: score files as they appear and grow, each record once.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="With --follow: score what is new, and end. For cron and scheduled runs.")
    ] = False,
    every: Annotated[float, typer.Option(help="With --follow: seconds from look to look.", min=0.1, max=3600)] = 4.0,
    as_json: JsonOption = False,
) -> None:
    """Score traffic with a registered model: scores.parquet, alerts.ndjson, summary.json and report.html.

    With --follow and a folder or prefix, the same of each file that appears or grows there, numbered.

    Example: netanomaly score office conn.log --out scored
    """
    from netanomaly.config import CsvFormat
    from netanomaly.scoring.settings import Settings

    settings = Settings(
        source=source,
        budget=budget,
        csv=CsvFormat(columns=columns.split(",") if columns else None, delimiter=delimiter),
        time_column=time_column,
        allow_other_sensor=allow_other_sensor,
        alert_format=alert_format,
    )
    if once and not follow:
        raise ConfigError("--once ends a --follow after what is new: give both, or neither")
    if follow:
        follow_source(registry, model, settings, out, once=once, every_seconds=every, as_json=as_json)
    else:
        _score_all(registry, model, settings, out, as_json=as_json)


def _score_all(registry: str, model: str, settings: "Settings", out: str, *, as_json: bool) -> None:
    from netanomaly.registry import open_registry
    from netanomaly.report import scoring_page
    from netanomaly.scoring import champion
    from netanomaly.scoring.results import results
    from netanomaly.scoring.scoring import REPORT
    from netanomaly.scoring.scoring import score as score_source

    opened = open_registry(registry)
    loaded = champion.load(opened, champion.version_of(opened, model))
    with results(out) as made:
        summary = score_source(loaded.model, loaded.named, settings, made, _Progress())
        page = scoring_page(summary, summary["listed"])
        (made / REPORT).write_text(page, encoding="utf-8")
    if as_json:
        output.say_json({**{name: value for name, value in summary.items() if name != "listed"}, "out": out})
    else:
        _print(summary, out)


class _Progress:
    """Rows done, on one line of a terminal; nothing where there is none."""

    def __init__(self) -> None:
        self._shown = 0

    def __call__(self, rows: int) -> None:
        if sys.stderr.isatty() and rows - self._shown >= 500_000:
            self._shown = rows
            output.tell(f"{rows:,} rows scored")


def _print(summary: Mapping[str, Any], out: str) -> None:
    model = summary["model"]
    low, high = summary["alerts_expected"]
    lines = [
        *row("model", f"{model['name']}:{model['version']}, alert budget {summary['budget']:g}"),
        *row("scored", _scored(summary)),
        *row("alerts", f"{summary['alerts']:,} flows ({low:,} to {high:,} expected of normal traffic)"),
        *row("incidents", f"{summary['incidents']:,}" + _by_severity(summary)),
    ]
    for incident in summary["listed"][:_SHOWN]:
        lines += row("", f"- {incident['severity']}: {incident['title']}", hang=2, most=2)
    if summary["incidents"] > _SHOWN:
        lines += row("", f"and {summary['incidents'] - _SHOWN:,} more in the report")
    lines += [f"{'report':<12}{out.rstrip('/')}/report.html"]
    for line in lines:
        output.say(line)


def _scored(summary: Mapping[str, Any]) -> str:
    said = f"{summary['rows'] - summary['unscored']:,} flows"
    if summary["first_seen"]:
        said += f", {summary['first_seen'][:19]} to {summary['last_seen'][:19]} UTC"
    if summary["unscored"]:
        said += f"; {summary['unscored']:,} could not be scored, see scores.parquet"
    if dropped := sum(summary["dropped"].values()):
        said += f"; {dropped:,} records are no flows, see the report"
    return said


def _by_severity(summary: Mapping[str, Any]) -> str:
    counts = {
        word: sum(each["severity"] == word for each in summary["listed"])
        for word in ("critical", "high", "medium", "low")
    }
    said = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    return f" ({said})" if said else ""
