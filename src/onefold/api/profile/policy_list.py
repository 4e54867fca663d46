"""The list of merge policies: filters, order and pages. Source: profile contract, 4.3."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from urllib.parse import quote

import msgspec

from onefold.api import paging
from onefold.api.declared import query, whole
from onefold.api.profile.query import Parameters
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.errors import Malformed
from onefold.wire import JSON

PAGE = 20
PAGE_MAX = 1000
ASKED_MAX = 999_999_999
"""More than PAGE_MAX may be asked for, and gets PAGE_MAX."""

_FIELDS: dict[str, Callable[[MergePolicy], str | int]] = {
    "name": lambda policy: policy.name,
    "id": lambda policy: policy.id,
    "version": lambda policy: policy.version,
    "updateEpoch": lambda policy: policy.updated_s,
    "default": lambda policy: policy.default,
    "isActiveOnEdge": lambda policy: policy.active_on_edge,
    "schema.name": lambda policy: policy.schema_name,
    "identityGraph.type": lambda policy: policy.identity_graph,
    "attributeMerge.type": lambda policy: policy.attribute_merge,
}
"""By what the list can be ordered."""

_FILTERS = (
    "default",
    "isActiveOnEdge",
    "schema.name",
    "identityGraph.type",
    "attributeMerge.type",
    "version",
)

PARAMETERS = (
    query(
        "limit", f"Policies of a page; more than {PAGE_MAX} count as that.", whole(1, default=PAGE)
    ),
    query("start", "Where the page starts, as `_page.next` gave it."),
    query("orderBy", f"One of {', '.join(_FIELDS)}; `-` before it turns it around."),
    *(query(name, "Only those that have this value.") for name in _FILTERS),
)

_Key = tuple[str | int, str]
_decode_key = msgspec.json.Decoder(tuple[str | int, str]).decode


def answer(
    known: Sequence[MergePolicy], parameters: Parameters, shown: Callable[[MergePolicy], JSON]
) -> JSON:
    """One page. The link to the next repeats the filters, so that it needs nothing else.

    Pages go by the value that orders the list, so a policy made or deleted in between moves none
    of the others. Raises Malformed PRO-1002 for a wrong parameter.
    """
    order = parameters.get("orderBy")
    field, descending = _order(order)
    asked = paging.whole(
        parameters.get("limit"), "limit", PAGE, least=1, most=ASKED_MAX, code="PRO-1002"
    )
    limit = min(asked, PAGE_MAX)

    def key(policy: MergePolicy) -> _Key:
        value = _FIELDS[field](policy)
        return value if isinstance(value, str) else int(value), policy.id

    found = [policy for policy in known if _matches(policy, parameters)]
    found.sort(key=key, reverse=descending)
    start = parameters.get("start")
    left = found
    if start not in ("", "0"):
        first = _key_of(start, is_text=bool(found) and isinstance(key(found[0])[0], str))
        left = [p for p in found if (key(p) <= first if descending else key(p) >= first)]
    page, following = left[:limit], left[limit:]
    token = _token(key(following[0])) if following else ""
    href = _href(token, order, limit, parameters) if token else ""
    return {
        "_page": {
            "totalCount": len(found),
            "pageSize": len(page),
            "count": len(page),
            "next": token,
        },
        "children": [shown(policy) for policy in page],
        "_links": {"next": {"href": href}},
    }


def _matches(policy: MergePolicy, parameters: Parameters) -> bool:
    for name in _FILTERS:
        wanted = parameters.get(name)
        if not wanted:
            continue
        value = _FIELDS[name](policy)
        if isinstance(value, bool):
            if wanted.lower() not in ("true", "false"):
                raise Malformed("PRO-1002", f"{name} must be true or false", at=name)
            wanted = wanted.lower()
            value = str(value).lower()
        if name == "schema.name":
            wanted = wanted.lower()
        if str(value) != wanted:
            return False
    return True


def _order(text: str) -> tuple[str, bool]:
    """The field and whether it descends. A raw `+` in a query string decodes to a space."""
    name = text.lstrip("+- ") or "name"
    if name not in _FIELDS:
        raise Malformed("PRO-1002", f"orderBy takes {', '.join(_FIELDS)}", at="orderBy")
    return name, text.startswith("-")


def _token(key: _Key) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _key_of(token: str, *, is_text: bool) -> _Key:
    """The key that a token carries; its value has to be one of the list's order."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        value, policy_id = _decode_key(raw)
    except (ValueError, msgspec.MsgspecError) as bad:
        raise Malformed("PRO-1002", "start is not a page token", at="start") from bad
    if isinstance(value, str) != is_text:
        raise Malformed("PRO-1002", "start is of another order", at="start")
    return value, policy_id


def _href(token: str, order: str, limit: int, parameters: Parameters) -> str:
    kept = [(name, parameters.get(name)) for name in _FILTERS if parameters.get(name)]
    pairs = [("start", token), ("orderBy", order), ("limit", str(limit)), *kept]
    return "@/mergePolicies?" + "&".join(f"{name}={quote(value)}" for name, value in pairs)
