"""What is served at this moment, and how a request's body becomes an answer's. Called on scoring threads.

The version is picked once for each request: what is swapped meanwhile answers the next one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import pyarrow as pa

from netanomaly.serving import arrow_stream, tensors
from netanomaly.serving.errors import NoSuchModel, NotNow, RequestError
from netanomaly.serving.flow_columns import Flows
from netanomaly.serving.options import Limits
from netanomaly.serving.served import Answer, Seen, Served
from netanomaly.serving.tensors import BINARY_HEADER, Most, Request
from netanomaly.serving.wishes import REASONS, of_query, refuse_query

JSON, BINARY, ARROW = "application/json", "application/octet-stream", arrow_stream.MEDIA_TYPE
# Beside the model's own: what a client has at hand and sends along.
_COLUMNS_BESIDE = 64


@dataclass(frozen=True)
class Asked:
    """An inference request as it came.

    Attributes:
        arrow: Whether the body is an Arrow stream.
        answer_arrow: Whether the answer is to be one.
        binary_header: How many bytes of the body are JSON; None: all.
        query: Of the address; what an Arrow stream's `parameters` are.
    """

    body: bytes
    arrow: bool
    answer_arrow: bool
    binary_header: str | None
    query: Mapping[str, str]


@dataclass(frozen=True)
class Done:
    """What came of a request: the answer to send, and what to count and to keep of it."""

    body: bytes
    media_type: str
    headers: dict[str, str]
    served: Served
    table: pa.Table
    answer: Answer
    seen: Seen

    @property
    def rows(self) -> int:
        return len(self.answer.scores)

    @property
    def alerts(self) -> int:
        return int(self.answer.alerting.sum())


class Desk:
    """Answers requests by what is served now."""

    def __init__(self, limits: Limits) -> None:
        self.served: Served | None = None
        self.flows = Flows()
        self._limits = limits

    def now(self, name: str, version: str | None) -> Served:
        """What is served, under that name and number.

        Raises:
            NoSuchModel: It is called otherwise, or is another version.
            NotNow: There is nothing yet.
        """
        served = self.served
        if served is None:
            raise NotNow("no model is loaded yet; wait until /v2/health/ready answers 200")
        if name != served.name:
            raise NoSuchModel(f"model {name[:80]!r} is not served here; {served.name!r} is")
        if version is not None and version != served.version:
            raise NoSuchModel(f"version {version[:20]!r} of {name!r} is not served here; version {served.version} is")
        return served

    def answer(self, served: Served, asked: Asked) -> Done:
        """Read a request, score its rows, write the answer.

        Raises:
            RequestError: It cannot be answered.
        """
        request = self._read(served, asked)
        table = request.table
        if served.model.sensor:
            table = self.flows.features(table, served.model.schema.features)
        else:
            table = self.flows.in_context(table, served.model.schema.features)
        answer = served.answer(table, request.wishes)
        outputs = answer.outputs()
        if request.outputs is not None:
            if unknown := [name for name in request.outputs if name not in outputs]:
                hint = '; ask for it by parameters: {"explain": 3}' if unknown[0] == REASONS else ""
                raise RequestError(f"there is no output {unknown[0][:60]!r}; there are {', '.join(outputs)}{hint}")
            outputs = {name: outputs[name] for name in request.outputs}
        head = {
            "model_name": served.name,
            "model_version": served.version,
            **({} if request.id is None else {"id": request.id}),
            "parameters": served.describe(answer),
        }
        headers: dict[str, str] = {}
        if asked.answer_arrow:
            columns = {
                name: pa.array(values, pa.string() if kind == "BYTES" else None)
                for name, (kind, values) in outputs.items()
            }
            body, media_type = arrow_stream.write(columns, msgspec.json.encode(head)), ARROW
        else:
            body, length = tensors.write(head, outputs, request.binary)
            media_type = JSON if length is None else BINARY
            if length is not None:
                headers[BINARY_HEADER] = str(length)
        return Done(body, media_type, headers, served, table, answer, served.seen(answer))

    def _read(self, served: Served, asked: Asked) -> Request:
        if asked.arrow:
            return Request(arrow_stream.read(asked.body, self._limits.rows), of_query(asked.query))
        refuse_query(asked.query)
        most = Most(self._limits.rows, len(served.model.schema.features) + _COLUMNS_BESIDE)
        return tensors.read(asked.body, asked.binary_header, most)
