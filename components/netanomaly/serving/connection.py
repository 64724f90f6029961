"""A connection of uvicorn's, with what it lacks: an end to headers that never end, an answer to who is done with sending."""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_HEADER_BYTES = 64 << 10
_HEADER_SECONDS = 15.0


class Connection(HttpToolsProtocol):
    """Closes where a request's head is larger than 64 KiB, or is not there after 15 seconds.

    Who sends a request and closes that direction (`nc -N`, some proxies) is answered before the other is closed.
    """

    _head_bytes = 0
    _in_head = True
    _no_more_comes = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._timer = self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > _MOST_HEADER_BYTES:
            self.send_400_response("the request's head is too large")

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the body that every other error has."""
        if self.transport.is_closing():
            return
        body = json.dumps({"error": msg}).encode("ascii")
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head.encode("ascii") + body)
        self.transport.close()

    def eof_received(self) -> bool | None:  # type: ignore[override]
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
