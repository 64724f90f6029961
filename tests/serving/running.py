"""A server as it runs, in a process of its own, and requests to it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

ARROW = "application/vnd.apache.arrow.stream"


@dataclass
class Answered:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def output(self, name: str) -> Any:
        return next(each["data"] for each in self.json["outputs"] if each["name"] == name)


@dataclass
class Server:
    """A running server."""

    url: str
    name: str
    process: subprocess.Popen
    said: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def infer(self) -> str:
        return f"/v2/models/{self.name}/infer"

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> Answered:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data=body, headers=named)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
                return Answered(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answered(error.code, dict(error.headers), error.read())

    def score(self, table: pa.Table, **more: Any) -> Answered:
        return self.ask(self.infer, json.dumps(document(table, **more)).encode(), content_type="application/json")

    def metric(self, line: str) -> float:
        """The value of a series, 0 where there is none."""
        found = re.search(rf"(?m)^{re.escape(line)} (\S+)$", self.ask("/metrics").body.decode())
        return float(found[1]) if found else 0.0

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def document(table: pa.Table, **more: Any) -> dict[str, Any]:
    """A request of the protocol."""
    inputs = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = "BYTES" if pa.types.is_string(column.type) else "FP64"
        inputs.append({"name": name, "datatype": kind, "shape": [table.num_rows], "data": column.to_pylist()})
    return {"inputs": inputs, **more}


def stream(table: pa.Table, **options: Any) -> bytes:
    """An Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


@contextmanager
def server(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, log: Path = Path(os.devnull)
) -> Iterator[Server]:
    """A server with these arguments, on a free port, from when it says that it serves; `log` gets its standard output."""
    command = [sys.executable, "-m", "netanomaly.serving", "--host", "127.0.0.1", "--http_port", "0"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "--linger_seconds", "0", *map(str, arguments)],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
    said: list[str] = []
    stderr = process.stderr
    assert stderr is not None
    reading = threading.Thread(target=lambda: said.extend(stderr), daemon=True)
    try:
        for line in stderr:
            said.append(line)
            if found := re.search(r" is served at (http\S+)/v2/models/(\S+)$", line):
                break
        else:
            raise AssertionError(f"the server ended: {''.join(said)}")
        reading.start()
        yield Server(found[1], found[2], process, said)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        if reading.ident is not None:
            reading.join(30)
        stderr.close()
