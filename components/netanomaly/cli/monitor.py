"""`netanomaly monitor`: whether what a model scores is still what it learnt from, and if not, what changed."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import output
from netanomaly.cli.feedback_options import FeedbackOption
from netanomaly.cli.monitored import monitored
from netanomaly.cli.registry_words import DEFAULT, JsonOption, RegistryOption
from netanomaly.cli.table_options import ColumnsOption, DelimiterOption, TimeColumnOption, csv_format
from netanomaly.errors import ConfigError, GateRefusal, InputError, NetanomalyError

if TYPE_CHECKING:
    from netanomaly.monitoring.settings import Settings
    from netanomaly.registry import Registry

_FAR_OVER = 5
"""Times the alert budget: of training data no more alert than that."""
VERDICT, REPORT = FILES = ("verdict.json", "report.html")


def monitor(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="office (its champion), office@alias or office:3, as in the registry."),
    ],
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="Files, folders, globs, here or s3://...: traffic, or what score wrote."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for verdict.json and report.html; default: neither is written.")
    ] = None,
    registry: RegistryOption = DEFAULT,
    label_column: Annotated[
        str,
        typer.Option(
            help="The column of classes, where labels are to be believed; with --make-reference by default the version's own."
        ),
    ] = "",
    time_column: TimeColumnOption = "",
    delimiter: DelimiterOption = None,
    columns: ColumnsOption = None,
    allow_other_sensor: Annotated[
        bool, typer.Option("--allow-other-sensor", help="Look at flows of another kind of sensor than was learnt from.")
    ] = False,
    feedback: FeedbackOption = "",
    make_reference: Annotated[
        bool,
        typer.Option(
            "--make-reference", help="SOURCE is the training data of a version that has no reference yet: make one."
        ),
    ] = False,
    retrain: Annotated[
        Path | None,
        typer.Option("--retrain", help="A training configuration: train again with it, here, where it is due."),
    ] = None,
    retrain_when: Annotated[
        str, typer.Option(help="With --retrain, of: network changed, decay, age; parted by commas.")
    ] = "network changed,decay",
    retrain_age_days: Annotated[float, typer.Option(help="With age: a version older than this is retrained.")] = 30.0,
    workdir: Annotated[Path, typer.Option(help="With --retrain, the folder for its run.")] = Path("runs"),
    no_history: Annotated[bool, typer.Option("--no-history", help="Write nothing into the registry.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 4 where the verdict is anything but quiet.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge a window of traffic by what was usual in training: one line, and what to do; with --retrain, do it.

    Verdicts: quiet, sensor changed, hosts changed, network changed, decay, too little data; docs/monitoring.md.

    Example: netanomaly monitor office conn.log --out monitored
    """
    import msgspec

    from netanomaly.monitoring.settings import Settings
    from netanomaly.registry import open_registry

    # Of NaN no comparison is true.
    if not 0 < retrain_age_days < math.inf:
        raise ConfigError(f"--retrain-age-days {retrain_age_days:g}: it is a number of days over 0, e.g. 30")
    opened = open_registry(registry)
    settings = Settings(
        source=source,
        csv=csv_format(columns, delimiter),
        time_column=time_column,
        label_column=label_column,
        allow_other_sensor=allow_other_sensor,
        feedback=feedback,
    )
    if make_reference:
        _make_reference(opened, model, settings, as_json=as_json)
        return
    if out is not None:
        _refuse_strangers(out)
    if retrain is not None:
        from netanomaly.cli import retraining
        from netanomaly.registry.names import reference

        if no_history:
            raise ConfigError("--retrain keeps in the registry for which window it trained; leave --no-history out")
        # What is wrong with it is said before anything is looked at.
        occasions = retraining.read_occasions(retrain_when)
        training = retraining.read_training(retrain, reference(model).model, source, opened.uri)
    from netanomaly.monitoring.program import keep
    from netanomaly.monitoring.program import monitor as look

    judged = look(opened, model, settings, _Progress())
    verdicts = [each.verdict for each in judged]
    history: list[Any] = []
    failed: NetanomalyError | None = None
    # A registry that cannot be written and a training that fails take nothing from the verdict: it is told all the same.
    try:
        if not no_history:
            for verdict in verdicts:
                keep(opened, verdict)
        if out is not None:
            history = msgspec.to_builtins(opened.monitored(verdicts[0]["model"]["name"]).verdicts())
        if retrain is not None:
            if len(verdicts) > 1:
                raise InputError("the scores are of several versions; retrain by the scores of one, or by the traffic")
            words = retraining.retrain(opened, judged[0], training, feedback, occasions, retrain_age_days, workdir)
            verdicts[0]["retraining"] = {"words": words}
    except NetanomalyError as error:
        failed = error
        if retrain is not None:
            for verdict in verdicts:
                verdict["retraining"] = {"words": str(error)}
    if out is not None:
        _write(history, verdicts, out)
    if as_json:
        output.say_json({"verdicts": verdicts, "out": None if out is None else str(out)})
    else:
        for verdict in verdicts:
            output.say_each(monitored(verdict))
            if out is not None:
                output.say(f"{'report':<12}{_folder(out, verdicts, verdict) / REPORT}")
    if failed is not None:
        raise failed
    unusual = [verdict["verdict"] for verdict in verdicts if verdict["verdict"] != "quiet"]
    if exit_code and unusual:
        raise GateRefusal(f"not quiet: {', '.join(unusual)}")


