"""One message: `POST /collection/{id}`. Source: ingestion contract, 2."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from onefold.control import connections, credentials, datasets, schemas
from onefold.control.starter import EVENTS, PROFILE_GROUPS, REGISTRATIONS
from onefold.domain.identity.xid import encode as xid_of
from onefold.domain.xdm.schema import PROFILE_CLASS
from onefold.effects import SystemIds
from onefold.store.tables import organisations
from onefold.store.tables.generation import change
from onefold.store.tables.organisations import Organisation
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from onefold.testing.smile_encoder import encode as smile
from tests.contract.people import RECORD, ecid, event, record, second_sandbox

JSON = dict[str, Any]
ADA = (("ECID", ecid(1)), ("Email", "ada@example.com"))
XID = xid_of(4, ecid(1))
INLET_TYPE = "http://ns.adobe.com/adobecloud/problem/data-collection-service/inlet"
AUTH_TYPE = "https://ns.adobe.com/adobecloud/problem/data-collection-service-authorization"
SMILE = "application/x-jackson-smile"


def _message(app: App, **fields: Any) -> JSON:
    return app.message(REGISTRATIONS, record(*ADA, **fields))


def _profile(app: App) -> JSON:
    app.drain()
    envelope: JSON = app.get(f"{RECORD}&entityId={XID}").json()[XID]
    return envelope


def _refused(app: App, answer: httpx.Response, status: int, text: str) -> JSON:
    """Check a problem body of the inlet's shape; answer its report."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body.keys() == {"type", "status", "title", "report"}
    assert (body["type"], body["status"]) == (INLET_TYPE, status)
    prefix = f"inletId: [{app.inlet}] imsOrgId: [{app.org_id}] "
    assert body["report"]["message"].startswith(prefix + text), body
    report: JSON = body["report"]
    return report


# Success


def test_accepted_message_is_answered_with_its_trace_and_time(app: App) -> None:
    app.clock.advance(ms=1234)
    answer = app.collect(_message(app))
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"inletId", "xactionId", "receivedTimeMs"}
    assert body["inletId"] == app.inlet
    assert body["receivedTimeMs"] == START_MS + 1234
    assert re.fullmatch(rf"{START_MS + 1234}:\d+:\d+", body["xactionId"])
    assert _profile(app)["tags"] == [f"{body['xactionId']}:va7"]


def test_traces_are_unique(shared: App) -> None:
    traces = {shared.collect(_message(shared)).json()["xactionId"] for _ in range(5)}
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
    answer = shared.request("POST", url, json=_message(shared))
    assert (answer.status_code, answer.json()["inletId"]) == (200, shared.inlet)
    assert _profile(shared)["entity"]


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
    body = shared.collect(_message(shared), query).json()
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
    answer = shared.collect(_message(shared), **headers)
    assert answer.status_code == 200, answer.text


# The envelope


def _changed(change: Callable[[JSON], None]) -> Callable[[App], JSON]:
    def make(app: App) -> JSON:
        message = json.loads(json.dumps(_message(app)))
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
    assert _profile(shared)["entity"]["identityMap"]["ecid"] == [{"id": ecid(1)}]


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
    report = _refused(shared, answer, 400, "Message has unknown xdm format")
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
    _refused(shared, shared.collect(_changed(change)(shared)), 400, text)


def test_schema_must_be_the_datasets(shared: App) -> None:
    message = _message(shared)
    message["header"]["datasetId"] = shared.datasets[EVENTS].id
    _refused(shared, shared.collect(message), 400, "Message has a schema in the header that is not")


def test_dataset_of_another_sandbox_does_not_exist(app: App) -> None:
    _, message, inlet = second_sandbox(app)
    message["body"]["xdmEntity"] = record(ADA[1])
    assert app.request("POST", f"/collection/{inlet}", json=message).status_code == 200
    _refused(app, app.collect(message), 400, "Message has an unknown schema")


def test_sandbox_header_must_be_the_inlets_sandbox(app: App) -> None:
    second_sandbox(app)
    for name in ("other", "nowhere"):
        answer = app.collect(_message(app), x_sandbox_name=name)
        _refused(app, answer, 400, "Message is for another sandbox")


def test_unknown_inlet_is_a_404_of_the_same_shape(shared: App) -> None:
    for path in ("/collection/", "/collection/batch/", "/data/foundation/import/collection/"):
        answer = shared.request("POST", path + "f" * 64, json=_message(shared))
        assert answer.status_code == 404
        body = answer.json()
        assert (body["type"], body["status"]) == (INLET_TYPE, 404)
        assert body["report"]["message"].startswith(f"inletId: [{'f' * 64}]")


