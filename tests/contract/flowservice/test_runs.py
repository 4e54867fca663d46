"""Runs of flows: one an hour in which a flow took records, counted as the records ended."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.lookup.runs import KEPT_MS
from onefold.store.tables.counters import HOUR_MS
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.flowservice.desk import (
    ROOT,
    Dataflow,
    ask,
    dataflow,
    flow_of,
    item,
    made,
    target_of,
)
from tests.contract.flowservice.test_resources import refused
from tests.contract.people import event, record, second_sandbox

RAW = {"mail": "identityMap.Email[0].id", "first": "person.name.firstName"}


def runs(app: App, flow: str = "", query: str = "") -> list[Any]:
    """What the list shows: of one flow when it is given."""
    filtered = f"property=flowId=={flow}&" if flow else ""
    answer = app.get(f"{ROOT}/runs?{filtered}{query}")
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["items"]
    return found


def send(app: App, flow: Dataflow, dataset: str, *entities: Any, **header: Any) -> int:
    """Send XDM to a flow's inlet and apply it; answer how many bytes were kept."""
    size = 0
    for entity in entities:
        body = json.dumps(app.message(dataset, entity, **header)).encode()
        sent = {"content-type": "application/json"}
        answer = app.request("POST", f"/collection/{flow.inlet}", content=body, headers=sent)
        assert answer.status_code == 200, answer.text
        size += len(body)
    app.drain()
    return size


def send_raw(app: App, inlet: str, flow: str, *bodies: Any) -> None:
    """Send raw data to a flow and apply it."""
    for body in bodies:
        sent = {"content-type": "application/json", "x-adobe-flow-id": flow}
        answer = app.request("POST", f"/collection/{inlet}", content=json.dumps(body), headers=sent)
        assert answer.status_code == 200, answer.text
    app.drain()


def person(number: int) -> Any:
    return record(("Email", f"p{number}@example.com"))


def counts(run: Any) -> tuple[int, int, int]:
    """(in, out, failed)."""
    found = run["metrics"]["recordSummary"]
    return found["inputRecordCount"], found["outputRecordCount"], found["failedRecordCount"]


def test_a_run_tells_what_went_through_its_flow(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS)
    size = send(app, flow, REGISTRATIONS, person(1), person(2), {"identityMap": 7})
    (run,) = runs(app, flow.flow)
    shown = item(app, "flows", flow.flow)
    status = {"status": "inProgress"}
    assert run == {
        "id": f"{flow.flow}-{START_MS}",
        "imsOrgId": app.org_id,
        "sandboxId": app.sandbox.public_id,
        "sandboxName": "prod",
        "createdAt": START_MS,
        "updatedAt": START_MS,
        "flowId": flow.flow,
        "flowSpec": shown["flowSpec"],
        "sourceConnectionIds": [flow.source],
        "targetConnectionIds": [flow.target],
        "metrics": {
            "durationSummary": {"startedAtUTC": START_MS},
            "sizeSummary": {"inputBytes": size},
            "recordSummary": {
                "inputRecordCount": 3,
                "outputRecordCount": 2,
                "failedRecordCount": 1,
            },
            "statusSummary": status,
        },
        "state": "inProgress",
        "etag": run["etag"],
    }
    assert item(app, "runs", run["id"]) == run
    assert shown["lastRunDetails"] == {
        "id": run["id"],
        "state": "inProgress",
        "startedAtUTC": START_MS,
    }
    (listed,) = ask(app, "GET", "/flows").json()["items"]
    assert listed == shown


def test_an_hour_that_is_over_has_an_end_and_a_status(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS)
    send(app, flow, REGISTRATIONS, person(1), {"identityMap": 7})
    app.at(START_MS + HOUR_MS)
    send(app, flow, REGISTRATIONS, {"identityMap": 7})
    app.at(START_MS + 3 * HOUR_MS)
    failed, success = runs(app, flow.flow)  # and none of the hour in which nothing came
    assert (failed["state"], success["state"]) == ("failed", "success")
    assert success["metrics"]["statusSummary"] == {"status": "success"}
    duration = {"startedAtUTC": START_MS, "completedAtUTC": START_MS + HOUR_MS}
    assert success["metrics"]["durationSummary"] == duration
    assert success["updatedAt"] == START_MS + HOUR_MS
    assert (counts(success), counts(failed)) == ((2, 1, 1), (1, 0, 1))
    assert item(app, "flows", flow.flow)["lastRunDetails"] == {
        "id": failed["id"],
        "state": "failed",
        "startedAtUTC": START_MS + HOUR_MS,
        "completedAtUTC": START_MS + 2 * HOUR_MS,
    }


