"""The model: what must become of the records of one place, slowly and obviously.

Dicts and lists; one record at a time, in the order of the journal; clusters are searched for anew
whenever they are asked for. An order to take something out forgets everything, and tells it again
without the records that are gone, and without the pairs that are cut. Nothing here is shared with
the product but the text of XIDs, whose order breaks ties, and how orders are written.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple

from onefold.domain import removal
from onefold.domain.identity import xid as xids
from onefold.domain.removal import Removal
from onefold.journal import Accepted
from tests.simulation import rules
from tests.simulation.workload import CORE_FIELDS, POISON, UNUSABLE
from tests.simulation.world import NAMESPACE_IDS, Place

CLASSES = {"ECID": 1, "IDFA": 2, "Email": 3, "Phone": 3, "CRMID": 3, "LoyaltyId": 3}
"""The order in which a full cluster gives identities up; AAIDs never enter the graph."""
CLUSTER_LIMIT = 50
LINKED_MAX = 20
DAY_MS = 86_400_000
ERASED = "INL-1002"
"""How a record ends that is applied anew when its message was erased."""


class Record(NamedTuple):
    """A record that can be applied. named: its usable identities by xid, the primary one first.
    at_ms: the time of its links. own_ms: the time that it gives itself, if it gives one."""

    seq: int
    dataset: str
    received_ms: int
    trace: str
    entity: dict[str, Any]
    named: dict[str, tuple[str, str]]
    at_ms: int
    own_ms: int | None
    event_id: str | None

    @property
    def owner(self) -> str:
        return next(iter(self.named))


class Kept(NamedTuple):
    """What a suppression keeps out: an identity, an event, or a record with its content."""

    kind: str
    xid: str
    dataset: str = ""
    event_id: str = ""
    entity: dict[str, Any] | None = None


class Model:
    """What one place's store must hold after the records that it was fed.

    keys: what the keys of suppressions mean, where the orders that said so were erased since.
    """

    def __init__(self, place: Place, keys: dict[str, Kept] | None = None) -> None:
        self.place = place
        self.fed = 0
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.failed: dict[int, str] = {}
        self.troubles: Counter[str] = Counter()
        self.journal: dict[int, Accepted] = {}  # as the auditor has seen it first
        self.heard: dict[int, Record] = {}  # whatever was applied once
        self.standing: dict[int, Record] = {}  # and is not undone
        self.cuts: dict[tuple[str, str], tuple[int, int, str]] = {}  # → order, its time, reason
        self.keys = {} if keys is None else keys
        self.suppressed: dict[str, tuple[str, str, int, int, str]] = {}
        self.deleted: dict[str, tuple[int, frozenset[str]]] = {}  # request → order, xids and values
        self._forget()

    def feed(self, seq: int, accepted: Accepted) -> None:
        """One record or order of the journal; in turn, or once more."""
        assert seq <= self.fed + 1
        self.fed = max(seq, self.fed)
        if accepted.removal:
            self.outcomes["", "applied"] += 1
            self._obey(seq, removal.decode(accepted.message), accepted)
        elif not accepted.message:
            self._fail(seq, accepted.dataset, ERASED)
        else:
            self._hear(seq, accepted)

    def _hear(self, seq: int, accepted: Accepted) -> None:
        decoded = json.loads(accepted.message)
        fate = decoded["header"]["source"]["name"]
        if fate.startswith("REC-"):
            self.troubles[f"failed {fate}"] += 1
            self._fail(seq, accepted.dataset, fate)
            return
        record = self._record(seq, accepted, decoded["body"]["xdmEntity"])
        kept_out = self._kept_out(record)
        if kept_out is not None:
            self.troubles[kept_out] += 1
            self.outcomes[record.dataset, "suppressed"] += 1
        elif (record.owner, record.event_id) in self.events:
            self.troubles["duplicate event"] += 1
            self.outcomes[record.dataset, "duplicate"] += 1
        elif fate == POISON:
            self.troubles["record parked"] += 1
            self._fail(seq, record.dataset, "REC-9001")
        else:
            self.outcomes[record.dataset, "applied"] += 1
            self._stand(record)

    def _record(self, seq: int, accepted: Accepted, entity: dict[str, Any]) -> Record:
        named = self._named(entity)
        received_ms = accepted.received_ms
        own_ms: int | None
        if accepted.dataset == self.place.events[0]:
            if self.place.ruled:
                named = dict(sorted(named.items(), key=_by_rank))
            own_ms = at_ms = parsed(entity["timestamp"])
            event_id = entity["_id"]
        else:
            audit = entity.get("extSourceSystemAudit", {}).get("lastUpdatedDate")
            own_ms = parsed(audit) if audit else None
            at_ms, event_id = received_ms, None
        return Record(
            seq,
            accepted.dataset,
            received_ms,
            accepted.trace,
            entity,
            named,
            at_ms,
            own_ms,
            event_id,
        )

    def _stand(self, record: Record) -> None:
        """A record is applied."""
        self.heard[record.seq] = record
        if record.seq in self.standing:
            return  # it was fed before, and stands
        is_last = record.seq > max(self.standing, default=0)
        self.standing[record.seq] = record
        if is_last:
            self._tell(record)
        else:
            self._tell_again()

    def _tell(self, record: Record) -> None:
        self._meet(record)
        row = {
            "seq": record.seq,
            "dataset": record.dataset,
            "ingested_ms": record.received_ms,
            "entity": record.entity,
        }
        if record.event_id is not None:
            self._clocks(record.owner, record.at_ms, record.received_ms)
            self.events[record.owner, record.event_id] = {**row, "at_ms": record.at_ms}
        else:
            self._replace(record, {**row, "tag": record.trace})

    def _forget(self) -> None:
        """Nothing has been told."""
        self.identities: dict[str, tuple[str, str]] = {}  # xid → (code, value)
        self.first_seen_ms: dict[str, int] = {}
        self.links: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.sightings: dict[int, tuple[Any, ...]] = {}
        self.fragments: dict[tuple[str, str], dict[str, Any]] = {}
        self.superseded: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.events: dict[tuple[str, str | None], dict[str, Any]] = {}
        self._neighbours: dict[str, set[str]] = {}

    def _tell_again(self) -> None:
        """Everything from the beginning, as if what is gone had never come."""
        self._forget()
        for seq in sorted(self.standing):
            self._tell(self.standing[seq])

    def _obey(self, seq: int, what: Removal, accepted: Accepted) -> None:
        """An order: it takes out, cuts, mends, suppresses and lifts."""
        undone = {number for *_, number in what.records if number in self.standing}
        self.troubles["record undone"] += len(undone)
        below: dict[str, int] = {one.xid: one.number or seq for one in what.people}
        for number, record in self.standing.items():
            if any(number < below.get(xid, 0) for xid in record.named):
                undone.add(number)
                self.troubles["record of a deleted person"] += 1
                self.troubles["record of another that names a deleted person"] += (
                    record.owner not in below
                )
        for number in undone:
            del self.standing[number]
        for a, b in what.cuts:
            self.troubles["link cut"] += 1
            self.cuts.setdefault((a, b), (seq, accepted.received_ms, what.reason))
        for a, b in what.mends:
            self.troubles["link mended"] += 1
            self.cuts.pop((a, b), None)
        whole = {one.xid for one in what.people if not one.number}
        self.cuts = {pair: cut for pair, cut in self.cuts.items() if not whole & set(pair)}
        for one, meant in zip(what.suppress, self._meant(what), strict=True):
            self.keys[one.key] = meant
            first = self.suppressed.get(
                one.key, (one.kind, one.detail, one.until_ms, accepted.received_ms, one.request)
            )
            self.suppressed[one.key] = (*first[:2], max(first[2], one.until_ms), *first[3:])
        for key in what.lift:
            self.troubles["suppression lifted"] += 1
            self.suppressed.pop(key, None)
        for person in what.people:
            self.troubles["person deleted"] += 1
            _, named = self.deleted.get(person.request, (0, frozenset()))
            named |= {person.xid, xids.decode(person.xid).value}
            self.deleted[person.request] = (below[person.xid], named)
        self._tell_again()

    def _meant(self, what: Removal) -> list[Kept]:
        """What the suppressions of an order keep out."""
        if what.people:
            return [Kept("identity", one.xid) for one in what.people]
        if not what.records:
            return [self.keys[one.key] for one in what.suppress]
        said = []
        for (owner, dataset, event_id, number), one in zip(
            what.records, what.suppress, strict=True
        ):
            if event_id:
                said.append(Kept("event", owner, event_id=event_id))
            elif number in self.heard:
                entity = self.heard[number].entity
                said.append(Kept("record", owner, dataset, entity=entity))
            else:
                said.append(self.keys[one.key])
        return said

    def _kept_out(self, record: Record) -> str | None:
        """Why a record is suppressed; None: it is not."""
        for key, (_, _, until_ms, _, _) in self.suppressed.items():
            kept = self.keys[key]
            if kept.kind == "identity":
                is_old = record.own_ms is None or record.own_ms <= until_ms
                if kept.xid in record.named and is_old:
                    return "late record of a deleted person"
            elif record.owner == kept.xid and (
                record.event_id == kept.event_id
                if kept.kind == "event"
                else (record.dataset, record.entity) == (kept.dataset, kept.entity)
            ):
                return "undone record sent again"
        return None

    def cluster(self, xid: str) -> set[str]:
        """Everybody who can be reached over links."""
        reached = {xid}
        frontier = [xid]
        while frontier:
            for other in self._neighbours.get(frontier.pop(0), ()):
                if other not in reached:
                    reached.add(other)
                    frontier.append(other)
        return reached

    def members(self, xid: str) -> list[str]:
        """The cluster in the order of appearance."""
        return sorted(self.cluster(xid), key=lambda one: (self.first_seen_ms[one], one))

    def parts(self, xid: str) -> list[tuple[str, str, dict[str, Any]]]:
        """The fragments of the cluster: owner, dataset, row; in the order of the journal."""
        cluster = self.cluster(xid)
        found = [(*key, row) for key, row in self.fragments.items() if key[0] in cluster]
        return sorted(found, key=lambda part: part[2]["seq"])

    def merged(self, xid: str) -> dict[str, Any]:
        """What is believed of the cluster: later rows over earlier ones, field by field."""
        answer: dict[str, Any] = {}
        order = sorted(
            self.parts(xid),
            key=lambda part: (part[2]["effective_ms"], part[2]["seq"], part[1], part[0]),
        )
        for _, _, row in order:
            overlay(answer, {k: v for k, v in row["entity"].items() if k != "identityMap"})
        answer["identityMap"] = {}
        for one in self.members(xid):
            code, value = self.identities[one]
            answer["identityMap"].setdefault(code.lower(), []).append({"id": value})
        return answer

    def timeline(self, xid: str) -> list[tuple[int, str | None, str]]:
        """The events of the cluster: time, id and owner, in this order."""
        cluster = self.cluster(xid)
        return sorted(
            (event["at_ms"], event_id, owner)
            for (owner, event_id), event in self.events.items()
            if owner in cluster
        )

    def _replace(self, record: Record, row: dict[str, Any]) -> None:
        """Write a row over what its dataset said of its owner before."""
        effective_ms = record.received_ms if record.own_ms is None else record.own_ms
        self.troubles["record with an older clock"] += effective_ms < record.received_ms
        key = (record.owner, record.dataset)
        if key in self.fragments:
            self.troubles["row replaced"] += 1
            before = self.fragments[key]
            self.superseded[*key, before["seq"]] = before
        self.fragments[key] = {**row, "effective_ms": effective_ms}

    def _fail(self, seq: int, dataset: str, code: str) -> None:
        self.failed[seq] = code
        self.outcomes[dataset, "failed"] += 1

    def _named(self, entity: dict[str, Any]) -> dict[str, tuple[str, str]]:
        """The usable identities of an entity by xid, the primary one first."""
        found: dict[str, tuple[str, str]] = {}
        for code, items in entity["identityMap"].items():
            for item in items:
                if item["id"] not in UNUSABLE:
                    one = {xid_of(code, item["id"]): (code, item["id"])}
                    found = one | found if item.get("primary") else found | one
        core = entity.get(f"_{self.place.tenant}", {}).get("identification", {}).get("core", {})
        for code, field in CORE_FIELDS.items():
            value = core.get(field)
            if value is not None and value not in UNUSABLE:
                found.setdefault(xid_of(code, value), (code, value))
        return found

    def _meet(self, record: Record) -> None:
        """Make the identities of one record known, and link every pair of those that link."""
        named, at_ms = record.named, record.at_ms
        for xid, identity in named.items():
            self.identities.setdefault(xid, identity)
            self.first_seen_ms.setdefault(xid, record.received_ms)
        linked = [xid for xid, (code, _) in named.items() if code in CLASSES]
        if not 2 <= len(linked) <= LINKED_MAX:
            self.troubles["too many identities to link"] += len(linked) > LINKED_MAX
            linked = []
        if len(named) > 1:
            others = set(named) - set(linked)
            seen_ms = at_ms if linked else record.received_ms
            said = (record.owner, record.dataset, seen_ms, record.received_ms)
            self.sightings[record.seq] = (*said, set(linked), others)
        if not linked:
            return
        apart = {frozenset(self.cluster(xid)) for xid in linked}
        self.troubles["clusters merged"] += len([one for one in apart if len(one) > 1]) > 1
        pairs = list(combinations(sorted(linked), 2))
        uncut = [pair for pair in pairs if pair not in self.cuts]
        if len(uncut) == len(pairs):
            self._link(linked, pairs, record.dataset, at_ms)
        else:
            for pair in uncut:
                self._link(list(pair), [pair], record.dataset, at_ms)

    def _link(
        self, linked: list[str], pairs: list[tuple[str, str]], dataset: str, at_ms: int
    ) -> None:
        for a, b in pairs:
            first, last = self.links.get((a, b, dataset), (at_ms, at_ms))
            self.links[a, b, dataset] = (min(first, at_ms), max(last, at_ms))
            self._neighbours.setdefault(a, set()).add(b)
            self._neighbours.setdefault(b, set()).add(a)
        if self.place.ruled:
            self._replay(linked, at_ms)
        self._thin(linked)

    def _replay(self, linked: list[str], at_ms: int) -> None:
        """Take away the links that linking rules do not let hold."""
        cluster = self.cluster(linked[0])
        if not rules.in_conflict(self.identities[xid] for xid in cluster):
            return
        last_ms: dict[tuple[str, str], int] = {}
        for (a, b, _), (_, last) in self.links.items():
            if a in cluster:
                last_ms[a, b] = max(last, last_ms.get((a, b), last))
        fallen = rules.lost(last_ms, self.identities, reached, event=set(linked), at_ms=at_ms)
        self.troubles["link removed by a rule"] += len(fallen)
        for a, b in fallen:
            self._neighbours[a].discard(b)
            self._neighbours[b].discard(a)
            for dataset in self.place.datasets:
                self.links.pop((a, b, dataset), None)

    def _thin(self, linked: list[str]) -> None:
        """Delete identities until every cluster fits: lowest class, oldest, smallest XID first."""
        for xid in linked:
            while len(cluster := self.cluster(xid)) > CLUSTER_LIMIT:
                leaves = min(cluster, key=self._rank)
                for a, b, dataset in [key for key in self.links if leaves in key[:2]]:
                    del self.links[a, b, dataset]
                for other in self._neighbours.pop(leaves):
                    self._neighbours[other].discard(leaves)
                self.troubles["identity evicted"] += 1
                rest = [len(self.cluster(other)) for other in cluster - {leaves}]
                self.troubles["cluster split"] += min(rest) != max(rest)

    def _rank(self, xid: str) -> tuple[int, int, str]:
        code = self.identities[xid][0]
        last_ms = max(
            self.links[min(xid, other), max(xid, other), dataset][1]
            for other in self._neighbours[xid]
            for dataset in self.place.datasets
            if (min(xid, other), max(xid, other), dataset) in self.links
        )
        return CLASSES[code], last_ms, xid

    def _clocks(self, owner: str, at_ms: int, received_ms: int) -> None:
        self.troubles["late event"] += received_ms - at_ms > DAY_MS
        self.troubles["reordered event"] += any(
            event["at_ms"] > at_ms for (xid, _), event in self.events.items() if xid == owner
        )


def reached(start: str, pairs: list[tuple[str, str]]) -> set[str]:
    """Whom one reaches over pairs."""
    found = {start}
    size = 0
    while size < len(found):
        size = len(found)
        for a, b in pairs:
            if a in found or b in found:
                found |= {a, b}
    return found


def _by_rank(named: tuple[str, tuple[str, str]]) -> int:
    return rules.RANKS.get(named[1][0], len(rules.RANKS) + 10)


def overlay(into: dict[str, Any], later: dict[str, Any]) -> None:
    """Lay one object over another, key by key; arrays and scalars as a whole."""
    for key, value in later.items():
        if isinstance(value, dict):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            overlay(into[key], value)
        else:
            into[key] = value


def parsed(text: str) -> int:
    """The epoch milliseconds of a time as senders write it."""
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(milliseconds=1)


def xid_of(code: str, value: str) -> str:
    """The XID of an identity."""
    return xids.encode(NAMESPACE_IDS[code], value)
