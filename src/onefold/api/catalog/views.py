"""`/data/foundation/catalog`: its root, tags, and the views of datasets.

Source: platform contract, section 7.
"""

from __future__ import annotations

from typing import Any

from onefold.api.catalog.datasets import PATH
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, TEXT, Answer, array, keyed, path
from onefold.api.exports import files
from onefold.api.route import Handler, Route
from onefold.control import datasets
from onefold.domain.sandbox import Sandbox
from onefold.errors import NotFound
from onefold.store.tables.datasets import StoredDataset

ROOT = "/data/foundation/catalog"


def get_root(request: Request, rooms: Rooms) -> Response:
    """What the catalogue of the sandbox holds."""
    count = len(datasets.listed(rooms.control, _sandbox(request)))
    return json_response(200, {"dataSets": {"count": count, "href": PATH}})


def get_tags(request: Request, rooms: Rooms) -> Response:
    """The tags of a namespace that datasets carry, with their values."""
    namespace = request.path_parameters["namespace"]
    return json_response(200, datasets.tags_of(rooms.control, _sandbox(request), namespace))


def list_views(request: Request, rooms: Rooms) -> Response:
    """The views of a dataset: there is one, of all of it."""
    dataset = _dataset(request, rooms)
    return json_response(200, {dataset.view_id: datasets.view(dataset, _sandbox(request))})


def get_view(request: Request, rooms: Rooms) -> Response:
    """One view of a dataset."""
    dataset = _viewed(request, rooms)
    return json_response(200, {dataset.view_id: datasets.view(dataset, _sandbox(request))})


def list_files(request: Request, rooms: Rooms) -> Response:
    """The files of a view, by id."""
    return json_response(200, files.of_view(request, rooms, _viewed(request, rooms).id))


def _viewed(request: Request, rooms: Rooms) -> StoredDataset:
    dataset = _dataset(request, rooms)
    view_id = request.path_parameters["view"]
    if view_id != dataset.view_id:
        raise NotFound("CTL-1007", f"The dataset has no view {view_id[:256]}")
    return dataset


def _dataset(request: Request, rooms: Rooms) -> StoredDataset:
    return datasets.got(rooms.control, _sandbox(request), request.path_parameters["id"])


def _sandbox(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


def _route(path: str, handler: Handler, fails: str, help: str, form: Any, *names: Any) -> Route:
    return Route(
        "GET",
        path,
        handler,
        family="catalog",
        needs="view-datasets:read",
        fails=fails,
        parameters=names,
        answers={200: Answer(help, form)},
    )


_ID = path("id", "Id of a dataset.")
_VIEW = path("view", "Id of a view, as the dataset's `viewId` says.")
_VIEWS = f"{PATH}/{{id}}/views"

ROUTES = (
    _route(ROOT, get_root, "", "Kinds of objects, with their number.", keyed(DOCUMENT)),
    _route(
        ROOT + "/tags/{namespace}",
        get_tags,
        "",
        "Values by tag.",
        keyed(array(TEXT)),
        path("namespace", "A tag, or what its name begins with before a `/`."),
    ),
    _route(_VIEWS, list_views, "CTL-1007", "Views by id.", keyed(DOCUMENT), _ID),
    _route(
        _VIEWS + "/{view}", get_view, "CTL-1007", "The view by its id.", keyed(DOCUMENT), _ID, _VIEW
    ),
    _route(
        _VIEWS + "/{view}/files",
        list_files,
        "CTL-1007 CTL-1008",
        "Files by id, those of the newest batches first.",
        keyed(DOCUMENT),
        _ID,
        _VIEW,
        *files.PAGES,
    ),
)