def test_method_other_than_post_is_a_405(shared: App) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        answer = shared.request(method, f"/collection/{shared.inlet}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


# Forms of the body


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "json", "", None])
def test_content_type_must_be_json_or_smile(shared: App, media_type: str | None) -> None:
    headers = {} if media_type is None else {"content-type": media_type}
    content = json.dumps(_message(shared)).encode()
    answer = shared.request("POST", f"/collection/{shared.inlet}", content=content, headers=headers)
    _refused(shared, answer, 415, "Content-Type must be")


@pytest.mark.parametrize("query", ["", "?syncValidation=true"])
@pytest.mark.parametrize("short", [False, True])
def test_smile_is_accepted(shared: App, query: str, short: bool) -> None:
    message = _message(shared, organizations=["one", "one", "é" * 40], testProfile=True)
    content = smile(message, share_names=short, share_values=short, end_mark=short)
    answer = shared.request(
        "POST",
        f"/collection/{shared.inlet}{query}",
        content=content,
        headers={"content-type": SMILE},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert _profile(shared)["entity"]["organizations"] == ["one", "one", "é" * 40]


def test_smile_that_is_broken_is_a_400_wherever_it_breaks_off(shared: App) -> None:
    whole = smile(_message(shared))
    broken = [whole[:end] for end in range(0, len(whole), 7)]
    broken += [b"", b":)\n", b"{}", whole + b"x", b":)\n\x11" + whole[4:], b":)\n\x01\x05"]
    for content in broken:
        answer = shared.request(
            "POST",
            f"/collection/{shared.inlet}",
            content=content,
            headers={"content-type": SMILE},
        )
        assert answer.status_code == 400, content
        assert answer.json()["type"] == INLET_TYPE


def test_json_that_is_sent_as_smile_is_a_400_and_the_other_way_round(shared: App) -> None:
    answer = shared.collect(_message(shared), content_type=SMILE)
    assert answer.status_code == 400
    url = f"/collection/{shared.inlet}"
    headers = {"content-type": "application/json"}
    answer = shared.request("POST", url, content=smile(_message(shared)), headers=headers)
    assert answer.status_code == 400


def _deflated(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("gzip", lambda content: gzip.compress(content[:50]) + gzip.compress(content[50:])),
        ("deflate", zlib.compress),
        ("deflate", _deflated),
        ("identity", bytes),
    ],
)
def test_body_may_be_compressed(shared: App, coding: str, packed: Callable[[bytes], bytes]) -> None:
    content = packed(json.dumps(_message(shared)).encode())
    answer = shared.request(
        "POST",
        f"/collection/{shared.inlet}",
        content=content,
        headers={"content-type": "application/json", "content-encoding": coding},
    )
    assert answer.status_code == 200, answer.text


# Limits


def test_body_of_one_megabyte_is_accepted_and_a_byte_more_is_a_413(shared: App) -> None:
    message = json.dumps(_message(shared)).encode()
    headers = {"content-type": "application/json"}
    for size, status in ((1_000_000, 200), (1_000_001, 413)):
        answer = shared.request(
            "POST",
            f"/collection/{shared.inlet}",
            content=message + b" " * (size - len(message)),
            headers=headers,
        )
        assert answer.status_code == status
    _refused(shared, answer, 413, "The body is larger than 1000000 bytes")


def test_61st_synchronous_validation_of_a_minute_is_a_429(app: App) -> None:
    app.clock.advance(ms=20_500)
    for number in range(60):
        query = "?syncValidation=true" if number % 2 else "?synchronousValidation=True"
        assert app.collect(_message(app), query).status_code == 200
    answer = app.collect(_message(app), "?syncValidation=true")
    _refused(app, answer, 429, "More synchronous validations")
    assert answer.headers["retry-after"] == "40"
    assert app.collect(_message(app)).status_code == 200
    assert app.collect(_message(app), "?syncValidation=false").status_code == 200
    app.clock.advance(ms=39_499)
    assert app.collect(_message(app), "?syncValidation=true").status_code == 429
    app.clock.advance(ms=1)
    assert app.collect(_message(app), "?syncValidation=true").status_code == 200


def test_each_inlet_has_its_own_synchronous_validations(data: Any) -> None:
    app = App(data, sync_validations_per_minute=1)
    assert app.collect(_message(app), "?syncValidation=true").status_code == 200
    assert app.collect(_message(app), "?syncValidation=true").status_code == 429
    answer = app.request(
        "POST",
        f"/collection/{app.closed_inlet}?syncValidation=true",
        json=_message(app),
        headers={"authorization": f"Bearer {app.token}"},
    )
    assert answer.status_code == 200
    app.close()


