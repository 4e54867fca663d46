"""Lists of the Flow Service: filters, order, pages. Source: platform contract, 9.

A continuation token holds the whole question, so that it can be followed without repeating it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import msgspec

from onefold.api import paging
from onefold.api.context import Request, Response, json_response
from onefold.api.declared import DOCUMENT, TRUTH, Answer, array, query, record, whole
from onefold.api.profile.query import Parameters
from onefold.errors import Malformed
from onefold.wire import JSON, encode_json

ROOT = "/data/foundation/flowservice"
LIMIT = 20
LIMIT_MAX = 100
ORDER_MAX = 10

ITEMS = record(items=array(DOCUMENT))
PAGE = {200: Answer("The items; `_links.next.href` leads to more.", ITEMS)}
ONE = {200: Answer("A list of the one.", ITEMS)}
PARAMETERS = (
    query("limit", "Items of a page.", whole(1, LIMIT_MAX, LIMIT)),
    query("orderby", "Names of properties, comma-separated; `-` before one turns it around."),
    query("property", "A filter such as `name==Till`; may be repeated."),
    query("count", "Whether to count all that fit.", TRUTH),
    query("continuationToken", "From `_links.next.href`."),
)


class _Question(msgspec.Struct, array_like=True):
    start: int
    limit: int
    properties: list[str]
    order: str
    count: bool


_decode = msgspec.json.Decoder(_Question).decode


def page(request: Request, kind: str, documents: Sequence[JSON]) -> Response:
    """The answer to a list. kind: the path's last segment; documents: all there are.

    Raises Malformed CTL-1008 for a wrong parameter or a token that is none of ours.
    """
    question = _question(Parameters(request.raw_query))
    conditions = paging.filters(question.properties)
    found = [d for d in documents if all(condition.matches(d) for condition in conditions)]
    found = paging.ordered(found, _order(question.order))
    end = question.start + question.limit
    links: dict[str, JSON] = {}
    if end < len(found):
        more = msgspec.structs.replace(question, start=end)
        token = urlsafe_b64encode(encode_json(more)).decode().rstrip("=")
        links["next"] = {"href": f"/{kind}?continuationToken={token}"}
    body: dict[str, JSON] = {"items": found[question.start : end], "_links": links}
    if question.count:
        body["count"] = len(found)
    return json_response(200, body)


def asked(request: Request, name: str) -> str:
    """The value that a list's filters want this property to have; empty when any will do.

    Raises as `page`.
    """
    conditions = paging.filters(_question(Parameters(request.raw_query)).properties)
    return next((c.value for c in conditions if (c.name, c.op) == (name, "==")), "")


def one(document: JSON) -> Response:
    """The answer to a lookup: a list of one."""
    return json_response(200, {"items": [document]})


def _question(parameters: Parameters) -> _Question:
    token = parameters.get("continuationToken")
    if token:
        return _continued(token)
    return _Question(
        0,
        paging.whole(parameters.get("limit"), "limit", LIMIT, least=1, most=LIMIT_MAX),
        parameters.properties,
        parameters.get("orderby"),
        parameters.get("count").lower() == "true",
    )


def _continued(token: str) -> _Question:
    try:
        question = _decode(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, msgspec.MsgspecError) as bad:
        raise Malformed("CTL-1008", "No list gave this token", at="continuationToken") from bad
    if question.start < 0 or not 1 <= question.limit <= LIMIT_MAX:
        raise Malformed("CTL-1008", "No list gave this token", at="continuationToken")
    return question


def _order(text: str) -> list[tuple[str, bool]]:
    """(name, descending) of `name,-createdAt`; `desc:` and `asc:` are understood too."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(words) > ORDER_MAX:
        raise Malformed("CTL-1008", f"At most {ORDER_MAX} properties order", at="orderby")
    return [
        (
            word.removeprefix("desc:").removeprefix("asc:").lstrip("+-"),
            word[0] == "-" or word[:5] == "desc:",
        )
        for word in words
    ]
