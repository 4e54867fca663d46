"""`/data/foundation/catalog/dataSets`. Source: platform contract, section 7."""

from __future__ import annotations

from collections.abc import Iterable

from onefold.api import paging
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.control import datasets
from onefold.domain.sandbox import Sandbox
from onefold.errors import Malformed
from onefold.wire import JSON, decode_json

PATH = "/data/foundation/catalog/dataSets"
LIMIT = 20
LIMIT_MAX = 100
START_MAX = 999_999_999
MOMENT_MAX = 10**14


def list_datasets(request: Request, rooms: Rooms) -> Response:
    """A page of the sandbox's datasets, the oldest first unless ordered otherwise."""
    sandbox = _sandbox(request)
    parameters = Parameters(request.raw_query)
    limit = paging.whole(parameters.get("limit"), "limit", LIMIT, least=1, most=LIMIT_MAX)
    start = paging.whole(parameters.get("start"), "start", 0, least=0, most=START_MAX)
    listed = datasets.listed(rooms.control, sandbox)
    found = _matching([{"id": d.id, **datasets.document(d, sandbox)} for d in listed], parameters)
    page = paging.ordered(found, _order(parameters.get("orderBy")))[start : start + limit]
    return json_response(200, {d.pop("id"): _chosen(d, parameters) for d in page})


def get_dataset(request: Request, rooms: Rooms) -> Response:
    """One dataset, in an object with its id as the only key."""
    sandbox = _sandbox(request)
    found = datasets.got(rooms.control, sandbox, request.path_parameters["id"])
    document = _chosen(datasets.document(found, sandbox), Parameters(request.raw_query))
    return json_response(200, {found.id: document})


def post_dataset(request: Request, rooms: Rooms) -> Response:
    """Make a dataset."""
    sent = decoded(request.body, decode_json, what="a dataset")
    made = datasets.create_from(rooms.control, rooms.clock, rooms.ids, _sandbox(request), sent)
    location = (("location", f"{PATH}/{made.id}"),)
    return json_response(201, [f"@/dataSets/{made.id}"], location)


def patch_dataset(request: Request, rooms: Rooms) -> Response:
    """Change a dataset; the body's shape, not its content type, says how."""
    sent = decoded(request.body, decode_json, what="a dataset")
    id_ = request.path_parameters["id"]
    changed = datasets.patch(rooms.control, rooms.clock, _sandbox(request), id_, sent)
    return json_response(200, [f"@/dataSets/{changed.id}"])


def put_dataset(request: Request, rooms: Rooms) -> Response:
    """Replace what a dataset says of itself."""
    sent = decoded(request.body, decode_json, what="a dataset")
    id_ = request.path_parameters["id"]
    changed = datasets.put(rooms.control, rooms.clock, _sandbox(request), id_, sent)
    return json_response(200, [f"@/dataSets/{changed.id}"])


def delete_dataset(request: Request, rooms: Rooms) -> Response:
    """Remove a dataset that holds no records."""
    sandbox, id_ = _sandbox(request), request.path_parameters["id"]
    datasets.delete(rooms.control, sandbox, id_, rooms.profiles.ingested(sandbox.id))
    return json_response(200, [f"@/dataSets/{id_}"])


def _sandbox(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


def _matching(documents: Iterable[dict[str, JSON]], parameters: Parameters) -> list[JSON]:
    """Those that the filters on properties, name, tags and time of creation let through."""
    conditions = paging.filters(parameters.properties)
    name, tags = parameters.get("name"), _tag_filters(parameters.get("tags"))
    after = paging.whole(
        parameters.get("createdAfter"), "createdAfter", -1, least=0, most=MOMENT_MAX
    )
    before = paging.whole(
        parameters.get("createdBefore"), "createdBefore", MOMENT_MAX, least=0, most=MOMENT_MAX
    )
    return [
        document
        for document in documents
        if name in ("", document["name"])
        and after < document["created"] < before
        and all(_is_tagged(document["tags"], tag, value) for tag, value in tags)
        and all(condition.matches(document) for condition in conditions)
    ]


def _chosen(document: dict[str, JSON], parameters: Parameters) -> dict[str, JSON]:
    """The properties that `properties` names; all when it names none."""
    names = {name.strip() for name in parameters.get("properties").split(",")} - {""}
    return {k: v for k, v in document.items() if k in names} if names else document


def _order(text: str) -> list[tuple[str, bool]]:
    """(name, descending) of `asc:created,updated|desc:name`."""
    order: list[tuple[str, bool]] = []
    descending = False
    for word in text.replace("|", ",").split(","):
        direction, colon, rest = word.strip().partition(":")
        if colon and direction not in ("asc", "desc"):
            raise Malformed("CTL-1008", "orderBy is asc:NAME or desc:NAME", at="orderBy")
        if colon:
            descending = direction == "desc"
        name = rest if colon else direction
        if name:
            order.append((name, descending))
    return order


def _tag_filters(text: str) -> list[tuple[str, str]]:
    """(tag, value) of `tag:value,tag:*`; the value may hold colons and wildcards."""
    found = []
    for part in text.split(",") if text else []:
        tag, colon, value = part.strip().partition(":")
        if not colon:
            raise Malformed("CTL-1008", "tags are written NAME:VALUE", at="tags")
        found.append((tag, value))
    return found


def _is_tagged(tags: JSON, tag: str, wanted: str) -> bool:
    return any(_fits(value, wanted) for value in tags.get(tag, ()))


def _fits(text: str, wanted: str) -> bool:
    """Whether a text is what is wanted, in which `*` stands for any text."""
    first, *rest = wanted.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    end = len(text) - len(last)
    if not (text.startswith(first) and text.endswith(last) and len(first) <= end):
        return False
    position = len(first)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


ROUTES = (
    Route("GET", PATH, list_datasets, family="catalog", needs="datasets:read"),
    Route("POST", PATH, post_dataset, family="catalog", needs="datasets:write"),
    Route("GET", PATH + "/{id}", get_dataset, family="catalog", needs="datasets:read"),
    Route("PATCH", PATH + "/{id}", patch_dataset, family="catalog", needs="datasets:write"),
    Route("PUT", PATH + "/{id}", put_dataset, family="catalog", needs="datasets:write"),
    Route("DELETE", PATH + "/{id}", delete_dataset, family="catalog", needs="datasets:write"),
)