def test_server_that_cannot_keep_up_is_a_503_that_says_when_to_come_back(data: Any) -> None:
    app = App(data, journal_backlog_max=1)
    assert [app.collect(_message(app)).status_code for _ in range(2)] == [200, 200]
    for path in ("/collection/", "/collection/batch/"):
        content = _message(app) if path == "/collection/" else {"messages": [_message(app)]}
        answer = app.request("POST", path + app.inlet, json=content)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["status"] == 503
    app.drain()
    assert app.collect(_message(app)).status_code == 200
    app.close()


# Inlets that need a token


def _closed(app: App, authorization: str | None) -> httpx.Response:
    headers = {} if authorization is None else {"authorization": authorization.encode()}
    return app.request(
        "POST", f"/collection/{app.closed_inlet}", json=_message(app), headers=headers
    )


def _unauthorized(answer: httpx.Response, status: int, text: str) -> None:
    assert answer.status_code == status
    request_id = answer.headers["x-request-id"]
    assert answer.json() == {
        "type": AUTH_TYPE,
        "status": str(status),
        "title": "Authorization",
        "report": {"message": f"[{request_id}] {text}"},
    }


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi"])
def test_closed_inlet_without_a_token_is_a_401_whose_status_is_a_text(
    shared: App, authorization: str | None
) -> None:
    _unauthorized(_closed(shared, authorization), 401, "Ims service token is empty")


def test_closed_inlet_with_a_wrong_or_expired_token_is_a_401(app: App) -> None:
    token = app.token
    assert _closed(app, f"Bearer {token}").status_code == 200
    assert _closed(app, f"bearer {token}").status_code == 200
    for wrong in ("x", "a.b.c", token[:-4] + "AAAA", token + "x", "é"):
        answer = _closed(app, f"Bearer {wrong}")
        _unauthorized(answer, 401, "Ims service token is invalid or expired")
    app.clock.advance(ms=86_400_000)
    _unauthorized(_closed(app, f"Bearer {token}"), 401, "Ims service token is invalid or expired")


def test_closed_inlet_with_a_token_of_another_organisation_is_a_403(app: App) -> None:
    other = Organisation(
        id="00112233445566778899AABB@AdobeOrg", name="Other", tenant_id="other", created_ms=1
    )
    with change(app.places.control()) as transaction:
        organisations.insert(transaction, other)
    new = credentials.create(
        app.places.control(), app.clock, SystemIds(), org_id=other.id, name="Theirs"
    )
    token = app.rooms.tokens.issued(new.credential.client_id)
    answer = _closed(app, f"Bearer {token}")
    _unauthorized(answer, 403, "Provided token is invalid or expired")


# Synchronous validation


def _cause(app: App, entity: JSON, dataset: str = REGISTRATIONS) -> JSON:
    answer = app.collect(app.message(dataset, entity), "?syncValidation=true")
    report = _refused(app, answer, 400, "Message is invalid")
    assert report.keys() == {"message", "cause"}
    (cause,) = report["cause"]["_streamingValidation"]
    assert cause.keys() == {
        "schemaLocation",
        "pointerToViolation",
        "causingExceptions",
        "message",
    }
    found = cause["causingExceptions"]
    assert cause["message"] == f"{len(found)} schema violations found"
    assert (cause["schemaLocation"], cause["pointerToViolation"]) == ("#", "#")
    return dict(cause)


@pytest.mark.parametrize(
    ("fields", "keyword", "pointer", "location", "message"),
    [
        (
            {"workMail": 1},
            "additionalProperties",
            "#",
            "#",
            "extraneous key [workMail] is not permitted",
        ),
        (
            {"testProfile": "yes"},
            "type",
            "#/testProfile",
            "#/properties/testProfile",
            "expected type: Boolean, found: String",
        ),
        (
            {"personID": 5_000_000_000},
            "type",
            "#/personID",
            "#/properties/personID",
            "expected type: String, found: Long",
        ),
        (
            {"personID": None},
            "type",
            "#/personID",
            "#/properties/personID",
            "expected type: String, found: Null",
        ),
        (
            {"organizations": {}},
            "type",
            "#/organizations",
            "#/properties/organizations",
            "expected type: JSONArray, found: JSONObject",
        ),
        (
            {"organizations": ["a", 1.5]},
            "type",
            "#/organizations/1",
            "#/properties/organizations/items",
            "expected type: String, found: Double",
        ),
        (
            {"person": {"gender": "F"}},
            "enum",
            "#/person/gender",
            "#/properties/person/properties/gender",
            "[F] is not a valid enum value",
        ),
        (
            {"preferredLanguage": "!"},
            "pattern",
            "#/preferredLanguage",
            "#/properties/preferredLanguage",
            "string [!] does not match pattern ",
        ),
        (
            {"homeAddress": {"_schema": {"latitude": -91}}},
            "minimum",
            "#/homeAddress/_schema/latitude",
            "#/properties/homeAddress/properties/_schema/properties/latitude",
            "-91 is not greater or equal to -90",
        ),
        (
            {"consents": {"collect": {}}},
            "required",
            "#/consents/collect",
            "#/properties/consents/properties/collect",
            "required key [val] not found",
        ),
        (
            {"_repo": {"createDate": "2018-00-23T22:07:01Z"}},
            "format",
            "#/_repo/createDate",
            "#/properties/_repo/properties/createDate",
            "[2018-00-23T22:07:01Z] is not a valid date-time. Expected"
            " [yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}Z,"
            " yyyy-MM-dd'T'HH:mm:ss[+-]HH:mm, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}[+-]HH:mm]",
        ),
    ],
)
def test_synchronous_validation_names_place_and_rule_as_the_platform_words_them(
    shared: App, fields: JSON, keyword: str, pointer: str, location: str, message: str
) -> None:
    (violation,) = _cause(shared, record(*ADA, **fields))["causingExceptions"]
    assert violation.pop("message").startswith(message)
    assert violation == {
        "keyword": keyword,
        "pointerToViolation": pointer,
        "schemaLocation": location,
        "causingExceptions": [],
    }


