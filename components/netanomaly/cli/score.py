"""`netanomaly score`: traffic scored by a registered model, and what stands out as incidents."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from netanomaly import images, output
from netanomaly.cli import captures
from netanomaly.cli.feedback import FeedbackOption
from netanomaly.cli.registry_words import DEFAULT, JsonOption, RegistryOption
from netanomaly.cli.run import Runner
from netanomaly.cli.scored import scored
from netanomaly.errors import ConfigError


def score(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="office (its champion), office@alias or office:3, as in the registry."),
    ],
    source: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Files, folders, globs or s3:// addresses.")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the results; made, or one that holds results already.")
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
    time_column: Annotated[str, typer.Option(help="Of a table, the column of times; default: known by its name.")] = "",
    delimiter: Annotated[str | None, typer.Option(help="Of a CSV; default: told by its first lines.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Of a CSV without a header, its columns by name, parted by commas.")
    ] = None,
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
    as_json: JsonOption = False,
) -> None:
    """Score traffic with a registered model: scores.parquet, alerts.ndjson, summary.json and report.html.

    Example: netanomaly score office conn.log --out scored
    """
    from netanomaly.config import CsvFormat
    from netanomaly.feedback.book import open_book, place
    from netanomaly.feedback.suppression import heard
    from netanomaly.registry import open_registry
    from netanomaly.report import scoring_page
    from netanomaly.scoring.choosing import choose
    from netanomaly.scoring.scoring import FILES, REPORT
    from netanomaly.scoring.scoring import score as score_source
    from netanomaly.scoring.settings import Settings

    chosen = choose(open_registry(registry), model)
    _refuse_strangers(out, FILES)
    settings = Settings(
        source=source,
        budget=budget,
        csv=CsvFormat(columns=columns.split(",") if columns else None, delimiter=delimiter),
        time_column=time_column,
        allow_other_sensor=allow_other_sensor,
        identities=not no_identities,
        alert_format=alert_format,
        alerts_per_day=alerts_per_day,
    )
    said = heard(open_book(place(feedback, registry)), chosen.version.model)
    output.tell_each(said.warnings())
    out.parent.mkdir(parents=True, exist_ok=True)
    # Nothing is seen before it is whole.
    with (
        captures.captured(source, runner, image_prefix) as captured,
        tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder,
    ):
        made = Path(folder)
        summary = score_source(chosen.model, chosen.named, settings, made, _Progress(), said, captured)
        page = scoring_page(summary, summary["listed"])
        (made / REPORT).write_text(page, encoding="utf-8")
        out.mkdir(exist_ok=True)
        for name in FILES:
            shutil.move(made / name, out / name)
    if as_json:
        output.say_json({**{name: value for name, value in summary.items() if name != "listed"}, "out": str(out)})
    else:
        output.say_each([*scored(summary), f"{'report':<12}{out / 'report.html'}"])


def _refuse_strangers(out: Path, files: tuple[str, ...]) -> None:
    """Refuse a folder that holds anything but results."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file; name a folder for the results")
    if out.is_dir() and (others := sorted(path.name for path in out.iterdir() if path.name not in files)):
        raise ConfigError(f"{out} holds {others[0]!r}, which is no result of scoring; name another folder")


class _Progress:
    """Rows done, on one line of a terminal; nothing where there is none."""

    def __init__(self) -> None:
        self._shown = 0

    def __call__(self, rows: int) -> None:
        if sys.stderr.isatty() and rows - self._shown >= 500_000:
            self._shown = rows
            output.tell(f"{rows:,} rows scored")
