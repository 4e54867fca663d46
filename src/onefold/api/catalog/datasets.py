"""`/data/foundation/catalog/dataSets`. Source: platform contract, section 7."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from onefold.api import conditions, paging
from onefold.api.catalog.dataset_documents import (
    OBSERVABLE,
    definitions_in,
    documents,
    etag,
    observable_schemas,
)
from onefold.api.catalog.listing import chosen, is_tagged, named, order, tag_filters
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    FILLED,
    PATCH,
    TEXT,
    Answer,
    Body,
    array,
    either,
    header,
    keyed,
    path,
    query,
    record,
    whole,
)
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.control import datasets
from onefold.domain.sandbox import Sandbox
from onefold.errors import Malformed
from onefold.store.tables import batches
from onefold.store.tables.datasets import Hand, StoredDataset
from onefold.wire import JSON, decode_json

PATH = "/data/foundation/catalog/dataSets"
LIMIT = 20
LIMIT_MAX = 100
OBSERVABLE_LIMIT_MAX = 20
START_MAX = 999_999_999
MOMENT_MAX = 10**14
V2_PATH = "/data/foundation/catalog/v2/dataSets"
_EQUALS = (
    *("id", "name", "description", "version", "viewId", "imsOrg", "sandboxId", "created"),
    *("updated", "createdClient", "createdUser", "updatedUser", "state", "namespace"),
    *("lastBatchId", "lastBatchStatus", "lastSuccessfulBatch"),
)
"""Parameters that filter by a property of their name."""


def list_datasets(request: Request, rooms: Rooms) -> Response:
    """A page of the sandbox's datasets, the oldest first unless ordered otherwise."""
    sandbox = _sandbox(request)
    parameters = Parameters(request.raw_query)
    most = OBSERVABLE_LIMIT_MAX if OBSERVABLE in named(parameters) else LIMIT_MAX
    limit = paging.whole(parameters.get("limit"), "limit", LIMIT, least=1, most=most)
    start = paging.whole(parameters.get("start"), "start", 0, least=0, most=START_MAX)
    listed = documents(rooms, sandbox, datasets.listed(rooms.control, sandbox))
    found = _matching([{"id": id_, **said} for id_, said in listed.items()], parameters)
    page = paging.ordered(found, order(parameters.get("orderBy")))[start : start + limit]
    return json_response(200, _shown(rooms, sandbox, {d.pop("id"): d for d in page}, parameters))


def get_dataset(request: Request, rooms: Rooms) -> Response:
    """One dataset, in an object with its id as the only key; nothing when it is as the caller has
    it."""
    sandbox = _sandbox(request)
    parameters = Parameters(request.raw_query)
    found = datasets.got(rooms.control, sandbox, request.path_parameters["id"])
    headers = conditions.etag(now := etag(rooms, sandbox, found))
    known = conditions.wanted(request, "if-none-match") or ()
    if now in known and OBSERVABLE not in named(parameters):
        return Response(304, headers=headers)
    said = documents(rooms, sandbox, [found])
    return json_response(200, _shown(rooms, sandbox, said, parameters), headers)


def post_dataset(request: Request, rooms: Rooms) -> Response:
    """Make a dataset."""
    sent = decoded(request.body, decode_json, what="a dataset")
    made = datasets.create_from(
        rooms.control, rooms.clock, rooms.ids, _sandbox(request), sent, by=_hand(request, rooms)
    )
    location = (("location", f"{PATH}/{made.id}"),)
    return json_response(201, [f"@/dataSets/{made.id}"], location)


def patch_dataset(request: Request, rooms: Rooms) -> Response:
    """Change a dataset; the body's shape, not its content type, says how."""
    return _patched(request, rooms, decoded(request.body, decode_json, what="a dataset"))


def merge_dataset(request: Request, rooms: Rooms) -> Response:
    """Change a dataset at any depth of its document."""
    sent = decoded(request.body, decode_json, what="a dataset")
    return _patched(request, rooms, sent, deep=True)


def post_tags(request: Request, rooms: Rooms) -> Response:
    """Set tags of a dataset; those that are not named stay."""
    sent = decoded(request.body, decode_json, what="tags")
    if isinstance(sent, dict) and "tags" in sent:
        sent = sent["tags"]
    if not isinstance(sent, dict):
        raise Malformed("API-1003", "Tags are a JSON object")
    return _patched(request, rooms, {"tags": sent})


