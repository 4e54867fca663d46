"""The key of a customer in a path, `profiles/{idType}:{id}/{view}`, read as it was sent.

The view is what follows the last slash, the key all before it; the type ends at the first colon. So
an id may hold colons and slashes, encoded or not. Source: Intilery contract, 2.11 (D12).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from onefold.api.context import Request
from onefold.errors import Malformed
from onefold.lookup.customers import Key, KeyKind

ID_BYTES_MAX = 512
"""Of a decoded id."""

KINDS: Mapping[str, KeyKind] = {
    "userid": "userId",
    "id": "id",
    "email": "email",
    "anonymousid": "anonymousId",
}
"""The types of keys, in lower case: their case does not count."""

_PLACES_BEFORE = 7


def asked_key(request: Request, *, anonymous: bool) -> Key:
    """The key of a request for a view of a customer. anonymous: whether customers are found by
    anonymousId. Raises Malformed ASK-1002."""
    name, value = parted(request.path)
    kind = KINDS.get(name.lower())
    if kind is None or (kind == "anonymousId" and not anonymous):
        raise malformed("the id_types are userId, email and id")
    return Key(kind, value)


def parted(path: str) -> tuple[str, str]:
    """(type, id) of the key in a path as it was sent, the id decoded. path: of seven places, the
    key and a view. Raises Malformed ASK-1002."""
    raw = path.split("/", _PLACES_BEFORE)[-1].rpartition("/")[0]
    key = raw
    if "%" in raw or not raw.isascii():
        try:
            key = unquote_to_bytes(raw.encode("latin-1")).decode()
        except UnicodeDecodeError as bad:
            raise malformed("it is no UTF-8") from bad
    name, colon, value = key.partition(":")
    if not colon or not value.strip():
        raise malformed("both are needed")
    if len(value.encode()) > ID_BYTES_MAX:
        raise malformed(f"an id has at most {ID_BYTES_MAX} bytes")
    return name, value


def malformed(why: str) -> Malformed:
    """Source: Intilery contract, 2.11 and 4.13, for the words that it begins with."""
    return Malformed(
        "ASK-1002", f"ProfileID must be in format of id_type:id: {why}", at="profileKey"
    )
