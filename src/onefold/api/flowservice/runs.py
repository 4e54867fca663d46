"""`/data/foundation/flowservice/runs`: what went through flows, an hour a run."""

from __future__ import annotations

from onefold.api.context import Request, Response, Rooms
from onefold.api.flowservice import listing
from onefold.api.flowservice.kinds import read_only, sandbox_of
from onefold.control import flow_resources
from onefold.control.etags import etag_of
from onefold.control.flows import FLOWS
from onefold.domain.sandbox import Sandbox
from onefold.errors import NotFound
from onefold.lookup.runs import Run, runs
from onefold.store.tables.flow_resources import FlowResource
from onefold.wire import JSON


def list_runs(request: Request, rooms: Rooms) -> Response:
    """The runs of the last 90 days, the newest first unless ordered otherwise."""
    sandbox, now_ms = sandbox_of(request), rooms.clock.now_ms()
    flows = {flow.id: flow for flow in flow_resources.listed(rooms.control, sandbox, FLOWS)}
    found = runs(
        rooms.places.profile(sandbox.id), now_ms=now_ms, flow_id=listing.asked(request, "flowId")
    )
    documents = [
        _document(run, flows[run.flow_id], sandbox, now_ms) for run in found if run.flow_id in flows
    ]
    return listing.page(request, "runs", documents)


def get_run(request: Request, rooms: Rooms) -> Response:
    """One run."""
    sandbox, now_ms = sandbox_of(request), rooms.clock.now_ms()
    id_ = request.path_parameters["id"]
    flow_id, _, _ = id_.rpartition("-")
    flows = {flow.id: flow for flow in flow_resources.listed(rooms.control, sandbox, FLOWS)}
    if flow_id in flows:
        for run in runs(rooms.places.profile(sandbox.id), now_ms=now_ms, flow_id=flow_id):
            if run.id == id_:
                return listing.one(_document(run, flows[flow_id], sandbox, now_ms))
    raise NotFound("CTL-1007", f"No run has the id {id_[:256]}")


def last_runs(rooms: Rooms, sandbox: Sandbox, *, flow_id: str = "") -> dict[str, JSON]:
    """Flow -> its `lastRunDetails`, if it has had a run; of one flow when it is given."""
    now_ms = rooms.clock.now_ms()
    found: dict[str, JSON] = {}
    for run in runs(rooms.places.profile(sandbox.id), now_ms=now_ms, flow_id=flow_id):
        if run.flow_id not in found:
            details = {"id": run.id, "state": run.state(now_ms), **_duration(run, now_ms)}
            found[run.flow_id] = details
    return found


def _document(run: Run, flow: FlowResource, sandbox: Sandbox, now_ms: int) -> JSON:
    state = run.state(now_ms)
    metrics: JSON = {
        "durationSummary": _duration(run, now_ms),
        "sizeSummary": {"inputBytes": run.bytes},
        "recordSummary": {
            "inputRecordCount": run.records,
            "outputRecordCount": run.applied,
            "failedRecordCount": run.failed,
        },
        "statusSummary": {"status": state},
    }
    return {
        "id": run.id,
        "imsOrgId": sandbox.org_id,
        "sandboxId": sandbox.public_id,
        "sandboxName": sandbox.name,
        "createdAt": run.start_ms,
        "updatedAt": min(now_ms, run.end_ms),
        "flowId": run.flow_id,
        "flowSpec": flow.document["flowSpec"],
        "sourceConnectionIds": flow.document["sourceConnectionIds"],
        "targetConnectionIds": flow.document["targetConnectionIds"],
        "metrics": metrics,
        "state": state,
        "etag": f'"{etag_of(metrics)}"',
    }


def _duration(run: Run, now_ms: int) -> dict[str, JSON]:
    """When the run's hour began and, once it is over, ended."""
    over = {"completedAtUTC": run.end_ms} if run.end_ms <= now_ms else {}
    return {"startedAtUTC": run.start_ms, **over}


ROUTES = read_only("runs", list_runs, get_run)