def test_a_known_duplicate_came_in_and_brought_nothing(app: App) -> None:
    flow = dataflow(app, EVENTS)
    one = event("e-1", ("Email", "a@example.com"))
    send(app, flow, EVENTS, one, one, event("e-2", ("Email", "a@example.com")))
    (run,) = runs(app, flow.flow)
    assert counts(run) == (3, 2, 0)


def test_a_run_keeps_its_id_and_changes_its_etag_as_it_grows(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS)
    send(app, flow, REGISTRATIONS, person(1))
    (before,) = runs(app, flow.flow)
    assert runs(app, flow.flow) == [before]
    app.at(START_MS + HOUR_MS - 1)
    send(app, flow, REGISTRATIONS, person(2))
    (after,) = runs(app, flow.flow)
    assert after["id"] == before["id"]
    assert after["etag"] != before["etag"]


def test_a_flow_has_runs_of_its_own_dataset_only_and_from_its_making_on(app: App) -> None:
    first = dataflow(app, REGISTRATIONS)
    send(app, first, EVENTS, event("e-1", ("Email", "a@example.com")))
    assert runs(app) == []
    assert "lastRunDetails" not in item(app, "flows", first.flow)
    made(
        app, "flows", flow_of(first.source, made(app, "targetConnections", target_of(app, EVENTS)))
    )
    assert runs(app) == []
    send(app, first, EVENTS, event("e-2", ("Email", "a@example.com")))
    send(app, first, REGISTRATIONS, person(1))
    assert [counts(run) for run in runs(app)] == [(1, 1, 0)] * 2
    assert len(runs(app, first.flow)) == 1


def test_of_several_flows_a_record_takes_the_one_it_names_else_the_oldest(app: App) -> None:
    first = dataflow(app, REGISTRATIONS)
    second = made(app, "flows", flow_of(first.source, first.target))
    send(app, first, REGISTRATIONS, person(1), person(2))
    send(app, first, REGISTRATIONS, person(3), flowId=second)
    send(app, first, REGISTRATIONS, person(4), flowId="69f188b6-af07-4587-8061-e94d34637b41")
    assert [counts(run)[0] for run in runs(app, first.flow)] == [3]
    assert [counts(run)[0] for run in runs(app, second)] == [1]
    assert ask(app, "POST", f"/flows/{first.flow}/action?op=disable").status_code == 200
    send(app, first, REGISTRATIONS, person(5))
    assert [counts(run)[0] for run in runs(app, second)] == [2]


def test_raw_data_counts_for_the_flow_it_was_sent_to(app: App) -> None:
    first = dataflow(app, REGISTRATIONS, **RAW)
    second = made(app, "flows", flow_of(first.source, first.target, first.mapping))
    send_raw(app, first.inlet, first.flow, {"mail": "a@example.com", "first": "A"})
    send_raw(app, first.inlet, second, {"mail": "b@example.com"}, {"first": "nobody"})
    assert [counts(run) for run in runs(app, first.flow)] == [(1, 1, 0)]
    assert [counts(run) for run in runs(app, second)] == [(2, 1, 1)]


def test_records_beside_flows_make_no_runs(app: App) -> None:
    dataflow(app, REGISTRATIONS)
    app.ingest(REGISTRATIONS, person(1))
    assert runs(app) == []


