"""Finding: by which names, that link nobody, an entity lets its owner be found.

Several people may have the same email or be of the same group; such a name leads to all of them.
Source: Intilery contract, 2.11, 11.1 and 13.7.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from onefold.domain.calls.namespaces import EMAIL, GROUP
from onefold.domain.identity.identity import Identity
from onefold.domain.identity.namespace import Namespace, NamespaceBook
from onefold.domain.identity.records import VALUE_MAX


def names_said(entity: dict[str, Any], book: NamespaceBook, lookup_only: Set[int]) -> set[Identity]:
    """The names in one entity of people: identities of namespaces that only find, emails wherever
    they stand (among identities, whose spelling the graph keeps, too), and the groups it is in.

    Emails are trimmed and in lower case, other values as they are. Values that no identity can have
    are passed over. lookup_only: ids of namespaces.
    """
    found: set[Identity] = set()
    for namespace, value in _said(entity, book, lookup_only):
        if namespace is None or not isinstance(value, str):
            continue
        if namespace.code == EMAIL:
            value = email_key(value)
        if 0 < len(value) <= VALUE_MAX and not value.isspace() and _is_text(value):
            found.add(Identity(namespace.id, value))
    return found


def name_of(identity: Identity, book: NamespaceBook) -> Identity | None:
    """The name that leads to an identity of the graph besides its own: of an e-mail address that
    its senders spelt in another way than it is found by. None when there is none."""
    namespace = book.by_key(EMAIL)
    if namespace is None or identity.namespace_id != namespace.id:
        return None
    value = email_key(identity.value)
    if value == identity.value or not 0 < len(value) <= VALUE_MAX:
        return None
    return Identity(namespace.id, value)


def email_key(email: str) -> str:
    """An email as it is found by: spaces around it and case do not matter."""
    return email.strip().lower()


def _said(
    entity: dict[str, Any], book: NamespaceBook, lookup_only: Set[int]
) -> Iterator[tuple[Namespace | None, Any]]:
    for key, items in _object(entity.get("identityMap")).items():
        namespace = book.by_key(key)
        if namespace is None or not isinstance(items, list):
            continue
        if namespace.id in lookup_only or namespace.code == EMAIL:
            for item in items:
                yield namespace, _object(item).get("id")
    ours = _object(entity.get("_onefold"))
    email = book.by_key(EMAIL)
    yield email, _object(ours.get("traits")).get("email")
    yield email, _object(entity.get("personalEmail")).get("address")
    group = book.by_key(GROUP)
    for value in _object(ours.get("groups")):
        yield group, value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_text(value: str) -> bool:
    """Whether it has no lone surrogates, which no identity can have."""
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
