"""Records: which identities a record names, which of them is primary, and which may be linked.

A record names identities in its `identityMap` and in the fields that identity descriptors mark.
Source: identity contract, section 4, and section 6, rule 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import Any

import msgspec

from onefold.domain.identity.identity import Identity
from onefold.domain.identity.namespace import ECID_ID, GraphClass, Namespace, NamespaceBook
from onefold.errors import Malformed, Rejected

MAPPED_MAX = 1000
"""Items of one identityMap that are looked at."""
LINKED_MIN = 2
LINKED_MAX = 20
"""A record with more identities than this links none of them."""
VALUE_MAX = 1024
"""Longest identity value, in characters."""

_MEANINGLESS = frozenset(("", "null", "anonymous", "invalid"))


class DescriptorPath(msgspec.Struct, frozen=True, gc=False):
    """A field that an identity descriptor marks, as a path from the root of the entity."""

    path: tuple[str, ...]
    namespace_id: int
    is_primary: bool


class Skip(msgspec.Struct, frozen=True, gc=False):
    """An identity that was passed over: its namespace's code and why. Never its value."""

    namespace: str
    reason: str


class Extracted(msgspec.Struct, frozen=True, gc=False):
    """What one record says of identities.

    identities: all that are usable, the primary one first, then the map's and the fields' in order
    of appearance, each once. linkable: those of them that take part in the graph, if the record may
    link at all (2 to 20 of them), else empty.
    """

    primary: Identity
    identities: tuple[Identity, ...]
    linkable: tuple[Identity, ...]
    skipped: tuple[Skip, ...]


def alone(found: Extracted) -> Extracted:
    """The primary identity without the others: it links with nothing."""
    return Extracted(found.primary, (found.primary,), (), found.skipped)


def without(found: Extracted, leaving: Set[int], book: NamespaceBook) -> Extracted:
    """The identities without those of some namespaces, by id, which find somebody and never enter a
    graph; the primary one stays, whatever it is. Source: Intilery contract, 11.1."""
    kept = tuple(
        [one for one in found.identities if one.namespace_id not in leaving or one == found.primary]
    )
    if len(kept) == len(found.identities):
        return found
    classes: dict[Identity, GraphClass] = {}
    for one in kept:
        namespace = book.by_id(one.namespace_id)
        classes[one] = namespace.graph_class if namespace is not None else GraphClass.NONE
    return Extracted(found.primary, kept, _linkable(classes), found.skipped)


def named_in(
    entity: Any, book: NamespaceBook, descriptors: Iterable[DescriptorPath]
) -> Iterator[Identity]:
    """Every identity that an entity of any form names, usable or not: for finding records, where
    one too many does less harm than one too few."""
    mapped = entity.get("identityMap") if isinstance(entity, dict) else None
    for key, items in mapped.items() if isinstance(mapped, dict) else ():
        meant = book.meant_by(key)
        for item in items if isinstance(items, list) else ():
            value = item.get("id") if isinstance(item, dict) else None
            if isinstance(value, str):
                yield from (Identity(namespace_id, value) for namespace_id in meant)
    for descriptor in descriptors:
        value = entity
        for step in descriptor.path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str):
            yield Identity(descriptor.namespace_id, value)


class _Named(msgspec.Struct, gc=False):
    """One identity as the record names it, usable (no fault) or not."""

    identity: Identity
    namespace: Namespace
    primary: bool
    fault: str


def extracted(
    entity: dict[str, Any],
    book: NamespaceBook,
    descriptors: Sequence[DescriptorPath],
    ranks: Mapping[int, int] | None = None,
) -> Extracted:
    """Answer which identities a record names.

    entity: decoded JSON, of which only the identityMap and the marked fields are read; null counts
    as absent. descriptors: of the record's schema. The primary identity is the field that a
    descriptor marks primary, if there is one (the map's flags then mean nothing); else the item
    flagged primary; else the map's only usable identity. Values are compared exactly.

    ranks: of namespaces, by id, 1 the highest; of events in a sandbox with linking rules, where the
    primary identity is the first usable one of the highest rank, whatever flags and descriptors
    say. Where no usable identity has a rank, it is found as above.

    An ECID has 38 digits; any other value has 1 to 1024 characters and is not blank, `null`,
    `anonymous` or `invalid` in any case. Others are skipped, and so are items beyond the 1000th.

    Raises, the first in order of reading for the first two: Malformed REC-1001 for an identityMap
    or marked field of wrong shape; Rejected REC-1003 for an unknown namespace; then REC-1002 when
    no primary identity is named, or several are; REC-1009 when the primary one is not usable.
    Cost: about 1.5 µs an identity. Source: identity contract, sections 4 and 7.4.
    """
    skipped: list[Skip] = []
    mapped = _mapped(entity.get("identityMap"), book, skipped)
    marked = list(_marked(entity, book, descriptors))
    primary = _highest([*mapped, *marked], ranks) if ranks else None
    if primary is None:
        primary = _primary(mapped, marked, descriptors)
    if primary.fault:
        raise Rejected(
            "REC-1009", f"The primary identity ({primary.namespace.code}) {primary.fault}."
        )
    classes = {primary.identity: primary.namespace.graph_class}
    for named in chain(mapped, marked):
        if named.fault:
            skipped.append(Skip(named.namespace.code, named.fault))
        elif named.identity not in classes:
            classes[named.identity] = named.namespace.graph_class
    return Extracted(primary.identity, tuple(classes), _linkable(classes), tuple(skipped))


