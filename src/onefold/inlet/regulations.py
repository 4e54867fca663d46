"""Regulations of an account by user ids: suppress, delete, let in again, track no more, and tell
what is held.

What keeps somebody out, or lets them in, is ordered here in the journal, in turn with the calls, so
that it holds from the order on. What takes longer is done by jobs/regulate.py. Everything goes by
people as they are when it is asked for: every identity of the customer, and the user id even if it
was never seen. Source: Intilery contract, 16.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from onefold.domain import regulation, suppression
from onefold.domain.calls.message import ID_BYTES_MAX
from onefold.domain.calls.namespaces import USER
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.regulation import (
    DELETING,
    LIFTING,
    OF_PEOPLE,
    SUPPRESSING,
    USERS_MAX,
    Kind,
    Regulation,
    State,
    Subject,
    Told,
)
from onefold.domain.removal import ROWS_MAX, Removal
from onefold.domain.sandbox import Sandbox, SandboxId
from onefold.domain.suppression import EVER, Keys, Suppression
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound, Unavailable
from onefold.inlet.accept import Inlets
from onefold.inlet.deletions import GRACE_MS
from onefold.journal import End
from onefold.store.engine import Reader, Transaction
from onefold.store.places import Places
from onefold.store.snapshot import Definitions, Snapshot
from onefold.store.tables import identities, jobs, regulations, suppressions
from onefold.store.tables.progress import progress

REGULATE = "regulate"
"""The kind of the job."""

Whom = list[tuple[Xid, int, str]]
"""Identities of one person, as (xid, namespace id, value); the user's own first."""


class Page(NamedTuple):
    """Regulations, each with how many people it has come how far for."""

    regulations: list[tuple[Regulation, dict[State, int]]]
    following: int | None


