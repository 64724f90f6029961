"""Ask a served model: rows in, scores out, by Arrow streams.

    from netanomaly.client import Client

    with Client("http://localhost:8080", "office") as office:
        scored = office.score(frame)            # a pandas frame, an Arrow table, or rows as dictionaries
        alerts = frame[scored["alert"]]

Imports nothing but the standard library before the first call, and pyarrow then.
"""

import http.client
import json
import random
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from netanomaly.errors import InputError, OutsideError, StoreRefused

_ARROW = "application/vnd.apache.arrow.stream"
_MOST_ROWS = 20_000
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 5.0
# What another attempt may mend. Scoring has no effect, so that a request whose answer was lost is asked again.
_TRY_AGAIN = frozenset((408, 429, 500, 502, 503, 504))


@dataclass(frozen=True)
class Scored:
    """Rows scored by one version.

    Attributes:
        table: Arrow table with `score`, `tail_probability`, `alert`, and `reasons` where they were asked for.
        version: The registry's number of the version that scored them.
        digest: Of the model's file.
        threshold, budget: Rows that score above it alert; of normal rows that share does.
    """

    table: Any
    version: str
    digest: str
    threshold: float
    budget: float

    def __getitem__(self, name: str) -> Any:
        """An output as a numpy array; reasons as lists of documents."""
        column = self.table.column(name)
        if name == "reasons":
            return [json.loads(each) for each in column.to_pylist()]
        return column.to_numpy()

    def __len__(self) -> int:
        return int(self.table.num_rows)


@dataclass
class Client:
    """A connection to one served model. Use it from one thread.

    Args:
        url: Where the server is: http://host:port.
        model: What the model is called there.
        token: Bearer token, where the server asks for one.
        seconds: For each attempt.
        patience_seconds: For all attempts at one request together.
        context: For TLS; default: the system's authorities.
    """

    url: str
    model: str
    token: str = field(default="", repr=False)
    seconds: float = 30.0
    patience_seconds: float = 60.0
    context: ssl.SSLContext | None = field(default=None, repr=False)
    _connection: http.client.HTTPConnection | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise InputError(f"url is {self.url!r}; write http://host:port or https://host")
        self._parts = parts

    def score(self, rows: Any, *, explain: int = 0, budget: float | None = None) -> Scored:
        """Scores of rows.

        Args:
            rows: A pandas frame, an Arrow table or record batch, or a list of dictionaries; with the model's columns.
            explain: Reasons for each row, at most; the server explains 100 rows at once.
            budget: One of the model's operating points; default: the one it was trained for.

        Raises:
            InputError: The server says that the request is wrong; the message is the server's.
            OutsideError: It cannot be reached, or did not answer for as long as this client has patience.
        """
        import pyarrow as pa

        wishes = {"explain": explain or None, "budget": budget}
        query = "&".join(f"{name}={value}" for name, value in wishes.items() if value is not None)
        path = f"{self._path}/infer" + (f"?{query}" if query else "")
        made, heads = [], []
        for body in _streams(rows):
            answered = self._ask("POST", path, body)
            table = pa.ipc.open_stream(answered).read_all()
            heads.append(json.loads(table.schema.metadata[b"netanomaly"]))
            made.append(table.replace_schema_metadata(None))
        if len({head["model_version"] for head in heads}) > 1:
            # Another version was taken up meanwhile: scores of two models do not compare.
            return self.score(rows, explain=explain, budget=budget)
        head, said = heads[0], heads[0]["parameters"]
        return Scored(pa.concat_tables(made), head["model_version"], said["digest"], said["threshold"], said["budget"])

    def metadata(self) -> dict[str, Any]:
        """What the server says of the model: columns, operating points, version, digest. Raises as `score`."""
        found: dict[str, Any] = json.loads(self._ask("GET", self._path, None))
        return found

    def ready(self) -> bool:
        """Whether the model is served now; False also where nobody answers."""
        try:
            return self._once("GET", f"{self._path}/ready", None)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def close(self) -> None:
        """Let go of the connection; the next call makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _path(self) -> str:
        return f"{self._parts.path.rstrip('/')}/v2/models/{quote(self.model, safe='')}"

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        deadline, wait = time.monotonic() + self.patience_seconds, _FIRST_WAIT_SECONDS
        while True:
            at_least = 0.0
            try:
                status, headers, answer = self._once(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                said = f"{self.url} cannot be reached: {error or type(error).__name__}"
            else:
                if status == 200:
                    return answer
                said = f"{self.url} answered {status}: {_error_of(answer)}"
                if status not in _TRY_AGAIN:
                    raise (StoreRefused if status in (401, 403) else InputError)(said)
                given = headers.get("retry-after", "")
                at_least = float(given) if given.isdigit() else 0.0
            pause = at_least + wait * random.random()  # noqa: S311 - jitter
            if time.monotonic() + pause > deadline:
                raise OutsideError(f"{said}; it was tried for {self.patience_seconds:g} seconds")
            time.sleep(pause)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _once(self, method: str, path: str, body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Accept": f"{_ARROW}, application/json"} if body is not None else {}
        if body is not None:
            headers["Content-Type"] = _ARROW
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection = self._connected()
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        except BaseException:
            self.close()
            raise

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._parts.scheme == "https":
                self._connection = http.client.HTTPSConnection(host, port, timeout=self.seconds, context=self.context)
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=self.seconds)
        return self._connection


def _streams(rows: Any) -> Iterator[bytes]:
    """Rows as Arrow streams of a size that a server takes at once; one without rows where there are none."""
    import pyarrow as pa

    if isinstance(rows, pa.Table):
        table = rows
    elif isinstance(rows, pa.RecordBatch):
        table = pa.Table.from_batches([rows])
    elif hasattr(rows, "iloc") or isinstance(rows, list):
        try:
            table = (
                pa.Table.from_pylist(rows)
                if isinstance(rows, list)
                else pa.Table.from_pandas(rows, preserve_index=False)
            )
        except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"the rows cannot be sent: {error}; give each column values of one kind") from None
    elif hasattr(rows, "__arrow_c_stream__"):
        table = pa.table(rows)
    else:
        raise InputError(f"a {type(rows).__name__} is no table of rows; give a pandas frame or an Arrow table")
    for start in range(0, max(table.num_rows, 1), _MOST_ROWS):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.slice(start, _MOST_ROWS))
        yield bytes(sink.getvalue())


def _error_of(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"])[:2000]
    except (ValueError, KeyError, TypeError):
        return repr(answer[:200])
