"""One page of registry documents, in the registry's envelope. Source: platform contract, 6.3."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlencode

from onefold.api import paging
from onefold.api.profile.query import Parameters
from onefold.wire import JSON

ROOT = "/data/foundation/schemaregistry"
PAGE = 300
LIMIT_MAX = 500
START_MAX = 999_999_999
DEFAULT_ORDER = "title"


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
    as `_page.next` gives it. Raises Malformed CTL-1008 for a wrong parameter.
    """
    wanted = paging.filters(parameters.properties)
    order = parameters.get("orderby") or DEFAULT_ORDER
    limit = paging.whole(parameters.get("limit"), "limit", 0, least=0, most=LIMIT_MAX)
    start = paging.whole(parameters.get("start"), "start", 0, least=0, most=START_MAX)
    length = min(limit, PAGE) or page
    found = [d for d in documents if all(condition.matches(d) for condition in wanted)]
    found = paging.ordered(found, order_of(order))
    shown = [form(document) for document in found[start : start + length]]
    more = start + length < len(found)
    following = str(start + length) if more else None
    return {
        "results": shown,
        "_page": {"orderby": order, "next": following, "count": len(shown)},
        "_links": {"next": _link(path, parameters, start + length) if more else None},
    }


def order_of(text: str) -> list[tuple[str, bool]]:
    """(name, descending) of `title`, `-title`, or several with commas between."""
    names = [name.strip() for name in text.split(",") if name.strip(" +-")]
    return [(name.lstrip("+-"), name.startswith("-")) for name in names]


def _link(path: str, parameters: Parameters, start: int) -> JSON:
    query = [("start", str(start))]
    query += [("property", text) for text in parameters.properties]
    query += [(n, parameters.get(n)) for n in ("orderby", "limit") if parameters.get(n)]
    return {"href": f"{path}?{urlencode(query)}"}