def put_dataset(request: Request, rooms: Rooms) -> Response:
    """Replace what a dataset says of itself."""
    sent = decoded(request.body, decode_json, what="a dataset")
    id_ = request.path_parameters["id"]
    sandbox = _sandbox(request)
    changed = datasets.put(
        rooms.control,
        rooms.clock,
        sandbox,
        id_,
        sent,
        by=_hand(request, rooms),
        if_match=definitions_in(conditions.wanted(request)),
    )
    return _changed(changed, sandbox, rooms)


def delete_dataset(request: Request, rooms: Rooms) -> Response:
    """Remove a dataset that holds no records."""
    sandbox, id_ = _sandbox(request), request.path_parameters["id"]
    datasets.delete(
        rooms.control,
        sandbox,
        id_,
        rooms.profiles.ingested(sandbox.id) | batches.exported(rooms.places.work(sandbox.id)),
        if_match=definitions_in(conditions.wanted(request)),
    )
    return json_response(200, [f"@/dataSets/{id_}"])


def _patched(request: Request, rooms: Rooms, sent: JSON, *, deep: bool = False) -> Response:
    sandbox = _sandbox(request)
    changed = datasets.patch(
        rooms.control,
        rooms.clock,
        sandbox,
        request.path_parameters["id"],
        sent,
        deep=deep,
        by=_hand(request, rooms),
        if_match=definitions_in(conditions.wanted(request)),
    )
    return _changed(changed, sandbox, rooms)


def _changed(dataset: StoredDataset, sandbox: Sandbox, rooms: Rooms) -> Response:
    headers = conditions.etag(etag(rooms, sandbox, dataset))
    return json_response(200, [f"@/dataSets/{dataset.id}"], headers)


def _shown(
    rooms: Rooms, sandbox: Sandbox, found: dict[str, dict[str, JSON]], parameters: Parameters
) -> dict[str, JSON]:
    """Documents with the properties that are asked for."""
    if OBSERVABLE in named(parameters):
        for id_, schema in observable_schemas(rooms, sandbox, found).items():
            found[id_][OBSERVABLE] = schema
    return {id_: chosen(said, parameters) for id_, said in found.items()}


def _hand(request: Request, rooms: Rooms) -> Hand:
    """Who makes the request."""
    assert request.caller is not None
    client_id = request.caller.client_id
    project = rooms.definitions.credential(client_id)
    return Hand(client_id, project.technical_account if project is not None else "")


def _sandbox(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


def _matching(documents: Iterable[dict[str, JSON]], parameters: Parameters) -> list[JSON]:
    """Those that the filters on properties, tags and times let through."""
    wanted = paging.filters(parameters.properties)
    wanted += [
        paging.Filter(name, "==", parameters.get(name)) for name in _EQUALS if parameters.get(name)
    ]
    tags = tag_filters(parameters.get("tags"))
    ranges = [(word, *_range(word, parameters)) for word in ("created", "updated")]
    return [
        document
        for document in documents
        if all(after < document[word] < before for word, after, before in ranges)
        and all(is_tagged(document["tags"], tag, value) for tag, value in tags)
        and all(condition.matches(document) for condition in wanted)
    ]


def _range(word: str, parameters: Parameters) -> tuple[int, int]:
    """The times between which a property lies, both excluded."""
    found = []
    for name, default in ((f"{word}After", -1), (f"{word}Before", MOMENT_MAX)):
        text = parameters.get(name)
        found.append(paging.whole(text, name, default, least=0, most=MOMENT_MAX))
    return found[0], found[1]


_FOUND = keyed(DOCUMENT)
_NAMED = array(TEXT)
_SENT = Body(
    "A dataset. One that is to feed profiles is tagged so, and its schema enabled.",
    record(name=FILLED, schemaRef=record(id=TEXT, contentType=TEXT)),
    example={
        "name": "Visits",
        "schemaRef": {
            "id": "$SCHEMA",
            "contentType": "application/vnd.adobe.xed+json;version=1",
        },
        "tags": {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]},
    },
)
_PROPERTIES = query(
    "properties", f"Only these properties, with commas between; `{OBSERVABLE}` comes if named here."
)
_ID = path("id", "Id of a dataset.")
_MOMENT = whole(0, MOMENT_MAX)