def test_synchronous_validation_stops_after_five_violations(shared: App) -> None:
    cause = _cause(shared, record(*ADA, **{f"unknown{n}": n for n in range(9)}))
    assert len(cause["causingExceptions"]) == 5
    assert cause["message"] == "5 schema violations found"


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("source", "Payload header is missing Source Name"),
        ("xdmEntity", "Payload body is missing xdmEntity"),
    ],
)
def test_synchronous_validation_finds_an_incomplete_payload(
    shared: App, part: str, text: str
) -> None:
    message = _message(shared)
    if part == "source":
        message["header"]["source"] = {}
    else:
        del message["body"]["xdmEntity"]
    report = _refused(
        shared, shared.collect(message, "?syncValidation=true"), 400, "Message is invalid"
    )
    (cause,) = report["cause"]["_streamingValidation"]
    assert [one["message"] for one in cause["causingExceptions"]] == [text]


def test_message_that_fails_synchronous_validation_is_stored_nowhere(app: App) -> None:
    _cause(app, record(*ADA, unknown=1))
    app.drain()
    assert app.ended() == dict.fromkeys(Outcome, 0)
    assert app.failed() == []


@pytest.mark.parametrize("missing", ["_id", "timestamp"])
def test_event_needs_its_id_and_its_time(shared: App, missing: str) -> None:
    entity = event("e-1", *ADA)
    del entity[missing]
    (violation,) = _cause(shared, entity, EVENTS)["causingExceptions"]
    assert violation["keyword"] == "required"
    assert violation["message"] == f"required key [{missing}] not found"


def test_entity_that_is_no_object_fails_validation(shared: App) -> None:
    entities: list[Any] = [[], "text", 5, None, True]
    for entity in entities:
        answer = shared.collect(shared.message(REGISTRATIONS, entity), "?syncValidation=true")
        _refused(shared, answer, 400, "Message is invalid")


def test_dataset_can_switch_validation_off(app: App) -> None:
    datasets.tag(
        app.places.control(),
        app.clock,
        app.sandbox,
        app.datasets[REGISTRATIONS].id,
        {"acp_validationContext": ["disabled"]},
    )
    assert app.collect(_message(app, unknown=1), "?syncValidation=true").status_code == 200
    assert _profile(app)["entity"]["unknown"] == 1


def test_primary_identity_field_is_required(app: App) -> None:
    control, ids = app.places.control(), SystemIds()
    schema = schemas.create_schema(
        control,
        app.clock,
        ids,
        app.sandbox,
        title="Members",
        class_id=PROFILE_CLASS,
        groups=PROFILE_GROUPS,
        for_profile=True,
    )
    schemas.add_identity(
        control,
        ids,
        app.sandbox,
        schema.id,
        property="/personalEmail/address",
        namespace="Email",
        primary=True,
    )
    dataset = datasets.create(
        control, app.clock, ids, app.sandbox, name="Members", schema_id=schema.id
    )
    message = _message(app)
    message["header"]["datasetId"] = dataset.id
    for part in (message["header"], message["body"]["xdmMeta"]):
        part["schemaRef"] = part["schemaRef"] | {"id": schema.id}
    message["body"]["xdmEntity"] = {"personalEmail": {"address": "ada@example.com"}}
    assert app.collect(message, "?syncValidation=true").status_code == 200
    message["body"]["xdmEntity"] = {"testProfile": True}
    _refused(app, app.collect(message, "?syncValidation=true"), 400, "Message is invalid")
