"""One message: `POST /collection/{id}`. Source: ingestion contract, 2."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from onefold.control import connections
from onefold.control.starter import EVENTS
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.collection.ada import ADA, INLET_TYPE, ada_message, ada_profile, refused
from tests.contract.people import ecid, record, second_sandbox

JSON = dict[str, Any]


# Success


def test_accepted_message_is_answered_with_its_trace_and_time(app: App) -> None:
    app.clock.advance(ms=1234)
    answer = app.collect(ada_message(app))
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"inletId", "xactionId", "receivedTimeMs"}
    assert body["inletId"] == app.inlet
    assert body["receivedTimeMs"] == START_MS + 1234
    assert re.fullmatch(rf"{START_MS + 1234}:\d+:\d+", body["xactionId"])
    assert ada_profile(app)["tags"] == [f"{body['xactionId']}:va7"]


def test_traces_are_unique(shared: App) -> None:
    traces = {shared.collect(ada_message(shared)).json()["xactionId"] for _ in range(5)}
    assert len(traces) == 5


@pytest.mark.parametrize(
    "path",
    [
        "/collection/{inlet}",
        "/collection/{inlet}/",
        "/data/foundation/import/collection/{inlet}",
        "/collection/{connection}",
    ],
)
def test_inlet_has_several_addresses(shared: App, path: str) -> None:
    (connection,) = [
        c.id
        for c in connections.listed(shared.places.control(), shared.sandbox)
        if c.inlet_id == shared.inlet
    ]
    url = path.format(inlet=shared.inlet, connection=connection)
    answer = shared.request("POST", url, json=ada_message(shared))
    assert (answer.status_code, answer.json()["inletId"]) == (200, shared.inlet)
    assert ada_profile(shared)["entity"]


@pytest.mark.parametrize(
    ("query", "added"),
    [
        ("", {}),
        ("?syncValidation=true", {"syncValidation": {"status": "pass"}}),
        ("?syncValidation=True", {"syncValidation": {"status": "pass"}}),
        ("?syncValidation=TRUE", {"syncValidation": {"status": "pass"}}),
        ("?syncValidation=false", {"syncValidation": {"skipped": True}}),
        ("?syncValidation=False", {"syncValidation": {"skipped": True}}),
        ("?synchronousValidation=true", {"synchronousValidation": {"status": "pass"}}),
        ("?synchronousValidation=false", {"synchronousValidation": {"skipped": True}}),
    ],
)
def test_answer_tells_of_validation_what_was_asked(shared: App, query: str, added: JSON) -> None:
    body = shared.collect(ada_message(shared), query).json()
    assert body.keys() == {"inletId", "xactionId", "receivedTimeMs"} | added.keys()
    assert {name: body[name] for name in added} == added


@pytest.mark.parametrize(
    "headers",
    [
        {"x_api_key": "unknown", "x_gw_ims_org_id": "nobody", "authorization": "Bearer nonsense"},
        {"x_sandbox_name": "prod"},
        {"x_sandbox_name": ""},
        {"x_adobe_flow_id": "69f188b6-af07-4587-8061-e94d34637b41"},
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": "APPLICATION/JSON"},
    ],
)
def test_headers_that_an_open_inlet_does_not_need_do_no_harm(shared: App, headers: JSON) -> None:
    answer = shared.collect(ada_message(shared), **headers)
    assert answer.status_code == 200, answer.text


# The envelope


def _changed(change: Callable[[JSON], None]) -> Callable[[App], JSON]:
    def make(app: App) -> JSON:
        message = json.loads(json.dumps(ada_message(app)))
        change(message)
        return dict(message)

    return make


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["header"].pop("imsOrgId"),
        lambda m: m["header"].update(imsOrgId=None),
        lambda m: m["header"].update(createdAt="1526283801869"),
        lambda m: m["header"].update(createdAt=1526283801869),
        lambda m: m["header"].update(flowId="69f188b6-af07-4587-8061-e94d34637b41"),
        lambda m: m["header"].update(source={"name": "Shop"}),
        lambda m: m["header"].update(source={"name": "Shop", "more": 1}),
        lambda m: m["header"].update(operations={"data": "create"}),
        lambda m: m["header"].update(unknown=[{}]),
        lambda m: m["body"]["xdmMeta"].update(identityMap={"ECID": [{"id": "no ecid"}]}),
        lambda m: m["body"].update(unknown=1),
        lambda m: m.update(unknown=1),
    ],
)
def test_optional_parts_of_a_message_may_come_in_each_documented_form(
    shared: App, change: Callable[[JSON], None]
) -> None:
    answer = shared.collect(_changed(change)(shared), "?syncValidation=true")
    assert answer.status_code == 200, answer.text
    assert ada_profile(shared)["entity"]["identityMap"]["ecid"] == [{"id": ecid(1)}]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.adobe.xed-full+json;version=1",
        "application/vnd.adobe.xed-full+json;version=1.0",
        "application/vnd.adobe.xed-full+json; version=1.0",
        "application/vnd.adobe.xed-full-notext+json; version=1.0",
        "application/vnd.adobe.xed-full+json;1",
        "application/vnd.adobe.xed-full+json;1.0",
    ],
)
def test_content_type_of_the_schema_has_several_spellings(shared: App, content_type: str) -> None:
    def change(message: JSON) -> None:
        message["header"]["schemaRef"]["contentType"] = content_type
        message["body"]["xdmMeta"]["schemaRef"]["contentType"] = content_type

    assert shared.collect(_changed(change)(shared)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("body"),
        lambda m: m.pop("header"),
        lambda m: m.update(body="x"),
        lambda m: m.update(header=[]),
        lambda m: m["header"].pop("schemaRef"),
        lambda m: m["header"].pop("datasetId"),
        lambda m: m["header"].update(datasetId=5),
        lambda m: m["header"]["schemaRef"].pop("id"),
        lambda m: m["header"]["schemaRef"].pop("contentType"),
        lambda m: m["header"]["schemaRef"].update(contentType="application/json"),
        lambda m: m["header"]["schemaRef"].update(
            contentType="application/vnd.adobe.xed-full+json;version=2"
        ),
        lambda m: m["body"].pop("xdmMeta"),
        lambda m: m["body"]["xdmMeta"].pop("schemaRef"),
        lambda m: m["body"]["xdmMeta"].update(schemaRef={"id": "other", "contentType": "x"}),
        lambda m: m.update(
            header={
                "msgType": "xdmEntityCreate",
                "msgId": "1",
                "xdmSchema": {"name": "_xdm.context.experienceevent"},
            }
        ),
    ],
)
def test_message_of_another_form_is_a_400(shared: App, change: Callable[[JSON], None]) -> None:
    answer = shared.collect(_changed(change)(shared))
    report = refused(shared, answer, 400, "Message has unknown xdm format")
    assert answer.json()["title"] == "Invalid XDM Message Format"
    assert report.keys() == {"message"}


def test_message_that_is_refused_is_stored_nowhere(app: App) -> None:
    for fault in (lambda m: m.pop("body"), lambda m: m["header"].update(imsOrgId="x")):
        assert app.collect(_changed(fault)(app)).status_code == 400
    app.drain()
    assert sum(app.ended().values()) == 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda m: m["header"].update(imsOrgId="000000000000000000000000@AdobeOrg"),
            "Message has an absent or wrong ims org in the header",
        ),
        (
            lambda m: m["header"].update(imsOrgId=""),
            "Message has an absent or wrong ims org in the header",
        ),
        (
            lambda m: (
                m["header"]["schemaRef"].update(id="https://ns.adobe.com/acme/schemas/nothing"),
                m["body"]["xdmMeta"]["schemaRef"].update(
                    id="https://ns.adobe.com/acme/schemas/nothing"
                ),
            ),
            "Message has an unknown schema",
        ),
        (lambda m: m["header"].update(datasetId="0" * 24), "Message has an unknown dataset"),
    ],
)
def test_header_that_names_what_does_not_exist_is_a_400(
    shared: App, change: Callable[[JSON], None], text: str
) -> None:
    refused(shared, shared.collect(_changed(change)(shared)), 400, text)


def test_schema_must_be_the_datasets(shared: App) -> None:
    message = ada_message(shared)
    message["header"]["datasetId"] = shared.datasets[EVENTS].id
    refused(shared, shared.collect(message), 400, "Message has a schema in the header that is not")


def test_dataset_of_another_sandbox_does_not_exist(app: App) -> None:
    _, message, inlet = second_sandbox(app)
    message["body"]["xdmEntity"] = record(ADA[1])
    assert app.request("POST", f"/collection/{inlet}", json=message).status_code == 200
    refused(app, app.collect(message), 400, "Message has an unknown schema")


def test_sandbox_header_must_be_the_inlets_sandbox(app: App) -> None:
    second_sandbox(app)
    for name in ("other", "nowhere"):
        answer = app.collect(ada_message(app), x_sandbox_name=name)
        refused(app, answer, 400, "Message is for another sandbox")


def test_unknown_inlet_is_a_404_of_the_same_shape(shared: App) -> None:
    for path in ("/collection/", "/collection/batch/", "/data/foundation/import/collection/"):
        answer = shared.request("POST", path + "f" * 64, json=ada_message(shared))
        assert answer.status_code == 404
        body = answer.json()
        assert (body["type"], body["status"]) == (INLET_TYPE, 404)
        assert body["report"]["message"].startswith(f"inletId: [{'f' * 64}]")


def test_method_other_than_post_is_a_405(shared: App) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        answer = shared.request(method, f"/collection/{shared.inlet}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
