"""Simulations of linking rules over what a sandbox holds, or over events that somebody thought of.

Nothing is changed and nothing is kept. Source: identity contract, 7.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter

from onefold.domain.graph.links import Sighting
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.graph.simulate import Outcome, Simulation, simulated
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.identity.namespace import GraphClass, NamespaceBook
from onefold.store.engine import Engine, Reader
from onefold.store.tables import identities, links

PAGE_ROWS = 20_000
"""Members that are read at a time, some 4 MB."""

_cluster_of = itemgetter(0)
_member_of = itemgetter(1, 2)


def of_store(engine: Engine, rules: LinkingRules, *, largest: int) -> Outcome:
    """What the rules would make of the graphs that exist, all of one state of the store.

    Memory: one page of members and one cluster, however large the graph is; nothing for a link.
    Cost: about 1 µs a member, and 0.2 ms for each cluster that would change.
    """
    simulation = Simulation(rules, largest=largest)
    with engine.reading() as reader:
        ask = partial(links.links_of, reader)
        for _, rows in groupby(_members(reader), key=_cluster_of):
            simulation.take([_member_of(row) for row in rows], ask)
        return simulation.outcome(links.count(reader))


def of_events(
    events: Sequence[tuple[int, Sequence[tuple[Xid, Identity]]]],
    book: NamespaceBook,
    *,
    now: LinkingRules | None,
    tried: LinkingRules,
    largest: int,
) -> Outcome:
    """What the rules would make of events on an empty graph.

    events: their times, in epoch ms, and identities. They are applied in the order given; those of
    namespaces that never enter graphs are passed over.
    """
    sightings = []
    namespaces: dict[Xid, int] = {}
    for at_ms, named in events:
        linkable = {
            xid: one.namespace_id
            for xid, one in named
            if _class_of(book, one.namespace_id) is not GraphClass.NONE
        }
        namespaces.update(linkable)
        sightings.append(Sighting(tuple(linkable), "", at_ms))
    return simulated(
        sightings, namespaces, partial(_class_of, book), now=now, tried=tried, largest=largest
    )


def _members(reader: Reader) -> Iterator[tuple[Xid, Xid, int]]:
    after = ("", "")
    while page := identities.every_namespace(reader, after=after, limit=PAGE_ROWS):
        yield from page
        after = page[-1][:2]


def _class_of(book: NamespaceBook, namespace_id: int) -> GraphClass:
    namespace = book.by_id(namespace_id)
    return namespace.graph_class if namespace is not None else GraphClass.NONE
