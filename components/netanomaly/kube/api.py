"""Requests to the Kubernetes API: read, apply on the server's side, remove; and what went wrong in one line.

What is asked for here may be asked for again: reading, server-side apply and removal by name come to the same however
often they are done, so an answer that is lost is waited for by asking once more.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from netanomaly import json_input
from netanomaly.kube.errors import Contested, Forbidden, Missing, Refused, Unavailable
from netanomaly.wording import reason

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

Document = dict[str, Any]

_LARGEST_ANSWER = 32 << 20
_LONGEST_MESSAGE = 500
_CONNECT_SECONDS = 10
_READ_SECONDS = 30
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_FIRST_WAIT_SECONDS = 0.25
# What server-side apply says, with status 500, of a field that the kind does not have.
_NO_SUCH_FIELD = "failed to create typed patch object"


@dataclass
class Api:
    """A Kubernetes API server, and who asks it.

    Every method raises Refused (Forbidden, Missing, Contested) and Unavailable.

    Attributes:
        server: Its address.
        pool: Connections, with the certificates of whoever asks.
        authorization: The header of that name, asked for at each request: a pod's token is replaced while it runs.
        patience: Seconds for which a request that fails from outside is asked again.
    """

    server: str
    pool: "PoolManager"
    authorization: Callable[[], str] = str
    patience: float = 30.0
    sleep: Callable[[float], None] = field(default=time.sleep)

    def get(self, path: str, **query: str) -> Document:
        return self._asked("GET", path, query)

    def find(self, path: str) -> Document | None:
        """An object; None where it, or its kind, is not there."""
        try:
            return self.get(path)
        except Missing:
            return None

    def apply(self, path: str, document: Mapping[str, Any], manager: str, *, dry_run: bool = False) -> Document:
        """Make an object, or set the fields of it that the document names; what the manager set before and no longer
        names is removed. https://kubernetes.io/docs/reference/using-api/server-side-apply/

        Raises:
            Contested: Another manager set one of the fields, to another value.
        """
        query = {"fieldManager": manager, "fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self._asked("PATCH", path, query, document, "application/apply-patch+yaml")

    def merge(self, path: str, document: Mapping[str, Any]) -> Document:
        """Set the fields of an object that the document names, and remove those that are null in it (RFC 7386)."""
        return self._asked("PATCH", path, {}, document, "application/merge-patch+json")

    def remove(self, path: str) -> None:
        """Remove an object and what belongs to it; one that is gone is as good."""
        try:
            self._asked("DELETE", path, {}, {"propagationPolicy": "Background"}, "application/json")
        except Missing:
            return

    def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = "",
    ) -> Document:
        import urllib3

        deadline, wait = time.monotonic() + self.patience, _FIRST_WAIT_SECONDS
        while True:
            try:
                status, answer = self.send(method, path, query, body, content_type)
                failure = None if status < 400 else self._failure(f"{method} {path}", status, answer)
            except urllib3.exceptions.HTTPError as error:
                failure = self._unreachable(error)
            if failure is None:
                return self._document(method, path, answer)
            if not isinstance(failure, Unavailable) or time.monotonic() + wait > deadline:
                raise failure
            self.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads clients, hides nothing
            wait = min(2 * wait, 5.0)

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> tuple[int, bytes]:
        """One request, and its answer as it came: status and body.

        Raises:
            urllib3.exceptions.HTTPError: There was none.
            Refused: It is endless.
        """
        import urllib3

        headers = {"Accept": "application/json"}
        if said := self.authorization():
            headers["Authorization"] = said
        if body is not None:
            headers["Content-Type"] = content_type
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        answer = self.pool.request(
            method,
            url,
            headers=headers,
            body=None if body is None else json.dumps(body, allow_nan=False).encode(),
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        return answer.status, bounded(answer, self.server)

    def _document(self, method: str, path: str, answer: bytes) -> Document:
        try:
            document = json_input.parse(answer)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Refused(
                f"{self.server} answers {method} {path} with something that is no JSON object: it is no Kubernetes API"
            )
        return document

    def _failure(self, what: str, status: int, answer: bytes) -> Refused | Unavailable:
        said = _message(answer)
        if status == 401:
            return Forbidden(
                f"{self.server} does not accept the credentials for {what}{said}; sign in again, or name another --context"
            )
        if status == 403:
            return Forbidden(f"{self.server} does not allow {what}{said}; manifests/serving has a Role that does")
        if status in (404, 405):
            return Missing(f"{self.server} has no {what.partition(' ')[2]}{said}")
        if status == 409:
            return Contested(f"{self.server}{said or f' answers {what} with 409'}")
        if status in _TRY_AGAIN and _NO_SUCH_FIELD not in said:
            return Unavailable(f"{self.server} failed {what} with {status}{said}")
        return Refused(f"{self.server} refuses {what} with {status}{said}")

    def _unreachable(self, error: Exception) -> Refused | Unavailable:
        from urllib3 import exceptions

        if isinstance(error, exceptions.SSLError):
            return Refused(f"no safe connection to {self.server}: {reason(error)[:_LONGEST_MESSAGE]}")
        if isinstance(error, exceptions.LocationValueError):
            return Refused(f"{self.server} is no address of a server: {reason(error)[:_LONGEST_MESSAGE]}")
        return Unavailable(f"the Kubernetes API at {self.server} cannot be reached: {reason(error)[:_LONGEST_MESSAGE]}")


def bounded(answer: "BaseHTTPResponse", server: str) -> bytes:
    """The body of an answer. Raises Refused where it is larger than anything that is meant."""
    data = answer.read(_LARGEST_ANSWER + 1)
    if len(data) > _LARGEST_ANSWER:
        answer.close()
        raise Refused(f"{server} answers with more than {_LARGEST_ANSWER >> 20} MiB")
    answer.release_conn()
    return data


def _message(answer: bytes) -> str:
    """What the server says of its refusal: the message of a Status object."""
    try:
        document = json_input.parse(answer)
    except ValueError:
        return ""
    said = document.get("message") if isinstance(document, dict) else None
    return f": {' '.join(said.split())[:_LONGEST_MESSAGE]}" if isinstance(said, str) and said.strip() else ""
