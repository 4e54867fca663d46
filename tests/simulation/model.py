"""The model: what must become of the records of one place, slowly and obviously.

Dicts and lists; one record at a time, in the order of the journal; clusters are searched for anew
whenever they are asked for. Nothing here is shared with the product but the text of XIDs, whose
order breaks ties.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from onefold.domain.identity import xid as xids
from tests.simulation import rules
from tests.simulation.workload import CORE_FIELDS, POISON, UNUSABLE
from tests.simulation.world import NAMESPACE_IDS, Place

CLASSES = {"ECID": 1, "IDFA": 2, "Email": 3, "Phone": 3, "CRMID": 3, "LoyaltyId": 3}
"""The order in which a full cluster gives identities up; AAIDs never enter the graph."""
CLUSTER_LIMIT = 50
LINKED_MAX = 20
DAY_MS = 86_400_000


class Model:
    """What one place's store must hold after the records that it was fed."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.fed = 0
        self.identities: dict[str, tuple[str, str]] = {}  # xid → (code, value)
        self.first_seen_ms: dict[str, int] = {}
        self.links: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.fragments: dict[tuple[str, str], dict[str, Any]] = {}
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.failed: dict[int, str] = {}
        self.troubles: Counter[str] = Counter()
        self._neighbours: dict[str, set[str]] = {}

    def feed(self, seq: int, *, trace: str, received_ms: int, dataset: str, message: bytes) -> None:
        """One record of the journal."""
        assert seq == self.fed + 1
        self.fed = seq
        decoded = json.loads(message)
        fate = decoded["header"]["source"]["name"]
        if fate.startswith("REC-"):
            self.troubles[f"failed {fate}"] += 1
            return self._fail(seq, dataset, fate)
        entity = decoded["body"]["xdmEntity"]
        named = self._named(entity)
        event = dataset == self.place.events[0]
        if event and self.place.ruled:
            named = dict(sorted(named.items(), key=_by_rank))
        owner = next(iter(named))
        if event and (owner, entity["_id"]) in self.events:
            self.outcomes[dataset, "duplicate"] += 1
            self.troubles["duplicate event"] += 1
            return None
        if fate == POISON:
            self.troubles["record parked"] += 1
            return self._fail(seq, dataset, "REC-9001")
        at_ms = parsed(entity["timestamp"]) if event else received_ms
        self._meet(named, dataset, at_ms, received_ms)
        row = {"seq": seq, "dataset": dataset, "ingested_ms": received_ms, "entity": entity}
        if event:
            self._clocks(owner, at_ms, received_ms)
            self.events[owner, entity["_id"]] = {**row, "at_ms": at_ms}
        else:
            self._replace(owner, {**row, "tag": trace})
        self.outcomes[dataset, "applied"] += 1
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

    def timeline(self, xid: str) -> list[tuple[int, str, str]]:
        """The events of the cluster: time, id and owner, in this order."""
        cluster = self.cluster(xid)
        return sorted(
            (event["at_ms"], event_id, owner)
            for (owner, event_id), event in self.events.items()
            if owner in cluster
        )

    def _replace(self, owner: str, row: dict[str, Any]) -> None:
        """Write a row over what its dataset said of its owner before."""
        audit = row["entity"].get("extSourceSystemAudit", {}).get("lastUpdatedDate")
        effective_ms = parsed(audit) if audit else row["ingested_ms"]
        self.troubles["record with an older clock"] += effective_ms < row["ingested_ms"]
        self.troubles["row replaced"] += (owner, row["dataset"]) in self.fragments
        self.fragments[owner, row["dataset"]] = {**row, "effective_ms": effective_ms}

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

    def _meet(
        self, named: dict[str, tuple[str, str]], dataset: str, at_ms: int, received_ms: int
    ) -> None:
        """Make the identities of one record known, and link every pair of those that link."""
        for xid, identity in named.items():
            self.identities.setdefault(xid, identity)
            self.first_seen_ms.setdefault(xid, received_ms)
        linked = [xid for xid, (code, _) in named.items() if code in CLASSES]
        if not 2 <= len(linked) <= LINKED_MAX:
            self.troubles["too many identities to link"] += len(linked) > LINKED_MAX
            return
        apart = {frozenset(self.cluster(xid)) for xid in linked}
        self.troubles["clusters merged"] += len([one for one in apart if len(one) > 1]) > 1
        for a in linked:
            for b in linked:
                if a < b:
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
