"""MLflow's server: a request, and its answer as JSON, or what went wrong in one line.

The server is not trusted with this machine's memory or patience: answers are bounded, redirects are not followed (a page to
sign in on is behind most), and no request takes longer than what is left of the time.
"""

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from netanomaly import json_input, wording
from netanomaly.proxies import proxy_for
from netanomaly.tracking.access import Access
from netanomaly.tracking.errors import OutOfTime, Refusal, TrackingFailed, TryAgain
from netanomaly.tracking.patience import Clock

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

AT_ONCE = 4
"""Requests that a server is asked at a time, by threads of ours: as many as MLflow's has workers, unless told otherwise."""

API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_LARGEST_ANSWER = 8 << 20
_PIECE_BYTES = 1 << 16
_LONGEST_MESSAGE = 300
# Of one request: a server that hangs leaves time for another try.
_MOST_SECONDS = 6.0
_WAITS = (0.1, 0.3, 0.9)
_CANNOT_NOW = (408, 425, 429, 500, 502, 503, 504)


class Server:
    """A server, and the time that there is for it. Every method raises TrackingFailed, and may be called by several threads.

    Connections are kept: a search is hundreds of requests.
    """

    def __init__(self, access: Access, clock: Clock) -> None:
        self.uri = access.uri
        self._headers = dict(access.headers)
        self._clock = clock
        self._pool = _pool(access)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self._again("GET", f"{API}{path}?{urlencode(query)}", None, {})

    def post(self, path: str, body: Mapping[str, Any], *, again: bool = True) -> dict[str, Any]:
        """`again`: whether it is sent once more where no answer came: not what makes something new each time."""
        data = json.dumps(body, allow_nan=False).encode()
        return self._again("POST", f"{API}{path}", data, {"Content-Type": "application/json"}, again=again)

    def put_artifact(self, path: str, data: bytes) -> None:
        """Store a file below the server's own artefact root."""
        self._again("PUT", f"{_ARTIFACTS}/{quote(path)}", data, {"Content-Type": "application/octet-stream"})

    def _again(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str], *, again: bool = True
    ) -> dict[str, Any]:
        for wait in _WAITS if again else ():
            try:
                return self._answer(method, path, data, headers)
            except TryAgain:
                if self._clock.left <= wait:
                    raise
                time.sleep(wait)
        return self._answer(method, path, data, headers)

    def _answer(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> dict[str, Any]:
        from urllib3.exceptions import HTTPError

        headers = {**self._headers, **headers, "Accept": "application/json", "Accept-Encoding": "identity"}
        what = f"{method} {path.partition('?')[0]}"
        seconds = min(self._clock.left, _MOST_SECONDS)
        try:
            answer = self._pool.request(
                method,
                f"{self.uri}{path}",
                body=data,
                headers=headers,
                timeout=seconds,
                # A page to sign in on is behind most redirects; what is tried again is for `_again` to say.
                redirect=False,
                retries=False,
                preload_content=False,
            )
            try:
                body = self._read(answer, what)
            except BaseException:
                answer.close()
                raise
        except (OSError, HTTPError, ValueError) as error:
            raise self._unreachable(error, what) from None
        answer.release_conn()
        status, said = answer.status, answer.headers
        document = _object(body)
        if status == 200 and (document is not None or not body.strip()):
            return document or {}
        raise self._refusal(what, status, said, body, document)

    def _read(self, answer: "BaseHTTPResponse", what: str) -> bytes:
        data = bytearray()
        while piece := answer.read1(_PIECE_BYTES):
            data += piece
            if len(data) > _LARGEST_ANSWER:
                raise TrackingFailed(
                    f"{self.uri} answers {what} with more than {_LARGEST_ANSWER >> 20} MiB; it is no MLflow server"
                )
            _ = self._clock.left
        return bytes(data)

    def _unreachable(self, error: Exception, what: str) -> Exception:
        from urllib3.exceptions import IncompleteRead, ProtocolError

        cause = _innermost(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TrackingFailed(
                f"the certificate of {self.uri} is not trusted ({cause.verify_message}); name your authority's file in "
                "MLFLOW_TRACKING_SERVER_CERT_PATH"
            )
        if isinstance(cause, ssl.SSLError) and "EOF" not in str(cause):
            return TrackingFailed(
                f"{self.uri} does not speak TLS as it should ({cause.reason}); is it http:// instead?"
            )
        if isinstance(cause, TimeoutError):
            try:
                _ = self._clock.left
            except OutOfTime as late:
                return OutOfTime(f"{self.uri} gave no answer: {late}")
            return TryAgain(f"{self.uri} gave no answer in time")
        if isinstance(cause, IncompleteRead | http.client.IncompleteRead):
            return TryAgain(f"{self.uri} broke off its answer to {what}")
        words = wording.reason(cause)
        if isinstance(error, ValueError) and not isinstance(error, ProtocolError):
            return TrackingFailed(f"{self.uri} cannot be asked: {words[:_LONGEST_MESSAGE]}")
        return TryAgain(
            f"{self.uri} cannot be reached, or broke off ({words[:_LONGEST_MESSAGE]}); is MLflow running there?"
        )

    def _refusal(
        self, what: str, status: int, headers: Mapping[str, str], body: bytes, document: Mapping[str, Any] | None
    ) -> Exception:
        if 300 <= status < 400:
            target = str(headers.get("Location") or "another address")
            return TrackingFailed(
                f"{self.uri} sends {what} on to {target[:200]}: where that is a page to sign in on, set "
                "MLFLOW_TRACKING_TOKEN; where it is the server's own address, name that one"
            )
        code = str((document or {}).get("error_code") or "")
        message = " ".join(str((document or {}).get("message") or "").split())[:_LONGEST_MESSAGE]
        if status in (401, 403):
            return TrackingFailed(
                f"{self.uri} refuses {what} with {status}{f' ({message})' if message else ''}: set MLFLOW_TRACKING_TOKEN, or "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, of someone who may"
            )
        if code and status < 500:
            return Refusal(f"{self.uri} refuses {what}: {message or code}", code)
        if status in _CANNOT_NOW or status >= 500:
            return TryAgain(f"{self.uri} failed {what} with {status}{f': {message}' if message else ''}")
        if wording.is_web_page(body):
            title = wording.page_title(body)
            return TrackingFailed(
                f"{self.uri} answers {what} with a web page{f', {title!r},' if title else ''} instead of JSON; another's "
                "sign-in page (set MLFLOW_TRACKING_TOKEN), or no MLflow server"
            )
        if status == http.client.NOT_FOUND:
            return Refusal(f"{self.uri} has no {what}: no MLflow server, or one that is too old", "ENDPOINT_NOT_FOUND")
        return TrackingFailed(f"{self.uri} answered {what} with {status} and no JSON: it is no MLflow server")


def _pool(access: Access) -> "PoolManager":
    import urllib3

    options: dict[str, Any] = {"ssl_context": access.context(), "maxsize": AT_ONCE}
    proxy = proxy_for(access.uri)
    if proxy is None:
        return urllib3.PoolManager(**options)
    parts = urlsplit(proxy)
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    return urllib3.ProxyManager(proxy, proxy_headers=urllib3.make_headers(proxy_basic_auth=user), **options)


def _innermost(error: BaseException) -> BaseException:
    """What a library's errors are wrapped around: the system's word."""
    for inner in (error.__cause__, error.__context__, *error.args):
        if isinstance(inner, OSError | http.client.HTTPException) and inner is not error:
            return _innermost(inner)
    return error


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json_input.parse(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
