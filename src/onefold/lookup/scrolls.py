"""Scrolls: all customers of an account, page by page, each exactly once however they change.

The idea: when a scroll is opened, everybody's place is written down: the customer's id at that
moment, ordered by its last activity. A page reads on in that list and answers each customer as it
is now. Two who became one have two places; the customer is answered at the first of them. So it
does not matter which of the pages were read before they were joined: at its first place it was
answered, as it was then, or will be, as it is then, and nowhere else. Who came later has no place,
and a place leads nowhere once its customer is gone.

The list is a file of its own and is read and written in pieces, so the memory that a scroll takes
does not grow with the account. Source: Intilery contract, 9.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from onefold.domain.calls.ids import customer_id
from onefold.domain.calls.namespaces import EMAIL, USER
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.business import is_of_any
from onefold.domain.sandbox import SandboxId
from onefold.effects import Clock, Ids
from onefold.errors import Unavailable
from onefold.lookup import customers
from onefold.lookup.customers import Customer, canonical
from onefold.lookup.profiles import Profiles, Sight
from onefold.store.engine import Engine, Reader
from onefold.store.places import Places
from onefold.store.snapshot import Definitions, Snapshot
from onefold.store.tables import (
    changes,
    customer_ids,
    feed,
    finders,
    identities,
    scrolls,
)
from onefold.store.tables.identities import Member
from onefold.store.tables.progress import progress
from onefold.store.tables.scrolls import Place, Scroll
from onefold.wire import JSON

OPEN_MAX = 20
"""Open scrolls of one API key. Source: Intilery contract, 9.6."""
IDLE_MS = 15 * 60_000
NOTED_MS = 10_000
"""How old the note of a scroll's last use may be; for so much longer it stays open."""
WAITING_MAX = 4
"""Scrolls of one account that are being opened in one process; others have to come again. Each
holds a thread, and some have to be left for those who ask for less."""
MEMBERS_STEP = 2_000
"""Identities that are looked at together; more than a customer can have."""


class Page(msgspec.Struct, frozen=True):
    """The traits of some customers, and the place that the next page comes behind."""

    customers: list[dict[str, JSON]]
    last: Place | None


