"""Undoing: what has to be ordered so that one link or one record is as if it had never been, and
what stands undone now. Reads only; whoever asks has the order accepted (inlet/accept.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from onefold.domain import suppression
from onefold.domain.graph.chain import chain
from onefold.domain.graph.linking import Pair
from onefold.domain.identity.identity import Xid
from onefold.domain.removal import Removal
from onefold.domain.sandbox import SandboxId
from onefold.domain.suppression import Keys
from onefold.errors import Conflict, Malformed, NotFound
from onefold.lookup.undo import restorable
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.places import Places
from onefold.store.tables import (
    cuts,
    events,
    identities,
    links,
    sightings,
    superseded,
    suppressions,
)

LINK = "link"
"""The kind of an undone link; the others are those of suppressions."""


class Which(msgspec.Struct, frozen=True):
    """Which record is meant. xid: any identity of the person; None when the number is to say it
    alone. event_id, or dataset with or without number, or number."""

    xid: Xid | None
    event_id: str = ""
    dataset: str = ""
    number: int | None = None


class Recorded(msgspec.Struct, frozen=True):
    """A record that the store knows. event_id: empty for a profile record. graph_only: only its
    identities are kept."""

    owner: Xid
    dataset: str
    event_id: str
    number: int
    graph_only: bool = False


class Order(msgspec.Struct, frozen=True):
    """What is to be ordered. id: by which it can be lifted; None when nothing keeps the record from
    coming again. record: what is undone, of records. through: of links, the identities by which the
    two stay one person; empty when they do not."""

    removal: Removal
    id: str | None
    record: Recorded | None = None
    through: tuple[Xid, ...] = ()


class Undone(msgspec.Struct, frozen=True):
    """What is undone. pair: of links. detail: the dataset of a record, the namespace's id of an
    identity. until_ms: of identities. request: the reason given, or the deletion of an identity."""

    id: str
    kind: str
    made_ms: int
    pair: Pair | None = None
    detail: str = ""
    until_ms: int = suppression.EVER
    request: str = ""


class Undoing:
    """Looks up what is to be undone, in all sandboxes. Safe to share between threads."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def link(self, sandbox: SandboxId, one: Xid, other: Xid, *, reason: str = "") -> Order:
        """Cut the link of a pair for good: no record, sent before or after, links it again.

        Raises NotFound PRO-1004 for an identity that is not known, Conflict UND-1002 when the two
        are not linked with each other.
        """
        with self._places.profile(sandbox).reading() as reader:
            known = identities.clusters_of(reader, [one, other])
            for xid in (one, other):
                if xid not in known:
                    raise NotFound("PRO-1004", "Nothing is known about one of the identities")
            members = [member.xid for member in identities.members(reader, known[one])]
            linked = {(link.a, link.b) for link in links.links_of(reader, members)}
            pair = _pair(one, other)
            if pair not in linked:
                raise Conflict("UND-1002", _why_not(reader, pair, known[one] == known[other]))
        through = chain(one, other, linked - {pair}) or ()
        return Order(Removal(cuts=[pair], reason=reason), _link_id(pair), None, tuple(through))

    def record(self, sandbox: SandboxId, which: Which, *, reason: str = "") -> Order:
        """Take out one record as if it had never come, and keep it out.

        Of a dataset without a number, the current record. Raises NotFound PRO-1004 and UND-1001,
        Conflict UND-1003 when what it replaced is not kept any more, Malformed CTL-1008 when
        several identities of the person have such a record.
        """
        store, keys = self._places.profile(sandbox), Keys(sandbox)
        with store.reading() as reader:
            found = _found(reader, which)
            if found.graph_only:
                return Order(Removal(sightings=[(found.owner, found.number)]), None, found)
            if found.event_id:
                kept = suppression.of_event(
                    keys, found.owner, found.event_id, dataset=found.dataset, request=reason
                )
            else:
                if not restorable(reader, found.owner, found.dataset, found.number):
                    raise Conflict("UND-1003")
                history = superseded.histories(
                    reader, Packing(store), [(found.owner, found.dataset)]
                )
                (said,) = [
                    one for one in history[found.owner, found.dataset] if one.seq == found.number
                ]
                assert said.operation != "gone"  # these are no records, and were not found
                kept = suppression.of_record(
                    keys,
                    found.owner,
                    found.dataset,
                    said.body,
                    operation=said.operation,
                    request=reason,
                )
        row = (found.owner, found.dataset, found.event_id, found.number)
        removal = Removal(records=[row], suppress=[kept])
        return Order(removal, f"{suppression.RECORD}.{kept.key}", found)

    def lift(self, sandbox: SandboxId, undo_id: str) -> Removal:
        """Take back an undo: the pair may link again and does at once, as far as records say so;
        the record, or records of the identity, may come again. Raises NotFound UND-1004."""
        kind, _, rest = undo_id.partition(".")
        store = self._places.profile(sandbox)
        if kind == LINK:
            one, _, other = rest.partition(".")
            pair = Xid(one), Xid(other)
            if pair in cuts.among(store, [pair[0]]):
                return Removal(mends=[pair])
        else:
            known = suppressions.known(store, [rest]).get(rest)
            if known is not None and known.kind == kind:
                return Removal(lift=[rest])
        raise NotFound("UND-1004")

    def listed(self, sandbox: SandboxId, *, start: str, limit: int) -> list[Undone]:
        """Up to `limit` of what is undone, behind the id `start`: links, then the others.

        Raises Malformed CTL-1008 when `start` is none.
        """
        kind, dot, rest = start.partition(".")
        if start and not (dot and rest and kind in _KINDS):
            raise Malformed("CTL-1008", "start is the id of something that is undone", at="start")
        found: list[Undone] = []
        with self._places.profile(sandbox).reading() as reader:
            if not start or kind == LINK:
                one, _, other = rest.partition(".")
                cut = cuts.listed(reader, after=(Xid(one), Xid(other)), limit=limit)
                found = [
                    Undone(_link_id((c.a, c.b)), LINK, c.made_ms, (c.a, c.b), request=c.reason)
                    for c in cut
                ]
                rest = ""
            if len(found) < limit:
                kept = suppressions.listed(reader, after=rest, limit=limit - len(found))
                found += [
                    Undone(
                        f"{s.kind}.{s.key}",
                        s.kind,
                        s.made_ms,
                        None,
                        s.detail,
                        s.until_ms,
                        s.request,
                    )
                    for s in kept
                ]
        return found


