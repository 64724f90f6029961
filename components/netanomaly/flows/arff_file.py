"""An ARFF file (Weka) as parts: the header names the columns and says what they are, the data is CSV.

https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/
"""

import dataclasses
import re

from netanomaly.errors import DataError
from netanomaly.flows import dialect, lines
from netanomaly.flows.csv_file import CsvFile
from netanomaly.flows.lines import Lines
from netanomaly.flows.records import Kind
from netanomaly.flows.streams import TextStream

_START = re.compile(rb"(\s*%[^\n]*\n)*\s*@relation\b", re.IGNORECASE)
_DATA = re.compile(rb"^[ \t]*@data[ \t]*\r?(\n|\Z)", re.IGNORECASE | re.MULTILINE)
_ATTRIBUTE = re.compile(r"@attribute\s+('(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^\s{]+)\s*(\{.*\}|\S+)", re.IGNORECASE)
_NUMBERS = ("numeric", "real", "integer")


def is_arff(start: bytes) -> bool:
    """Whether a text that begins so is ARFF."""
    return _START.match(start) is not None


class ArffFile(CsvFile):
    """One open ARFF file. Sparse ones are refused."""

    def __init__(self, stream: TextStream, block_bytes: int = lines.BLOCK_BYTES) -> None:
        self.uri = stream.uri
        self.repaired = {}
        self._stream = stream
        self._blocks = lines.blocks(stream, block_bytes)
        self._respelt = None
        block = self._start()
        data = _DATA.search(block.text)
        if data is None:
            raise DataError(f"{self.uri} is ARFF and has no @data in its first {block_bytes >> 20} MiB; is it whole?")
        above = block.text.count(b"\n", 0, data.end())
        names, declared = self._attributes(block.text[: data.start()].decode("utf-8", "replace"))
        self.declared = declared
        first = Lines(block.text[data.end() :], block.first + above, block.count - above)
        if first.text.lstrip().startswith(b"{"):
            raise DataError(
                f"{self.uri} is sparse ARFF ({{index value, ...}}), which is not read; save it as plain ARFF or CSV"
            )
        told = dialect.tell(first.text, width=len(names))
        # Weka quotes with either mark; a file keeps to one.
        single = first.text.count(b"'") > first.text.count(b'"')
        self._dialect = dataclasses.replace(told, quote="'" if single else '"')
        self._first = self._plain(first)
        self._trailing = False
        self._begin(names)

    def _attributes(self, header: str) -> tuple[list[str], dict[str, Kind]]:
        names: list[str] = []
        declared: dict[str, Kind] = {}
        for line in map(str.strip, header.splitlines()):
            if not line.lower().startswith("@attribute"):
                continue
            found = _ATTRIBUTE.match(line)
            if not found:
                raise DataError(f"{self.uri}: the attribute {line[:60]!r} cannot be read; write @attribute name type")
            name = re.sub(r"\\(.)", r"\1", found[1].strip("'\"")).strip()
            kind = found[2].lower()
            if kind == "relational":
                raise DataError(
                    f"{self.uri}: attribute {name!r} is relational, which is not read; save the file as CSV"
                )
            names.append(name)
            if kind.startswith("{") or kind == "string":
                declared[name] = "category"
            elif kind in _NUMBERS:
                declared[name] = "number"
        if not names:
            raise DataError(f"{self.uri} is ARFF and names no attribute")
        return names, declared

    def _checked(self, block: Lines) -> Lines:
        block = super()._checked(block)
        text = block.text
        if b"%" in text:
            text = re.sub(rb"^[ \t]*%[^\r\n]*", b"", text, flags=re.MULTILINE)
        text = re.sub(rb",[ \t]+(?=['\"])", b",", text)
        return Lines(text, block.first, block.count)
