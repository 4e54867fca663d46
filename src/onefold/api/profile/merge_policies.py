"""`/data/core/ups/config/mergePolicies`: whose fragments are merged, and who is believed.

Source: profile contract, 4.1 to 4.5.
"""

from __future__ import annotations

from typing import Any

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    NUMBER,
    TEXT,
    TRUTH,
    Answer,
    Body,
    array,
    keyed,
    path,
    record,
)
from onefold.api.json_body import decoded
from onefold.api.profile.policy_list import PARAMETERS, answer
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.control import merge_policies
from onefold.control.merge_policies import Changes
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.sandbox import Sandbox
from onefold.errors import Malformed
from onefold.wire import JSON

PATH = "/data/core/ups/config/mergePolicies"
BULK_MAX = 1000
"""Ids of one bulk call."""

_FIELD_OF = {
    "/name": "name",
    "/schema.name": "schema_name",
    "/identityGraph.type": "identity_graph",
    "/attributeMerge.type": "attribute_merge",
    "/attributeMerge.order": "order",
    "/attributeMerge.data.order": "order",  # where older clients have it
    "/default": "default",
    "/isActiveOnEdge": "active_on_edge",
    "/idActiveOnEdge": "active_on_edge",  # a client's spelling
    "/version": "",  # may be named, and means nothing
}
"""The paths of PATCH, which are not JSON pointers, and what they change. Source: 4.4."""
_TRUTH = {True: True, False: False, "true": True, "false": False}


class _Named(msgspec.Struct):
    name: str = ""


class _Typed(msgspec.Struct):
    type: str = ""


class _Ordered(msgspec.Struct):
    order: list[str] | None = None


class _Merge(msgspec.Struct):
    type: str = ""
    order: list[str] | None = None
    data: _Ordered | None = None


class _Policy(
    msgspec.Struct, rename={"active_on_edge": "isActiveOnEdge", "graph": "identityGraph"}
):
    name: str | None = None
    schema: _Named | None = None
    graph: _Typed | None = None
    merge: _Merge | None = msgspec.field(default=None, name="attributeMerge")
    default: Any = None
    active_on_edge: Any = None

    def changes(self) -> Changes:
        """Every field that can be written; those that were not sent with their defaults."""
        merge = self.merge or _Merge()
        return Changes(
            name=self.name or "",
            schema_name=self.schema.name if self.schema else "",
            identity_graph=self.graph.type if self.graph else "",
            attribute_merge=merge.type,
            order=merge.order or (merge.data and merge.data.order) or (),
            default=_truth(self.default or False, "default"),
            active_on_edge=_truth(self.active_on_edge or False, "isActiveOnEdge"),
        )


class _Operation(msgspec.Struct):
    op: str
    path: str
    value: Any = None


class _Bulk(msgspec.Struct):
    ids: list[_Id]


class _Id(msgspec.Struct):
    id: str


_decode_policy = msgspec.json.Decoder(_Policy).decode
_decode_patch = msgspec.json.Decoder(_Operation | list[_Operation]).decode
_decode_bulk = msgspec.json.Decoder(_Bulk).decode


def list_policies(request: Request, rooms: Rooms) -> Response:
    """A page of the sandbox's policies; filters, order and page as the query says."""
    sandbox = _sandbox(request)
    parameters = Parameters(request.raw_query)
    known = merge_policies.listed(rooms.control, sandbox)
    return json_response(200, answer(known, parameters, lambda policy: _json(policy, sandbox)))


def get_policy(request: Request, rooms: Rooms) -> Response:
    """One policy."""
    sandbox = _sandbox(request)
    policy = merge_policies.got(rooms.control, sandbox, request.path_parameters["id"])
    return json_response(200, _json(policy, sandbox))


def post_policy(request: Request, rooms: Rooms) -> Response:
    """Make a policy; what the server gives (id, version, ...) is ignored when sent."""
    sandbox = _sandbox(request)
    new = decoded(request.body, _decode_policy, what="a merge policy").changes()
    policy = merge_policies.create(
        rooms.control,
        rooms.clock,
        rooms.ids,
        sandbox,
        **msgspec.structs.asdict(new),
        event_datasets=rooms.definitions.snapshot(sandbox.id).event_datasets,
    )
    return json_response(200, _json(policy, sandbox))


def put_policy(request: Request, rooms: Rooms) -> Response:
    """Put another policy in the place of one, under its id."""
    changes = decoded(request.body, _decode_policy, what="a merge policy").changes()
    return _updated(request, rooms, changes)


def patch_policy(request: Request, rooms: Rooms) -> Response:
    """Change single fields, by one operation or a list of them."""
    found = decoded(request.body, _decode_patch, what="a list of operations")
    operations = found if isinstance(found, list) else [found]
    if not operations:
        raise Malformed("API-1003", "There is no operation")
    fields: dict[str, Any] = {}
    for operation in operations:
        if operation.op not in ("add", "replace"):
            raise Malformed("CTL-1008", "op is add or replace", at="op")
        field = _FIELD_OF.get(_dotted(operation.path))
        if field is None:
            raise Malformed("CTL-1008", f"{operation.path} cannot be changed", at="path")
        if field:
            fields[field] = _value(field, operation)
    return _updated(request, rooms, Changes(**fields))


def delete_policy(request: Request, rooms: Rooms) -> Response:
    """Delete a policy; the answer has no body."""
    merge_policies.delete(rooms.control, _sandbox(request), request.path_parameters["id"])
    return Response(200)


