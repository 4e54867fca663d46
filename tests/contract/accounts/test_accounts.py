"""What an account is to the platform: a sandbox like any other, with schemas that hold what calls
say. Source: Intilery contract, sections 2 and 11.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from onefold.domain.calls.namespaces import GROUP, USER
from onefold.store.snapshot import Snapshot
from onefold.testing.app import ENTITIES, App
from tests.contract.asking import send
from tests.contract.people import event, record

JSON = dict[str, Any]
TRAITS = "https://ns.adobe.com/xdm/mixins/onefold/traits"
SANDBOXES = "/data/foundation/sandbox-management/sandboxes"
SAID = {
    "plan": "Gold",
    "visits": 3,
    "height": 1.7,
    "vip": False,
    "tags": ["a", 1, {"deep": []}],
    "address": {"city": "Lisbon", "lines": ["1", "2"]},
    "Größe in cm": 180,
}


@pytest.fixture
def account(app: App) -> App:
    """The sandbox `prod` is an account."""
    app.account("acme", "prod")
    for dataset in snapshot(app).datasets.values():
        app.datasets[dataset.name] = dataset
    return app


def snapshot(app: App) -> Snapshot:
    return app.rooms.definitions.snapshot(app.sandbox.id)


def asked(class_name: str, namespace: str, value: str) -> str:
    return f"{ENTITIES}?schema.name={class_name}&entityId={value}&entityIdNS={namespace}"


def test_traits_hold_anything_as_it_was_sent(account: App) -> None:
    account.ingest("Traits", record((USER, "u-1"), _onefold={"traits": SAID, "groups": {}}))
    assert account.failed() == []
    answer = account.get(asked("_xdm.context.profile", USER, "u-1"))
    (found,) = answer.json().values()
    assert found["entity"]["_onefold"]["traits"] == SAID


def test_what_calls_say_lands_in_the_lake(account: App) -> None:
    said = {"call": SAID, "action": "order", "brand": "KIDS", "source": "API", "active": False}
    account.ingest("Calls", event("e-1", (USER, "u-1"), _onefold=said))
    account.ingest("Traits", record((USER, "u-1"), _onefold={"traits": SAID}))
    account.ingest("Groups", record((GROUP, "g-1"), _onefold={"traits": SAID}))
    assert account.failed() == []
    account.land()
    known = snapshot(account)
    for name, column in (("Calls", "call"), ("Traits", "traits"), ("Groups", "traits")):
        dataset = account.datasets[name]
        root = known.schemas[dataset.schema_id].root
        (row,) = account.rooms.lakes.of(account.sandbox.id).rows(dataset.id, root, limit=10)
        assert row["_onefold"][column] == SAID


def test_traits_of_another_shape_fail(account: App) -> None:
    shapes: list[JSON] = [{"traits": []}, {"groups": "a"}, {"more": {}}]
    for wrong in shapes:
        account.ingest("Traits", record((USER, "u-1"), _onefold=wrong))
    assert [one.fault.code for one in account.failed()] == ["REC-1001"] * 3


def test_a_group_is_looked_up_as_an_account_of_business_is(account: App) -> None:
    account.ingest("Groups", record((GROUP, "g-1"), _onefold={"traits": {"plan": "Gold"}}))
    assert account.failed() == []
    (found,) = account.get(asked("_xdm.context.account", GROUP, "g-1")).json().values()
    assert found["entity"] == {
        "_onefold": {"traits": {"plan": "Gold"}},
        "identityMap": {"groupid": [{"id": "g-1"}]},
    }
    assert account.get(asked("_xdm.context.profile", GROUP, "g-1")).status_code == 404
    wrong = account.get(asked("_xdm.context.account", USER, "g-1"))
    assert wrong.status_code == 400
    assert "b2b_account and groupId" in wrong.text
    account.ingest("Groups", record((USER, "u-1"), _onefold={"traits": {}}))
    assert [one.fault.code for one in account.failed()] == ["REC-1009"]


def test_the_registry_shows_what_calls_are_kept_in(account: App) -> None:
    accept = {"accept": "application/vnd.adobe.xed-full+json; version=1"}
    url = f"/data/foundation/schemaregistry/global/mixins/{quote(TRAITS, safe='')}"
    shown = account.get(url, **accept)
    assert shown.status_code == 200, shown.text
    traits = shown.json()["properties"]["_onefold"]["properties"]["traits"]
    assert (traits["type"], traits["meta:xdmType"]) == ("object", "map")
    schema_id = account.datasets["Traits"].schema_id
    sample = account.get(
        f"/data/foundation/schemaregistry/rpc/sampledata/{quote(schema_id, safe='')}",
        accept="application/vnd.adobe.xed+json; version=1",
    )
    assert sample.status_code == 200, sample.text


def test_events_keep_the_identity_that_their_sender_marked(account: App) -> None:
    """An account that was in use before has no settings that would say otherwise."""
    assert snapshot(account).rules is not None
    assert send(account, "GET", "/data/core/identity/settings").status_code == 404


def test_a_reset_takes_the_account_and_leaves_its_keys(account: App) -> None:
    key = account.account("acme", "prod")
    assert send(account, "PUT", f"{SANDBOXES}/prod", {"action": "reset"}).status_code == 202
    account.work()
    known = account.rooms.definitions.installation()
    assert known.accounts == {}
    assert key.key.key_id in known.keys
    again = account.account("acme", "prod")
    assert again.sandbox is not None
    known = account.rooms.definitions.installation()
    assert known.accounts == {("acme", "prod"): again.sandbox.id}
    assert {dataset.name for dataset in snapshot(account).datasets.values()} == {
        "Calls",
        "Traits",
        "Groups",
    }


def test_datasets_of_an_account_stay(account: App) -> None:
    for name in ("Calls", "Traits", "Groups"):
        answer = send(
            account, "DELETE", f"/data/foundation/catalog/dataSets/{account.datasets[name].id}"
        )
        assert answer.status_code == 409
