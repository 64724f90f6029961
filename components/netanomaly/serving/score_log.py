"""Scored rows kept for later: for `netanomaly monitor`, and for whoever asks what a model said last week.

Parquet files of at most 10,000 rows, one a minute at most: time, version, score, tail probability, alert, and the model's
columns. Nothing else of a request is kept: no addresses, no identifiers, unless the model learnt from them. A row is drawn
by chance, whatever it scored, so that what is kept stands for all.
"""

import io
import os
import secrets
import socket
import threading
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly import output
from netanomaly.errors import InputError, NetanomalyError
from netanomaly.paths import expanded
from netanomaly.serving.desk import Done

_FILE_ROWS = 10_000
_MOST_ROWS = 50_000
_FILE_SECONDS = 60.0


class Sink(Protocol):
    """A place for files."""

    def put_new(self, key: str, data: bytes) -> object:
        """Store one file, whole or not at all. Raises NetanomalyError or OSError."""


class ScoreLog:
    """Draws rows, and writes them from a thread of its own."""

    def __init__(self, sink: Sink, share: float, seconds: float = _FILE_SECONDS) -> None:
        self._sink, self._share, self._seconds = sink, share, seconds
        self._draw = np.random.default_rng()
        self._tables: deque[pa.Table] = deque()
        self._rows = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._told = False
        self.kept = self.written = self.lost = 0
        self._thread = threading.Thread(target=self._write, name="score log", daemon=True)
        self._thread.start()

    def hear(self, done: Done) -> None:
        """Keep some of an answer's rows."""
        drawn = np.flatnonzero(self._draw.random(done.rows) < self._share)
        if not len(drawn):
            return
        table = _logged(done, drawn)
        with self._lock:
            if self._rows + len(drawn) > _MOST_ROWS:
                self.lost += len(drawn)
                return
            self._tables.append(table)
            self._rows += len(drawn)
            self.kept += len(drawn)
            full = self._rows >= _FILE_ROWS
        if full:
            self._wake.set()

    def close(self) -> None:
        """Write what is there, and end."""
        self._closing = True
        self._wake.set()
        self._thread.join(30)

    def _write(self) -> None:
        while True:
            self._wake.wait(self._seconds)
            self._wake.clear()
            closing = self._closing
            while self._write_one():
                pass
            if closing:
                return

    def _write_one(self) -> bool:
        """Write the oldest rows of one layout; whether there may be more to write now."""
        with self._lock:
            taken: list[pa.Table] = []
            rows = 0
            for table in self._tables:
                if taken and (table.schema != taken[0].schema or rows + table.num_rows > _FILE_ROWS):
                    break
                taken.append(table)
                rows += table.num_rows
        if not taken:
            return False
        buffer = io.BytesIO()
        pq.write_table(pa.concat_tables(taken), buffer, compression="zstd")
        try:
            self._sink.put_new(_name(), buffer.getvalue())
        except (NetanomalyError, OSError) as error:
            if not self._told:
                self._told = True
                output.tell(
                    f"warning: scored rows are not written: {error}; up to {_MOST_ROWS:,} wait, later ones are lost"
                )
            return False
        self._told = False
        with self._lock:
            for _ in taken:
                self._tables.popleft()
            self._rows -= rows
            self.written += rows
            return bool(self._tables)


def sink_of(uri: str) -> Sink:
    """A folder or a bucket to write to.

    Raises:
        InputError: It is neither, or the folder cannot be written.
    """
    if uri.startswith("s3://"):
        from netanomaly.registry.object_store import ObjectStore

        return ObjectStore(uri)
    if "://" in uri and not uri.startswith("file:///"):
        raise InputError(f"score log {uri!r} is neither a folder nor s3://bucket/prefix")
    folder = expanded(uri.removeprefix("file://"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"score log {str(folder)!r} cannot be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"score log {str(folder)!r} cannot be written; name another folder")
    return _Folder(folder)


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put_new(self, key: str, data: bytes) -> None:
        temporary = self._folder / f".{key}"
        temporary.write_bytes(data)
        temporary.replace(self._folder / key)


def _logged(done: Done, drawn: npt.NDArray[np.intp]) -> pa.Table:
    schema, answer, count = done.served.model.schema, done.answer, len(drawn)
    rows = answer.rows.take(drawn)
    found = {
        "time": pa.array([datetime.now(UTC)] * count, pa.timestamp("us", tz="UTC")),
        "version": pa.array([f"{done.served}"] * count, pa.string()),
        "score": pa.array(answer.scores[drawn]),
        "tail_probability": pa.array(answer.shares[drawn]),
        "alert": pa.array(answer.alerting[drawn]),
    }
    numbers = dict(zip(schema.numeric, rows.numbers.T, strict=True))
    for name in schema.features:
        if name in numbers:
            found[name] = pa.array(np.ascontiguousarray(numbers[name]), from_pandas=True)
        else:
            place = schema.categorical.index(name)
            words = [*schema.vocabularies[place], "(unseen)"]
            found[name] = pa.array([words[code] for code in rows.codes[:, place].tolist()], pa.string())
    return pa.table(found)


def _name() -> str:
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return f"scores-{moment}-{socket.gethostname()[:40]}-{secrets.token_hex(4)}.parquet"
