"""Namespaces: the kinds of names that a person can have, and the standard ones.

Source: identity contract, section 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum

import msgspec


class GraphClass(IntEnum):
    """How a namespace takes part in the graph; the numbers are the order of deletion when full."""

    NONE = 0
    COOKIE = 1
    DEVICE = 2
    PERSON = 3


_GRAPH_CLASS = {
    "COOKIE": GraphClass.COOKIE,
    "DEVICE": GraphClass.DEVICE,
    "CROSS_DEVICE": GraphClass.PERSON,
    "EMAIL": GraphClass.PERSON,
    "PHONE": GraphClass.PERSON,
    "PHONE_NUMBER": GraphClass.PERSON,
    "MOBILE": GraphClass.PERSON,
    "NON_PEOPLE": GraphClass.NONE,
    "PARTNER": GraphClass.NONE,
}

ECID_ID = 4
AAID_ID = 10
"""Adobe Analytics' legacy id: never stitched (blocked by default since 2023)."""


class Namespace(msgspec.Struct, frozen=True, gc=False):
    """One kind of name. `id_type` is echoed as it was sent and compared without regard to case."""

    id: int
    code: str
    name: str
    id_type: str
    custom: bool = False
    description: str = ""
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def graph_class(self) -> GraphClass:
        """What part identities of this namespace take in the graph. B2B types take none."""
        if self.id == AAID_ID:
            return GraphClass.NONE
        return _GRAPH_CLASS.get(self.id_type.upper(), GraphClass.NONE)


class NamespaceBook:
    """All namespaces of one organisation, immutable, found by id or by code."""

    def __init__(self, namespaces: Iterable[Namespace]) -> None:
        self._by_id = {namespace.id: namespace for namespace in namespaces}
        self._by_code = {namespace.code: namespace for namespace in self._by_id.values()}
        self._by_folded = {n.code.casefold(): n for n in reversed(list(self._by_id.values()))}

    def __iter__(self) -> Iterator[Namespace]:
        return iter(self._by_id.values())

    def by_id(self, namespace_id: int) -> Namespace | None:
        return self._by_id.get(namespace_id)

    def by_key(self, key: str) -> Namespace | None:
        """The namespace of an identityMap key or a descriptor: exact code, or the id in digits."""
        found = self._by_code.get(key)
        if found is None and key.isascii() and key.isdigit() and len(key) < 10:
            return self._by_id.get(int(key))
        return found

    def meant_by(self, key: str) -> frozenset[int]:
        """The ids of the namespaces that a key of any identityMap may mean: one that was sent, or
        one of a merged profile, where codes are in lower case."""
        exact = self.by_key(key)
        if exact is not None:
            return frozenset((exact.id,))
        return frozenset(n.id for n in self._by_id.values() if n.code.lower() == key)

    def by_code(self, code: str) -> Namespace | None:
        """The namespace of a lookup: exact code first, then without regard to case."""
        return self._by_code.get(code) or self._by_folded.get(code.casefold())


STANDARD = tuple(
    Namespace(id=id_, code=code, name=name, id_type=id_type)
    for id_, code, id_type, name in (
        (0, "CORE", "COOKIE", "CORE"),
        (4, "ECID", "COOKIE", "ECID"),
        (6, "Email", "Email", "Email"),
        (7, "Phone", "PHONE_NUMBER", "Phone"),
        (8, "WAID", "DEVICE", "Windows AID"),
        (9, "TNTID", "COOKIE", "TNTID"),
        (10, "AAID", "COOKIE", "AAID"),
        (11, "Email_LC_SHA256", "Email", "Emails (SHA256, lowercased)"),
        (13, "AAMSegments", "NON_PEOPLE", "Audience Manager segments"),
        (14, "AAMTraits", "NON_PEOPLE", "Audience Manager traits"),
        (15, "Phone_SHA256", "Phone", "Phone (SHA256)"),
        (16, "AEPSegments", "NON_PEOPLE", "Platform segments"),
        (17, "Phone_E.164", "Phone", "Phone (E.164)"),
        (18, "Phone_SHA256_E.164", "Phone", "Phone (SHA256_E.164)"),
        (411, "AdCloud", "COOKIE", "AdCloud"),
        (20914, "GAID", "DEVICE", "Google Ad ID (GAID)"),
        (20915, "IDFA", "DEVICE", "Apple IDFA (ID for Advertisers)"),
        (20919, "FCM", "DEVICE", "Firebase Cloud Messaging"),
        (20920, "APNS", "DEVICE", "Apple Push Notification service"),
    )
)
"""The standard namespaces, preloaded in every organisation. Source: identity contract, 2.2."""
