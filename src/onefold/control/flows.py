"""Source connections, target connections, and the flows that join them.

A flow has one source, which is an inlet, and one target, which is a dataset. Raw data needs a
mapping; XDM takes none. Source: ingestion contract, 4, steps 3 to 6; platform contract, 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from onefold.control import mapping_sets
from onefold.control.flow_resources import Document, Rules, member, shown, spec_of, text
from onefold.control.flow_specs import (
    DATA_LAKE,
    MAPPED_FLOW,
    STREAMING,
    STREAMING_NAME,
    STREAMING_PROVIDER,
    XDM_FLOW,
)
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.schema import PROFILE_UNION
from onefold.errors import Malformed, NotFound
from onefold.store.engine import Reader
from onefold.store.tables import datasets, flow_resources
from onefold.store.tables.flow_resources import FlowResource, Kind
from onefold.wire import JSON

MAPPING = "Mapping"
"""The name of the only transformation."""


def document(flow: FlowResource, sandbox: Sandbox, others: Mapping[str, FlowResource]) -> Document:
    """A flow as the Flow Service shows it. others: resources of the sandbox, by id."""
    said = shown(flow, sandbox)
    sources = [others[id_] for id_ in said["sourceConnectionIds"]]
    targets = [others[id_] for id_ in said["targetConnectionIds"]]
    return {
        **said,
        "inheritedAttributes": {
            "properties": {"isSourceFlow": True},
            "sourceConnections": [
                {**_brief(source), "baseConnection": _brief(others[_base_of(source)])}
                for source in sources
            ],
            "targetConnections": [_brief(target) for target in targets],
        },
        "lastOperation": {
            "operation": "create" if flow.created_ms == flow.updated_ms else "update",
            "started": flow.updated_ms,
            "updated": flow.updated_ms,
        },
        "runs": f"/runs?property=flowId=={flow.id}",
    }


def _brief(resource: FlowResource) -> JSON:
    return {"id": resource.id, "connectionSpec": resource.document["connectionSpec"]}


def _base_of(source: FlowResource) -> str:
    base: str = source.document["baseConnectionId"]
    return base


# What each kind may say


def _checked_source(
    reader: Reader, sandbox: Sandbox, sent: Document, _: Document | None
) -> Document:
    spec = spec_of(sent, "connectionSpec", {STREAMING: STREAMING_NAME})
    base = text(sent, "baseConnectionId")
    _existing(reader, sandbox, "connections", base, "/baseConnectionId")
    return {
        "providerId": text(sent, "providerId") or STREAMING_PROVIDER,
        "baseConnectionId": base,
        "connectionSpec": spec,
        "data": member(sent, "data"),
        "params": member(sent, "params"),
    }


def _checked_target(
    reader: Reader, sandbox: Sandbox, sent: Document, _: Document | None
) -> Document:
    spec = spec_of(sent, "connectionSpec", {DATA_LAKE: "datalake"})
    params, data = member(sent, "params"), member(sent, "data")
    dataset_id = text(params, "dataSetId", "/params")
    dataset = datasets.by_id(reader, sandbox.id, dataset_id)
    if dataset is None:
        raise NotFound(
            "CTL-1007", f"No dataset has the id {dataset_id[:256]}", at="/params/dataSetId"
        )
    if dataset.schema_id == PROFILE_UNION:
        raise Malformed("CTL-1008", "Only exports write into this dataset", at="/params/dataSetId")
    schema_id = text(member(data, "schema", "/data"), "id", "/data/schema")
    if schema_id != dataset.schema_id:
        raise Malformed(
            "CTL-1008",
            f"The schema is the dataset's, {dataset.schema_id}",
            at="/data/schema/id",
        )
    return {
        "connectionSpec": spec,
        "data": data,
        "params": params,
        **{name: text(sent, name) for name in ("providerId", "baseConnectionId") if sent.get(name)},
    }


def _checked_flow(reader: Reader, sandbox: Sandbox, sent: Document, _: Document | None) -> Document:
    spec = spec_of(sent, "flowSpec", {XDM_FLOW: "XDM", MAPPED_FLOW: "raw data with a mapping"})
    source = _one(reader, sandbox, sent, "sourceConnections", "sourceConnectionIds")
    target = _one(reader, sandbox, sent, "targetConnections", "targetConnectionIds")
    base = _existing(reader, sandbox, "connections", _base_of(source), "/sourceConnectionIds/0")
    transformations = _transformations(sent)
    raw = base.document["auth"]["params"]["dataType"] == "raw"
    if raw != (spec["id"] == MAPPED_FLOW):
        raise Malformed(
            "CTL-1008",
            "A flow of raw data has the spec with a mapping, a flow of XDM the one without",
            at="/flowSpec/id",
        )
    if raw != bool(transformations):
        detail = "A flow of raw data needs a Mapping" if raw else "A flow of XDM takes no Mapping"
        raise Malformed("CTL-1008", detail, at="/transformations")
    if raw:
        mapping_id = transformations[0]["params"]["mappingId"]
        found = mapping_sets.got(reader, sandbox, mapping_id)
        if found.schema_id != target.document["data"]["schema"]["id"]:
            raise Malformed(
                "CTL-1008",
                "The mapping set is for another schema than the target's",
                at="/transformations/0/params/mappingId",
            )
    return {
        "flowSpec": spec,
        "sourceConnectionIds": [source.id],
        "targetConnectionIds": [target.id],
        "transformations": transformations,
        "scheduleParams": member(sent, "scheduleParams"),
    }


def _one(reader: Reader, sandbox: Sandbox, sent: Document, kind: Kind, key: str) -> FlowResource:
    """The one resource that a list of ids names."""
    ids = sent.get(key)
    if not isinstance(ids, list) or len(ids) != 1 or not isinstance(ids[0], str):
        raise Malformed("CTL-1008", f"{key} is a list of one id", at=f"/{key}")
    return _existing(reader, sandbox, kind, ids[0], f"/{key}/0")


def _existing(reader: Reader, sandbox: Sandbox, kind: Kind, id_: str, at: str) -> FlowResource:
    found = flow_resources.by_id(reader, sandbox.id, kind, id_)
    if found is None:
        raise NotFound("CTL-1007", f"Nothing of the {kind} has the id {id_[:256]}", at=at)
    return found


def _transformations(sent: Document) -> list[Document]:
    """None or one, which is a mapping."""
    given = sent.get("transformations")
    if given is None or given == []:
        return []
    at = "/transformations"
    if not isinstance(given, list) or len(given) > 1 or not isinstance(given[0], dict):
        raise Malformed("CTL-1008", "A flow has at most one transformation", at=at)
    if given[0].get("name") != MAPPING:
        raise Malformed("CTL-1008", f"A transformation's name is {MAPPING}", at=f"{at}/0/name")
    params = member(given[0], "params", f"{at}/0")
    version = params.get("mappingVersion", 0)
    if type(version) is not int:
        raise Malformed(
            "CTL-1008", "The mappingVersion is a number", at=f"{at}/0/params/mappingVersion"
        )
    mapping_id = text(params, "mappingId", f"{at}/0/params")
    return [{"name": MAPPING, "params": {"mappingId": mapping_id, "mappingVersion": version}}]


# Who refers to what


def _users(reader: Reader, resource: FlowResource) -> list[tuple[str, str]]:
    """Flows from a source or to a target."""
    return [
        ("flow", other.id)
        for other in flow_resources.of_sandbox(reader, resource.sandbox_id)
        if other.kind == "flows" and resource.id in _joined(other.document)
    ]


def _joined(flow: Mapping[str, Any]) -> Iterable[str]:
    return [*flow["sourceConnectionIds"], *flow["targetConnectionIds"]]


def _unused(_: Reader, __: FlowResource) -> list[tuple[str, str]]:
    return []


SOURCES = Rules(
    "sourceConnections",
    "source connection",
    _checked_source,
    frozenset(("data", "params")),
    _users,
)
TARGETS = Rules(
    "targetConnections",
    "target connection",
    _checked_target,
    frozenset(("data", "params")),
    _users,
)
FLOWS = Rules(
    "flows",
    "flow",
    _checked_flow,
    frozenset(("transformations", "scheduleParams", "sourceConnectionIds", "targetConnectionIds")),
    _unused,
)
