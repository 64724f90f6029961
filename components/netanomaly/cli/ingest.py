"""`netanomaly ingest`: read a source as the pipeline would, say what was understood of it, and keep it as one file."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from netanomaly import images, output
from netanomaly.cli import captures
from netanomaly.cli import registry_words as words
from netanomaly.cli.run import Runner
from netanomaly.errors import ConfigError, DataError
from netanomaly.paths import expanded

# Of a flow, what people look for first; of other records, their first columns.
_FLOW_COLUMNS = (
    "start_time", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "service", "bytes_out", "bytes_in", "outcome",
    "src_flows_120s", "src_destinations_120s", "label",
)  # fmt: skip
_TABLE_COLUMNS = 10
_REASONS = 12


def ingest(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Files, folders, globs, here or in a bucket.")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The flow file to write, Parquet; default: none.")] = None,
    head: Annotated[int, typer.Option("--head", min=0, help="Rows to show.")] = 0,
    format: Annotated[str, typer.Option("--format", help="What wrote the data; auto: told by its content.")] = "auto",  # noqa: A002
    context: Annotated[
        bool | None,
        typer.Option("--context/--no-context", help="Features beside the flows before; default: of a sensor's flows."),
    ] = None,
    label_column: Annotated[str, typer.Option("--label-column", help="The column of classes.")] = "label",
    no_identities: Annotated[
        bool, typer.Option("--no-identities", help="Keep salted digests in place of addresses, and no uids.")
    ] = False,
    runner: Annotated[
        Runner, typer.Option(help="Where flows are made of captures: host, by this machine's suricata; docker.")
    ] = Runner.host,
    image_prefix: Annotated[
        str, typer.Option(envvar="NETANOMALY_IMAGE_PREFIX", help="Registry and repository of the stage images.")
    ] = images.DEFAULT_PREFIX,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole ingest report as one JSON document.")
    ] = False,
) -> None:
    """Read a source, and print what was understood: format, rows, time span, columns and their roles, what was dropped.

    Example: netanomaly ingest conn.log --out flows.parquet --head 20
    """
    from netanomaly.config import CsvFormat
    from netanomaly.stages.ingest import program
    from netanomaly.stages.ingest.settings import ALL_ROWS, Settings
    from netanomaly.traffic.opening import CHOICES

    if format not in CHOICES:
        raise ConfigError(f"format is {format!r}; choose one of {', '.join(CHOICES)}")
    settings = Settings(
        source=sources, identity="", part=ALL_ROWS, split=None, csv=CsvFormat(), label_column=label_column, normal_labels=[],
        feature_columns=[], categorical_columns=[], ignore_columns=[], time_column="", random_state=0, format=format,
        context=context, identities=not no_identities,
    )  # fmt: skip
    with ExitStack() as stack:
        captured = stack.enter_context(captures.captured(sources, runner, image_prefix))
        if out is None:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netanomaly-")), "flows.parquet")
        else:
            path = expanded(out)
            if not path.absolute().parent.is_dir():
                raise DataError(f"{str(path.absolute().parent)!r} is no folder; make it, or give another --out")
        # Whoever looks for the file finds it whole, or not at all.
        unfinished = path.with_name(f".{path.name}.unfinished")
        stack.callback(unfinished.unlink, missing_ok=True)
        report = program.ingest(
            settings,
            lambda contract: program.ParquetSink(unfinished, contract),
            lambda _rows: None,
            path.absolute().parent,
            captured,
        )
        unfinished.replace(path)
        if as_json:
            words.show_json(
                {name: value for name, value in report.items() if name != "hashes"} | {"out": out and str(path)}
            )
            return
        _understood(report)
        _columns(report)
        if head:
            _rows(path, head, report)
        if out is not None:
            output.say()
            output.say(f"written to {path}")


def _understood(report: Mapping[str, Any]) -> None:
    traffic, time = report["traffic"] or {}, report["time"]
    files = [file for file in report["files"] if file["rows"]]
    lines = [
        ("format", f"{traffic['words']}, sensor {report['sensor']}" if traffic else "a table of features of its own"),
        ("captures", _captures(report.get("capture"))),
        ("files", words.counted(len(report["files"]), "file") + (f", {len(files)} with records" * (len(files) < len(report["files"])))),
        ("rows", f"{report['rows']:,}" + (f" of {report['rows_read']:,} records" if report["rows"] != report["rows_read"] else "")),
        ("time", _span(time)),
        ("classes", ", ".join(f"{name} {count:,}" for name, count in list((report["labels"] or {}).items())[:8])),
        ("directions", _directions(traffic)),
        ("dropped", _listed(report["dropped"])),
        ("noted", _listed(report["repaired"])),
        ("no flows", _listed({**traffic.get("set_aside", {}), **traffic.get("other_records", {}), **traffic.get("other_files", {})})),
        ("windows", _windows(traffic)),
    ]  # fmt: skip
    for name, value in lines:
        for number, each in enumerate([value] if isinstance(value, str) else value):
            if each:
                output.say(f"{'' if number else name:<12}{each}")


def _captures(capture: Mapping[str, Any] | None) -> str:
    if not capture:
        return ""
    said = f"{words.counted(len(capture['files']), 'file')}, by {capture['tool']} {capture['version']}"
    if capture["kind"] == "capture":
        outside, count = capture["packets_in_no_flow"], capture["packets"]
        said += f": {words.counted(count, 'packet')}, "
        said += f"{outside / count:.2%} of them in no flow (ARP and the like)" if outside else "all of them in flows"
    return said


def _span(time: Mapping[str, Any] | None) -> str:
    if not time or time["first"] is None:
        return "none known"
    first, last = time["first"], time["last"]
    length = f"{(last - first) / 3600:,.1f} hours" if last - first >= 7200 else f"{last - first:,.0f} s"
    if last < _EARLIEST:
        return f"{length}, counted from the capture's own beginning"
    begin, end = (datetime.fromtimestamp(each, UTC).strftime("%Y-%m-%d %H:%M:%S") for each in (first, last))
    return f"{begin} to {end} UTC ({length})"


_EARLIEST = 86_400 * 365


def _directions(traffic: Mapping[str, Any]) -> str:
    if not traffic.get("one_way_records"):
        return ""
    if traffic["one_direction_only"]:
        return "no record found its other direction: what came back is not known"
    return f"{1 - traffic['unpaired_share']:.1%} of {traffic['one_way_records']:,} one-way records found their other direction"


def _windows(traffic: Mapping[str, Any]) -> list[str]:
    said = []
    if traffic.get("cut_windows"):
        said.append("traffic was so dense that windows reach back over the last 262,144 flows only")
    if forgotten := traffic.get("forgotten"):
        said.append(f"{forgotten:,} sources and pairs, met within a day, were forgotten: over a million of a kind were")
    return said


def _listed(counts: Mapping[str, int]) -> list[str]:
    shown = [f"{count:,} x {reason}" for reason, count in list(counts.items())[:_REASONS]]
    more = len(counts) - len(shown)
    return [*shown, *([f"and {more} more"] if more > 0 else [])]


def _columns(report: Mapping[str, Any]) -> None:
    made = words.table("column", "role", "filled", "values")
    for column in report["columns"]:
        made.add_row(column["name"], column["kind"], f"{1 - column['missing'] / column['rows']:.0%}", _values(column))
    beside = [
        *([(report["time"]["column"], "time")] if report["time"] else []),
        *([(report["label_column"], "label")] if report["label_column"] else []),
        *((name, "ignored") for name in report["ignored"]),
    ]
    if not report["sensor"]:
        for name, role in beside:
            made.add_row(name, role, "", "")
    else:
        for name, role in [
            *beside[: 1 + bool(report["label_column"])],
            ("src_ip, dst_ip, src_port, dst_port, uid", "who and when"),
        ]:
            made.add_row(name, role, "", "kept beside the features, never learnt from")
    output.say()
    words.show_table(made)


def _values(column: Mapping[str, Any]) -> str:
    if column["kind"] == "number":
        if column["quantiles"] is None:
            return "empty"
        low, middle, high = column["min"], column["quantiles"][50], column["max"]
        return f"{low:,.6g} .. {middle:,.6g} .. {high:,.6g}"
    first = list(column["categories"])[:4]
    return ", ".join(first) + (
        f" and {column['distinct'] - len(first):,} more" if column["distinct"] > len(first) else ""
    )


def _rows(path: Path, head: int, report: Mapping[str, Any]) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = [name for name in file.schema_arrow.names if not name.startswith("netanomaly:")]
        flow = [name for name in _FLOW_COLUMNS if name in names]
        wanted: Sequence[str] = flow if report["sensor"] else names[:_TABLE_COLUMNS]
        batch = next(file.iter_batches(head, columns=list(wanted)), None)
    made = words.table(*wanted)
    time = (report["time"] or {}).get("column")
    for row in batch.to_pylist() if batch is not None else ():
        made.add_row(*(_cell(row[name], moment=name == time) for name in wanted))
    output.say()
    words.show_table(made)


def _cell(value: Any, *, moment: bool) -> str:
    if value is None:
        return "-"
    if moment and value >= _EARLIEST:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
