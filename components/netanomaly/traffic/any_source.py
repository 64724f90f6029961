"""Any source as batches of rows: a sensor's flows, or a table."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Union

from netanomaly.config import CsvFormat
from netanomaly.errors import ConfigError
from netanomaly.flows import formats, layout, other_formats, sources
from netanomaly.flows.deciding import Decisions
from netanomaly.flows.reader import Reader
from netanomaly.flows.sensor import AUTO, TABLE
from netanomaly.traffic import feature_list

if TYPE_CHECKING:
    from netanomaly.traffic.context import Past
    from netanomaly.traffic.in_context import TableInContext
    from netanomaly.traffic.reader import TrafficReader
    from netanomaly.traffic.recognition import Format

AnyReader = Union[Reader, "TableInContext", "TrafficReader"]

# Of flows, beside their features: what else a configuration may name without meaning a table's own columns.
LABEL, TIME = "label", "start_time"
_BESIDE = (LABEL, TIME, "src_ip", "src_port", "dst_ip", "dst_port", "uid", "state", "allowed")


def open_source(
    files: sources.Files,
    csv: CsvFormat,
    selection: layout.Selection,
    wanted_format: str,
    *,
    context: bool | None = None,
    scratch: Path | None = None,
    times_only: bool = False,
    decisions: Decisions | None = None,
    lenient: bool = False,
    past: "Past | None" = None,
    nothing_is: str = "",
) -> AnyReader:
    """A reader of the source's files, from the beginning.

    Args:
        files: Of the source.
        csv: How its text is laid out, where it is a table.
        selection: The columns that are wanted.
        wanted_format: One of `netanomaly.traffic.opening.CHOICES`.
        context: Whether features in context are wanted; None: where it is a sensor's.
        scratch: The folder for what does not fit into memory; None: the system's for temporary files.
        times_only: Batches have rows and times and nothing else.
        decisions: What the columns of a table hold, where that is known.
        lenient: Whether a table's rows with values that cannot be read are kept, and noted, and files without records are no
            error.
        past: What flows are seen beside, of flows that were read before; None: nothing was.
        nothing_is: The kind of sensor that a source is of in which nothing is written; empty: none.

    Raises:
        ConfigError: Features that no reader of such a source makes.
    """
    found = sensor_format(files, csv, selection, wanted_format, nothing_is)
    if found is None:
        wanted = [name for name in selection.feature_columns if name in feature_list.CONTEXT_NAMES] if context else []
        own = tuple(name for name in selection.feature_columns if name not in wanted)
        if wanted and not own:
            raise ConfigError(
                f"feature_columns names nothing of {files.files[0].uri} itself; name a column that it has"
            )
        chosen = replace(selection, feature_columns=own)
        reader = Reader(files, csv, chosen, times_only=times_only, decisions=decisions, lenient=lenient)
        if not context or times_only:
            return reader
        from netanomaly.traffic.in_context import TableInContext

        return TableInContext(reader, wanted, selection.ignore_columns, scratch, past)
    from netanomaly.traffic.reader import TrafficReader, Wish

    wish = Wish(
        selection.feature_columns,
        selection.ignore_columns,
        selection.categorical_columns,
        context is not False,
        selection.host_columns or (),
        labels=bool(selection.label_column) and LABEL not in selection.ignore_columns,
    )
    return TrafficReader(files, found, wish, scratch, times_only=times_only, may_be_empty=lenient, past=past)


def sensor_format(
    files: sources.Files, csv: CsvFormat, selection: layout.Selection, wanted_format: str, nothing_is: str = ""
) -> "Format | None":
    """The sensor's format that a source is read in; None where it is read as a table.

    Who says how its text is laid out, or names columns of its own, wants those, if the text can be a table.

    Raises:
        ConfigError: The label or the time is to be a column that no flow has.
    """
    as_table = csv != CsvFormat() or (not _names_only_flows(selection) and not _is_no_table(files))
    if wanted_format == TABLE or (wanted_format == AUTO and as_table):
        return None
    # A dozen formats take a tenth of a second to import, which most tables need not pay.
    from netanomaly.traffic.opening import format_of

    found = format_of(files, wanted_format, nothing_is)
    if found is not None:
        _refuse_other_columns(selection, f"{files.files[0].uri} is read as {found.words}")
    return found


def _is_no_table(files: sources.Files) -> bool:
    """Whether the first file in which something is written is one that no table can be."""
    for file in files.files:
        if start := formats.start_of(file).strip():
            return other_formats.is_no_table(start)
    return False


def _refuse_other_columns(selection: layout.Selection, what: str) -> None:
    for field, name, own in (
        ("label_column", selection.label_column, LABEL),
        ("time_column", selection.time_column, TIME),
    ):
        if name and name != own:
            raise ConfigError(
                f"{field} is {name!r}, and {what}, whose flows have none of that name: name {own!r}"
                + (" (the classes of a labelled log)" if own == LABEL else "")
                + f", or leave it out. They have: {', '.join(_BESIDE)}"
            )


def _names_only_flows(selection: layout.Selection) -> bool:
    """Whether no columns are named but those of flows: who names a file's own wants them as they are."""
    named = {
        *selection.feature_columns,
        *selection.categorical_columns,
        *selection.ignore_columns,
        *([selection.time_column] if selection.time_column else []),
        *([selection.label_column] if selection.label_column else []),
    }
    return named <= {*feature_list.EVERY, *_BESIDE}
