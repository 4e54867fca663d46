"""What every door for Segment's libraries does: find out whose write key each message has, and have
the calls accepted. What is wrong with a single call is never answered, since libraries throw away
what they are refused: it becomes a failed record.

Source: Intilery contract, 12 and 13.1 to 13.3.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from onefold.api import keys
from onefold.api.context import Holder, Request, Response, Rooms
from onefold.api.declared import TRUTH, Answer, record
from onefold.api.intilery.write import PLACED, placed
from onefold.domain.calls.batch import Batch, batch_of, head_of
from onefold.domain.calls.call import Call, Door
from onefold.domain.calls.message import MESSAGE_BYTES_MAX, mended
from onefold.errors import Malformed, OverLimit
from onefold.inlet.calls import Sent
from onefold.store.tables.api_keys import ApiKey, Grant
from onefold.wire import decode_json

BATCH_BYTES_MAX = 512_000
"""Of a batch at `/v1`, decoded. Source: Intilery contract, 13.2."""

TAKEN = Answer("The calls are on disk.", record(success=TRUTH), headers=PLACED)
FAILS = "API-1003 AUT-1008 CAL-2001 INL-1017"

_SUCCESS = b'{"success":true}'


class Item(NamedTuple):
    """One message as it came, and the write key that counts for it; empty for none."""

    message: msgspec.Raw
    write_key: str


def one(request: Request, rooms: Rooms, door: Door, kind: str) -> Response:
    """Accept a body that is one message. kind: of the call, unless the message says another."""
    body = _object(request, rooms)
    head = head_of(body)
    item = Item(msgspec.Raw(body), head.write_key or keys.basic_user(request.headers))
    return _accepted(request, rooms, [item], Batch([], write_key=item.write_key), door, kind)


def many(request: Request, rooms: Rooms, door: Door) -> Response:
    """Accept a body that is a batch of messages, which may be of several accounts."""
    try:
        batch = batch_of(request.body)
    except Malformed as bad:
        if bad.code == "API-1003":  # as of one message
            keys.stranger(request.address, rooms)
        raise
    default = batch.write_key or keys.basic_user(request.headers)
    items = [Item(message, head_of(message).write_key or default) for message in batch.items]
    return _accepted(request, rooms, items, replace(batch, write_key=default), door, "")


def discarded(request: Request, rooms: Rooms) -> Response:
    """Take a body and keep nothing of it. It has no key, so the client's address is what counts."""
    _object(request, rooms)
    keys.stranger(request.address, rooms)
    return Response(200, _SUCCESS)


def refuse_large(request: Request, bytes_max: int, code: str) -> None:
    """Raise OverLimit with this code for a body beyond what the route takes."""
    if len(request.body) > bytes_max:
        raise OverLimit(code, f"The body has more than {bytes_max} bytes")


def refuse_large_message(request: Request) -> None:
    """Raises OverLimit CAL-1009."""
    refuse_large(request, MESSAGE_BYTES_MAX, "CAL-1009")


def holder_of(write_key: str, rooms: Rooms) -> Holder | None:
    """Who sends with a write key; None when it is nobody's. Raises Unavailable API-9002."""
    found = keys.of_write_key(write_key, rooms)
    if found is None and rooms.settings.derived_write_keys:
        return _derived(write_key, rooms)
    return found


def _accepted(
    request: Request, rooms: Rooms, items: Sequence[Item], batch: Batch, door: Door, kind: str
) -> Response:
    """Accept the messages whose keys are good; the others are counted. Only when none is good, the
    request is refused, since a phone would throw away those of other keys, too. A batch of no
    messages goes by the key that would count for one without."""
    named = {item.write_key for item in items} or {batch.write_key}
    holders = {key: holder_of(key, rooms) if key else None for key in named}
    good = {key: holder for key, holder in holders.items() if holder is not None}
    if not good:
        refused = keys.stranger(request.address, rooms, "KEY-1001", "The write key is not valid")
        if rooms.settings.lenient_write_keys:
            return Response(200, _SUCCESS)
        raise refused
    for holder in good.values():
        keys.admitted(holder, rooms, "client")
    sent = [
        Sent(
            whose.sandbox.id,
            Call(
                door,
                whose.brand,
                "",
                item.message,
                kind,
                batch.sent_at,
                batch.context,
                request.address,
                integrations=batch.integrations,
            ),
        )
        for item in items
        if (whose := good.get(item.write_key)) is not None
    ]
    rooms.metrics.refused(len(items) - len(sent))
    positions = rooms.calls.accept(rooms.calls.judged(sent), body_bytes=len(request.body))
    return Response(200, _SUCCESS, placed(positions.values()))


def _object(request: Request, rooms: Rooms) -> bytes:
    """The body, when it is a JSON object, with halves of characters put right (`message.mended`). A
    body that is none has no key: it is taken from what the client's address may ask in vain. Raises
    Malformed API-1003, OverLimit KEY-1004."""
    body, value = request.body, None
    try:
        try:
            value = decode_json(body)
        except ValueError:
            body = mended(body)
            value = decode_json(body)
    except (ValueError, RecursionError) as bad:
        keys.stranger(request.address, rooms)
        raise Malformed("API-1003", "The body is not well-formed JSON") from bad
    if not isinstance(value, dict):
        keys.stranger(request.address, rooms)
        raise Malformed("API-1003", "The body is not a JSON object")
    return body


def _derived(write_key: str, rooms: Rooms) -> Holder | None:
    """Who sends with a key that is made of the tenant's names. Source: Intilery contract, 12.3."""
    try:
        names = base64.b64decode(write_key, validate=True).decode().split(":")
    except (binascii.Error, ValueError):
        return None
    if len(names) != 3:
        return None
    client, account, brand = names[0].lower(), names[1].lower(), names[2].upper()
    installation = rooms.definitions.installation()
    org_id = installation.clients.get(client)
    sandbox = installation.sandboxes_by_name.get((org_id or "", account))
    if sandbox is None or not brand or installation.accounts.get((client, account)) != sandbox.id:
        return None
    key = ApiKey(
        org_id=sandbox.org_id,
        key_id="derived",
        client=client,
        name="",
        grants=(Grant(account, brand, frozenset(("write",))),),
        token_hash=b"",
        created_ms=0,
    )
    generation = installation.generation
    return Holder(generation, key, sandbox, client, account, brand, frozenset())
