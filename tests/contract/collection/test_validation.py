"""Synchronous validation of one message. Source: ingestion contract, 2.4 and 2.5."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control import datasets, descriptors, schemas
from onefold.control.starter import EVENTS, PROFILE_GROUPS, REGISTRATIONS
from onefold.domain.xdm.schema import PROFILE_CLASS
from onefold.effects import SystemIds
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App
from tests.contract.collection.ada import ADA, ada_message, ada_profile, refused
from tests.contract.people import event, record

JSON = dict[str, Any]


# Synchronous validation


def _cause(app: App, entity: JSON, dataset: str = REGISTRATIONS) -> JSON:
    answer = app.collect(app.message(dataset, entity), "?syncValidation=true")
    report = refused(app, answer, 400, "Message is invalid")
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
    message = ada_message(shared)
    if part == "source":
        message["header"]["source"] = {}
    else:
        del message["body"]["xdmEntity"]
    report = refused(
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
        refused(shared, answer, 400, "Message is invalid")


def test_dataset_can_switch_validation_off(app: App) -> None:
    datasets.tag(
        app.places.control(),
        app.clock,
        app.sandbox,
        app.datasets[REGISTRATIONS].id,
        {"acp_validationContext": ["disabled"]},
    )
    assert app.collect(ada_message(app, unknown=1), "?syncValidation=true").status_code == 200
    assert ada_profile(app)["entity"]["unknown"] == 1


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
    descriptors.add_identity(
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
    message = ada_message(app)
    message["header"]["datasetId"] = dataset.id
    for part in (message["header"], message["body"]["xdmMeta"]):
        part["schemaRef"] = part["schemaRef"] | {"id": schema.id}
    message["body"]["xdmEntity"] = {"personalEmail": {"address": "ada@example.com"}}
    assert app.collect(message, "?syncValidation=true").status_code == 200
    message["body"]["xdmEntity"] = {"testProfile": True}
    refused(app, app.collect(message, "?syncValidation=true"), 400, "Message is invalid")
