"""How the registry's answers look to people: tables, ages, short digests."""

import shutil
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from netanomaly import output

RegistryOption = Annotated[
    str,
    typer.Option("--registry", envvar="NETANOMALY_REGISTRY", help="A folder, file:///folder or s3://bucket/prefix."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
WhyOption = Annotated[str, typer.Option("--why", help="Kept in the log.")]
SignKeyOption = Annotated[
    Path | None,
    typer.Option("--sign-key", help="Ed25519 private key, PEM or OpenSSH. Default: NETANOMALY_SIGN_KEY, or unsigned."),
]
Reference = Annotated[str, typer.Argument(metavar="MODEL[:VERSION|@ALIAS]", help="Default version: the newest.")]
Pointed = Annotated[
    str, typer.Argument(metavar="MODEL:VERSION|MODEL@ALIAS", help="Which version; MODEL alone with --newest.")
]
Numbered = Annotated[str, typer.Argument(metavar="MODEL:VERSION")]
ModelName = Annotated[str, typer.Argument(metavar="MODEL")]

DEFAULT = "runs/registry"

_SHORT_DIGEST = 12
_NARROW = 110
# IPv6 addresses have 39 characters.
_LONGEST_WORD = 40
_GAP = 2


@dataclass
class Table:
    """Rows of text under headings, for people."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add_row(self, *cells: str) -> None:
        self.rows.append(cells)


def table(*headings: str) -> Table:
    return Table(headings)


def show_table(made: Table) -> None:
    from rich import table
    from rich.console import Console

    columns = [[output.visible(text) for text in texts] for texts in zip(made.headings, *made.rows, strict=True)]
    # An address that is cut at the end of a line reads as another one.
    widths = [
        min(max(len(word) for text in texts for word in (text.split() or [""])), _LONGEST_WORD) for texts in columns
    ]
    needed = sum(widths) + _GAP * len(widths)
    # A pipe has no width; 80 columns would cut the names that a script or a log is read for.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else max(160, needed)
    drawn = table.Table(box=None, padding=(0, _GAP, 0, 0), header_style="bold")
    for texts, least in zip(columns, widths, strict=True):
        drawn.add_column(texts[0], overflow="fold", min_width=least if needed <= width else None)
    for row in zip(*(texts[1:] for texts in columns), strict=True):
        drawn.add_row(*row)
    Console(highlight=False, markup=False, emoji=False, width=width).print(drawn)


def is_narrow() -> bool:
    """Whether tables are shown on a terminal too narrow for times in full beside other columns."""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < _NARROW


def show_json(document: Any) -> None:
    output.say_json(document)


def show_rows(rows: list[tuple[str, str]]) -> None:
    for name, value in rows:
        if value:
            output.say(f"{name:<28}{value}")


def counted(count: int, one: str, many: str = "") -> str:
    """`1 model`, `2 models`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def short(digest: str) -> str:
    return f"{digest[:_SHORT_DIGEST]}..." if digest else ""


def when(timestamp: str) -> str:
    """Absolute and relative: `2026-03-01 12:00 UTC, 2 hours ago`; on a narrow terminal how long ago alone."""
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        # Imported from a registry that wrote its times in a way of its own.
        return timestamp
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _ago(moment) if is_narrow() else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC, {_ago(moment)}"


def _ago(moment: datetime) -> str:
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
