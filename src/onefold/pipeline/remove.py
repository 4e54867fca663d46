"""Remove: take out of the profile store what an order names, as if it had never come.

Rows go first, then the sightings of their records, then the graph is made anew from what is left
(regraph.py), then identities that nothing names any more are forgotten.

Source: platform contract, 12, and ingestion contract, 7.4, for what a deletion has to reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from onefold.domain.graph.linking import Pair
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.history import Record, standing
from onefold.domain.removal import Removal
from onefold.pipeline.forget import worked_out
from onefold.pipeline.handover import followed
from onefold.pipeline.index import ids_of, names_of
from onefold.pipeline.regraph import Regraph, doubtful_pairs
from onefold.pipeline.tell import tell
from onefold.pipeline.work import Work
from onefold.store.engine import Transaction
from onefold.store.tables import (
    calls,
    cluster_history,
    clusters,
    customer_ids,
    cuts,
    events,
    failed_records,
    feed,
    finders,
    fragments,
    handovers,
    identities,
    sightings,
    superseded,
    suppressions,
)
from onefold.store.tables.fragments import NewFragment
from onefold.store.tables.identities import Member
from onefold.store.tables.sightings import Seen
from onefold.store.tables.superseded import Key
from onefold.wire import decode_json


def remove(transaction: Transaction, work: Work, seq: int, removal: Removal, *, at_ms: int) -> None:
    """Do what the order says, as far as what it names is still there.

    seq: the order's number in the journal; clusters that answer something else now note it. at_ms:
    when it was asked for; identities that change their cluster by it note that.

    A profile record that was let go of (tables/superseded.py) is not undone. Where what stood
    before an undone record is not kept any more, nothing stands afterwards.
    """
    if removal.people:
        removal = worked_out(transaction, seq, removal, work.snapshot)
    if work.snapshot.account is not None:
        removal = followed(transaction, removal)
    order = _Order(transaction, work, seq, removal, at_ms)
    order.take_rows()
    order.cut()
    order.make_graph()
    order.forget()
    order.tell()
    failed_records.blank(transaction, removal.failed)
    suppressions.add(transaction, removal.suppress, made_ms=at_ms)
    suppressions.lift(transaction, removal.lift)


class _Order:
    """One order on its way.

    touched: identities whose links may change. arrived: of every identity that loses something that
    named it, when that had arrived (None: not known when); these may be known no more, or since
    later. changed: identities that own something else now, or were first seen at another time, by
    which they stand in their cluster; rewritten: all of them but those that own other events only.
    pairs: whose links may change. calls: ids of those that may come again.
    """

    def __init__(
        self, transaction: Transaction, work: Work, seq: int, removal: Removal, at_ms: int
    ) -> None:
        self._transaction = transaction
        self._work = work
        self._seq = seq
        self._removal = removal
        self._at_ms = at_ms
        self._touched: set[Xid] = set()
        self._arrived: dict[Xid, set[int | None]] = {}
        self._changed: set[Xid] = set()
        self._rewritten: set[Xid] = set()
        self._pairs: set[Pair] = set()
        self._before: dict[Xid, Xid] = {}
        self._after: dict[Xid, Xid] = {}
        self._calls: set[str] = set()

    def take_rows(self) -> None:
        """Delete events, records of fragments, and the sightings of both."""
        removal, transaction = self._removal, self._transaction
        rows = [*removal.events, *[(o, e, n) for o, _, e, n in removal.records if e]]
        found = events.received(transaction, rows)
        events.remove(transaction, found)
        feed.remove(
            transaction, [(owner, *times, name) for (owner, name, _), times in found.items()]
        )
        for (owner, _, _), (_, received_ms) in found.items():
            self._named(owner, received_ms)
            self._changed.add(owner)
        gone: set[tuple[Xid, int]] = {(owner, number) for owner, _, number in found}
        gone |= set(removal.sightings)
        gone |= self._take_records()
        if self._work.snapshot.account is not None:
            undone = {event_id for _, _, event_id, _ in removal.records if event_id}
            calls.forget(transaction, undone | self._calls)
        seen = sightings.under(transaction, gone)
        for owner, dataset, number in removal.fragments:
            seen += sightings.of_source(transaction, owner, dataset, last=number)
        self._take_sightings(seen)
        if removal.identities:
            self._take_names(set(removal.identities))

    def cut(self) -> None:
        """Cut and mend pairs."""
        removal = self._removal
        cuts.add(
            self._transaction,
            removal.cuts,
            seq=self._seq,
            made_ms=self._at_ms,
            reason=removal.reason,
        )
        cuts.remove(self._transaction, removal.mends)
        for a, b in (*removal.cuts, *removal.mends):
            self._touched |= {a, b}
            self._pairs.add((min(a, b), max(a, b)))

    def make_graph(self) -> None:
        """Make links and clusters anew around what was touched."""
        graph = Regraph(self._transaction, self._work.snapshot, self._pairs, at_ms=self._at_ms)
        graph.around(self._touched)
        self._before, self._after = graph.before, graph.after

    def forget(self) -> None:
        """Forget the identities that nothing names any more, and date the others anew."""
        transaction = self._transaction
        named = sorted(self._arrived)
        members = {m.xid: m for m in _members(transaction, named) if m.xid in self._arrived}
        first = sightings.first(transaction, named)
        owning = {
            *superseded.owning(transaction, named),
            *fragments.owning(transaction, named),
            *events.owning(transaction, named),
        }
        known = first.keys() | owning
        leaving = [member for xid, member in members.items() if xid not in known]
        identities.forget(transaction, [(member.cluster, member.xid) for member in leaving])
        cluster_history.forget(transaction, [member.xid for member in leaving])
        gone = [member.xid for member in leaving]
        feed.forget(transaction, gone)
        finders.forget(transaction, gone)
        handovers.forget(transaction, gone)
        ids = ids_of(self._work.snapshot, gone)
        customer_ids.remove(transaction, [customer for customer, _ in ids])
        for member in leaving:
            self._before.setdefault(member.xid, member.cluster)
            self._after.pop(member.xid, None)
        if self._removal.identities:
            names = {member.xid for member in leaving} & set(self._removal.identities)
            held = cuts.of(transaction, sorted(names))
            cuts.remove(transaction, [(cut.a, cut.b) for cut in held])
        doubtful = [
            member
            for xid, member in members.items()
            if xid in known and self._arrived[xid] & {None, member.first_seen_ms}
        ]
        if doubtful:
            dated = self._dated(doubtful, first)
            identities.date(transaction, dated)
            moved = {m.xid for m in dated if m.first_seen_ms != members[m.xid].first_seen_ms}
            self._changed |= moved
            self._rewritten |= moved

    def tell(self) -> None:
        """Note which clusters answer something else now, and tell those who follow them."""
        transaction = self._transaction
        now = identities.clusters_of(transaction, sorted(self._changed | self._rewritten))
        changed = {now[xid] for xid in self._changed if xid in now}
        names = {*self._before.values(), *self._after.values(), *changed}
        living = {m.cluster for m in identities.members_of(transaction, sorted(names))}
        clusters.change(transaction, living, self._seq)
        clusters.forget(transaction, names - living)
        told = {now[xid] for xid in self._rewritten if xid in now}
        tell(transaction, self._seq, self._at_ms, self._before, self._after, told)

    def _take_records(self) -> set[tuple[Xid, int]]:
        """Delete profile records, and let stand what follows from the others; answer (owner,
        number) of what is gone."""
        undone: dict[Key, set[int]] = {}
        for owner, dataset, event_id, number in self._removal.records:
            if not event_id:
                undone.setdefault((owner, dataset), set()).add(number)
        up_to: dict[Key, int] = {}
        for owner, dataset, number in self._removal.fragments:
            up_to[owner, dataset] = max(number, up_to.get((owner, dataset), 0))
        keys = sorted(undone.keys() | up_to.keys())
        gone: set[tuple[Xid, int]] = set()
        histories = superseded.histories(self._transaction, self._work.packing, keys)
        for key, history in histories.items():
            numbers, last = undone.get(key, set()), up_to.get(key, -1)
            taken = [
                one
                for one in history
                if one.seq <= last or (one.seq in numbers and not _is_below(one, history))
            ]
            if taken:
                self._calls |= {
                    decode_json(one.body)["_stamp"][2]
                    for one in taken
                    if one.operation == "stamp" and one.seq in numbers
                }
                self._rewrite(key, history, taken)
                gone |= {(key[0], one.seq) for one in taken}
        return gone

    def _rewrite(self, key: Key, history: Sequence[Record], taken: Sequence[Record]) -> None:
        """Let stand under a key what follows from its history without what is taken."""
        transaction, packing = self._transaction, self._work.packing
        left = [one for one in history if one not in taken]
        stands = standing(left).record
        superseded.remove(transaction, [(*key, one.seq) for one in taken])
        fragments.clear(transaction, [key])
        said: dict[Key, set[Xid]] = {key: set()}
        if stands is not None:
            if left[-1].operation == "create":
                superseded.remove(transaction, [(*key, stands.seq)])
            fragment = NewFragment(
                *key,
                stands.seq,
                stands.ingested_ms,
                stands.effective_ms,
                stands.tag,
                stands.body,
            )
            fragments.replace(transaction, packing, [fragment])
            said |= names_of(self._work.snapshot, [fragment])
        finders.put_all(transaction, said)
        self._rewritten.add(key[0])
        self._changed.add(key[0])
        for one in taken:
            self._named(key[0], None if one.operation == "gone" else one.ingested_ms)

    def _take_sightings(self, seen: Sequence[Seen]) -> None:
        sightings.remove(self._transaction, seen)
        self._pairs |= doubtful_pairs(seen)
        for one in seen:
            if len(one.linked) > 1:
                self._touched.update(one.linked)
            for xid in {one.owner, *one.named}:
                self._named(xid, one.received_ms)

    def _take_names(self, leaving: set[Xid]) -> None:
        """Let sightings name others only, as if the records had never named these identities."""
        transaction = self._transaction
        for member in _members(transaction, sorted(leaving)):
            self._touched.add(member.xid)
            if member.xid in leaving:
                self._named(member.xid, member.first_seen_ms)
        seen = sightings.of(transaction, sorted(leaving))
        self._take_sightings(seen)
        sightings.add(transaction, _without(seen, leaving))

    def _named(self, xid: Xid, received_ms: int | None) -> None:
        self._arrived.setdefault(xid, set()).add(received_ms)

    def _dated(
        self, members: Iterable[Member], seen: Mapping[Xid, tuple[int, int]]
    ) -> list[Member]:
        """The members with the time at which the first record that is left has arrived."""
        transaction = self._transaction
        xids = sorted(member.xid for member in members)
        records = superseded.first(transaction, xids)
        stand = fragments.first(transaction, xids)
        dated = []
        for member in members:
            found = [some.get(member.xid) for some in (seen, records, stand)]
            found.append(events.first(transaction, member.xid))
            first_ms = min(one for one in found if one is not None)[1]
            dated.append(replace(member, first_seen_ms=first_ms))
        return dated


def _is_below(one: Record, history: Sequence[Record]) -> bool:
    """Whether a row is in the place of records that are not kept, below others: then none of them
    can be taken out."""
    return one.operation == "gone" and one is not history[-1]


def _without(seen: Iterable[Seen], leaving: set[Xid]) -> Iterable[Seen]:
    """The sightings without these names. One that feeds only the graph, and whose owner leaves, is
    from now on that of the first who is left; the owner of anything else stays."""
    for one in seen:
        linked = tuple([xid for xid in one.linked if xid not in leaving])
        others = tuple([xid for xid in one.others if xid not in leaving])
        named = linked + others
        owner = one.owner
        if one.graph_only and owner in leaving and named:
            owner = named[0]
        if named:
            yield replace(one, owner=owner, linked=linked, others=others)


def _members(transaction: Transaction, xids: Sequence[Xid]) -> list[Member]:
    """All members of the clusters of these identities."""
    names = set(identities.clusters_of(transaction, xids).values())
    return identities.members_of(transaction, sorted(names))
