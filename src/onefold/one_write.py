"""uvicorn's HTTP protocol with one write a response instead of two.

uvicorn writes head and body of a response one after the other, and uvloop passes each write on at
once. A small response then costs two system calls and wakes its reader twice; on the lookup path
that was a third of the request's time. Here writes of one turn of the event loop leave together.

It also ends what uvicorn leaves open: a head, a trailer or an empty line without end, which the
parser would copy again with every part that arrives until nobody else is served.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 65_536
"""Bytes that may arrive without a complete head or a piece of a body. One read can hold more."""


class OneWriteProtocol(HttpToolsProtocol):
    """HttpToolsProtocol over a transport that gathers writes."""

    _idle_bytes = 0

    def data_received(self, data: bytes) -> None:
        self._idle_bytes += len(data)
        super().data_received(data)
        if self._idle_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The request's head is too large.")

    def on_headers_complete(self) -> None:
        self._idle_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._idle_bytes = 0
        super().on_message_complete()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(_Gathering(transport, self.loop))  # type: ignore[arg-type]  # see below


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
