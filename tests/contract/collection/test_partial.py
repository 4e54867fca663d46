"""Partial updates: records that change or remove what their dataset says of a person.

Source: ingestion contract, 5.
"""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control import datasets
from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App
from tests.contract.collection.test_raw import FIELDS, KIM, MAIL, post, profile
from tests.contract.flowservice.desk import dataflow
from tests.contract.people import event, further_dataset, record

ME = ("Email", MAIL)
PHONE = ("Phone", "+46701740650")
MERGE, DELETE = {"data": "merge"}, {"data": "delete"}


def sent(app: App, entity: Any, dataset: str = REGISTRATIONS, **operations: Any) -> None:
    """One accepted message, not yet applied."""
    asked = {"operations": operations} if operations else {}
    answer = app.collect(app.message(dataset, entity, **asked))
    assert answer.status_code == 200, answer.text


def person(first: str | None = None, last: str | None = None, **more: Any) -> dict[str, Any]:
    """A record of me; names that are not given are left out."""
    names = {"firstName": first, "lastName": last}
    return record(
        ME, person={"name": {name: value for name, value in names.items() if value}}, **more
    )


def name_of(app: App, mail: str = MAIL) -> Any:
    """The name that the profile shows; None when there is no profile."""
    found = profile(app, mail)
    return found and found.get("person", {}).get("name")


def failures(app: App) -> list[tuple[str, str]]:
    return [(failed.fault.step, failed.fault.code) for failed in app.failed()]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_merge_changes_only_what_it_says(app: App, at_once: bool) -> None:
    sent(app, person("Kim", "Berg", mobilePhone={"number": "1"}))
    if not at_once:
        app.drain()
    sent(app, person("Kimberly", mobilePhone={"number": None}), **MERGE)
    found = profile(app)
    assert found["person"]["name"] == {"firstName": "Kimberly", "lastName": "Berg"}
    assert found.get("mobilePhone", {}) == {}
    assert failures(app) == []
    assert app.ended()[Outcome.APPLIED] == 2


def test_a_plain_record_replaces_what_was_merged(app: App) -> None:
    sent(app, person("Kim", "Berg"), **MERGE)
    sent(app, person("Kimberly"))
    assert name_of(app) == {"firstName": "Kimberly"}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_delete_removes_what_one_dataset_says(app: App, at_once: bool) -> None:
    sent(app, person("Kim", "Berg"))
    sent(app, person("Kimmy"), LOGINS)
    if not at_once:
        assert name_of(app) == {"firstName": "Kimmy", "lastName": "Berg"}
    sent(app, record(ME), LOGINS, **DELETE)
    assert name_of(app) == {"firstName": "Kim", "lastName": "Berg"}
    sent(app, record(ME), **DELETE)
    assert not name_of(app)
    sent(app, person("New"), **MERGE)
    assert name_of(app) == {"firstName": "New"}
    assert failures(app) == []


def test_one_batch_ends_as_one_by_one(app: App) -> None:
    sent(app, person("A", "B"))
    sent(app, record(ME), **DELETE)
    sent(app, person(last="C"), **MERGE)
    sent(app, person("D"), **MERGE)
    assert name_of(app) == {"firstName": "D", "lastName": "C"}


def test_kept_answers_end_with_a_partial_update(app: App) -> None:
    sent(app, person("Kim", "Berg"))
    assert name_of(app) == name_of(app) == {"firstName": "Kim", "lastName": "Berg"}
    sent(app, person("Kimberly"), **MERGE)
    assert name_of(app) == {"firstName": "Kimberly", "lastName": "Berg"}


def test_operations_make_no_links_unless_they_ask(app: App) -> None:
    dataset = app.datasets[REGISTRATIONS]
    tags = {"unifiedIdentity": ["enabled:true"], "acp_validationContext": ["disabled"]}
    links = further_dataset(app, "Identities", REGISTRATIONS, **tags)
    both = record(ME, PHONE, person={"name": {"firstName": "Kim"}})
    sent(app, both, **MERGE)
    assert name_of(app) == {"firstName": "Kim"}
    assert "Phone" not in profile(app)["identityMap"]
    sent(app, both, **MERGE, identity="create", identityDatasetId=links)
    assert "phone" in {namespace.lower() for namespace in profile(app)["identityMap"]}
    sent(app, both, **MERGE, identity="create", identityDatasetId=dataset.id)
    sent(app, both, **MERGE, identity="create", identityDatasetId=app.datasets[LOGINS].id)
    sent(app, both, **MERGE, identity="create", identityDatasetId=app.datasets[EVENTS].id)
    app.drain()
    assert failures(app) == [("normalize", "REC-1010")] * 3
    assert app.faults() == []


