"""What becomes of accepted records: every one ends exactly once. Source: ingestion contract, 2.5, 5
and 6; identity contract, 4.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from onefold.control import connections, datasets, schemas
from onefold.control.starter import EVENT_GROUPS, EVENTS, REGISTRATIONS
from onefold.domain.identity.xid import encode
from onefold.domain.xdm.schema import EVENT_CLASS
from onefold.effects import SystemIds
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.people import RECORD, TIMELINE, ecid, event, identity_map, iso, record

JSON = dict[str, Any]
ADA = (("ECID", ecid(1)), ("Email", "ada@example.com"))
XID = encode(4, ecid(1))


def _ends(app: App, **expected: int) -> None:
    """Check how all records ended, and that the books balance."""
    app.drain()
    assert {outcome.value: n for outcome, n in app.ended().items() if n} == expected
    assert app.faults() == []


def _timeline(app: App, xid: str = XID) -> list[JSON]:
    children: list[JSON] = app.get(f"{TIMELINE}&relatedEntityId={xid}").json()["children"]
    return children


@pytest.mark.parametrize(
    ("entity", "code", "pointer", "reason"),
    [
        (
            record(*ADA, unknown=1),
            "REC-1001",
            "",
            "extraneous key [unknown] is not permitted",
        ),
        (
            record(*ADA, person={"gender": "F"}),
            "REC-1001",
            "/person/gender",
            "[F] is not a valid enum value",
        ),
        (
            record(*ADA, testProfile=None),
            "REC-1001",
            "/testProfile",
            "expected type: Boolean, found: Null",
        ),
        ([1], "REC-1001", "", "not an object"),
        ({"testProfile": True}, "REC-1002", None, ""),
        ({"identityMap": {}}, "REC-1002", None, ""),
        (
            {"identityMap": {"Email": [{"id": "a@b.c"}, {"id": "d@e.f"}]}},
            "REC-1002",
            "/identityMap",
            "Several identities, and none",
        ),
        (
            {
                "identityMap": {
                    "Email": [{"id": "a@b.c", "primary": True}],
                    "Phone": [{"id": "1", "primary": True}],
                }
            },
            "REC-1002",
            "/identityMap",
            "Several identities are flagged",
        ),
        (
            record(*ADA, identityMap=identity_map(("ShoeSize", "44"))),
            "REC-1003",
            "/identityMap/ShoeSize",
            "",
        ),
        (
            record(("ECID", "123")),
            "REC-1009",
            None,
            "The primary identity (ECID) is not 38 digits",
        ),
        (record(("Email", "NULL")), "REC-1009", None, "is blank or a placeholder"),
        (record(("Email", "x" * 1025)), "REC-1009", None, "is longer than 1024 characters"),
        (record(*ADA, personID="x" * 100_000), "REC-1006", "", "the limit is 100000"),
    ],
)
def test_record_that_cannot_be_applied_is_kept_with_code_place_and_reason(
    app: App, entity: Any, code: str, pointer: str | None, reason: str
) -> None:
    message = app.message(REGISTRATIONS, entity)
    answer = app.collect(message)
    assert answer.status_code == 200
    _ends(app, failed=1)
    (failed,) = app.failed()
    assert (failed.fault.code, failed.fault.at) == (code, pointer)
    assert reason in failed.fault.detail
    assert failed.trace == answer.json()["xactionId"]
    assert (failed.dataset, failed.inlet) == (app.datasets[REGISTRATIONS].id, app.inlet)
    assert failed.received_ms == START_MS
    assert json.loads(failed.message) == message
    assert app.get(f"{RECORD}&entityId={XID}").status_code == 404


@pytest.mark.parametrize(
    ("entity", "code", "pointer", "reason"),
    [
        (event("", *ADA), "REC-1004", "/_id", ""),
        (event("x" * 1025, *ADA), "REC-1004", "/_id", "1024 characters"),
        (event("e", *ADA) | {"_id": 5}, "REC-1001", "/_id", "expected type: String"),
        ({"timestamp": iso(START_MS)}, "REC-1001", "", "required key [_id] not found"),
        (
            event("e", *ADA) | {"timestamp": "2018-00-23T22:07:01Z"},
            "REC-1001",
            "/timestamp",
            "is not a valid date-time",
        ),
        (event("e", *ADA, at_ms=START_MS + 60_001), "REC-1005", "/timestamp", "in the future"),
        (event("e", *ADA, eventType="x" * 10_000), "REC-1006", "", "the limit is 10000"),
        (event("e"), "REC-1002", None, ""),
    ],
)
def test_event_that_cannot_be_applied_is_kept_with_code_place_and_reason(
    app: App, entity: Any, code: str, pointer: str | None, reason: str
) -> None:
    assert app.collect(app.message(EVENTS, entity)).status_code == 200
    _ends(app, failed=1)
    (failed,) = app.failed()
    assert (failed.fault.code, failed.fault.at) == (code, pointer)
    assert reason in failed.fault.detail


def test_event_may_be_a_minute_ahead(app: App) -> None:
    app.ingest(EVENTS, event("e", *ADA, at_ms=START_MS + 60_000))
    _ends(app, applied=1)


def test_payload_that_is_incomplete_is_kept_with_the_documented_reason(app: App) -> None:
    no_name = app.message(REGISTRATIONS, record(*ADA), source={})
    no_entity = app.message(REGISTRATIONS, None)
    del no_entity["body"]["xdmEntity"]
    for message in (no_name, no_entity):
        assert app.collect(message).status_code == 200
    _ends(app, failed=2)
    assert [(failed.fault.code, failed.fault.detail) for failed in app.failed()] == [
        ("REC-1008", "Payload header is missing Source Name"),
        ("REC-1008", "Payload body is missing xdmEntity"),
    ]


@pytest.mark.parametrize(
    "operations",
    [
        {"data": "nonsense"},
        {"data": 1},
        ["merge"],
        {"data": "merge", "identity": "merge"},
        {"data": "merge", "identity": "create"},
        {"data": "merge", "identity": "create", "identityDatasetId": "no"},
    ],
)
def test_operations_that_are_none_are_kept_as_failed(app: App, operations: Any) -> None:
    message = app.message(REGISTRATIONS, record(*ADA), operations=operations)
    assert app.collect(message).status_code == 200
    _ends(app, failed=1)
    assert app.failed()[0].fault.code == "REC-1010"


def test_all_violations_of_a_failed_record_are_kept_five_at_most(app: App) -> None:
    entity = record(*ADA, **{f"unknown{n}": n for n in range(9)})
    app.collect(app.message(REGISTRATIONS, entity))
    app.drain()
    errors = json.loads(app.failed()[0].fault.errors)
    assert len(errors) == 5
    assert errors[0]["message"] == "extraneous key [unknown0] is not permitted"


def test_every_record_of_a_mixed_batch_ends_once(app: App) -> None:
    app.ingest(
        EVENTS,
        event("e-1", *ADA),
        event("e-1", *ADA, eventType="again"),
        event("e-2", *ADA, unknown=1),
        event("e-3", *ADA),
    )
    app.ingest(EVENTS, event("e-3", *ADA), event("e-4", *ADA))
    _ends(app, applied=3, duplicate=2, failed=1)


def test_first_event_of_an_id_stays(app: App) -> None:
    app.ingest(EVENTS, event("e", *ADA, eventType="first"))
    app.clock.advance(ms=5000)
    app.ingest(EVENTS, event("e", *ADA, eventType="second", at_ms=START_MS + 1))
    (child,) = _timeline(app)
    assert child["entity"]["eventType"] == "first"
    assert child["lastModifiedAt"] == "2026-01-01T00:00:00Z"
    _ends(app, applied=1, duplicate=1)


def test_one_event_id_of_two_people_names_two_events(app: App) -> None:
    app.ingest(EVENTS, event("e", *ADA), event("e", ("ECID", ecid(2))))
    assert len(_timeline(app)) == len(_timeline(app, encode(4, ecid(2)))) == 1
    _ends(app, applied=2)


def test_event_keeps_everything_exactly_as_it_was_sent(app: App) -> None:
    sent = event(
        "UPPER-lower-é-0",
        ("ECID", ecid(1)),
        eventType="",
        productListItems=[{"quantity": 3, "priceTotal": 7.80, "name": 'é"\\/\u2028😀'}, {}],
        placeContext={"localTime": "2022-02-06T06:58:46.596+01:00", "localTimezoneOffset": -60},
        web={},
        commerce={"order": {"priceTotal": 1e21}},
    )
    sent["timestamp"] = "2022-02-09T16:13:35+01:00"
    sent["identityMap"]["ECID"][0]["authenticatedState"] = "ambiguous"
    app.ingest(EVENTS, sent)
    (child,) = _timeline(app)
    assert child["entity"] == sent
    assert child["timestamp"] == 1_644_419_615_000


def test_identity_is_known_only_if_its_record_was_applied(app: App) -> None:
    app.ingest(EVENTS, event("e", *ADA, unknown=1), event("f", ("ECID", ecid(2)), ADA[1]))
    graph = app.get(f"{RECORD}&entityId={encode(4, ecid(2))}").json()
    assert set(graph[encode(4, ecid(2))]["identityGraph"]) == {
        encode(4, ecid(2)),
        encode(6, "ada@example.com"),
    }
    assert app.get(f"{RECORD}&entityId={XID}").status_code == 404


def test_namespaces_in_a_map_may_be_named_by_number(app: App) -> None:
    app.ingest(REGISTRATIONS, record(("4", ecid(1)), ("6", "ada@example.com")))
    assert app.get(f"{RECORD}&entityId={XID}").status_code == 200
    _ends(app, applied=1)


def test_marked_fields_and_the_map_name_identities_together(app: App) -> None:
    core = {"email": "ada@example.com", "phoneNumber": "+32470", "crmId": "77", "loyaltyId": "88"}
    app.ingest(REGISTRATIONS, record(("ECID", ecid(1)), _acme={"identification": {"core": core}}))
    entity = app.get(f"{RECORD}&entityId={XID}").json()[XID]["entity"]
    assert entity["identityMap"] == {
        "ecid": [{"id": ecid(1)}],
        "email": [{"id": "ada@example.com"}],
        "phone": [{"id": "+32470"}],
        "crmid": [{"id": "77"}],
        "loyaltyid": [{"id": "88"}],
    }


def test_blocked_and_meaningless_identities_are_passed_over(app: App) -> None:
    named = (ADA[0], ("Email", "anonymous"), ("AAID", "6108AAEBC4697958-66BCCC1083D28AF1"))
    app.ingest(REGISTRATIONS, record(*named))
    graph = app.get(f"{RECORD}&entityId={XID}").json()[XID]["identityGraph"]
    assert graph == [XID]
    _ends(app, applied=1)


def test_record_with_more_than_twenty_identities_links_none(app: App) -> None:
    emails = [("Email", f"ada{n}@example.com") for n in range(20)]
    app.ingest(REGISTRATIONS, record(ADA[0], *emails))
    assert app.get(f"{RECORD}&entityId={XID}").json()[XID]["identityGraph"] == [XID]
    app.ingest(REGISTRATIONS, record(ADA[0], *emails[:19]))
    assert len(app.get(f"{RECORD}&entityId={XID}").json()[XID]["identityGraph"]) == 20
    _ends(app, applied=2)


def _plain_dataset(app: App, tags: dict[str, list[str]]) -> JSON:
    """A message to a new event dataset with these tags."""
    control, ids = app.places.control(), SystemIds()
    schema = schemas.create_schema(
        control,
        app.clock,
        ids,
        app.sandbox,
        title="Plain",
        class_id=EVENT_CLASS,
        groups=EVENT_GROUPS,
        for_profile=True,
    )
    dataset = datasets.create(
        control, app.clock, ids, app.sandbox, name="Plain", schema_id=schema.id, tags=tags
    )
    message = app.message(EVENTS, event("e", *ADA))
    message["header"]["datasetId"] = dataset.id
    for part in (message["header"], message["body"]["xdmMeta"]):
        part["schemaRef"] = part["schemaRef"] | {"id": schema.id}
    return message


def test_dataset_that_is_not_tagged_feeds_nothing(app: App) -> None:
    assert app.collect(_plain_dataset(app, {})).status_code == 200
    _ends(app, applied=1)
    assert app.get(f"{RECORD}&entityId={XID}").status_code == 404


def test_dataset_tagged_for_identity_alone_feeds_the_graph(app: App) -> None:
    message = _plain_dataset(app, {"unifiedIdentity": ["enabled: true"]})
    assert app.collect(message).status_code == 200
    _ends(app, applied=1)
    envelope = app.get(f"{RECORD}&entityId={XID}").json()[XID]
    assert len(envelope["identityGraph"]) == 2
    assert _timeline(app) == []


def test_dataset_tagged_for_profile_alone_links_nothing(app: App) -> None:
    message = _plain_dataset(app, {"unifiedProfile": ["enabled:true"]})
    assert app.collect(message).status_code == 200
    _ends(app, applied=1)
    assert app.get(f"{RECORD}&entityId={XID}").json()[XID]["identityGraph"] == [XID]
    assert len(_timeline(app)) == 1


def test_inlet_that_was_just_made_works_at_once(app: App) -> None:
    assert app.collect(app.message(EVENTS, event("e-1", *ADA))).status_code == 200
    made = connections.create(app.places.control(), app.clock, SystemIds(), app.sandbox, name="New")
    url = f"/collection/{made.inlet_id}"
    answer = app.request("POST", url, json=app.message(EVENTS, event("e-2", *ADA)))
    assert answer.status_code == 200
    _ends(app, applied=2)


def test_pipeline_that_starts_again_goes_on_where_it_stopped(app: App, data: Any) -> None:
    app.ingest(EVENTS, event("e-1", *ADA))
    assert app.collect(app.message(EVENTS, event("e-2", *ADA))).status_code == 200
    again = App(data)
    again.drain()
    assert len(_timeline(again)) == 2
    assert again.ended()[Outcome.APPLIED] == 2
    again.close()
    _ends(app, applied=2)
