"""Ask a server for the smoke rows of a version, and compare its scores bit for bit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from netanomaly import json_input
from netanomaly.errors import GateRefusal, InputError
from netanomaly.registry.smoke import SmokeRows, same_score

Ask = Callable[[str, Mapping[str, Any]], tuple[int, bytes]]
"""A path of the server and a document to post there; the answer's status and body. Raises NotYet where there is none."""

# While pods come and go.
_PASSING = (404, 408, 425, 429, 500, 502, 503, 504)
_LONGEST_MESSAGE = 300


class NotYet(Exception):
    """The version does not answer; it may in a moment."""


class OtherScores(GateRefusal):
    """The version answers, and its scores are not those that it was registered with."""


@dataclass(frozen=True)
class Smoke:
    """The smoke rows of one version.

    Attributes:
        rows: With their scores.
        name: What the model is called in the server's addresses.
        version: Its number.
    """

    rows: SmokeRows
    name: str
    version: int

    def passes(self, ask: Ask) -> None:
        """All rows in one request, then each in one of its own: scores depend on no other row.

        Raises:
            NotYet: It does not answer, or another version does.
            OtherScores: It answers with other scores, or none.
            InputError: It refuses who asks.
        """
        self._compare(ask, 0, self.rows.rows)
        for row in range(self.rows.rows):
            self._compare(ask, row, row + 1)

    def _compare(self, ask: Ask, start: int, end: int) -> None:
        path = f"/v2/models/{quote(self.name, safe='')}/versions/{self.version}/infer"
        status, body = ask(path, {"inputs": self.rows.inputs(start, end), "outputs": [{"name": "score"}]})
        # A 400 that is not our server's is what Knative's first request gets after a start from zero (kserve#2882).
        if status in _PASSING or (status == 400 and _object(body) is None):
            raise NotYet(f"it answers {status}{_said(body)}")
        if status in (401, 403):
            raise InputError(
                f"the server refuses the smoke rows with {status}{_said(body)}; give its token in NETANOMALY_SERVE_TOKEN"
            )
        if status != 200:
            raise OtherScores(f"it refuses its own smoke rows with {status}{_said(body)}")
        answer = _object(body)
        if answer is None or str(answer.get("model_version", self.version)) != str(self.version):
            raise NotYet("another version, or another server, answers")
        given = _scores(answer)
        expected = self.rows.scores[start:end]
        if given is None or len(given) != len(expected):
            raise OtherScores("its answer has no score for each of its smoke rows")
        wrong = [
            row for row, (one, other) in enumerate(zip(expected, given, strict=True)) if not same_score(one, other)
        ]
        if wrong:
            first = wrong[0]
            raise OtherScores(
                f"{len(wrong)} of its {len(expected)} smoke rows get other scores than when it was evaluated: row "
                f"{start + first + 1} gets {given[first]!r}, not {expected[first]!r}; the image has other libraries, or another "
                "processor rounds otherwise"
            )


def _scores(answer: Mapping[str, Any]) -> list[Any] | None:
    outputs = answer.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, dict) and output.get("name") == "score" and isinstance(output.get("data"), list):
            return list(output["data"])
    return None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json_input.parse(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _said(body: bytes) -> str:
    """What the server, or what stands before it, says."""
    document = _object(body)
    said = document.get("error") or document.get("message") if document else None
    return f" ({' '.join(str(said).split())[:_LONGEST_MESSAGE]})" if said else ""
