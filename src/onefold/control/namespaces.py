"""Namespaces: create, get, list, change. Source: identity contract, sections 2.1 and 8.1."""

from __future__ import annotations

import re

from msgspec.structs import replace

from onefold.domain.identity.namespace import STANDARD, Namespace, NamespaceBook
from onefold.effects import Clock
from onefold.errors import Conflict, Malformed, NotFound
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
_CODE = re.compile(r"[A-Za-z0-9_]{1,64}")  # clients make codes with underscores: 8.6


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
    Raises Malformed CTL-1008 for a code that has more than letters, digits and underscores, an
    empty name, an unknown id type or an id out of range; Conflict CTL-1006 when code (in any case)
    or id are taken.
    """
    if _CODE.fullmatch(code) is None:
        raise Malformed(
            "CTL-1008", "A namespace's code has letters, digits and underscores only", at="code"
        )
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


def update(
    engine: Engine,
    clock: Clock,
    *,
    org_id: str,
    id: int,
    code: str,
    name: str,
    id_type: str,
    description: str | None = None,
) -> Namespace:
    """Change name and description of a custom namespace; a description of None stays as it is.

    code, id_type: must be those of the namespace, the type in any case. Raises NotFound CTL-1007;
    Malformed CTL-1008 for another code or type, an empty name, or a standard namespace.
    """
    with change(engine) as transaction:
        namespace = got(transaction, org_id, id)
        if code != namespace.code or id_type.upper() != namespace.id_type.upper():
            raise Malformed("CTL-1008", "code and idType are non editable fields", at="code")
        if not name.strip():
            raise Malformed("CTL-1008", "A namespace needs a name", at="name")
        if not namespace.custom:
            raise Malformed("CTL-1008", "A standard namespace cannot be changed", at="id")
        changed = replace(
            namespace,
            name=name,
            description=namespace.description if description is None else description,
            updated_ms=clock.now_ms(),
        )
        namespaces.update(transaction, org_id, changed)
    return changed


def got(reader: Reader, org_id: str, id: int) -> Namespace:
    """The namespace of this id, standard or of the organisation. Raises NotFound CTL-1007."""
    for namespace in listed(reader, org_id):
        if namespace.id == id:
            return namespace
    raise NotFound("CTL-1007", f"No namespace has the id {id}", at="id")


def listed(reader: Reader, org_id: str) -> list[Namespace]:
    """All namespaces of the organisation, the standard ones first."""
    return [*STANDARD, *namespaces.of_organisation(reader, org_id)]
