"""Reading a request's body: whole, in time, within a limit, decoded of its content coding; or, at
routes that spool, into a file as it comes.

The limit holds for the decoded size too, and decoding stops as soon as it is passed, so a small
body that unpacks to gigabytes costs no more than the limit.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, NamedTuple

from onefold.errors import Malformed, OverLimit, PlatformError, Rejected, Unavailable

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_RAW_WINDOW = -zlib.MAX_WBITS
_PIECE_BYTES = 8_192
"""Unpacked at a time: behind each member of a stream, what is left of the piece is copied, and a
body may have a member for every twenty bytes."""
_IDENTITY = ("", "identity")
_GZIP = ("gzip", "x-gzip")

SPOOL_BYTES = 1 << 20
"""Bytes of a spooled body that are in memory before they are written."""

CODES = ("API-1005", "API-1006", "API-1003", "INL-1010")
"""Of a body that is too large, too slow, unreadable or in an unknown content coding, where a family
has none of its own."""


class Disconnected(Exception):
    """The client went away before its request was complete."""


class Limits(NamedTuple):
    """What a body may cost, and the codes of the answers when it costs more or is unreadable."""

    bytes_max: int
    seconds_max: float
    too_large: str = CODES[0]
    too_slow: str = CODES[1]
    unreadable: str = CODES[2]
    unsupported: str = CODES[3]


async def read(receive: Receive, headers: Mapping[str, str], limits: Limits) -> bytes:
    """The whole body, decoded.

    Raises OverLimit `too_large`, Rejected `too_slow`, Malformed `unreadable` (a broken gzip or
    deflate stream), Malformed `unsupported` (an unknown content coding), Disconnected.
    """
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in _IDENTITY and coding not in _GZIP and coding != "deflate":
        raise Malformed(limits.unsupported, "Content-Encoding must be gzip or deflate")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.bytes_max:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.seconds_max):
            raw = await _received(receive, limits)
    except TimeoutError:
        raise Rejected(limits.too_slow) from None
    if coding in _IDENTITY or not raw:
        return raw
    return _decoded(raw, coding, limits)


async def spooled(
    receive: Receive,
    headers: Mapping[str, str],
    limits: Limits,
    directory: Path,
    threads: Executor,
) -> Path:
    """The whole body, as it was sent, in a new file in the directory, which is made when absent.

    Raises as `read`; Malformed `unsupported` for every content coding. No file stays when it
    raises.
    """
    if headers.get("content-encoding", "").strip().lower() not in _IDENTITY:
        raise Malformed(limits.unsupported, "Files are sent without Content-Encoding")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.bytes_max:
        raise _too_large(limits)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=directory)
    try:
        async with asyncio.timeout(limits.seconds_max):
            await _written(receive, limits, handle, threads)
    except TimeoutError:
        os.unlink(name)
        raise Rejected(limits.too_slow) from None
    except BaseException:
        os.unlink(name)
        raise
    finally:
        os.close(handle)
    return Path(name)


async def _written(receive: Receive, limits: Limits, handle: int, threads: Executor) -> None:
    """Write the body to an open file. The disk may keep a writer waiting: that is for a thread."""
    loop = asyncio.get_running_loop()
    pending = bytearray()
    received_bytes, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        received_bytes += len(part)
        if received_bytes > limits.bytes_max:
            raise _too_large(limits)
        pending += part
        if len(pending) >= SPOOL_BYTES or not more:
            await loop.run_in_executor(threads, _write_all, handle, bytes(pending))
            pending.clear()


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(handle, view) :]
    except OSError as full:
        raise Unavailable("API-9002", f"The disk cannot take the file: {full.strerror}") from full


async def _received(receive: Receive, limits: Limits) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(first) > limits.bytes_max:
            raise _too_large(limits)
        return first
    body = bytearray(first)
    while message.get("more_body", False):
        if len(body) > limits.bytes_max:
            raise _too_large(limits)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
    if len(body) > limits.bytes_max:
        raise _too_large(limits)
    return bytes(body)


def _decoded(raw: bytes, coding: str, limits: Limits) -> bytes:
    """Unpack gzip (of one or more members) or deflate (with or without zlib's header)."""
    window = _GZIP_WINDOW
    if coding == "deflate":
        # RFC 9110 means zlib's format, but some clients send the bare stream.
        with_header = len(raw) > 1 and raw[0] & 0x0F == 8 and (raw[0] << 8 | raw[1]) % 31 == 0
        window = zlib.MAX_WBITS if with_header else _RAW_WINDOW
    body = bytearray()
    stream = zlib.decompressobj(window)
    for start in range(0, len(raw), _PIECE_BYTES):
        piece = raw[start : start + _PIECE_BYTES]
        while piece:
            if stream.eof:
                if coding == "deflate":
                    raise _unreadable(coding, limits)
                stream = zlib.decompressobj(window)
            try:
                body += stream.decompress(piece, limits.bytes_max - len(body) + 1)
            except zlib.error:
                raise _unreadable(coding, limits) from None
            if len(body) > limits.bytes_max:
                raise _too_large(limits)
            piece = stream.unused_data
    if not stream.eof:
        raise _unreadable(coding, limits)
    return bytes(body)


def _unreadable(coding: str, limits: Limits) -> PlatformError:
    return Malformed(limits.unreadable, f"The body is not a complete {coding} stream")


def _too_large(limits: Limits) -> PlatformError:
    return OverLimit(limits.too_large, f"The body is larger than {limits.bytes_max} bytes")