_IF_MATCH = header("if-match", "Only if the dataset still has this `ETag`.")
_CHANGED = {200: Answer("`@/dataSets/ID`.", _NAMED)}


def _route(
    method: str, path: str, handler: Handler, fails: str, *, base: str = PATH, **more: Any
) -> Route:
    needs = "view-datasets:read"
    if method != "GET":
        needs = f"manage-datasets:{'delete' if method == 'DELETE' else 'write'}"
    return Route(method, base + path, handler, family="catalog", needs=needs, fails=fails, **more)


ROUTES = (
    _route(
        "GET",
        "",
        list_datasets,
        "CTL-1008 PRO-1002",
        parameters=(
            query(
                "limit",
                f"Datasets of a page; {OBSERVABLE_LIMIT_MAX} at most with {OBSERVABLE}.",
                whole(1, LIMIT_MAX, LIMIT),
            ),
            query("start", "Position of the first one.", whole(0, START_MAX, 0)),
            *(query(name, f"The property `{name}`, whole.") for name in _EQUALS),
            *(
                query(f"{word}{end}", "Epoch milliseconds.", _MOMENT)
                for word in ("created", "updated")
                for end in ("After", "Before")
            ),
            query("tags", "`TAG:VALUE`, with commas between; `*` stands for any text."),
            query("orderBy", "As in `asc:name,created|desc:updated`."),
            paging.PROPERTY,
            _PROPERTIES,
        ),
        answers={200: Answer("Datasets by id.", _FOUND)},
    ),
    _route(
        "POST",
        "",
        post_dataset,
        "CTL-1006 CTL-1007 CTL-1008",
        takes=_SENT,
        answers={201: Answer("`@/dataSets/ID`, also in `Location`.", _NAMED)},
    ),
    _route(
        "GET",
        "/{id}",
        get_dataset,
        "CTL-1007 PRO-1002",
        parameters=(_ID, _PROPERTIES, header("if-none-match", "An `ETag` that is known.")),
        answers={
            200: Answer("The dataset under its id.", _FOUND),
            304: Answer("It is as it was.", None),
        },
    ),
    _route(
        "PATCH",
        "/{id}",
        patch_dataset,
        "CAT-1002 CTL-1006 CTL-1007 CTL-1008 XDM-1003",
        parameters=(_ID, _IF_MATCH),
        takes=Body(
            "An array is a JSON Patch; an object names what changes, and tags that it does not"
            " name stay.",
            either(PATCH, DOCUMENT),
            example={"tags": {"unifiedProfile": ["enabled:true"]}},
        ),
        answers=_CHANGED,
    ),
    _route(
        "PATCH",
        "/{id}",
        merge_dataset,
        "CAT-1002 CTL-1006 CTL-1007 CTL-1008 XDM-1003",
        base=V2_PATH,
        parameters=(_ID, _IF_MATCH),
        takes=Body(
            "A JSON merge patch: objects are merged at every level, null removes.",
            DOCUMENT,
            example={"tags": {"unifiedProfile": ["enabled:true"]}},
        ),
        answers=_CHANGED,
    ),
    _route(
        "POST",
        "/{id}",
        post_tags,
        "CAT-1002 CTL-1007 CTL-1008",
        parameters=(_ID, _IF_MATCH),
        takes=Body(
            "Tags, by themselves or under `tags`.",
            DOCUMENT,
            example={"tags": {"unifiedProfile": ["enabled:true"]}},
        ),
        answers=_CHANGED,
    ),
    _route(
        "PUT",
        "/{id}",
        put_dataset,
        "CAT-1002 CTL-1006 CTL-1007 CTL-1008",
        parameters=(_ID, _IF_MATCH),
        takes=_SENT,
        answers=_CHANGED,
    ),
    _route(
        "DELETE",
        "/{id}",
        delete_dataset,
        "CAT-1001 CAT-1002 CAT-1003 CTL-1007",
        parameters=(_ID, _IF_MATCH),
        answers=_CHANGED,
    ),
)
