"""Edges: the projections of a person as an edge store has them, and the wishes it could not fulfil.

An answer is put together from stored bytes. What is missing or has expired is noted, so that the
projector makes it; asking again a moment later finds it.

Source: profile contract, 6.4.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import NamedTuple

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.projection import Edge
from onefold.domain.sandbox import SandboxId
from onefold.effects import Clock
from onefold.errors import Malformed, NotFound, Unavailable
from onefold.journal import Bell
from onefold.lookup.owner import Asked, identity_of
from onefold.store.engine import Engine
from onefold.store.places import Places
from onefold.store.snapshot import Definitions
from onefold.store.tables import edge
from onefold.store.tables.edge import Found, Wish
from onefold.wire import encode_json, iso_millis, iso_seconds

NOTED_EVERY_MS = 3_600_000
"""How old the activity of an identity may be before it is noted anew."""

WISHES_MAX = 10_000
"""Wishes of one process that wait to be written; more are dropped, and made again by who asks."""

RETRY_SECONDS = 1


class State(NamedTuple):
    """How far an edge store is. status: `empty` (nothing is projected there), `waiting` (for the
    projector to begin), `filling` or `current`. people: with entries, expired ones until they are
    swept."""

    status: str
    people: int


class Edges:
    """The edge stores of all sandboxes. Safe to share between threads."""

    def __init__(self, places: Places, definitions: Definitions, clock: Clock, bell: Bell) -> None:
        self._places = places
        self._definitions = definitions
        self._clock = clock
        self._bell = bell
        self._wishes = _Wishes(bell)

    def answer(
        self,
        sandbox: SandboxId,
        destination_id: str,
        asked: Asked,
        *,
        name: str = "",
        region: str = "",
        generation: int | None = None,
    ) -> bytes:
        """The projections of a person, as JSON ready to be sent.

        name: of the one that is wanted. region: who asks, one of the destination's data centers.
        Raises NotFound PRJ-1001 for an unknown destination, PRJ-1002 for one without such a
        projection, PRJ-1010 when there is no entry now; Malformed PRJ-1003, PRO-1002 and PRO-1003.
        Cost: some reads by key of one small database.
        """
        snapshot = self._definitions.snapshot(sandbox, generation)
        to = snapshot.edges.get(destination_id)
        if to is None:
            self._places.forget_edge(sandbox, destination_id)
            raise NotFound("PRJ-1001")
        if region and region not in to.destination.data_centers:
            raise Malformed("PRJ-1003", "The destination has no such data center", at="region")
        wanted = {one.id: one.name for one in to.projections if name in ("", one.name)}
        if not wanted:
            raise NotFound("PRJ-1002", "Nothing is projected there under this name", at="name")
        xid, _ = identity_of(snapshot, asked)
        store = self._places.edge(sandbox, destination_id)
        now_ms = self._clock.now_ms()
        activity: dict[str, int] = {}
        with store.reading() as reader:
            found = edge.found(reader, xid)
            if to.destination.replication == "REACTIVE":
                activity = edge.activity(reader, xid)
        expires_ms = found.refreshed_ms + to.destination.ttl * 1000 if found is not None else 0
        if found is None or expires_ms <= now_ms or wanted.keys().isdisjoint(found.bodies):
            self._wishes.note(store, Wish(xid, region, now_ms))
            raise NotFound("PRJ-1010", retry_after_seconds=RETRY_SECONDS)
        is_reactive = to.destination.replication == "REACTIVE"
        if is_reactive and activity.get(region, 0) < now_ms - NOTED_EVERY_MS:
            self._wishes.note(store, Wish(xid, region, now_ms))
        return _answer(xid, to, found, wanted, expires_ms, activity)

    def state(self, sandbox: SandboxId, destination_id: str) -> State:
        """How far the edge store of a destination is. Cost: reads a row of each person there."""
        to = self._definitions.snapshot(sandbox).edges.get(destination_id)
        if to is None or not to.projections:
            return State("empty", 0)
        with self._places.edge(sandbox, destination_id).reading() as reader:
            known = edge.followed(reader)
            status = "filling" if known.walked is not None else "current"
            if known.shape != to.shape:
                status = "waiting"
            return State(status, edge.people(reader))

    def begin(self) -> None:
        """Have changed definitions carried out now, not when somebody sends something."""
        self._bell.ring()

    def settle(self) -> None:
        """Wait until every wish is written."""
        self._wishes.settle()


def _answer(
    xid: Xid,
    to: Edge,
    found: Found,
    wanted: Mapping[str, str],
    expires_ms: int,
    activity: Mapping[str, int],
) -> bytes:
    bodies = b",".join(
        b"%b:%b" % (encode_json(name), found.bodies[id_])
        for id_, name in wanted.items()
        if id_ in found.bodies
    )
    regions = {
        region: {"captureTimestamp": iso_seconds(asked_ms)}
        for region, asked_ms in sorted(activity.items())
        if region
    }
    return (
        b'{"identity":{"xid":"%b"},"destination":%b,"projections":{%b},%b'
        % (
            xid.encode(),  # an XID needs no escapes
            encode_json({"id": to.destination.id, "version": to.destination.version}),
            bodies,
            encode_json(
                {
                    "refreshedAt": iso_millis(found.refreshed_ms),
                    "expiresAt": iso_millis(expires_ms),
                    **({"userActivityRegions": regions} if regions else {}),
                }
            )[1:],
        )
    )


class _Wishes:
    """Wishes on their way into the edge stores: whoever asks does not wait for a disk.

    One thread writes what has come together since its last turn, and ends when there is nothing
    left. What a crash loses is asked for again.
    """

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._turn = threading.Lock()
        self._pending: dict[int, tuple[Engine, dict[tuple[str, str], Wish]]] = {}
        self._count = 0
        self._writer: threading.Thread | None = None

    def note(self, store: Engine, wish: Wish) -> None:
        """Have a wish written soon; dropped when very many wait."""
        with self._turn:
            if self._count >= WISHES_MAX:
                return
            _, waiting = self._pending.setdefault(id(store), (store, {}))
            waiting[wish.xid, wish.region] = wish
            self._count += 1
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="wishes", daemon=True)
                self._writer.start()

    def settle(self) -> None:
        """Wait until all are written."""
        while True:
            with self._turn:
                writer = self._writer
            if writer is None:
                return
            writer.join()

    def _write(self) -> None:
        while True:
            with self._turn:
                pending, self._pending, self._count = self._pending, {}, 0
                if not pending:
                    self._writer = None
                    return
            for store, waiting in pending.values():
                try:
                    with store.transaction() as transaction:
                        edge.wish(transaction, waiting.values())
                except Unavailable:
                    continue  # they will be asked for again
            self._bell.ring()
