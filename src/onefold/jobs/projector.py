"""The projector: keeps the edge stores of one sandbox as its people are.

It follows the log of changes and makes the entries of everybody anew who is named there, as they
are by then; making them twice changes nothing. How far it has come is committed with the entries,
so nothing is left out and nothing needs to be repeated after a crash. A store whose definitions are
new or have changed is filled besides, from all people in the order of their clusters; what changes
behind the walk comes by the log. A store that has lost the thread of the log is emptied and filled.

Source: profile contract, 6.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

import structlog

from onefold.doctor import EXAMPLES_MAX, Finding
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.project import selected
from onefold.domain.profile.projection import ACTIVITY_MS, Edge
from onefold.domain.sandbox import SandboxId
from onefold.effects import Clock
from onefold.errors import OverLimit, Unavailable
from onefold.lookup.entity import entity
from onefold.lookup.owner import owner_in
from onefold.observe.events import place_of
from onefold.store.engine import Engine, Reader, Transaction
from onefold.store.packing import Packing
from onefold.store.places import Places
from onefold.store.snapshot import Definitions, Snapshot
from onefold.store.tables import changes, edge, identities
from onefold.store.tables.changes import Change
from onefold.store.tables.edge import Entry, Followed, Wish
from onefold.wire import encode_json

CHANGES_MAX = 2_000
WISHES_MAX = 500
WALKED_MAX = 250
"""What one step takes of each, so that records need not wait long."""

SWEEP_MS = 60_000
"""How often what has expired is removed; it is answered no more from the moment it expires."""
SWEPT_MAX = 5_000
BACKOFF_MS = 5_000
EXAMINED_MAX = 1_000

log = structlog.get_logger()


class Projector:
    """The edge stores of one sandbox; for the one process that writes profile data."""

    def __init__(
        self, *, sandbox: SandboxId, places: Places, definitions: Definitions, clock: Clock
    ) -> None:
        self._sandbox = sandbox
        self._places = places
        self._definitions = definitions
        self._clock = clock
        self._seen = -1
        self._packing: Packing | None = None
        self._swept_ms: dict[str, int] = {}
        self._not_before_ms: dict[str, int] = {}

    def step(self) -> int:
        """Take the next changes, wishes and people to fill in for every destination; answer how
        many were done.

        Costs a look at the snapshot when nothing is projected. Raises Unavailable when a store
        cannot answer now: try again. A defect is logged, and its destination tried again later.
        """
        snapshot = self._definitions.snapshot(self._sandbox)
        live = {id_: one for id_, one in snapshot.edges.items() if one.projections}
        if snapshot.generation != self._seen:
            self._tidy(snapshot)
            self._seen = snapshot.generation
        done = 0
        for id_, one in live.items():
            if self._clock.now_ms() < self._not_before_ms.get(id_, 0):
                continue
            try:
                done += self._advanced(one, snapshot)
                self._sweep(one)
            except Unavailable:
                raise
            except Exception as defect:  # noqa: BLE001 - records and other destinations must go on
                log.error("projector.undone", destination=id_, **place_of(defect))
                self._not_before_ms[id_] = self._clock.now_ms() + BACKOFF_MS
        return done

    def _tidy(self, snapshot: Snapshot) -> None:
        """Remove the stores of destinations that are gone, and empty those to which nothing is
        projected any more: others have these open and will look into them again."""
        for id_ in self._places.edges(self._sandbox):
            known = snapshot.edges.get(id_)
            if known is None:
                self._places.remove_edge(self._sandbox, id_)
            elif not known.projections:
                self._restart(self._places.edge(self._sandbox, id_), Followed(0, "", None))

    def _advanced(self, to: Edge, snapshot: Snapshot) -> int:
        store = self._places.edge(self._sandbox, to.destination.id)
        now_ms = self._clock.now_ms()
        known = edge.followed(store)
        wishes = edge.wishes(store, limit=WISHES_MAX)
        with self._places.profile(self._sandbox).reading() as reader:
            bounds = changes.bounds(reader)
            if _is_lost(known, bounds):
                self._restart(store, Followed(bounds[1], to.shape, Xid("")))
                return 1
            if known.shape != to.shape:
                known = Followed(known.number, to.shape, Xid(""))
            news: list[Change] = []
            if bounds[1] > known.number:
                news = changes.after(reader, known.number, limit=CHANGES_MAX)
            if news or wishes or known.walked is not None:
                step = _Step(reader, self._unpacking(), snapshot, to, store, now_ms)
                return step.done(known, news, wishes)
        return 0

    def _restart(self, store: Engine, to: Followed) -> None:
        """Empty a store that does not know any more what has changed since."""
        with store.transaction() as transaction:
            edge.clear(transaction)
            edge.follow(transaction, to)

    def _sweep(self, of: Edge) -> None:
        """Remove what has expired, when it is time."""
        destination, now_ms = of.destination, self._clock.now_ms()
        if now_ms < self._swept_ms.get(destination.id, 0) + SWEEP_MS:
            return
        store = self._places.edge(self._sandbox, destination.id)
        before_ms = now_ms - destination.ttl * 1000
        clusters = edge.expired(store, before_ms=before_ms, limit=SWEPT_MAX)
        if len(clusters) < SWEPT_MAX:
            self._swept_ms[destination.id] = now_ms
        with store.transaction() as transaction:
            edge.remove(transaction, clusters)
            edge.forget_old_activity(transaction, before_ms=now_ms - ACTIVITY_MS)

    def _unpacking(self) -> Packing:
        if self._packing is None:
            self._packing = Packing(self._places.profile(self._sandbox))
        return self._packing


def _is_lost(known: Followed, bounds: tuple[int, int]) -> bool:
    """Whether the log does not tell what has changed: the store is new, the log was trimmed beyond
    it, or the profile store is an older one than the entries were made from."""
    oldest, newest = bounds
    return not known.shape or known.number > newest or known.number + 1 < oldest


def examined(places: Places, snapshot: Snapshot, now_ms: int) -> Iterator[Finding]:
    """Compare entries of each edge store that has caught up with what they would be if they were
    made now: those of EXAMINED_MAX people. Of one that is behind nothing is compared."""
    sandbox = snapshot.sandbox.id
    for id_ in sorted(set(places.edges(sandbox)) & snapshot.edges.keys()):
        to, store = snapshot.edges[id_], places.edge(sandbox, id_)
        found: list[str] = []
        with store.reading() as known, places.profile(sandbox).reading() as reader:
            _, newest = changes.bounds(reader)
            is_current = edge.followed(known) == Followed(newest, to.shape, None)
            limit = EXAMINED_MAX if is_current else 0
            entries = edge.every(known, after=Xid(""), limit=limit)
            step = _Step(reader, Packing(places.profile(sandbox)), snapshot, to, store, now_ms)
            for entry, _ in entries:
                members = {member.xid for member in identities.members(reader, entry.cluster)}
                if entry != step.entry(entry.cluster, members):
                    found.append(entry.cluster)
        yield Finding(f"projections at {id_}", len(entries), len(found), found[:EXAMPLES_MAX])


class _Step:
    """One step of one destination: a state of the profile store, and what follows from it."""

    def __init__(
        self,
        reader: Reader,
        packing: Packing,
        snapshot: Snapshot,
        to: Edge,
        store: Engine,
        now_ms: int,
    ) -> None:
        self._reader = reader
        self._packing = packing
        self._snapshot = snapshot
        self._to = to
        self._store = store
        self._now_ms = now_ms
        self._by_policy = to.by_policy()
        self._is_reactive = to.destination.replication == "REACTIVE"

    def done(self, known: Followed, news: Sequence[Change], wishes: Sequence[Wish]) -> int:
        """Take changes and wishes, and go on with the walk if there is one; commit all of it.
        Answer how many changes, wishes and people were taken, 1 at least."""
        touched = {name for one in news for name in (one.cluster, *one.others)}
        asked = identities.clusters_of(self._reader, sorted({wish.xid for wish in wishes}))
        touched |= set(asked.values())
        walked: list[Xid] = []
        next_walked = known.walked
        if known.walked is not None:
            walked = identities.clusters_behind(self._reader, known.walked, limit=WALKED_MAX)
            next_walked = walked[-1] if len(walked) == WALKED_MAX else None
            touched |= set(walked)
            touched |= set(edge.between(self._store, known.walked, next_walked))
        entries = self._entries(touched, set(asked))
        gone = sorted(touched - {one.cluster for one in entries})
        number = news[-1].number if news else known.number
        with self._store.transaction() as transaction:
            self._settle_activity(transaction, touched, wishes, asked)
            edge.remove(transaction, gone)
            edge.replace(transaction, entries, now_ms=self._now_ms)
            edge.granted(transaction, wishes)
            edge.follow(transaction, Followed(number, known.shape, next_walked))
        return max(1, len(news) + len(wishes) + len(walked))

    def _entries(self, clusters: Set[Xid], asked: Set[Xid]) -> list[Entry]:
        """What is projected of those of the clusters that exist and belong here."""
        held: dict[Xid, set[Xid]] = {}
        for member in identities.members_of(self._reader, sorted(clusters)):
            held.setdefault(member.cluster, set()).add(member.xid)
        if self._is_reactive:
            xids = sorted(xid for members in held.values() for xid in members)
            since_ms = self._now_ms - ACTIVITY_MS
            active = edge.active(self._store, xids, since_ms=since_ms) | asked
            held = {name: members for name, members in held.items() if members & active}
        return [self.entry(name, members) for name, members in sorted(held.items())]

    def entry(self, cluster: Xid, members: Set[Xid]) -> Entry:
        """What is projected of one person."""
        return Entry(cluster, frozenset(members), tuple(sorted(self._bodies(cluster, members))))

    def _bodies(self, cluster: Xid, members: Set[Xid]) -> Iterator[tuple[str, str, bytes]]:
        """Of one person: (identity or empty, configuration, JSON). A person whose graph is larger
        than a lookup answers has none."""
        for policy, union, projections in self._by_policy:
            of_each = policy.identity_graph == "none"
            for xid in sorted(members) if of_each else (cluster,):
                try:
                    person = owner_in(self._reader, xid, cluster, policy)
                except OverLimit:
                    continue
                found = entity(self._reader, self._packing, self._snapshot, person, policy, union)
                for one in projections:
                    part = selected(found.attributes, one.selector)
                    yield xid if of_each else "", one.id, encode_json(part)

    def _settle_activity(
        self,
        transaction: Transaction,
        touched: Set[Xid],
        wishes: Iterable[Wish],
        asked: Mapping[Xid, Xid],
    ) -> None:
        """Activity follows its identity to another person, and goes with it."""
        noted = edge.active_in(transaction, sorted(touched))
        now = identities.clusters_of(self._reader, sorted(noted))
        edge.forget_activity(transaction, sorted(noted.keys() - now.keys()))
        moved = [(xid, name) for xid, name in now.items() if name != noted[xid]]
        edge.move_activity(transaction, moved)
        if self._is_reactive:
            known = [(wish, asked[wish.xid]) for wish in wishes if wish.xid in asked]
            edge.note_activity(transaction, known)
