"""One page of registry documents, in the registry's envelope. Source: platform contract, 6.3."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from onefold.api import paging
from onefold.api.declared import DOCUMENT, TEXT, Answer, Schema, array, query, record, whole
from onefold.api.profile.query import Parameters
from onefold.errors import Malformed
from onefold.wire import JSON

ROOT = "/data/foundation/schemaregistry"
PAGE = 300
LIMIT_MAX = 500
START_MAX = 999_999_999
DEFAULT_ORDER = "title"
_TOKEN = "after-"

PARAMETERS = (
    query("limit", f"Resources of a page; {PAGE} at most are given.", whole(0, LIMIT_MAX)),
    query("start", "What `_page.next` gave, or the position of the first one."),
    query("orderby", f"A property; `-` before it turns it around. Without it `{DEFAULT_ORDER}`."),
    paging.PROPERTY,
)
PAGE_FORM: Schema = record(
    results=array(),
    _page=record(orderby=TEXT, next={"type": ["string", "null"]}, count={"type": "integer"}),
    _links=DOCUMENT,
)
PAGES = {200: Answer("A page, in the form that `Accept` asks for.", PAGE_FORM)}


def listing(
    documents: Iterable[JSON],
    parameters: Parameters,
    form: Callable[[JSON], JSON],
    *,
    path: str,
    page: int = PAGE,
) -> dict[str, JSON]:
    """The page that the parameters ask for.

    form: how one document is shown. page: the length when no limit is given. `start` is a position,
    or what `_page.next` gave, which knows the whole question: clients send it alone.
    Raises Malformed CTL-1008 for a wrong parameter.
    """
    asked = _asked(parameters)
    wanted = paging.filters(asked.properties)
    limit = paging.whole(asked.limit, "limit", 0, least=0, most=LIMIT_MAX)
    length = min(limit, PAGE) or page
    found = [d for d in documents if all(condition.matches(d) for condition in wanted)]
    found = paging.ordered(found, order_of(asked.orderby))
    shown = [form(document) for document in found[asked.start : asked.start + length]]
    after = asked._replace(start=asked.start + length)
    more = after.start < len(found)
    return {
        "results": shown,
        "_page": {
            "orderby": asked.orderby,
            "next": _token(after) if more else None,
            "count": len(shown),
        },
        "_links": {"next": _link(path, after) if more else None},
    }


class _Asked(NamedTuple):
    """Which page is asked for."""

    start: int
    orderby: str
    limit: str
    properties: tuple[str, ...]


def _asked(parameters: Parameters) -> _Asked:
    """What the parameters say, and where they are silent, what the page before was asked."""
    text = parameters.get("start")
    known = _Asked(0, DEFAULT_ORDER, "", ())
    if text.startswith(_TOKEN):
        known = _known(text)
    else:
        known = known._replace(start=paging.whole(text, "start", 0, least=0, most=START_MAX))
    return _Asked(
        known.start,
        parameters.get("orderby") or known.orderby,
        parameters.get("limit") or known.limit,
        tuple(parameters.properties) or known.properties,
    )


def _token(asked: _Asked) -> str:
    """`start` of a page. A bare position says that the rest is as it always is."""
    if asked[1:] == (DEFAULT_ORDER, "", ()):
        return str(asked.start)
    return _TOKEN + base64.urlsafe_b64encode(msgspec.json.encode(asked)).decode().rstrip("=")


def _known(text: str) -> _Asked:
    try:
        raw = base64.b64decode(text[len(_TOKEN) :] + "===", altchars=b"-_")
        asked = msgspec.json.decode(raw, type=_Asked)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as bad:
        raise Malformed("CTL-1008", "start is not what _page.next gave", at="start") from bad
    if not 0 <= asked.start <= START_MAX:
        raise Malformed("CTL-1008", "start is not what _page.next gave", at="start")
    return asked


def order_of(text: str) -> list[tuple[str, bool]]:
    """(name, descending) of `title`, `-title`, or several with commas between."""
    names = [name.strip() for name in text.split(",") if name.strip(" +-")]
    return [(name.lstrip("+-"), name.startswith("-")) for name in names]


def _link(path: str, asked: _Asked) -> JSON:
    query = [("start", str(asked.start)), ("orderby", asked.orderby)]
    query += [("property", text) for text in asked.properties]
    query += [("limit", asked.limit)] if asked.limit else []
    return {"href": f"{path}?{urlencode(query)}"}
