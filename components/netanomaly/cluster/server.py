"""The server's HTTP API: a request, and its answer as JSON, or what went wrong in one line."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from netanomaly.cluster import answers
from netanomaly.cluster.errors import Exists, NotFound, Refused, SignInNeeded, Unavailable
from netanomaly.wording import is_web_page, page_title, reason

API = "/apis/v2beta1"

_CONNECT_SECONDS = 10
_PAGE_SIZE = 100
_LONGEST_MESSAGE = 400
# What a gateway in front of the server, or a server that cannot take it now, answers.
_TRY_AGAIN = (408, 425, 429)


class Server:
    """A Kubeflow Pipelines API server, and who asks it.

    Every method raises Refused (SignInNeeded, NotFound, Exists) and Unavailable.
    """

    def __init__(self, host: str, api_client: Any, timeout_seconds: int) -> None:
        """`api_client` is a `kfp_server_api.ApiClient`: its credentials and certificates are used."""
        import urllib3

        self.host = host
        self._client = api_client
        self._timeout = (min(_CONNECT_SECONDS, timeout_seconds), timeout_seconds)
        # Nothing that the server may have got is sent again unasked, and a redirect is what a sign-in looks like.
        api_client.rest_client.pool_manager.connection_pool_kw["retries"] = urllib3.Retry(
            total=None, connect=2, read=0, redirect=0, status=0, other=0, backoff_factor=0.2, raise_on_redirect=False
        )

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._json("GET", path, query)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._json("POST", path, body=body)

    def delete(self, path: str) -> dict[str, Any]:
        return self._json("DELETE", path)

    def upload(self, path: str, text: str, **query: Any) -> dict[str, Any]:
        """Send a compiled pipeline as a file."""
        return self._json("POST", path, query, file=text)

    def each(self, path: str, field: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Everything in a list of the server, page after page."""
        token = ""
        for _ in range(answers.MOST_PAGES):
            page = self.get(path, page_size=_PAGE_SIZE, page_token=token, **query)
            yield from page.get(field, [])
            before, token = token, page.get("next_page_token", "")
            if not token:
                return
            if token == before:
                break
        raise Refused(f"{self.host} answers GET {path} with page after page without an end")

    def text(self, path: str) -> str | None:
        """What the server serves as plain text, e.g. a log; None where it says, under any status, that there is none.

        Raises:
            NotFound: There is no such route, as behind the server of the UI.
        """
        status, headers, body = self._send("GET", path, {}, None, None)
        answer = _object(body)
        if status < 500 and answer is not None and "error_message" in answer:
            return None
        if status == 200 and not is_web_page(body):
            return body.decode("utf-8", "replace")
        if status in (200, 404):
            raise NotFound(f"{self.host} has no {path}")
        raise self._refusal(f"GET {path}", status, headers, body, answer)

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        file: str | None = None,
    ) -> dict[str, Any]:
        status, headers, answer = self._send(method, path, query or {}, body, file)
        document = _object(answer)
        if status == 200 and document is not None:
            return answers.checked(document, self.host, f"{method} {path}")
        raise self._refusal(f"{method} {path}", status, headers, answer, document)

    def _send(
        self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None, file: str | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        import urllib3

        client = self._client
        headers = {**client.default_headers, "Accept": "application/json", "Accept-Encoding": "identity"}
        if client.cookie:
            headers["Cookie"] = client.cookie
        client.update_params_for_auth(headers, [], ["Bearer"])
        given = {name: value for name, value in query.items() if value not in (None, "")}
        url = f"{self.host}{path}" + (f"?{urlencode(given)}" if given else "")
        sent: dict[str, Any] = {}
        if file is not None:
            sent["fields"] = [("uploadfile", ("pipeline.yaml", file, "application/octet-stream"))]
        else:
            headers["Content-Type"] = "application/json"
            sent["body"] = None if body is None else json.dumps(body)
        timeout = urllib3.Timeout(connect=self._timeout[0], read=self._timeout[1])
        try:
            # Not through the API's client, which reads any answer whole and unpacks it.
            answer = client.rest_client.pool_manager.request(
                method, url, headers=headers, timeout=timeout, preload_content=False, **sent
            )
            return answer.status, dict(answer.headers), answers.read(answer, self.host)
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> Exception:
        from urllib3 import exceptions

        cause = error.reason if isinstance(error, exceptions.MaxRetryError) and error.reason else error
        if isinstance(cause, exceptions.SSLError):
            return Refused(
                f"no safe connection to {self.host}: {reason(cause)[:_LONGEST_MESSAGE]}; where the server's certificate is signed by "
                "a private CA, name the CA's certificate with --ca-file"
            )
        if isinstance(cause, exceptions.LocationValueError):
            return Refused(f"{self.host} is no address of a server: {reason(cause)[:_LONGEST_MESSAGE]}")
        if isinstance(cause, exceptions.NewConnectionError | exceptions.ConnectTimeoutError | exceptions.ProxyError):
            return Unavailable(
                f"{self.host} cannot be reached ({reason(cause)[:_LONGEST_MESSAGE]}); is --host right, and the port-forward open?",
                undecided=False,
            )
        if isinstance(cause, exceptions.ReadTimeoutError):
            return Unavailable(f"{self.host} gave no answer within {self._timeout[1]} s", undecided=True)
        return Unavailable(f"{self.host} broke off the connection ({reason(cause)[:_LONGEST_MESSAGE]})", undecided=True)

    def _refusal(
        self, what: str, status: int, headers: Mapping[str, str], body: bytes, document: Mapping[str, Any] | None
    ) -> Exception:
        if 300 <= status < 400:
            target = {name.lower(): value for name, value in headers.items()}.get("location", "another address")
            return SignInNeeded(
                f"{self.host} sends {what} on to {target[:200]}: where that is a page to sign in on, give a token or "
                "a cookie (docs/submitting.md, Signing in); where it is the server's own address, give it as --host"
            )
        if status in (401, 403):
            said = _message(document, body)
            return SignInNeeded(
                f"{self.host} refuses {what} with {status}{f' ({said})' if said else ''}: "
                + (
                    "it does not accept the credentials, or got none; give a token or a cookie"
                    if status == 401
                    else "whoever signed in may not do that; ask for the right, or name another --namespace"
                )
            )
        if document is None:
            return self._no_api(what, status, body)
        message = _message(document, body)
        missing = re.search(r"ResourceNotFoundError: (.+)", str(document.get("message", "")))
        if missing or status == 404:
            # The server answers 500 where a thing named inside the request is missing.
            return NotFound(f"{self.host} has no such thing: {missing[1] if missing else message}")
        if status == 409:
            return Exists(f"{self.host}: {message}")
        if status >= 500 or status in _TRY_AGAIN:
            return Unavailable(f"{self.host} failed {what} with {status}: {message}", undecided=status in (502, 504))
        return Refused(f"{self.host} refuses {what} with {status}: {message}")

    def _no_api(self, what: str, status: int, body: bytes) -> Exception:
        if status >= 500 or status in _TRY_AGAIN:
            return Unavailable(
                f"{self.host} answered {what} with {status} and no JSON: the server behind the gateway is not there",
                undecided=True,
            )
        if not is_web_page(body):
            return Refused(f"{self.host} answered {what} with {status} and no JSON: it is no Kubeflow Pipelines API")
        title = page_title(body)
        named = f", {title!r}," if title else ""
        return SignInNeeded(
            f"{self.host} answered {what} with a web page{named} instead of JSON. A page to sign in on: give a token "
            "or a cookie (docs/submitting.md, Signing in). Kubeflow's dashboard: add /pipeline to --host"
        )


def equals(key: str, value: str) -> str:
    """The server's filter for things whose field has a value."""
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": key, "string_value": value}]})


def _object(body: bytes) -> answers.Answer | None:
    return answers.parse(body)


def _message(document: Mapping[str, Any] | None, body: bytes) -> str:
    """The server's words, of either shape of error, without what wraps them or a stack trace."""
    if document is None:
        return "" if is_web_page(body) else " ".join(body.decode("utf-8", "replace").split())[:_LONGEST_MESSAGE]
    details = [item.get("message", "") for item in document.get("details", []) if isinstance(item, dict)]
    inner = next((text for text in details if text and text != "Internal Server Error"), "")
    text = inner or document.get("message") or document.get("error_message") or "no reason given"
    return " ".join(str(text).split())[:_LONGEST_MESSAGE]
