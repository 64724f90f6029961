"""A connection of uvicorn's, with what it lacks: an end to headers that never end, an answer to who is done with sending,
and to who is not.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

OPEN = "netanomaly.connections"
"""Key in a request's scope: how many connections were open when it came, its own among them."""

_MOST_HEADER_BYTES = 64 << 10
_TOO_LARGE = "the request's head is too large"
_HEADER_SECONDS = 15.0
# For a refusal to be read by who is still sending; nginx's lingering_timeout has as many seconds.
_LINGER_SECONDS = 5.0
_LINGER_BYTES = 256 << 20


class Connection(HttpToolsProtocol):
    """Closes where a request's head is larger than 64 KiB, or is not there after 15 seconds.

    Who sends a request and closes that direction (`nc -N`, some proxies) is answered before the other is closed. Who is
    answered before all of the request came may go on sending for 5 seconds or 256 MiB, which is thrown away: closed at
    once, with bytes unread, the connection would be reset, and the answer lost with it.
    """

    _head_bytes = 0
    _headers_bytes = 0
    _in_head = True
    _no_more_comes = False
    _refused = False
    _thrown_away = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(_Lingering(transport, self))  # type: ignore[arg-type]
        self._timer = self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            self._thrown_away += len(data)
            if self._thrown_away > _LINGER_BYTES:
                self.transport.close()
            return
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > _MOST_HEADER_BYTES:
            self.send_400_response(_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = self._headers_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # A head that comes in one piece is complete before it is asked how long it is.
        self._headers_bytes += len(name) + len(value) + len(b": \r\n")
        if self._headers_bytes > _MOST_HEADER_BYTES:
            self.send_400_response(_TOO_LARGE)
            raise httptools.HttpParserError(_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()
        self.scope[OPEN] = len(self.connections)  # type: ignore[literal-required]
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the body that every other error has."""
        if self.transport.is_closing():
            return
        if _without_memory(sys.exc_info()[1]):
            # To the parser whatever fails on its way is no HTTP.
            self.transport.write(_NO_MEMORY)
            self.transport.close()
            return
        self.transport.write(_whole("400 Bad Request", msg))
        self._refused = True
        self.transport.close()

    def may_still_send(self) -> bool:
        """Whether more of a request may be on its way that is answered already."""
        return self._refused or not self._in_head

    def linger(self, close: Callable[[], None]) -> None:
        """Read what comes without looking at it, and close in a while."""
        self._stop_timer()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(_LINGER_SECONDS, close)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        if self.transport.is_closing():
            return False
        # What was asked for whole is answered; TLS has no such half.
        self._no_more_comes = (
            self.scheme == "http"
            and self.cycle is not None
            and not self.cycle.response_complete
            and not self.cycle.more_body
        )
        return self._no_more_comes

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._no_more_comes and not self.pipeline and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def _give_up(self) -> None:
        if self._in_head and self.transport is not None and not self.transport.is_closing():
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _without_memory(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, MemoryError):
        error = error.__context__
    return error is not None


def _whole(status: str, said: str, *headers: str) -> bytes:
    """An answer that ends the connection, with the body that every error has."""
    body = json.dumps({"error": said})
    head = ("content-type: application/json", f"content-length: {len(body)}", "connection: close", *headers)
    return "\r\n".join([f"HTTP/1.1 {status}", *head, "", body]).encode("ascii")


# Made while there is memory.
_NO_MEMORY = _whole("503 Service Unavailable", "the server has not enough memory for this now", "retry-after: 2")


class _Lingering:
    """A transport that is closed only when the other side has had time to read; when asked twice, at once."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self._transport, self._connection = transport, connection
        self._lingers = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._lingers or self._transport.is_closing()

    def close(self) -> None:
        if self._lingers or self._transport.is_closing() or not self._connection.may_still_send():
            self._transport.close()
            return
        self._lingers = True
        # TLS has no end of one direction; the answer says its length.
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._connection.linger(self._transport.close)