class _Turn:
    """Who makes a listing of one account. begun: how many were. made, version: the last one that is
    whole."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.room = threading.Semaphore(WAITING_MAX)
        self.begun = 0
        self.made = 0
        self.version = ""


class Scrolls:
    """The scrolls of all sandboxes. Safe to share between threads."""

    def __init__(
        self,
        places: Places,
        definitions: Definitions,
        profiles: Profiles,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._places = places
        self._profiles = profiles
        self._clock = clock
        self._ids = ids
        self._turns: dict[SandboxId, _Turn] = {}
        definitions.when_gone(self._forget)

    def opened(self, sandbox: SandboxId, key_id: str, *, generation: int) -> str:
        """The id of a new scroll over everybody whom the account has now; the key's oldest one is
        closed when there are too many.

        Raises Unavailable API-9002 when many are being opened. Cost: some 20 µs for each customer,
        unless nothing has changed since another was opened; those who wait for one that was begun
        after they came share it.
        """
        store = self._places.scroll(sandbox)
        self._clean(store)
        scroll = self._ids.hex(bytes_=16)
        turn = self._turns.setdefault(sandbox, _Turn())
        came = turn.begun
        if not turn.room.acquire(blocking=False):
            raise Unavailable("API-9002", "Many lists of customers are being opened")
        try:
            with turn.lock, self._profiles.sight(sandbox, generation) as sight:
                version = turn.version if turn.made > came else _version(sight.reader)
                if not self._joined(store, version, scroll, key_id):
                    turn.begun += 1
                    version = _version(sight.reader)
                    self._listed(store, sight, version, scroll, key_id)
                    turn.made, turn.version = turn.begun, version
        finally:
            turn.room.release()
        return scroll

    def page(
        self,
        sandbox: SandboxId,
        scroll: str,
        key_id: str,
        *,
        after: Place | None,
        size: int,
        known: bool,
        generation: int,
    ) -> Page | None:
        """Up to `size` customers behind a place, as they are now; fewer only at the end. known:
        without those who had neither userId nor e-mail address when it was opened. None when the
        key has no such scroll, or it is closed.

        Cost: some reads by key and a merge for each customer.
        """
        store = self._places.scroll(sandbox)
        now_ms = self._clock.now_ms()
        found = scrolls.of_id(store, scroll)
        if found is None or found.key_id != key_id or found.used_ms < now_ms - IDLE_MS - NOTED_MS:
            return None
        if found.used_ms < now_ms - NOTED_MS:
            with store.transaction() as transaction:
                scrolls.use(transaction, scroll, now_ms=now_ms)
        told: list[dict[str, JSON]] = []
        with store.reading() as listing, self._profiles.sight(sandbox, generation) as sight:
            while len(told) < size:
                step = size - len(told)
                rows = scrolls.customers(
                    listing, found.listing, after=after, known=known, limit=step
                )
                standing = _standing(listing, sight, found.listing, rows, known=known)
                told += [customers.traits(*sight, customer) for customer in standing]
                if rows:
                    after = rows[-1]
                if len(rows) < step:
                    break
        return Page(told, after)

    def _forget(self, sandbox: SandboxId) -> None:
        self._turns.pop(sandbox, None)

    def _joined(self, store: Engine, version: str, scroll: str, key_id: str) -> bool:
        """Open the scroll on a listing of the same customers, if there is one."""
        with store.transaction() as transaction:
            listing = scrolls.listing_of(transaction, version)
            if listing is None:
                return False
            now_ms = self._clock.now_ms()
            scrolls.open_(transaction, Scroll(scroll, key_id, listing, now_ms), most=OPEN_MAX)
        return True

    def _listed(self, store: Engine, sight: Sight, version: str, scroll: str, key_id: str) -> None:
        """Open the scroll on a new listing."""
        with store.transaction() as transaction:
            listing = scrolls.begin(transaction, now_ms=self._clock.now_ms())
        for members in _members(sight.reader):
            rows = list(_places(sight.reader, sight.snapshot, members))
            with store.transaction() as transaction:
                scrolls.add(transaction, listing, rows, now_ms=self._clock.now_ms())
        with store.transaction() as transaction:
            scrolls.complete(transaction, listing, version)
            now_ms = self._clock.now_ms()
            scrolls.open_(transaction, Scroll(scroll, key_id, listing, now_ms), most=OPEN_MAX)

    def _clean(self, store: Engine) -> None:
        """Close what was not used for too long, and remove the listings that nobody needs."""
        since_ms = self._clock.now_ms() - IDLE_MS - NOTED_MS
        with store.transaction() as transaction:
            scrolls.close(transaction, unused_since_ms=since_ms)
        while True:
            with store.transaction() as transaction:
                left = scrolls.left(transaction, unused_since_ms=since_ms)
                if left is None:
                    return
                scrolls.remove(transaction, left)


def _version(reader: Reader) -> str:
    """Changes with everything that could change who there is, and in which order."""
    return f"{progress(reader).position}.{changes.bounds(reader)[1]}"


def _members(reader: Reader) -> Iterator[list[Member]]:
    """All identities, in pieces of whole clusters."""
    after, rest = ("", ""), list[Member]()
    while found := identities.every_member(reader, after=after, limit=MEMBERS_STEP):
        after = (found[-1].cluster, found[-1].xid)
        rest += found
        whole = [one for one in rest if one.cluster != after[0]]
        rest = rest[len(whole) :]
        if whole:
            yield whole
    if rest:
        yield rest


def _places(
    reader: Reader, snapshot: Snapshot, members: Sequence[Member]
) -> Iterator[tuple[Place, bool]]:
    """The places of the people of these identities, and whether they are known. The most recently
    active come first; who never was active comes last."""
    of: dict[Xid, list[Member]] = {}
    for member in members:
        of.setdefault(member.cluster, []).append(member)
    user = snapshot.namespaces.by_code(USER)
    user_id = user.id if user is not None else -1
    people = [
        (canonical(those, user_id), those)
        for those in of.values()
        if not is_of_any(snapshot.namespaces.by_id(those[0].namespace_id))
    ]
    active_ms = feed.activity_of(reader, [member.xid for member in members])
    nameless = [m.xid for first, those in people if first.namespace_id != user_id for m in those]
    with_address = set(_with_address(reader, snapshot, nameless))
    for first, those in people:
        rank = min((-active_ms[m.xid] for m in those if m.xid in active_ms), default=1)
        known = first.namespace_id == user_id or any(m.xid in with_address for m in those)
        yield Place(rank, customer_id(snapshot.sandbox.id, first.xid)), known


def _with_address(reader: Reader, snapshot: Snapshot, owners: Sequence[Xid]) -> Iterable[Xid]:
    """Those of the identities that are e-mail addresses, or whose records say one."""
    namespace = snapshot.namespaces.by_code(EMAIL)
    if namespace is None:
        return
    for xid in owners:
        if xids.decode(xid).namespace_id == namespace.id:
            yield xid
    for found, owner in finders.of_owners(reader, owners):
        if xids.decode(found).namespace_id == namespace.id:
            yield owner


def _standing(
    listing: Reader, sight: Sight, number: int, rows: Sequence[Place], *, known: bool
) -> Iterator[Customer]:
    """The customers of these places, in order, as far as they are still there and have no place
    before it."""
    reader, _, snapshot = sight
    xid_of = customer_ids.known(reader, [one.id for one in rows])
    cluster_of = identities.clusters_of(reader, list(xid_of.values()))
    found = customers.customers_of(reader, snapshot, sorted(set(cluster_of.values())))
    customer_of = {one.cluster: one for one in found}
    for row in rows:
        xid = xid_of.get(row.id)
        customer = customer_of.get(cluster_of.get(xid, xid)) if xid is not None else None
        if customer is None:
            continue
        if len(customer.members) > 1:
            ids = [customer_id(snapshot.sandbox.id, xid) for xid in customer.owners]
            if min(scrolls.places(listing, number, ids, known=known)) != row:
                continue
        yield customer
