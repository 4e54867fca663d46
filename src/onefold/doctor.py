"""Doctor: rebuild what is derived from what is true, and compare with what is stored.

Reads only. Links, fragments and events are the truth; identities, members and counts must follow.
Memory: about 300 bytes an identity of the sandbox that is examined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import msgspec

from onefold.domain.graph.cluster import CLUSTER_LIMIT, clusters
from onefold.domain.graph.links import Link
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.errors import Malformed
from onefold.journal import Journal
from onefold.store.engine import Reader
from onefold.store.tables import events, failed_records, fragments, identities, links, outcomes
from onefold.store.tables.identities import Member
from onefold.store.tables.outcomes import Outcome
from onefold.store.tables.progress import progress

T = TypeVar("T")

PAGE_ROWS = 5_000
EXAMPLES_MAX = 3


class Finding(msgspec.Struct, frozen=True):
    """One check: what was compared, how much of it, and what differs (nothing: all is well)."""

    check: str
    looked_at: int
    differences: int
    examples: list[str]

    @property
    def clean(self) -> bool:
        return not self.differences


def examined(reader: Reader, journal: Journal) -> Iterator[Finding]:
    """Every finding about one sandbox's store and journal, check by check.

    reader: of the profile store, and of one moment (Engine.reading), so that a server may go on
    working meanwhile. Examples name XIDs, datasets and counts.
    """
    known = dict(
        _pages(
            lambda after: identities.every(reader, after=after, limit=PAGE_ROWS),
            lambda row: row[0],
        )
    )
    yield _members(reader, known)
    yield from _graph(reader, known)
    yield _owners(reader, known)
    yield from _counts(reader, journal)


def _members(reader: Reader, known: dict[Xid, Xid]) -> Finding:
    """Both directions of membership agree, and XIDs say what their rows say."""
    bad: list[str] = []
    seen = 0
    after = ("", "")
    while page := identities.every_member(reader, after=after, limit=PAGE_ROWS):
        for member in page:
            seen += 1
            if known.get(member.xid) != member.cluster or not _says(member):
                bad.append(f"{member.xid} in {member.cluster}")
        after = (page[-1].cluster, page[-1].xid)
    if seen != len(known):
        bad.append(f"{len(known)} identities, {seen} members")
    return _finding("members of clusters are the identities", seen, bad)


def _says(member: Member) -> bool:
    try:
        identity = xids.decode(member.xid)
    except Malformed:
        return False
    return (identity.namespace_id, identity.value) == (member.namespace_id, member.value)


def _graph(reader: Reader, known: dict[Xid, Xid]) -> Iterator[Finding]:
    """Clusters rebuilt from the links are the stored ones; links stand under both of their ends."""
    forward: list[Link] = []
    backward: set[Link] = set()
    after = ("", "", "")
    while page := links.every(reader, after=after, limit=PAGE_ROWS):
        for link in page:
            if link.a < link.b:
                forward.append(link)
            else:
                backward.add(Link(link.b, link.a, link.dataset, link.first_ms, link.last_ms))
        after = (page[-1].a, page[-1].b, page[-1].dataset)
    lonely = [f"{link.a} - {link.b}" for link in forward if link not in backward]
    if len(backward) != len(forward):
        lonely.append(f"{len(forward)} links one way, {len(backward)} the other")
    yield _finding("links stand under both ends", len(forward), lonely)
    rebuilt = clusters(known, forward)
    yield _finding(
        "clusters follow from the links",
        len(rebuilt),
        [
            f"{xid}: {known.get(xid)}, rebuilt {name}"
            for xid, name in rebuilt.items()
            if known.get(xid) != name
        ],
    )
    sizes = Counter(known.values())
    yield _finding(
        f"clusters have at most {CLUSTER_LIMIT} identities",
        len(sizes),
        [f"{name}: {size}" for name, size in sizes.items() if size > CLUSTER_LIMIT],
    )


def _owners(reader: Reader, known: dict[Xid, Xid]) -> Finding:
    """Every fragment and event belongs to an identity that can be looked up."""
    looked_at = 0
    bad: list[str] = []
    for owners in (fragments.owners, events.owners):
        ask = partial(_owners_behind, owners, reader)
        for xid in _pages(ask, str):
            looked_at += 1
            if xid not in known:
                bad.append(xid)
    return _finding("fragments and events have known owners", looked_at, bad)


def _owners_behind(owners: Callable[..., list[Xid]], reader: Reader, after: str) -> list[Xid]:
    return owners(reader, after=after, limit=PAGE_ROWS)


def _counts(reader: Reader, journal: Journal) -> Iterator[Finding]:
    """Every record of the journal, as far as it was read, ended in exactly one way."""
    done = progress(reader)
    accepted: Counter[str] = Counter()
    records = 0
    after = 0
    while after < done.position:
        chunks = journal.read(after, records_max=PAGE_ROWS)
        for chunk in chunks:
            if chunk.position <= done.position:
                records += len(chunk.records)
                accepted.update(record.dataset for record in chunk.records)
        after = chunks[-1].position if chunks else done.position
    ended: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for (dataset, outcome), number in outcomes.counts(reader).items():
        ended[dataset] += number
        if outcome is Outcome.FAILED:
            failed[dataset] += number
    yield _finding(
        "the offset counts the journal's records",
        records,
        [f"offset says {done.records}, journal has {records}"] if done.records != records else [],
    )
    yield _finding("every record ended once", records, _unequal(accepted, ended))
    kept = Counter(failed_records.counts(reader))
    yield _finding("failed records are kept", sum(kept.values()), _unequal(failed, kept))
    stored, within = events.count(reader, seq_max=done.records)
    yield _finding(
        "events come from the journal",
        stored,
        [f"{stored - within} events beyond the offset"] if stored != within else [],
    )


def _unequal(expected: Counter[str], stored: Counter[str]) -> list[str]:
    return [
        f"dataset {dataset}: {expected[dataset]} expected, {stored[dataset]} stored"
        for dataset in sorted(expected.keys() | stored.keys())
        if expected[dataset] != stored[dataset]
    ]


def _pages(ask: Callable[[str], list[T]], key: Callable[[T], str]) -> Iterator[T]:
    after = ""
    while page := ask(after):
        yield from page
        after = key(page[-1])


def _finding(check: str, looked_at: int, bad: list[str]) -> Finding:
    return Finding(check, looked_at, len(bad), bad[:EXAMPLES_MAX])
