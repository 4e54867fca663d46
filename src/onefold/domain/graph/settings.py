"""Identity settings: which namespaces come first, and which may stand only once in a graph.

Settings are what an operator saves for a sandbox; linking rules are what follows from them and from
the namespaces that exist now. Without settings there are no rules, and a graph is whatever is
connected. Source: identity contract, 7.1 and 7.2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from onefold.domain.identity.identity import Identity
from onefold.domain.identity.namespace import GraphClass, Namespace, NamespaceBook
from onefold.errors import Malformed

UNIQUE_MAX = 3
"""Namespaces that may be unique per graph. Source: identity contract, 7.1."""
CLUSTER_LIMIT = 50
"""Most identities of one cluster. Source: identity contract, section 6, "Size limit 50"."""
ACCOUNT_CLUSTER_LIMIT = 1000
"""The same where calls come in. Source: Intilery contract, 11.12."""


class IdentitySettings(msgspec.Struct, frozen=True):
    """What was saved. priority: ids of namespaces, the highest first. unique: those of them of
    which a graph has one value at most. lookup_only: those of them that find somebody and link
    nobody, since several people may have the same value."""

    priority: tuple[int, ...]
    unique: tuple[int, ...] = ()
    lookup_only: tuple[int, ...] = ()


class LinkingRules(msgspec.Struct, frozen=True):
    """Settings, ready to be used.

    ranks: of every namespace that enters graphs, by its id; 1 is the highest. unique: ids of the
    namespaces that are unique per graph. lookup_only: ids of those whose identities enter a graph
    only where they are the primary identity of a record. names_primary: events are kept under their
    highest identity; else under the one that their sender marked. hands_over: when an identity goes
    from one person to another, what it brought before stays with the first. mergeable: those of the
    unique namespaces of which two values count as one where a record links them with each other:
    records that name two by chance are refused, so only one that means it does. limit: most
    identities of one cluster.
    """

    ranks: Mapping[int, int]
    unique: frozenset[int]
    lookup_only: frozenset[int] = frozenset()
    names_primary: bool = True
    hands_over: bool = False
    mergeable: frozenset[int] = frozenset()
    limit: int = CLUSTER_LIMIT

    def rank(self, namespace_id: int) -> int:
        """The rank of a namespace; behind all others for one that does not enter graphs."""
        return self.ranks.get(namespace_id, len(self.ranks) + 1)

    def owning(self, identities: Collection[Identity]) -> Collection[Identity]:
        """Those of the identities of one record whose the record is. Where identities are handed
        over, a record that names persons by their own names, of unique namespaces, is theirs
        alone, whoever else uses the device that it names, too; any other is of all that it names.

        Source: Intilery contract, 11.2.
        """
        if not self.hands_over:
            return identities
        return [one for one in identities if one.namespace_id in self.unique] or identities

    def doubled(self, identities: Iterable[Identity]) -> int | None:
        """The id of a unique namespace of which one record names two values; None if there is none.

        Source: identity contract, 7.2, "Graph".
        """
        seen: dict[int, str] = {}
        for identity in identities:
            namespace_id, value = identity.namespace_id, identity.value
            if namespace_id in self.unique and seen.setdefault(namespace_id, value) != value:
                return namespace_id
        return None

    def several(self, primary: Identity, identities: Iterable[Identity]) -> bool:
        """Whether an event, whose primary identity is of the highest namespace that it names, names
        another identity of that namespace. Never where senders say which one is primary.

        Source: identity contract, 7.2, "Profile".
        """
        return (
            self.names_primary
            and primary.namespace_id in self.ranks
            and any(
                one.namespace_id == primary.namespace_id and one != primary for one in identities
            )
        )


def checked(
    named: Sequence[tuple[str, bool]], book: NamespaceBook, lookup_only: Collection[str] = ()
) -> IdentitySettings:
    """Settings as an operator writes them: codes of namespaces, the highest first, and whether each
    is unique per graph. lookup_only: those of the codes that find somebody and link nobody; they
    rank behind all others, wherever they stand.

    Namespaces that are left out rank as `ordered` says. Raises Malformed CTL-1008, whose `at` names
    the place: nothing at all; an unknown namespace; one twice; one that never enters graphs; one of
    people behind one of devices or cookies; a unique one that is not of people, or that links
    nobody; more than UNIQUE_MAX unique ones. Source: identity contract, 7.1.
    """
    if not named:
        raise Malformed("CTL-1008", "Settings name one namespace at least", at="/namespaces")
    priority: list[int] = []
    unique: list[int] = []
    finding: list[int] = []
    last: Namespace | None = None
    for place, (code, is_unique) in enumerate(named):
        at = f"/namespaces/{place}"
        namespace = book.by_code(code)
        if namespace is None:
            raise Malformed("CTL-1008", f"No namespace has the code {code[:64]}", at=f"{at}/code")
        finds = code in lookup_only
        _check(namespace, is_unique, None if finds else last, at)
        if finds and is_unique:
            raise Malformed(
                "CTL-1008",
                f"{namespace.code} links nobody and cannot be unique per graph",
                at=f"{at}/lookupOnly",
            )
        if namespace.id in priority:
            raise Malformed("CTL-1008", f"{namespace.code} is named twice", at=f"{at}/code")
        priority.append(namespace.id)
        if is_unique:
            unique.append(namespace.id)
        if len(unique) > UNIQUE_MAX:
            raise Malformed(
                "CTL-1008",
                f"At most {UNIQUE_MAX} namespaces are unique per graph",
                at=f"{at}/uniquePerGraph",
            )
        if finds:
            finding.append(namespace.id)
        else:
            last = namespace
    return IdentitySettings(tuple(priority), tuple(unique), tuple(finding))


def ordered(settings: IdentitySettings, book: NamespaceBook) -> list[Namespace]:
    """Every namespace that enters graphs, the highest priority first.

    Namespaces of people stand before those of devices and cookies, and those that only find
    somebody behind all others: nothing is kept under them that has another name. Within either kind
    come first those that the settings name, then the others by id, so a new custom namespace ranks
    lowest of its kind. Source: identity contract, 7.1.
    """
    places = {id_: place for place, id_ in enumerate(settings.priority)}
    entering = [namespace for namespace in book if namespace.graph_class is not GraphClass.NONE]
    return sorted(
        entering,
        key=lambda n: (
            n.id in settings.lookup_only,
            not _of_people(n),
            places.get(n.id, len(places)),
            n.id,
        ),
    )


def rules_of(settings: IdentitySettings, book: NamespaceBook) -> LinkingRules:
    """What the settings mean for the namespaces that exist now."""
    ranks = {namespace.id: rank for rank, namespace in enumerate(ordered(settings, book), 1)}
    return LinkingRules(ranks, frozenset(settings.unique), frozenset(settings.lookup_only))


def _check(namespace: Namespace, is_unique: bool, last: Namespace | None, at: str) -> None:
    """One namespace of the settings, behind the one before it."""
    if namespace.graph_class is GraphClass.NONE:
        raise Malformed("CTL-1008", f"{namespace.code} never enters graphs", at=f"{at}/code")
    if is_unique and not _of_people(namespace):
        raise Malformed(
            "CTL-1008",
            f"{namespace.code} is of devices or cookies and cannot be unique per graph",
            at=f"{at}/uniquePerGraph",
        )
    if last is not None and _of_people(namespace) and not _of_people(last):
        raise Malformed(
            "CTL-1008",
            f"{namespace.code} is of people and has to stand before {last.code}",
            at=f"{at}/code",
        )


def _of_people(namespace: Namespace) -> bool:
    return namespace.graph_class is GraphClass.PERSON