def test_events_and_datasets_outside_profile_do_not_change(app: App) -> None:
    for operations in (MERGE, DELETE):
        sent(app, event("1", ("ECID", "1" * 38)), EVENTS, **operations)
    further_dataset(app, "Plain", REGISTRATIONS)
    sent(app, person("Kim"), "Plain", **MERGE)
    app.drain()
    assert failures(app) == [("normalize", "REC-1010")] * 3


def test_a_merge_must_fit_the_schema_in_what_it_says(app: App) -> None:
    sent(app, person("Kim", unknown=1), **MERGE)
    sent(app, record(ME, person={"name": {"firstName": 7}}), **MERGE)
    sent(app, {"person": {"name": {"firstName": "Nobody"}}}, **MERGE)
    app.drain()
    assert [code for _, code in failures(app)] == ["REC-1001", "REC-1001", "REC-1002"]


def test_synchronous_validation_knows_partial_records(app: App) -> None:
    entity = person("Kim", mobilePhone=None)
    whole = app.message(REGISTRATIONS, entity)
    partial = app.message(REGISTRATIONS, entity, operations=MERGE)
    wrong = app.message(REGISTRATIONS, person("Kim", unknown=1), operations=MERGE)
    answers = [app.collect(m, "?syncValidation=true") for m in (whole, partial, wrong)]
    assert [answer.status_code for answer in answers] == [400, 200, 400]


def test_a_merge_that_grows_too_large_fails_and_changes_nothing(app: App) -> None:
    sent(app, person("Kim", "x" * 60_000))
    sent(app, person("y" * 60_000), **MERGE)
    sent(app, record(ME, person={"birthDate": "1990-01-02"}), **MERGE)
    found = profile(app)["person"]
    assert (found["name"]["firstName"], found["birthDate"]) == ("Kim", "1990-01-02")
    assert failures(app) == [("fold", "REC-1006")]
    assert app.ended() == {**dict.fromkeys(Outcome, 0), Outcome.APPLIED: 2, Outcome.FAILED: 1}


def test_records_of_an_upsert_dataset_merge(app: App) -> None:
    dataset = app.datasets[REGISTRATIONS]
    datasets.tag(
        app.places.control(),
        app.clock,
        app.sandbox,
        dataset.id,
        {"unifiedProfile": ["enabled: true", "isUpsert: true"]},
    )
    sent(app, record(ME, PHONE, person={"name": {"firstName": "Kim", "lastName": "Berg"}}))
    sent(app, person("Kimberly"))
    assert name_of(app) == {"firstName": "Kimberly", "lastName": "Berg"}
    assert len(profile(app)["identityMap"]) == 2
    sent(app, record(ME, person={"name": None}))
    assert not name_of(app)
    sent(app, person("Whole"), data="create")
    assert name_of(app) == {"firstName": "Whole"}


def test_raw_data_merges_by_its_mapping(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS, **FIELDS)
    assert post(app, flow, KIM).status_code == 200
    change = {"id": MAIL, "primary": True, "mail": MAIL, "first": None, "points": 40}
    message = {"header": {"operations": MERGE}, "body": change}
    answer = post(app, flow, message, "?syncValidation=true")
    assert answer.status_code == 200, answer.text
    found = profile(app)
    assert failures(app) == []
    assert found["person"] == {"name": {}, "birthDate": "1990-01-02"}
    assert found[app.tenant]["loyaltyDetails"] == {"points": 40}
    bad = {"header": {"operations": MERGE}, "body": {**change, "points": "many"}}
    assert post(app, flow, bad, "?syncValidation=true").status_code == 400
    gone = {"header": {"operations": DELETE}, "body": {"id": MAIL, "mail": MAIL}}
    assert post(app, flow, gone).status_code == 200
    assert not name_of(app)
