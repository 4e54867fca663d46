"""Inlets of raw data: which flow a record takes, and what its mapping makes of it.

Source: ingestion contract, 4.1 and 5.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App
from tests.contract.asking import send
from tests.contract.flowservice.desk import MAPPINGS, Dataflow, ask, dataflow, mapping_of
from tests.contract.people import RECORD

MAIL, LEE = "kim@example.org", "lee@example.org"
FIELDS = {
    "mail": "TENANT.identification.core.email",
    "customer__number": "TENANT.identification.core.crmId",
    "first": "person.name.firstName",
    "born": "person.birthDate",
    "points": "TENANT.loyaltyDetails.points",
    "primary": "identityMap.Email[0].primary",
    "id": "identityMap.Email[0].id",
}
KIM: dict[str, Any] = {
    "mail": MAIL,
    "id": MAIL,
    "primary": True,
    "customer": {"number": 7007},
    "first": "Kim",
    "born": "1990-01-02",
    "points": "12",
    "shoe size": 43,
}


@pytest.fixture
def flow(app: App) -> Dataflow:
    """A flow of raw registrations."""
    return dataflow(app, REGISTRATIONS, **FIELDS)


def post(app: App, flow: Dataflow, body: Any, query: str = "", **headers: str) -> httpx.Response:
    """One request of raw data to the flow's inlet; it names the flow unless told otherwise."""
    sent = {"content-type": "application/json", "x-adobe-flow-id": flow.flow}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"/collection/{flow.inlet}{query}"
    return app.request("POST", url, content=json.dumps(body), headers=sent)


def profile(app: App, mail: str = MAIL) -> Any:
    """What is known of the person with this address; None when nothing is."""
    app.drain()
    answer = app.get(f"{RECORD}&entityId={mail}&entityIdNS=email")
    if answer.status_code == 404:
        return None
    (found,) = answer.json().values()
    return found["entity"]


def test_raw_data_becomes_a_profile_by_its_mapping(app: App, flow: Dataflow) -> None:
    answer = post(app, flow, KIM)
    assert answer.status_code == 200, answer.text
    assert answer.json()["inletId"] == flow.inlet
    entity = profile(app)
    assert app.failed() == []
    assert entity["person"] == {"name": {"firstName": "Kim"}, "birthDate": "1990-01-02"}
    core = entity[app.tenant]["identification"]["core"]
    assert core == {"email": MAIL, "crmId": "7007"}
    assert entity[app.tenant]["loyaltyDetails"] == {"points": 12}


def test_the_flow_may_be_named_in_the_query(app: App, flow: Dataflow) -> None:
    answer = post(app, flow, KIM, f"?x-adobe-flow-id={flow.flow}", x_adobe_flow_id="")
    assert answer.status_code == 200, answer.text
    assert profile(app)["person"]["name"] == {"firstName": "Kim"}


def test_raw_data_without_a_flow_of_the_inlet_is_refused(app: App, flow: Dataflow) -> None:
    other = dataflow(app, REGISTRATIONS, **FIELDS)
    for named, status, text in (
        ("", 400, "Raw data needs the id of a flow"),
        ("no", 404, "The inlet has no flow with this id"),
        (other.flow, 404, "The inlet has no flow with this id"),
    ):
        answer = post(app, flow, KIM, x_adobe_flow_id=named)
        assert answer.status_code == status
        body = answer.json()
        assert body["status"] == status
        assert body["report"]["message"].startswith(f"inletId: [{flow.inlet}]")
        assert text in body["report"]["message"]
    answer = app.request(
        "POST", f"/collection/batch/{flow.inlet}", json={"messages": [KIM]}, headers={}
    )
    assert answer.status_code == 400


def test_an_envelope_is_taken_off(app: App, flow: Dataflow) -> None:
    dataset = app.datasets[REGISTRATIONS]
    header = {
        "imsOrgId": app.org_id,
        "datasetId": dataset.id,
        "schemaRef": {"id": dataset.schema_id, "contentType": "x"},
        "flowId": "ignored",
        "source": {"name": "till"},
    }
    assert post(app, flow, {"header": header, "body": KIM}).status_code == 200
    assert profile(app)["person"]["name"] == {"firstName": "Kim"}
    for wrong, text in (
        ({"imsOrgId": "other"}, "wrong ims org"),
        ({"datasetId": "other"}, "another dataset"),
        ({"schemaRef": {"id": "other", "contentType": "x"}}, "not its dataset's"),
        ({"schemaRef": 7}, "unusable header"),
    ):
        answer = post(app, flow, {"header": {**header, **wrong}, "body": KIM})
        assert answer.status_code == 400
        assert text in answer.json()["report"]["message"]


@pytest.mark.parametrize("body", [[], "x", 7, None])
def test_raw_data_is_an_object(app: App, flow: Dataflow, body: Any) -> None:
    answer = post(app, flow, body)
    assert answer.status_code == 400
    assert "Raw data is a JSON object" in answer.json()["report"]["message"]


def test_raw_data_is_not_nested_endlessly(app: App, flow: Dataflow) -> None:
    deep: Any = 1
    for _ in range(120):
        deep = {"a": deep}
    assert post(app, flow, deep).status_code == 400