class Regulations:
    """The regulations of every account."""

    def __init__(
        self, *, places: Places, definitions: Definitions, inlets: Inlets, clock: Clock, ids: Ids
    ) -> None:
        self._places = places
        self._definitions = definitions
        self._inlets = inlets
        self._clock = clock
        self._ids = ids

    def create(
        self, sandbox: Sandbox, kind: Kind, user_ids: Sequence[str], *, client_id: str = ""
    ) -> Regulation:
        """Ask for a regulation of 1 to USERS_MAX users; repeated ones count once.

        When this returns what it orders stands in the journal: a read that knows of its position
        answers accordingly. Raises Malformed CTL-1008 for user ids that cannot be, Conflict
        RGL-1002 where there is no account, RGL-1001 for a deletion of somebody who is not
        suppressed; Unavailable INL-1017: nothing was done; and with another code when it is not
        known whether the orders stand: then the regulation does, and a job orders them again.
        """
        snapshot = self._definitions.snapshot(sandbox.id)
        users = _users(snapshot, user_ids)
        work, profile = self._places.work(sandbox.id), self._places.profile(sandbox.id)
        with profile.reading() as reader:
            whom = people(reader, snapshot, users)
            if kind is Kind.DELETE_ONLY:
                _require_suppressed(reader, work, sandbox.id, whom, user_ids)
            wanted = Wanted.of(kind, sandbox.id, whom, reader, work)
        has_work = kind in DELETING or kind is Kind.ACCESS
        subjects = [
            Subject(place, key, user, wanted.keys[key], self._ids.uuid() if has_work else "")
            for place, (user, key) in enumerate(_keyed(sandbox.id, whom))
        ]
        now_ms = self._clock.now_ms()
        asked = Regulation(
            id=self._ids.uuid(),
            kind=kind,
            users=len(subjects),
            client_id=client_id,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        with work.transaction() as transaction:
            asked = regulations.add(transaction, asked, subjects)
            have_job(transaction, self._ids, due_ms=now_ms + GRACE_MS, now_ms=now_ms)
        try:
            end = self._ordered(sandbox.id, wanted.orders(asked.id), asked.id)
        except Unavailable as refusal:
            if refusal.code == "INL-1017":
                with work.transaction() as transaction:
                    regulations.remove(transaction, asked.number)
            raise
        asked = replace(asked, position=end.position, records=end.records)
        with work.transaction() as transaction:
            regulations.ordered(transaction, asked)
            have_job(transaction, self._ids, due_ms=now_ms, now_ms=now_ms)
        return asked

    def listed(self, sandbox: SandboxId, *, before: int, limit: int) -> Page:
        """A page of the regulations, the newest first, below a number."""
        with self._places.work(sandbox).reading() as reader:
            found = regulations.listed(reader, before=before, limit=limit + 1)
            shown = [(one, regulations.counts(reader, one.number)) for one in found[:limit]]
        return Page(shown, found[limit - 1].number if len(found) > limit else None)

    def got(
        self, sandbox: SandboxId, regulation_id: str, *, after: int, limit: int
    ) -> tuple[Regulation, dict[State, int], list[Told]]:
        """A regulation, how many people it has come how far for, and up to `limit` of them behind a
        place. Raises NotFound CTL-1007."""
        with self._places.work(sandbox).reading() as reader:
            found = regulations.get(reader, regulation_id)
            if found is None:
                raise NotFound("CTL-1007", "No regulation has this id")
            told = regulations.told(reader, found.number, after=after, limit=limit)
            return found, regulations.counts(reader, found.number), told

    def _ordered(self, sandbox: SandboxId, orders: Sequence[Removal], trace: str) -> End:
        """Have the orders stand in the journal; answer how far it reaches."""
        if orders:
            return self._inlets.orders(sandbox, orders, trace=trace)
        return self._inlets.end(sandbox)


class Wanted(NamedTuple):
    """What a regulation orders. keys: of suppressions, by the hash of each user id."""

    kind: Kind
    keys: dict[str, list[str]]
    suppress: list[Suppression]

    @classmethod
    def of(
        cls,
        kind: Kind,
        sandbox: SandboxId,
        whom: Mapping[str, Whom],
        reader: Reader,
        work: Reader,
        *,
        before: int = regulations.NEWEST,
    ) -> Wanted:
        """What is wanted for these people. before: regulations from this number on are not there
        yet."""
        keys = Keys(sandbox)
        found: dict[str, list[str]] = {}
        suppress: list[Suppression] = []
        users = [key for _, key in _keyed(sandbox, whom)]
        if kind in LIFTING:
            kept = regulations.kept_out(work, users, regulation.counting(kind), before=before)
        for user, said in zip(users, whom.values(), strict=True):
            made = [_suppression(kind, keys, xid, number) for xid, number, _ in said]
            if kind in SUPPRESSING:
                suppress += made
                found[user] = [one.key for one in made]
            elif kind in LIFTING:
                found[user] = sorted({one.key for one in made} | kept.get(user, set()))
            else:
                found[user] = []
        if kind in LIFTING:
            lifted = _in_force(reader, {key for some in found.values() for key in some})
            ordered = set().union(*kept.values())  # the store may not know of these yet
            found = {
                user: [key for key in some if key in lifted or key in ordered]
                for user, some in found.items()
            }
        return cls(kind, found, suppress)

    def missing(self, reader: Reader) -> Wanted:
        """What of it does not hold in the store."""
        in_force = _in_force(reader, {key for some in self.keys.values() for key in some})
        lifts = self.kind in LIFTING
        return self._replace(
            keys={
                user: [key for key in some if (key in in_force) is lifts]
                for user, some in self.keys.items()
            },
            suppress=[one for one in self.suppress if one.key not in in_force],
        )

    def of_users(self, users: set[str]) -> Wanted:
        """The part of these users, by their hashes."""
        keys = {user: some for user, some in self.keys.items() if user in users}
        wanted = {key for some in keys.values() for key in some}
        return Wanted(self.kind, keys, [one for one in self.suppress if one.key in wanted])

    def orders(self, request: str) -> list[Removal]:
        """The orders that have it done. request: the regulation."""
        suppress = [replace(one, request=request) for one in self.suppress]
        lift = sorted({key for some in self.keys.values() for key in some})
        if self.kind not in LIFTING:
            return [
                Removal(suppress=suppress[start : start + ROWS_MAX])
                for start in range(0, len(suppress), ROWS_MAX)
            ]
        return [
            Removal(lift=lift[start : start + ROWS_MAX]) for start in range(0, len(lift), ROWS_MAX)
        ]


def people(reader: Reader, snapshot: Snapshot, users: Sequence[str]) -> dict[str, Whom]:
    """Every identity of the customers of some user ids, by user id, in their order."""
    namespace = snapshot.namespaces.by_key(USER)
    assert namespace is not None  # an account has it
    own = {user: xids.encode(namespace.id, user) for user in users}
    clusters = identities.clusters_of(reader, sorted(own.values()))
    members: dict[Xid, Whom] = {}
    for member in identities.members_of(reader, sorted(set(clusters.values()))):
        said = (member.xid, member.namespace_id, member.value)
        members.setdefault(member.cluster, []).append(said)
    found: dict[str, Whom] = {}
    for user, xid in own.items():
        others = sorted(one for one in members.get(clusters.get(xid, xid), ()) if one[0] != xid)
        found[user] = [(xid, namespace.id, user), *others]
    return found


def have_job(transaction: Transaction, ids: Ids, *, due_ms: int, now_ms: int) -> None:
    """One job does all regulations, in their order."""
    jobs.have(
        transaction,
        jobs.Job(id=ids.uuid(), kind=REGULATE, created_ms=now_ms, updated_ms=now_ms),
        due_ms=due_ms,
    )


def _users(snapshot: Snapshot, user_ids: Sequence[str]) -> list[str]:
    if snapshot.account is None:
        raise Conflict("RGL-1002", "The sandbox is no account")
    if not 0 < len(user_ids) <= USERS_MAX:
        raise Malformed("CTL-1008", f"userIds holds 1 to {USERS_MAX} ids", at="userIds")
    for place, user in enumerate(user_ids):
        if not _is_id(user):
            detail = f"A user id is not blank, and has at most {ID_BYTES_MAX} bytes"
            raise Malformed("CTL-1008", f"{detail}: userIds/{place}", at=f"userIds/{place}")
    return list(dict.fromkeys(user_ids))


def _is_id(user: str) -> bool:
    try:
        return bool(user.strip()) and len(user.encode()) <= ID_BYTES_MAX
    except UnicodeEncodeError:  # of a command line that is not UTF-8
        return False


def _require_suppressed(
    reader: Reader,
    work: Reader,
    sandbox: SandboxId,
    whom: Mapping[str, Whom],
    sent: Sequence[str],
) -> None:
    """Only who is suppressed is deleted. An order counts that the store has not carried out yet.

    Raises Conflict RGL-1001, which names the first who is not."""
    users = dict(_keyed(sandbox, whom))
    in_force = _in_force(reader, set(users.values()))
    done = progress(reader).position
    for key, (_, kind, position) in regulations.last(work, list(users.values()), OF_PEOPLE).items():
        if position > done:
            (in_force.add if kind in SUPPRESSING else in_force.discard)(key)
    for user, key in users.items():
        if key not in in_force:
            at = f"userIds/{sent.index(user)}"
            raise Conflict("RGL-1001", f"{at} is not suppressed", at=at)


def _keyed(sandbox: SandboxId, whom: Mapping[str, Whom]) -> list[tuple[str, str]]:
    """(user id, its hash) in their order."""
    keys = Keys(sandbox)
    return [(user, keys.identity(said[0][0])) for user, said in whom.items()]


def _suppression(kind: Kind, keys: Keys, xid: Xid, namespace_id: int) -> Suppression:
    make = suppression.of_tracking if kind in regulation.OF_TRACKING else suppression.of_identity
    return make(keys, xid, until_ms=EVER, detail=str(namespace_id))


def _in_force(reader: Reader, keys: set[str]) -> set[str]:
    """Those of the keys that are kept out until further notice."""
    known = suppressions.known(reader, sorted(keys))
    return {key for key, one in known.items() if one.until_ms >= EVER}