_KINDS = (LINK, suppression.RECORD, suppression.IDENTITY, suppression.NO_TRACK)


def _found(reader: Reader, which: Which) -> Recorded:
    """The record that is meant. Raises NotFound PRO-1004 and UND-1001, Conflict UND-1003, Malformed
    CTL-1008."""
    if which.xid is None:
        return _numbered(reader, None, which.number or 0)
    cluster = identities.cluster_of(reader, which.xid)
    if cluster is None:
        raise NotFound("PRO-1004", "Nothing is known about this identity")
    owners = [member.xid for member in identities.members(reader, cluster)]
    if which.event_id:
        rows = events.having(reader, owners, which.event_id)
        fitting = [
            Recorded(owner, dataset, event_id, number)
            for number, owner, event_id, dataset in rows
            if which.number in (None, number)
        ]
        return _only(fitting, which.xid)
    if which.dataset:
        return _of_dataset(reader, owners, which)
    return _numbered(reader, owners, which.number or 0)


def _of_dataset(reader: Reader, owners: Sequence[Xid], which: Which) -> Recorded:
    fitting: list[Recorded] = []
    lost = False
    for owner in owners:
        history = superseded.outline(reader, (owner, which.dataset))
        lost |= any(r.operation == "gone" and r.seq >= (which.number or 0) for r in history)
        seqs = [record.seq for record in history if record.operation != "gone"]
        wanted = seqs[-1:] if which.number is None else [s for s in seqs if s == which.number]
        fitting += [Recorded(owner, which.dataset, "", seq) for seq in wanted]
    if not fitting and lost:
        raise Conflict("UND-1003", "The record is not kept any more")
    if not fitting and which.number is not None:
        found = _numbered(reader, owners, which.number)
        if found.dataset == which.dataset:
            return found
    return _only(fitting, which.xid)


def _numbered(reader: Reader, owners: Sequence[Xid] | None, number: int) -> Recorded:
    """The record of a number. owners: None for anybody's, when events and records that feed only
    the graph can be found."""
    of_them: Callable[[Xid], bool] = (
        (lambda _: True) if owners is None else set(owners).__contains__
    )
    for _, owner, event_id, dataset in events.of_numbers(reader, [number]):
        if of_them(owner):
            return Recorded(owner, dataset, event_id, number)
    if owners is not None:
        for owner, dataset in superseded.keys_of(reader, owners, number):
            return Recorded(owner, dataset, "", number)
    feeding = sightings.graph_only(reader, first=number, last=number, limit=1)
    for seen in sightings.under(reader, [key for key in feeding if of_them(key[0])]):
        return Recorded(seen.owner, seen.source, "", number, graph_only=True)
    if owners is not None:
        raise NotFound("UND-1001", f"The person has no record of the number {number}")
    raise NotFound(
        "UND-1001",
        f"No event has the number {number}; a profile record is found by number and identity",
    )


def _only(fitting: Sequence[Recorded], asked: Xid | None) -> Recorded:
    """The record of the identity that was named, or the only one of the person."""
    own = [one for one in fitting if one.owner == asked] or fitting
    if not own:
        raise NotFound("UND-1001")
    if len(own) > 1:
        raise Malformed(
            "CTL-1008",
            "Several identities of the person have such a record; name the one that owns it",
            at="entityId",
        )
    return own[0]


def _why_not(reader: Reader, pair: Pair, together: bool) -> str:
    if pair in cuts.among(reader, [pair[0]]):
        return "The link of the two identities is cut already"
    if together:
        return "The two identities are one person by way of others, and not linked themselves"
    return "The two identities are not one person"


def _pair(one: Xid, other: Xid) -> Pair:
    return (one, other) if one < other else (other, one)


def _link_id(pair: Pair) -> str:
    """XIDs have no dots."""
    return f"{LINK}.{pair[0]}.{pair[1]}"
