"""What a handler is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from onefold.domain.sandbox import Sandbox, SandboxId
from onefold.errors import PlatformError
from onefold.wire import JSON, encode_json

if TYPE_CHECKING:
    from onefold.api.cursor import Cursors
    from onefold.api.described import Described
    from onefold.api.intilery.subscriptions import Subscriptions
    from onefold.api.limiter import Limiter
    from onefold.api.streams import Streams
    from onefold.config import Settings
    from onefold.control.tokens import Tokens
    from onefold.effects import Clock, Ids
    from onefold.inlet.accept import Inlets
    from onefold.inlet.batches import Batches
    from onefold.inlet.calls import Calls
    from onefold.inlet.deletions import Deletions
    from onefold.inlet.inbox import Inbox
    from onefold.inlet.regulations import Regulations
    from onefold.inlet.uploads import Uploads
    from onefold.lake.exports import Lakes
    from onefold.lookup.backlog import Backlogs
    from onefold.lookup.call_status import CallStatuses
    from onefold.lookup.changes import Changes
    from onefold.lookup.edges import Edges
    from onefold.lookup.graph import Graphs
    from onefold.lookup.measurements import Measurements
    from onefold.lookup.origins import Origins
    from onefold.lookup.positions import Positions
    from onefold.lookup.profiles import Profiles
    from onefold.lookup.scrolls import Scrolls
    from onefold.lookup.undoing import Undoing
    from onefold.observe.metrics import Metrics
    from onefold.store.engine import Engine
    from onefold.store.places import Places
    from onefold.store.snapshot import Definitions
    from onefold.store.tables.api_keys import ApiKey


class Caller(msgspec.Struct, frozen=True):
    """Who asks, after the gateway's checks, at which generation of the definitions. permissions:
    what the project may do in the sandbox, as `permission:action`."""

    generation: int
    org_id: str
    client_id: str
    sandbox: Sandbox
    scopes: frozenset[str]
    permissions: frozenset[str]


class Holder(msgspec.Struct, frozen=True):
    """Who calls with an API key, after the checks of keys.py, at which generation of the
    definitions, and where.

    client, account: in lower case. brand: in upper case, the path's or the key's own; the account's
    name where neither says one. brands: those whose events the key may read; None for all of them.
    """

    generation: int
    key: ApiKey
    sandbox: Sandbox
    client: str
    account: str
    brand: str
    brands: frozenset[str] | None = None


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, read whole.

    spooled: at routes that spool, the file that holds the body, which `body` then is without. The
    handler may move it away; what is still there afterwards is removed.

    query: decoded pairs in their order; raw_query: as sent. headers: lower-case names. body:
    decoded of its content coding. caller: None at doors without the platform's gateway. holder: of
    an API key; None at doors that do not take one, and where it stands in the body. address: of
    the client, as the connection says; only at the doors for calls (dialect.py).
    """

    method: str
    path: str
    path_parameters: Mapping[str, str]
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    caller: Caller | None = None
    spooled: Path | None = None
    holder: Holder | None = None
    address: str = ""

    def held(self) -> Holder:
        """Who calls, at a door with a gate for API keys."""
        assert self.holder is not None
        return self.holder


class FilePart(msgspec.Struct, frozen=True):
    """Bytes of a file, from offset on; there are at least so many."""

    path: Path
    offset: int
    length: int


class Stream(Protocol):
    """A body without an end (streams.py). Each method answers at once, with bytes to send."""

    sandbox: SandboxId
    """Whose data it tells; it ends with the sandbox."""

    def begin(self) -> bytes:
        """The first bytes."""
        ...

    def more(self) -> bytes:
        """What has come since, some of it; nothing if nothing has."""
        ...

    def heartbeat(self) -> bytes:
        """That it is still there."""
        ...

    def close(self) -> None:
        """Called once, when nothing will be asked any more."""
        ...


class Response(msgspec.Struct, frozen=True):
    """Status, body as bytes ready to send (empty: no body, no content type), further headers.

    file: what is sent instead of the body, piece by piece. stream: what is sent instead, for as
    long as somebody reads.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "application/json"
    file: FilePart | None = None
    stream: Stream | None = None


def json_response(status: int, value: JSON, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A response whose body is `value` as JSON."""
    return Response(status, encode_json(value), headers)


@dataclass(frozen=True)
class Rooms:
    """Everything that handlers may call; wired in server.py, passed by hand.

    control: the engine of the definitions; handlers only hand it on to `control`. places: the
    engines and directories of the sandboxes, to be handed on likewise.
    """

    settings: Settings
    clock: Clock
    ids: Ids
    control: Engine
    places: Places
    definitions: Definitions
    tokens: Tokens
    inlets: Inlets
    calls: Calls
    inbox: Inbox
    deletions: Deletions
    regulations: Regulations
    profiles: Profiles
    edges: Edges
    graphs: Graphs
    positions: Positions
    undoing: Undoing
    changes: Changes
    streams: Streams
    metrics: Metrics
    measurements: Measurements
    backlogs: Backlogs
    batches: Batches
    uploads: Uploads
    lakes: Lakes
    described: Described
    limiter: Limiter
    cursors: Cursors
    scrolls: Scrolls
    call_statuses: CallStatuses
    origins: Origins
    subscriptions: Subscriptions

    def ready(self) -> tuple[bool, JSON]:
        """Whether requests can be answered, and the figures behind the answer."""
        try:
            backlogs = self.backlogs.now()
        except PlatformError as failure:
            return False, {"status": "unavailable", "code": failure.code}
        return True, {
            "status": "ready",
            "backlog": {
                f"{b.sandbox.org_id}/{b.sandbox.name}": {
                    "records": b.records,
                    "ageSeconds": b.age_seconds,
                }
                for b in backlogs
            },
        }

    def exposition(self) -> bytes:
        """All metrics, with the backlogs of this moment."""
        for backlog in self.backlogs.now():
            self.metrics.backlog(
                backlog.sandbox.id, records=backlog.records, age_seconds=backlog.age_seconds
            )
        return self.metrics.exposition()
