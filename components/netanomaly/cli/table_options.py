"""Options that say how a table is laid out that a registered model is to read."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from netanomaly.config import CsvFormat

TimeColumnOption = Annotated[str, typer.Option(help="Of a table, the column of times; default: known by its name.")]
DelimiterOption = Annotated[str | None, typer.Option(help="Of a CSV; default: told by its first lines.")]
ColumnsOption = Annotated[
    str | None, typer.Option(help="Of a CSV without a header, its columns by name, parted by commas.")
]


def csv_format(columns: str | None, delimiter: str | None) -> "CsvFormat":
    """What these options say of a CSV. Raises ConfigError."""
    from netanomaly.config import CsvFormat

    return CsvFormat(columns=columns.split(",") if columns else None, delimiter=delimiter)
