"""What is taken for CSV text and is something else: told by its first bytes, for a message that says so."""

import re

from netanomaly.errors import DataError

_AS_RECORDS = "write its records as CSV or Parquet, one row each"
# What follows such a format's name, and no name of a column: a header may well begin with FEA1.
_BINARY = rb"[\x00-\x08\x0e-\x1f]"
_PACKETS = "a capture of packets; flows are made of it first, where a source has captures alone: see docs/traffic.md"
_JSON = rb"\s*\{\s*(\"|\})|\s*\[\s*(\{|\[|\])"
_ZEEK = rb"\s*#(separator |(fields|path)\t)"
_OTHERS = {
    rb"\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\xa1\xb2\x3c\x4d|\x0a\x0d\x0d\x0a": _PACKETS,
    rb"PK\x03\x04": "a zip archive (or a spreadsheet); unpack it, or save it as CSV",
    rb"PAR1" + _BINARY: "a Parquet file in a compressed one; decompress it: Parquet is compressed inside",
    rb"(ARROW1|FEA1)" + _BINARY: "an Arrow file; write it as Parquet",
    rb"version https?://git-lfs": "a pointer of Git LFS and not the file it stands for; fetch that with git lfs pull",
    rb"\+-[-+]*\+\s*\n\|": "a table drawn for people (as mysql does); print it without the frame (mysql --batch), or export it as CSV",
    rb"SQLite format 3\x00": "a database; export the table as CSV",
    rb"\x93NUMPY": "a NumPy array; write it as CSV or Parquet with named columns",
    _JSON: f"JSON and not CSV; {_AS_RECORDS}",
    _ZEEK: "a Zeek log with its own header, which is read as it is: leave csv out of the configuration, and format too",
    rb"\s*<(?i:!doctype|html|\?xml)": "a web page or XML and not CSV; look into it: it may be an error in place of the data",
}


def is_no_table(start: bytes) -> bool:
    """Whether a text with these first bytes is read where a sensor wrote it, and never as a table."""
    return re.match(rb"(\xef\xbb\xbf)?(" + _JSON + b"|" + _ZEEK + b")", start) is not None


def refuse(start: bytes, uri: str) -> None:
    """Raise DataError where a text file's first bytes are those of another format."""
    for pattern, what in _OTHERS.items():
        if re.match(pattern, start):
            raise DataError(f"{uri} is {what}")


# Time, uid, address and port of both, protocol: what each record of a conn log begins with.
_ZEEK_RECORD = re.compile(
    rb"[0-9]{9,10}\.[0-9]{1,9}\t[^\t]{1,40}(?:\t[0-9A-Fa-f.:]{2,45}\t[0-9]{1,5}){2}\t(?:tcp|udp|icmp|unknown_transport)\t"
)
_MOST_LINES = 100


def refuse_headless(start: bytes, uri: str) -> None:
    """Raise DataError where a text is records of Zeek's conn log without the lines that name their fields.

    Args:
        start: Its first bytes: a log that was cut may begin within a record, and a rotated piece with the end of one.
        uri: Of the file.
    """
    for number, line in enumerate(start.split(b"\n", _MOST_LINES)[:_MOST_LINES], 1):
        if _ZEEK_RECORD.match(line):
            raise DataError(
                f"{uri} is records of Zeek's conn log without its header, as line {number} tells (a log that was cut, or a piece "
                "of one): put the lines with # from the beginning of the same log, #separator to #types, above them, or give the "
                "whole log; no option stands in for the header, --allow-other-sensor neither"
            )
