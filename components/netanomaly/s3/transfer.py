"""What a server sends is taken as it is sent, and no more of it than an answer may have.

`Content-Encoding: gzip` makes four gigabytes of four megabytes. A store is asked for what it holds, and whatever it says
of an encoding is no reason to unpack it. Answers other than an object's bytes, such as listings and errors, are read
whole by the client: up to a bound.
"""

import io
from typing import Any
from urllib.parse import urlsplit

import urllib3

from netanomaly.errors import StoreRefused

# Of a listing of 1,000 keys, each of 1,024 bytes percent-encoded.
_MOST_ANSWER_BYTES = 4 << 20
# `aws-chunked` says how an upload was sent; some servers repeat it.
_PLAIN = {"", "identity", "aws-chunked"}
_DATA = {200, 206}
MOST_PAGES = 10_000
"""Of one listing: a million objects, where a server gives a hundred a page."""


def read_up_to(response: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """What is left of an answer, as it was sent, and no more of it than that. Raises as the connection fails."""
    left = response.length_remaining
    if left is not None and left <= most:
        return response.read(decode_content=False)
    data = response.read(most, decode_content=False)
    # Until nothing comes: that an answer was cut off is only told then.
    while len(data) < most and response.length_remaining != 0:
        piece = response.read(most - len(data), decode_content=False)
        if not piece:
            break
        data += piece
    return data


class BoundedPool(urllib3.PoolManager):
    """Connections of an S3 client, which lists one thing at a time."""

    _pages = 0

    def urlopen(self, method: str, url: str, redirect: bool = True, **options: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]  # noqa: ARG002 - a redirect is never followed
        """As of any pool that goes through no proxy.

        Raises:
            StoreRefused: The answer is encoded, or longer than one that is no object may be; or a listing goes on and on.
        """
        # The client itself goes on for as long as the server says that there is more, if with nothing in it.
        self._pages = self._pages + 1 if "continuation-token=" in url else 0
        if self._pages > MOST_PAGES:
            raise StoreRefused(f"{_server(url)} lists without an end, page after page; is this an S3 server?")
        whole = options.pop("preload_content", True)
        # As the manager itself does, which would look at each letter of the address once more than its connections do.
        parts = urlsplit(url)
        connections = self.connection_from_host(parts.hostname, parts.port, parts.scheme)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        response = connections.urlopen(
            method,
            target,
            redirect=False,
            assert_same_host=False,
            **options,
            preload_content=False,
            decode_content=False,
        )
        encoding = response.headers.get("Content-Encoding")
        if encoding and not {part.strip().lower() for part in encoding.split(",")} <= _PLAIN:
            response.close()
            raise StoreRefused(
                f"{_server(url)} sends its answer encoded, which nobody asked for (Content-Encoding: {encoding[:40]!r}); "
                "store objects as they are"
            )
        if not whole and response.status in _DATA:
            return response
        left = response.length_remaining
        if left is not None and left <= _MOST_ANSWER_BYTES:
            # Read whole, and kept by the answer itself.
            _ = response.data
            return response
        data = read_up_to(response, _MOST_ANSWER_BYTES + 1)
        if len(data) > _MOST_ANSWER_BYTES:
            response.close()
            raise StoreRefused(
                f"{_server(url)} answered {method} with over {_MOST_ANSWER_BYTES >> 20} MiB that are no object; is this "
                "an S3 server?"
            )
        response.release_conn()
        return urllib3.HTTPResponse(
            body=io.BytesIO(data),
            headers=response.headers,
            status=response.status,
            version=response.version,
            reason=response.reason,
            request_method=method,
            decode_content=False,
        )


def _server(url: str) -> str:
    parsed = urllib3.util.parse_url(url)
    return f"{parsed.scheme}://{parsed.netloc}"