def test_runs_go_with_their_flow_and_are_of_one_sandbox(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS)
    send(app, flow, REGISTRATIONS, person(1))
    (run,) = runs(app)
    sandbox, _, _ = second_sandbox(app)
    assert app.get(f"{ROOT}/runs", x_sandbox_name=sandbox.name).json()["items"] == []
    refused(app.get(f"{ROOT}/runs/{run['id']}", x_sandbox_name=sandbox.name), 404, "CTL-1007")
    assert ask(app, "DELETE", f"/flows/{flow.flow}").status_code == 204
    assert runs(app) == []
    refused(ask(app, "GET", f"/runs/{run['id']}"), 404, "CTL-1007")


def test_runs_are_told_for_ninety_days(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS)
    send(app, flow, REGISTRATIONS, person(1))
    app.at(START_MS + KEPT_MS)
    assert len(runs(app)) == 1
    app.at(START_MS + KEPT_MS + 1)
    assert runs(app) == []
    assert "lastRunDetails" not in item(app, "flows", flow.flow)


@pytest.mark.parametrize("id_", ["x", "x-1", "-", "69f188b6-af07-4587-8061-e94d34637b41"])
def test_an_unknown_run_is_not_found(app: App, id_: str) -> None:
    flow = dataflow(app, REGISTRATIONS)
    refused(ask(app, "GET", f"/runs/{id_}"), 404, "CTL-1007")
    refused(ask(app, "GET", f"/runs/{flow.flow}-{START_MS}"), 404, "CTL-1007")


def test_runs_are_filtered_ordered_and_paged(app: App) -> None:
    flows = [dataflow(app, REGISTRATIONS), dataflow(app, REGISTRATIONS)]
    for hour in range(3):
        app.at(START_MS + hour * HOUR_MS)
        for flow in flows:
            send(app, flow, REGISTRATIONS, person(hour))
    hours = [START_MS + hour * HOUR_MS for hour in range(3)]
    assert [run["createdAt"] for run in runs(app, flows[0].flow)] == hours[::-1]
    assert [run["createdAt"] for run in runs(app, flows[0].flow, "orderby=createdAt")] == hours
    done = "property=metrics.statusSummary.status==success"
    assert {run["createdAt"] for run in runs(app, "", done)} == set(hours[:2])
    late = f"property=metrics.durationSummary.startedAtUTC>={hours[1]}"
    assert len(runs(app, flows[1].flow, late)) == 2
    answer = app.get(f"{ROOT}/runs?property=flowId=={flows[0].flow}&limit=2&count=true").json()
    assert answer["count"] == 3
    following = app.get(ROOT + answer["_links"]["next"]["href"]).json()
    shown = [run["createdAt"] for run in answer["items"] + following["items"]]
    assert shown == hours[::-1]
    refused(ask(app, "GET", "/runs?property=flowId=x"), 400, "CTL-1008")
    refused(ask(app, "GET", "/runs?continuationToken=x"), 400, "CTL-1008")


class Wire:
    """Takes the place of aepp's connector: its calls go to the application in this process."""

    def __init__(self, app: App) -> None:
        self._app = app

    def getData(self, endpoint: str, params: Any = None, **_: Any) -> Any:
        path = endpoint[endpoint.index(ROOT) :]
        answer = self._app.request("GET", path, params=params, headers=self._app.headers())
        return answer.json()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:(aepp|pandas|matplotlib|dateutil).*")
def test_aepp_follows_the_pages_of_runs(app: App) -> None:
    service: Any = import_module("aepp.flowservice").FlowService
    flow = dataflow(app, REGISTRATIONS)
    for hour in range(5):
        app.at(START_MS + hour * HOUR_MS)
        send(app, flow, REGISTRATIONS, person(hour))
    client = service.__new__(service)
    client.loggingEnabled, client.connector = False, Wire(app)
    client.endpoint = f"https://platform.adobe.io{ROOT}"
    wanted = [f"flowId=={flow.flow}", "metrics.statusSummary.status==success"]
    found = client.getRuns(limit=2, prop=wanted)
    assert [run["state"] for run in found] == ["success"] * 4
    assert client.getRuns(prop=f"flowId=={flow.flow}", limit=3)[0]["state"] == "inProgress"
    assert client.getRun(found[0]["id"]) == [found[0]]
    last = client.getFlow(flow.flow)["lastRunDetails"]
    assert last["startedAtUTC"] == START_MS + 4 * HOUR_MS