def _linkable(classes: dict[Identity, GraphClass]) -> tuple[Identity, ...]:
    linkable = tuple([one for one in classes if classes[one] is not GraphClass.NONE])
    return linkable if LINKED_MIN <= len(linkable) <= LINKED_MAX else ()


def _mapped(identity_map: Any, book: NamespaceBook, skipped: list[Skip]) -> list[_Named]:
    """The identities of the identityMap."""
    named: list[_Named] = []
    if identity_map is None:
        return named
    if not isinstance(identity_map, dict):
        raise Malformed("REC-1001", "identityMap is not an object.", at="/identityMap")
    for key, items in identity_map.items():
        if items is None:
            continue
        if not isinstance(items, list):
            raise _malformed(key, "is not an array")
        if not items:
            continue
        namespace = book.by_key(key)
        if namespace is None:
            raise Rejected("REC-1003", at=_pointer("identityMap", key))
        for item in items:
            if len(named) == MAPPED_MAX:
                skipped.append(Skip(namespace.code, f"stands beyond the {MAPPED_MAX}th identity"))
                return named
            named.append(_item(key, item, namespace))
    return named


def _item(key: str, item: Any, namespace: Namespace) -> _Named:
    if not isinstance(item, dict):
        raise _malformed(key, "holds something that is not an object")
    value = item.get("id")
    if not isinstance(value, str):
        raise _malformed(key, "holds an item whose id is not a string")
    primary = item.get("primary")
    if primary is not None and not isinstance(primary, bool):
        raise _malformed(key, "holds an item whose primary is not a boolean")
    return _Named(
        Identity(namespace.id, value), namespace, primary is True, _fault(namespace, value)
    )


def _marked(
    entity: dict[str, Any], book: NamespaceBook, descriptors: Sequence[DescriptorPath]
) -> Iterator[_Named]:
    """The identities in the fields that descriptors mark."""
    for descriptor in descriptors:
        value = _at(entity, descriptor.path)
        if value is None:
            continue
        if not isinstance(value, str):
            at = _pointer(*descriptor.path)
            raise Malformed("REC-1001", "An identity field is not a string.", at=at)
        namespace = book.by_id(descriptor.namespace_id)
        if namespace is None:
            raise Rejected("REC-1003", at=_pointer(*descriptor.path))
        identity = Identity(namespace.id, value)
        yield _Named(identity, namespace, descriptor.is_primary, _fault(namespace, value))


def _at(entity: dict[str, Any], path: tuple[str, ...]) -> Any:
    """What stands at a path; None if nothing does."""
    value: Any = entity
    for step in path:
        if not isinstance(value, dict):
            if value is not None:
                raise Malformed("REC-1001", "A field is not an object.", at=_pointer(*path))
            return None
        value = value.get(step)
    return value


def _primary(
    mapped: list[_Named], marked: list[_Named], descriptors: Sequence[DescriptorPath]
) -> _Named:
    """The one identity under which the record is kept, usable or not."""
    for descriptor in descriptors:
        if descriptor.is_primary:
            for named in marked:
                if named.primary:
                    return named
            raise Rejected(
                "REC-1002", "The primary identity field is empty.", at=_pointer(*descriptor.path)
            )
    flagged = {named.identity: named for named in mapped if named.primary}
    if len(flagged) > 1:
        raise Rejected("REC-1002", "Several identities are flagged as primary.", at="/identityMap")
    for named in flagged.values():
        return named
    usable = {named.identity: named for named in mapped if not named.fault}
    if len(usable) > 1:
        raise Rejected(
            "REC-1002", "Several identities, and none is flagged as primary.", at="/identityMap"
        )
    for named in chain(usable.values(), mapped):
        return named
    raise Rejected("REC-1002")


def _highest(named: list[_Named], ranks: Mapping[int, int]) -> _Named | None:
    """The first usable identity of the highest namespace; None if no usable one has a rank."""
    ranked = [one for one in named if not one.fault and one.namespace.id in ranks]
    return min(ranked, key=lambda one: ranks[one.namespace.id], default=None)


def _fault(namespace: Namespace, value: str) -> str:
    """Why an identity's value is not usable; empty if it is."""
    if namespace.id == ECID_ID:
        usable = len(value) == 38 and value.isascii() and value.isdigit()
        return "" if usable else "is not 38 digits"
    if len(value) > VALUE_MAX:
        return f"is longer than {VALUE_MAX} characters"
    if value.strip().lower() in _MEANINGLESS:
        return "is blank or a placeholder"
    return ""


def _malformed(key: str, what: str) -> Malformed:
    return Malformed("REC-1001", f"A namespace {what}.", at=_pointer("identityMap", key))


def _pointer(*steps: str) -> str:
    """JSON pointer; long steps are cut, since a sender may put anything into a key."""
    return "".join("/" + step[:64].replace("~", "~0").replace("/", "~1") for step in steps)
