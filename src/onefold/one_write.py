"""uvicorn's HTTP protocol with one write a response instead of two.

uvicorn writes head and body of a response one after the other, and uvloop passes each write on at
once. A small response then costs two system calls and wakes its reader twice; on the lookup path
that was a third of the request's time. Here writes of one turn of the event loop leave together.

It also ends what uvicorn leaves open: a head, a trailer or an empty line without end, which the
parser would copy again with every part that arrives until nobody else is served; and a head that
does not come in time, of which enough would take all connections that a process may have.

What is no HTTP never becomes a request, so no route and no door can answer it. It is answered here,
as JSON and with a request id, like everything else. Source: Intilery contract, 4.1 and 4.3.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from onefold.effects import SystemIds
from onefold.wire import encode_json

HEAD_BYTES_MAX = 65_536
"""Of a head: the URL, and of each header name, value and what stands around them. As many bytes may
arrive without a complete head or a piece of a body."""


HEAD_SECONDS = 30.0
"""How long a head may take to arrive, from the connection or from its first byte."""


_AROUND_HEADER_BYTES = 4
_TOO_LARGE = "The request's head is too large."


class HeadTooLarge(Exception):
    """Ends the parsing of a request."""


class OneWriteProtocol(HttpToolsProtocol):
    """HttpToolsProtocol over a transport that gathers writes."""

    _idle_bytes = 0
    _read_bytes = 0
    _in_head = False
    _is_too_large = False
    _late: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        self._read_bytes = len(data)
        self._idle_bytes += self._read_bytes
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._idle_bytes > HEAD_BYTES_MAX:
            self.send_400_response(_TOO_LARGE)
        elif self._in_head and self._late is None:  # most heads come in one piece, without a timer
            self._late = self.loop.call_later(HEAD_SECONDS, self._is_late)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # Most heads come in a read that is smaller than they may be, and need not be measured.
        if max(self._idle_bytes, self._read_bytes) > HEAD_BYTES_MAX and self._head_bytes() > (
            HEAD_BYTES_MAX
        ):
            self._is_too_large = True
            raise HeadTooLarge
        self._idle_bytes = 0
        self._in_head = False
        self._wait_no_more()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._idle_bytes = 0
        super().on_message_complete()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(_Gathering(transport, self.loop))  # type: ignore[arg-type]  # see below
        self._late = self.loop.call_later(HEAD_SECONDS, self._is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser would not read, and end the connection. Which door it was meant
        for is not known, so it gets the shape of the read door."""
        error = {
            "code": "invalid_request_error",
            "message": _TOO_LARGE if self._is_too_large else msg,
        }
        content = encode_json({"error": error})
        request_id = SystemIds().uuid()
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            "content-type: application/json\r\n"
            f"content-length: {len(content)}\r\n"
            f"x-amzn-requestid: {request_id}\r\n"
            f"x-request-id: {request_id}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + content)
        self.transport.close()

    def _head_bytes(self) -> int:
        fields = sum(len(name) + len(value) + _AROUND_HEADER_BYTES for name, value in self.headers)
        return len(self.url) + fields

    def _is_late(self) -> None:
        self._late = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._late = self.loop.call_later(HEAD_SECONDS, self._is_late)
        elif not self.transport.is_closing():
            self.transport.close()

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class _Gathering:
    """A transport that passes writes on at the end of the event loop's turn; the rest as it is."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._gathered: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._gathered:
            self._loop.call_soon(self._flush)
        self._gathered.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            self._transport.write(b"".join(gathered))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
