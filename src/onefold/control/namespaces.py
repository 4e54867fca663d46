"""Namespaces: create and list. Source: identity contract, sections 2.1 and 8.1."""

from __future__ import annotations

import re

from onefold.domain.identity.namespace import STANDARD, Namespace, NamespaceBook
from onefold.effects import Clock
from onefold.errors import Conflict, Malformed
from onefold.store.engine import Engine, Reader
from onefold.store.tables import namespaces
from onefold.store.tables.generation import change

ID_TYPES = frozenset(
    (
        "COOKIE",
        "CROSS_DEVICE",
        "DEVICE",
        "EMAIL",
        "MOBILE",
        "NON_PEOPLE",
        "PARTNER",
        "PHONE",
        "PHONE_NUMBER",
        "B2B_ACCOUNT",
        "B2B_ACCOUNT_PERSON",
        "B2B_CAMPAIGN",
        "B2B_CAMPAIGN_MEMBER",
        "B2B_MARKETING_LIST",
        "B2B_MARKETING_LIST_MEMBER",
        "B2B_OPPORTUNITY",
        "B2B_OPPORTUNITY_PERSON",
    )
)
"""Kinds of namespaces, compared without regard to case."""
FIRST_ID = 10_000_000
LAST_ID = 2**31 - 1
_CODE = re.compile(r"[A-Za-z0-9]{1,64}")


def create(
    engine: Engine,
    clock: Clock,
    *,
    org_id: str,
    code: str,
    name: str,
    id_type: str,
    description: str = "",
    id: int | None = None,
) -> Namespace:
    """Make a custom namespace of an organisation.

    id: the next free one from 10,000,000 when not given; what is given must be free.
    Raises Malformed CTL-1008 for a code that is not letters and digits, an empty name, an unknown
    id type or an id out of range; Conflict CTL-1006 when code (in any case) or id are taken.
    """
    if _CODE.fullmatch(code) is None:
        raise Malformed("CTL-1008", "A namespace's code has letters and digits only", at="code")
    if not name.strip():
        raise Malformed("CTL-1008", "A namespace needs a name", at="name")
    if id_type.upper() not in ID_TYPES:
        raise Malformed("CTL-1008", "The idType is unknown", at="idType")
    if id is not None and not 0 < id <= LAST_ID:
        raise Malformed("CTL-1008", "The id is out of range", at="id")
    now_ms = clock.now_ms()
    with change(engine) as transaction:
        own = namespaces.of_organisation(transaction, org_id)
        book = NamespaceBook((*STANDARD, *own))
        if book.by_code(code) is not None:
            raise Conflict("CTL-1006", f"A namespace {code} exists", at="code")
        if id is not None and book.by_id(id) is not None:
            raise Conflict("CTL-1006", f"A namespace with the id {id} exists", at="id")
        namespace = Namespace(
            id=max((FIRST_ID - 1, *(n.id for n in own))) + 1 if id is None else id,
            code=code,
            name=name,
            id_type=id_type,
            custom=True,
            description=description,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        namespaces.insert(transaction, org_id, namespace)
    return namespace


def listed(reader: Reader, org_id: str) -> list[Namespace]:
    """All namespaces of the organisation, the standard ones first."""
    return [*STANDARD, *namespaces.of_organisation(reader, org_id)]
