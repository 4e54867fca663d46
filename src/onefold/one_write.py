"""uvicorn's HTTP protocol with one write a response instead of two.

uvicorn writes head and body of a response one after the other, and uvloop passes each write on at
once. A small response then costs two system calls and wakes its reader twice; on the lookup path
that was a third of the request's time. Here writes of one turn of the event loop leave together.

It also ends what uvicorn leaves open: a head, a trailer or an empty line without end, which the
parser would copy again with every part that arrives until nobody else is served; and a head that
does not come in time, of which enough would take all connections that a process may have.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 65_536
"""Bytes that may arrive without a complete head or a piece of a body. One read can hold more."""


HEAD_SECONDS = 30.0
"""How long a head may take to arrive, from the connection or from its first byte."""


class OneWriteProtocol(HttpToolsProtocol):
    """HttpToolsProtocol over a transport that gathers writes."""

    _idle_bytes = 0
    _in_head = False
    _late: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        self._idle_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._idle_bytes > HEAD_BYTES_MAX:
            self.send_400_response("The request's head is too large.")
        elif self._in_head and self._late is None:  # most heads come in one piece, without a timer
            self._late = self.loop.call_later(HEAD_SECONDS, self._is_late)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
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