def _make_reference(opened: "Registry", model: str, settings: "Settings", *, as_json: bool) -> None:
    from netanomaly.monitoring import program

    version, made = program.make_reference(opened, model, settings, _Progress())
    about = made.about
    share, budget = about["alerts"] / about["rows"], about["alert_budget"]
    if share > _FAR_OVER * budget:
        output.tell(
            f"warning: {share:.1%} of the rows alert, where the model's alert budget is {budget:.2%}: they hold attacks, or are "
            "other traffic than it learnt from, and are usual from now on; make it anew of the training data, with "
            "--label-column where attacks are labelled"
        )
    if as_json:
        output.say_json({"model_name": version.model, "version": version.number, **about})
        return
    column = about["label_column"]
    taken = f"all {about['rows']:,} rows"
    if column:
        taken = f"the {about['rows']:,} of {about['rows_read']:,} rows that are normal by column {column!r}"
    output.say(f"{version.model}:{version.number} has a reference now, of {taken}; netanomaly monitor compares with it")


def _write(history: list[Any], verdicts: list[dict[str, Any]], out: Path) -> None:
    """The verdict and its page; of several versions in a folder for each."""
    from netanomaly.report import monitoring_page

    for verdict in verdicts:
        folder = _folder(out, verdicts, verdict)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / REPORT).write_text(monitoring_page(verdict, history), encoding="utf-8")
        (folder / VERDICT).write_text(output.json_text(verdict) + "\n", encoding="utf-8")


def _folder(out: Path, verdicts: list[dict[str, Any]], verdict: dict[str, Any]) -> Path:
    return out if len(verdicts) == 1 else out / f"version-{verdict['model']['version']}"


def _refuse_strangers(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file; name a folder for the results")
    if out.is_dir() and (
        others := sorted(
            path.name for path in out.iterdir() if path.name not in FILES and not path.name.startswith("version-")
        )
    ):
        raise ConfigError(f"{out} holds {others[0]!r}, which is no result of monitoring; name another folder")


class _Progress:
    """Rows done, now and then, on a terminal."""

    def __init__(self) -> None:
        self._shown = 0

    def __call__(self, rows: int) -> None:
        if sys.stderr.isatty() and rows - self._shown >= 500_000:
            self._shown = rows
            output.tell(f"{rows:,} rows looked at")
