"""The gates of the doors for calls and customers: whose API key it is, what it may do where, and
how often. Handlers of doors where the key stands in the body ask here themselves.

The order of the checks is part of the contract: key, tenant, rate; nothing else is looked at before
them. Source: Intilery contract, sections 3 and 4, 13.1, 14.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qsl

from onefold.api.context import Holder, Rooms
from onefold.control import accounts, keys
from onefold.domain.sandbox import Sandbox
from onefold.errors import Forbidden, OverLimit, Unavailable
from onefold.store.snapshot import Installation
from onefold.store.tables.api_keys import ApiKey

Gate = Literal["key-read", "key-write", "space"]
GATES: frozenset[str] = frozenset(("key-read", "key-write", "space"))

Doors = Literal["server", "client"]
"""Doors with a rate of their own: those of the tenants' paths and of the Segment Profile API; and
those for Segment's libraries, which send without being asked."""

_IN_URL = frozenset(("auth-token", "auth_token", "authtoken"))
_NO_BRAND: frozenset[str] = frozenset()
_NETWORK_BITS = 64
"""Of an IPv6 address, the part that one client cannot choose freely."""


def holder(
    gate: Gate,
    headers: Mapping[str, str],
    places: Mapping[str, str],
    query: str,
    address: str,
    rooms: Rooms,
) -> Holder:
    """Who calls at a gate. places: of the path, decoded. query: of the URL, as sent.

    Raises, the first in this order: KEY-1001, at `key-write` KEY-1002, no valid key; KEY-1003 one
    that may not do that there, be it that there is no such place; KEY-1004 too many requests.
    """
    act: Literal["read", "write"] = "write" if gate == "key-write" else "read"
    installation = rooms.definitions.installation()
    token = basic_user(headers) if gate == "space" else headers.get("auth-token", "").strip()
    key = keys.holder_of_token(installation, token, rooms.clock.now_ms()) if token else None
    if key is None or _is_in_url(query):
        raise stranger(address, rooms, "KEY-1002" if gate == "key-write" else "KEY-1001")
    client = places["client"].lower() if "client" in places else key.client
    account = places["space" if gate == "space" else "account"].lower()
    brand = places.get("brand", account).upper()
    brands = key.brands(client, account)
    # A space has all brands of the account; of a key for some of them, it shows those.
    may = brands != _NO_BRAND if gate == "space" else act in key.grant(client, account, brand)
    sandbox = _sandbox(installation, key, account) if client == key.client else None
    if sandbox is None or not may or not accounts.is_brand(brand):
        raise stranger(address, rooms, "KEY-1003")
    found = Holder(installation.generation, key, sandbox, client, account, brand, brands)
    admitted(found, rooms)
    return _active(found)


def of_write_key(write_key: str, rooms: Rooms) -> Holder | None:
    """Who sends with a write key, which is of one account and brand; None when it is not valid.
    Nothing was drawn from a bucket: see `admitted` and `stranger`. Raises Unavailable API-9002."""
    installation = rooms.definitions.installation()
    key = keys.holder_of_write_key(installation, write_key, rooms.clock.now_ms())
    target = key.target() if key is not None else None
    if key is None or target is None:
        return None
    account, brand = target
    sandbox = _sandbox(installation, key, account)
    if sandbox is None:
        return None
    generation, client = installation.generation, key.client
    return _active(Holder(generation, key, sandbox, client, account, brand, _NO_BRAND))


def admitted(holder: Holder, rooms: Rooms, doors: Doors = "server") -> None:
    """Take one request from what the key may make in its account. Raises OverLimit KEY-1004."""
    settings, key = rooms.settings, holder.key
    rate, burst = settings.rate_per_second, settings.rate_burst
    if doors == "client":
        rate, burst = settings.segment_rate_per_second, settings.segment_rate_burst
    if key.rate is not None:
        rate = key.rate
    if key.burst is not None:
        burst = key.burst
    _take(f"{key.key_id} {holder.sandbox.id} {doors}", rate, burst, rooms)


def stranger(address: str, rooms: Rooms, code: str = "KEY-1001", detail: str = "") -> Forbidden:
    """The error for a request without a key that is good there, to be raised. Takes it from what
    the client's address may ask in vain. Raises OverLimit KEY-1004."""
    settings = rooms.settings
    _take(f"at {_network(address)}", settings.rate_per_second, settings.rate_burst, rooms)
    return Forbidden(code, detail)


def basic_user(headers: Mapping[str, str]) -> str:
    """The user of an Authorization header `Basic`; "" when there is none, or a password besides.
    The colon after the user may be missing. Source: Intilery contract, 13.1."""
    scheme, _, encoded = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return "" if password else user.strip()


def _take(bucket: str, rate: int, burst: int, rooms: Rooms) -> None:
    if rate < 1:
        return  # the operator has switched it off
    taken = rooms.limiter.take(bucket.encode(), rate, max(burst, 1), rooms.clock.monotonic_s())
    if not taken.allowed:
        raise OverLimit(
            "KEY-1004",
            f"Too many requests; try again in {taken.retry_after_s} s",
            retry_after_seconds=taken.retry_after_s,
            limit=taken.limit,
            remaining=taken.remaining,
            reset=taken.reset_s,
        )


def _sandbox(installation: Installation, key: ApiKey, account: str) -> Sandbox | None:
    """The sandbox of an account of the key's client; None when there is none."""
    id_ = installation.accounts.get((key.client, account))
    sandbox = installation.sandboxes_by_name.get((key.org_id, account))
    return sandbox if sandbox is not None and sandbox.id == id_ else None


def _active(found: Holder) -> Holder:
    if not found.sandbox.active:
        raise Unavailable("API-9002", f"The account is {found.sandbox.state}")
    return found


def _is_in_url(query: str) -> bool:
    """Whether the key was sent where logs of others show it. Source: Intilery contract, 3.7."""
    return ("%" in query or "auth" in query.lower()) and any(
        name.lower() in _IN_URL for name, _ in parse_qsl(query, keep_blank_values=True)
    )


def _network(address: str) -> str:
    """What stands for a client's address: of IPv6 its network, since a client has all of that."""
    if ":" not in address:
        return address
    try:
        number = int(ipaddress.IPv6Address(address.partition("%")[0]))
    except ValueError:
        return address
    return f"{number >> (128 - _NETWORK_BITS):x}"
