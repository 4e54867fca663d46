"""Identities as callers name them: by XID, or by an id and the number or code of a namespace.

What is answered is named in the form that was asked in. Source: identity contract, 1 and 8.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from onefold.api.context import Request, Rooms
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import Namespace, NamespaceBook
from onefold.errors import Malformed
from onefold.store.tables.identities import Member
from onefold.wire import JSON

NAMED_MAX = 1000
"""Identities of one call. Source: identity contract, 8.3 and 8.5."""

Form = Literal["xid", "nsid", "ns", "namespace"]


class Named(msgspec.Struct, frozen=True):
    """One identity as it was asked for. namespace: number or code, as the form has it; empty for an
    XID, which `id` then holds."""

    form: Form
    id: str
    namespace: str = ""

    def json(self) -> JSON:
        """As it was asked for."""
        if self.form == "xid":
            return self.id
        number = _number(self.namespace) if self.form == "nsid" else None
        return {self.form: self.namespace if number is None else number, "id": self.id}


def composite(item: JSON) -> Named:
    """The identity of an object `{nsid|ns|namespace, id}`, whatever the case of its names; the code
    goes before the number.

    Raises Malformed PRO-1001 for a missing member, API-1003 for another form.
    """
    if not isinstance(item, dict):
        raise Malformed("API-1003", "A composite XID is an object of a namespace and an id")
    members = {name.lower(): value for name, value in item.items()}
    id_ = members.get("id")
    if id_ is None or id_ == "":
        raise _missing("id")
    form = next((f for f in _CODES_FIRST if members.get(f) not in (None, "")), None)
    if form is None:
        raise _missing("nsId")
    namespace = members[form]
    if isinstance(namespace, int) and not isinstance(namespace, bool) and form == "nsid":
        namespace = str(namespace)
    if not isinstance(id_, str) or not isinstance(namespace, str):
        raise Malformed("API-1003", "The members of a composite XID are texts", at="id")
    return Named(form, id_, namespace)


def named_list(items: Sequence[JSON] | None, *, as_xids: bool) -> list[Named]:
    """Every identity of a list. Raises Malformed PRO-1002 for more than NAMED_MAX, and as
    `composite` does."""
    found = items or ()
    if len(found) > NAMED_MAX:
        kind = f"of {NAMED_MAX} XIDs" if as_xids else f"for {NAMED_MAX} compositeXids"
        raise Malformed("PRO-1002", f"There is a limit {kind} in a single call")
    if not as_xids:
        return [composite(item) for item in found]
    if not all(isinstance(item, str) and item for item in found):
        raise Malformed("API-1003", "XIDs are texts", at="xids")
    return [Named("xid", item) for item in found]


def xid_of(named: Named, book: NamespaceBook) -> Xid | None:
    """The XID; None when the namespace is unknown or the id or XID is none that can be."""
    try:
        if named.form == "xid":
            identity = xids.decode(named.id)
            known = book.by_id(identity.namespace_id) is not None
            return xids.encode(identity.namespace_id, identity.value) if known else None
        namespace = _namespace(named, book)
        return xids.encode(namespace.id, named.id) if namespace is not None else None
    except Malformed:
        return None


def in_form(member: Member, form: Form, book: NamespaceBook) -> JSON:
    """An identity of the graph, in the form of the one that was asked for."""
    if form == "xid":
        return member.xid
    if form == "nsid":
        return {"nsid": member.namespace_id, "id": member.value}
    namespace = book.by_id(member.namespace_id)
    code = namespace.code if namespace is not None else str(member.namespace_id)
    return {form: code, "id": member.value}


def book_of(request: Request, rooms: Rooms) -> NamespaceBook:
    """The namespaces that the caller can name."""
    assert request.caller is not None
    caller = request.caller
    return rooms.definitions.snapshot(caller.sandbox.id, caller.generation).namespaces


def _missing(name: str) -> Malformed:
    return Malformed("PRO-1001", f"Missing required query parameter - {name}", at=name)


_CODES_FIRST: tuple[Form, ...] = ("ns", "namespace", "nsid")


def _namespace(named: Named, book: NamespaceBook) -> Namespace | None:
    text = named.namespace
    if named.form != "nsid":
        return book.by_code(text)
    number = _number(text)
    return book.by_id(number) if number is not None else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None
