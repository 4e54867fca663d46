"""Answers without an end: how they are sent, and how many of them a process has.

A handler answers with a Stream (context.py), which says what there is to send whenever it is asked.
It is asked on the event loop, some times a second, so no stream holds a thread; and what it has not
sent yet stays where it comes from, so no slow reader holds memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from onefold.api.context import Stream
from onefold.errors import PlatformError, Unavailable

LOOK_SECONDS = 0.1
"""Between two questions to a stream that had nothing to say."""

HEARTBEAT_SECONDS = 15.0
"""After so long without a word a stream says that it is still there."""

CHECK_SECONDS = 1.0
"""How often it is checked whether the reader may still read."""

RETRY_SECONDS = 5

_Message = MutableMapping[str, Any]


class Streams:
    """The streams that a process has open. To be used on the event loop only."""

    def __init__(self, most: int) -> None:
        """most: streams that may be open at a time."""
        self.ending = False
        """Set when the process is to stop: all streams end."""
        self._most = most
        self._open = 0

    def enter(self) -> None:
        """Take a place; whoever does has to leave. Raises Unavailable CHG-1002."""
        if self._open >= self._most:
            raise Unavailable("CHG-1002", retry_after_seconds=RETRY_SECONDS)
        self._open += 1

    def leave(self) -> None:
        """Give the place back."""
        self._open -= 1


async def sent(
    stream: Stream,
    streams: Streams,
    receive: Callable[[], Awaitable[_Message]],
    send: Callable[[_Message], Awaitable[None]],
    *,
    allowed: Callable[[], bool],
) -> None:
    """Send what a stream says, until its reader leaves or may read no more, it fails, or the server
    stops. The head of the response has been sent."""
    loop = asyncio.get_running_loop()
    gone = asyncio.ensure_future(_left(receive))
    check_at = loop.time() + CHECK_SECONDS
    beat_at = loop.time() + HEARTBEAT_SECONDS
    try:
        words = stream.begin()
        while not (gone.done() or streams.ending):
            if words:
                await send({"type": "http.response.body", "body": words, "more_body": True})
                beat_at = loop.time() + HEARTBEAT_SECONDS
                await asyncio.sleep(0)  # others have their turn while much is sent
            else:
                await asyncio.wait({gone}, timeout=LOOK_SECONDS)
            now_s = loop.time()
            if now_s >= check_at:
                if not allowed():
                    break
                check_at = now_s + CHECK_SECONDS
            words = stream.more() or (stream.heartbeat() if now_s >= beat_at else b"")
    except PlatformError:
        pass  # the store cannot answer now: whoever comes again goes on where it ended
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b""})


async def _left(receive: Callable[[], Awaitable[_Message]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