def post_bulk_get(request: Request, rooms: Rooms) -> Response:
    """Many policies by id; unknown ones are left out."""
    sandbox = _sandbox(request)
    ids = {item.id for item in decoded(request.body, _decode_bulk, what="a list of ids").ids}
    if len(ids) > BULK_MAX:
        raise Malformed("PRO-1002", f"At most {BULK_MAX} ids in one call", at="ids")
    known = merge_policies.listed(rooms.control, sandbox)
    results = {policy.id: _json(policy, sandbox) for policy in known if policy.id in ids}
    return json_response(207, {"results": results})


def _updated(request: Request, rooms: Rooms, changes: Changes) -> Response:
    sandbox = _sandbox(request)
    policy_id = request.path_parameters["id"]
    policy = merge_policies.update(
        rooms.control,
        rooms.clock,
        sandbox,
        policy_id,
        changes,
        event_datasets=rooms.definitions.snapshot(sandbox.id).event_datasets,
    )
    return json_response(200, _json(policy, sandbox))


def _sandbox(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


def _dotted(path: str) -> str:
    """`/identityGraph/type` as `/identityGraph.type`."""
    return path[:1] + path[1:].replace("/", ".")


def _value(field: str, operation: _Operation) -> Any:
    value = operation.value
    if field in ("default", "active_on_edge"):
        return _truth(value, operation.path)
    if field == "order":
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        raise Malformed("CTL-1008", f"{operation.path} takes a list of texts", at="value")
    if not isinstance(value, str):
        raise Malformed("CTL-1008", f"{operation.path} takes a text", at="value")
    return value


def _truth(value: Any, name: str) -> bool:
    folded = value.lower() if isinstance(value, str) else value
    if isinstance(folded, bool | str) and folded in _TRUTH:
        return _TRUTH[folded]
    raise Malformed("CTL-1008", f"{name} is true or false", at=name)


def _json(policy: MergePolicy, sandbox: Sandbox) -> JSON:
    merge: dict[str, JSON] = {"type": policy.attribute_merge}
    if policy.order:
        merge["order"] = list(policy.order)
    return {
        "id": policy.id,
        "name": policy.name,
        "imsOrgId": sandbox.org_id,
        "sandbox": {
            "sandboxId": sandbox.public_id,
            "sandboxName": sandbox.name,
            "type": sandbox.type,
            "default": sandbox.is_default,
        },
        "schema": {"name": policy.schema_name},
        "version": policy.version,
        "identityGraph": {"type": policy.identity_graph},
        "attributeMerge": merge,
        "default": policy.default,
        "isActiveOnEdge": policy.active_on_edge,
        "updateEpoch": policy.updated_s,
    }


_POLICY = record(
    id=TEXT,
    name=TEXT,
    imsOrgId=TEXT,
    schema=record(name=TEXT),
    version=NUMBER,
    identityGraph=record(type=TEXT),
    attributeMerge=record(type=TEXT),
    default=TRUTH,
    isActiveOnEdge=TRUTH,
    updateEpoch=NUMBER,
)
_ONE = {200: Answer("The policy.", _POLICY)}
_PAGE = {200: Answer("A page.", record(_page=DOCUMENT, children=array(_POLICY), _links=DOCUMENT))}
_ID = (path("id", "Id of a merge policy."),)
_SENT = Body(
    "A policy; what the server gives itself is passed over.",
    _Policy,
    example={
        "name": "CRM first",
        "schema": {"name": "_xdm.context.profile"},
        "identityGraph": {"type": "pdg"},
        "attributeMerge": {"type": "dataSetPrecedence", "order": ["$DATASET"]},
        "default": False,
    },
)
_CHANGE = Body(
    "One operation or a list of them: `add` or `replace` at a path like `/identityGraph.type`.",
    _Operation | list[_Operation],
    example=[{"op": "replace", "path": "/default", "value": True}],
)


def _route(
    method: str, path: str, handler: Handler, needs: str, fails: str = "", **more: Any
) -> Route:
    return Route(method, PATH + path, handler, family="policies", needs=needs, fails=fails, **more)


_VIEW, _WRITE, _DELETE = "view-profiles:read", "manage-profiles:write", "manage-profiles:delete"

ROUTES = (
    _route("GET", "", list_policies, _VIEW, "PRO-1002", parameters=PARAMETERS, answers=_PAGE),
    _route("POST", "", post_policy, _WRITE, "CTL-1008", takes=_SENT, answers=_ONE),
    _route(
        "POST",
        "/bulk-get",
        post_bulk_get,
        _VIEW,
        "PRO-1002",
        takes=Body(f"At most {BULK_MAX} ids.", _Bulk, example={"ids": [{"id": "$POLICY"}]}),
        answers={207: Answer("Those that exist, by id.", record(results=keyed(_POLICY)))},
    ),
    _route("GET", "/{id}", get_policy, _VIEW, "PRO-1005", parameters=_ID, answers=_ONE),
    _route(
        "PUT",
        "/{id}",
        put_policy,
        _WRITE,
        "CTL-1008 PRO-1005",
        parameters=_ID,
        takes=_SENT,
        answers=_ONE,
    ),
    _route(
        "PATCH",
        "/{id}",
        patch_policy,
        _WRITE,
        "CTL-1008 PRO-1005",
        parameters=_ID,
        takes=_CHANGE,
        answers=_ONE,
    ),
    _route(
        "DELETE",
        "/{id}",
        delete_policy,
        _DELETE,
        "CTL-1008 PRO-1005",
        parameters=_ID,
        answers={200: Answer("It is gone.", None)},
    ),
)