def test_a_batch_of_raw_data_takes_one_flow(app: App, flow: Dataflow) -> None:
    lee = {**KIM, "mail": LEE, "id": LEE, "first": "Lee", "customer": {}}
    answer = app.request(
        "POST",
        f"/data/foundation/import/collection/batch/{flow.inlet}",
        content=json.dumps({"messages": [KIM, 7, lee]}),
        headers={"content-type": "application/json", "x-adobe-flow-id": flow.flow},
    )
    assert answer.status_code == 207, answer.text
    first, second, third = answer.json()["responses"]
    assert second["statusCode"] == 400
    assert first["xactionId"].endswith(":0")
    assert third["xactionId"].endswith(":2")
    assert profile(app)["person"]["name"] == {"firstName": "Kim"}
    assert profile(app, LEE)["person"]["name"] == {"firstName": "Lee"}


def test_synchronous_validation_judges_what_the_mapping_makes(app: App, flow: Dataflow) -> None:
    assert post(app, flow, KIM, "?syncValidation=True").json()["syncValidation"] == {
        "status": "pass"
    }
    answer = post(app, flow, {**KIM, "points": "many"}, "?syncValidation=True")
    assert answer.status_code == 400
    (found,) = answer.json()["report"]["cause"]["_streamingValidation"]
    (one,) = found["causingExceptions"]
    assert one["pointerToViolation"] == f"#/{app.tenant}/loyaltyDetails/points"
    assert one["message"] == "String cannot be converted to int"
    answer = post(app, flow, {**KIM, "primary": False, "mail": 7, "id": {}}, "?syncValidation=True")
    assert answer.status_code == 400
    assert app.ended() == dict.fromkeys(Outcome, 0)


def test_a_failed_record_is_mended_by_mending_the_mapping(app: App, flow: Dataflow) -> None:
    post(app, flow, {**KIM, "points": "many", "punkte": 5})
    assert profile(app) is None
    (failed,) = app.failed()
    assert (failed.fault.code, failed.fault.at) == (
        "REC-1012",
        f"/{app.tenant}/loyaltyDetails/points",
    )
    assert json.loads(failed.message)["body"]["punkte"] == 5
    mended = {name: to for name, to in FIELDS.items() if name != "points"}
    body = mapping_of(app, REGISTRATIONS, **mended, punkte=FIELDS["points"])
    assert send(app, "PUT", f"{MAPPINGS}/{flow.mapping}", body).status_code == 200
    app.rooms.inlets.repeat(app.sandbox.id, [failed])
    assert profile(app)[app.tenant]["loyaltyDetails"] == {"points": 5}


def test_what_does_not_fit_the_schema_after_mapping_fails(app: App, flow: Dataflow) -> None:
    post(app, flow, {**KIM, "id": 7, "primary": 7})
    post(app, flow, {"first": "Nobody"})
    app.drain()
    assert [failed.fault.code for failed in app.failed()] == ["REC-1012", "REC-1002"]


def test_events_are_mapped_too(app: App) -> None:
    flow = dataflow(
        app,
        EVENTS,
        number="_id",
        at="timestamp",
        mail="TENANT.identification.core.email",
        id="identityMap.Email[0].id",
    )
    now_ms = app.clock.now_ms()
    post(app, flow, {"number": 4, "at": now_ms, "id": MAIL, "mail": MAIL})
    app.drain()
    assert app.failed() == []
    assert app.ended()[Outcome.APPLIED] == 1


def test_a_disabled_flow_or_connection_takes_nothing(app: App, flow: Dataflow) -> None:
    ask(app, "POST", f"/flows/{flow.flow}/action?op=disable")
    answer = post(app, flow, KIM)
    assert answer.status_code == 409
    assert answer.json()["title"] == "Inlet Disabled"
    assert "The flow is disabled" in answer.json()["report"]["message"]
    ask(app, "POST", f"/flows/{flow.flow}/action?op=enable")
    assert post(app, flow, KIM).status_code == 200
    off = [{"op": "replace", "path": "/state", "value": "disabled"}]
    ask(app, "PATCH", f"/connections/{flow.connection}", off, if_match="*")
    answer = post(app, flow, KIM)
    assert answer.status_code == 409
    assert "The connection is disabled" in answer.json()["report"]["message"]


def test_a_disabled_flow_of_xdm_takes_nothing_that_names_it(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS)
    message = app.message(REGISTRATIONS, {"identityMap": {}}, flowId=flow.flow)
    unnamed = app.message(REGISTRATIONS, {"identityMap": {}})
    assert post(app, flow, message).status_code == 200
    ask(app, "POST", f"/flows/{flow.flow}/action?op=disable")
    assert post(app, flow, message).status_code == 409
    assert post(app, flow, unnamed).status_code == 409
    assert post(app, flow, message, x_adobe_flow_id="").status_code == 409
    assert post(app, flow, unnamed, x_adobe_flow_id="").status_code == 200
    batch = app.request(
        "POST", f"/collection/batch/{flow.inlet}", json={"messages": [message, unnamed]}
    )
    assert batch.status_code == 207
    assert batch.json()["responses"][0]["statusCode"] == 409


def test_records_whose_flow_is_gone_when_they_are_applied_fail(app: App, flow: Dataflow) -> None:
    post(app, flow, KIM)
    assert ask(app, "DELETE", f"/flows/{flow.flow}").status_code == 204
    app.drain()
    (failed,) = app.failed()
    assert failed.fault.code == "REC-1011"
    post(app, dataflow(app, REGISTRATIONS, **FIELDS), KIM)
    assert ask(app, "DELETE", f"/sourceConnections/{flow.source}").status_code == 204
    assert ask(app, "DELETE", f"/connections/{flow.connection}").status_code == 204
    app.rooms.inlets.repeat(app.sandbox.id, [failed])
    app.drain()
    assert [one.fault.code for one in app.failed()].count("REC-1011") == 2
