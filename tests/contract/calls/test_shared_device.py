"""Two people, one device: who is deleted takes what is theirs along, and nothing of the other's.

A record that names a user is that user's alone, and so is what the device had brought before
somebody else took it. Source: Intilery contract, 11.2 and 16.3; profile contract, 3.7.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from onefold.control.keys import NewKey
from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.calls.call import INLET, decode
from onefold.journal import Journal
from onefold.store.tables import events
from onefold.testing.app import App, json_of
from onefold.testing.clock import START_MS
from onefold.wire import iso_millis
from tests.contract.calls.test_derived import store, xid_of
from tests.contract.people import RECORD, event, identity_map, record
from tests.contract.profile.test_delete_entity import PRIVACY, RECEIPTS, places

DEVICE = ("anonymousId", "v-1")
KIM, LEE = ("userId", "u-1"), ("userId", "u-2")
LATE = iso_millis(START_MS - 1000)
VIEWS = ("traits", "events", "audiences")
KIMS = ("Landed", "Looked", "Kim paid", "Kim left", "Kim late")
LEES = ("Lee paid", "Lee looked")


def track(name: str, **named: Any) -> tuple[str, dict[str, Any]]:
    return ("track", {"event": name, **named})


@pytest.fixture
def key(app: App) -> NewKey:
    """Of an account that takes the records of other doors, too."""
    return app.account(account=app.sandbox.name)


@pytest.fixture
def told(app: App, key: NewKey) -> App:
    """Kim comes as a visitor, logs in, and leaves the device to Lee. What happens under the device
    alone is Kim's before, and Lee's afterwards."""
    on = {"anonymousId": "v-1"}
    app.calls(
        key,
        track("Landed", **on),
        ("identify", {**on, "traits": {"ref": "kims"}}),
        ("group", {**on, "groupId": "g-1", "traits": {"team": "kims"}}),
        ("identify", {**on, "userId": "u-1", "traits": {"name": "Kim"}}),
        track("Kim paid", userId="u-1", **on),
        track("Looked", **on),
        track("Kim left", userId="u-1"),
        ("identify", {**on, "userId": "u-2", "traits": {"name": "Lee"}}),
        track("Lee paid", userId="u-2", **on),
        track("Lee looked", **on),
        ("identify", {**on, "traits": {"ref": "lees"}}),
        track("Kim late", userId="u-1", timestamp=LATE, **on),
    )
    app.ingest(EVENTS, event("kims", KIM, DEVICE, at_ms=START_MS - 1000), event("lees", DEVICE))
    app.ingest(REGISTRATIONS, record(DEVICE, LEE, person={"name": {"firstName": "Lee"}}))
    for named in ((DEVICE, KIM), (DEVICE, LEE), (DEVICE,)):
        broken = {"x": "broken", "identityMap": identity_map(*named)}
        assert app.collect(app.message(REGISTRATIONS, broken)).status_code == 200
    app.drain()
    app.land()
    assert app.faults() == []
    return app


def deleted(app: App, code: str, value: str) -> dict[str, tuple[int, int, int]]:
    """Delete a person; answer what the receipt says, by place."""
    headers = app.headers(x_sandbox_name=app.sandbox.name)
    url = f"{RECORD}&entityId={value}&entityIdNS={code}"
    answer = app.request("DELETE", url, headers=headers)
    assert answer.status_code == 202, answer.text
    app.work()
    receipt = app.get(f"{RECEIPTS}/{answer.headers['x-onefold-job']}").json()
    found = places(receipt)
    assert {name: left for name, (_, _, left) in found.items() if left} == {}
    assert receipt["rounds"] == 2
    assert app.faults() == []
    return found


def read(app: App, key: NewKey, user: str) -> list[Any]:
    """What the dialects tell of a user."""
    told = [app.ask(key, f"/profiles/userId:{user}/{view}") for view in VIEWS]
    path = f"/collections/users/profiles/user_id:{user}"
    told += [app.space(key, f"{path}/{view}", "prod") for view in ("traits", "events")]
    return [(one.status_code, _without_names(json_of(one))) for one in told]


def _without_names(value: Any) -> Any:
    """The same without the names of whom it is told, of which a device may have come back."""
    if isinstance(value, dict):
        left = value.keys() - {"external_ids", "scrollId"}
        return {name: _without_names(value[name]) for name in left}
    return [_without_names(one) for one in value] if isinstance(value, list) else value


def actions(app: App, key: NewKey, named: str) -> list[str]:
    answer = app.ask(key, f"/profiles/{named}/events?size=100")
    assert answer.status_code == 200, answer.text
    return [one["eventAction"] for one in answer.json()["data"]]


def said(app: App) -> Iterator[str]:
    """What the journal has of calls and records, a word of each."""
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    for chunk in journal.read(0, records_max=10_000):
        for one in chunk.records:
            if one.removal or not one.message:
                continue
            message = json.loads(
                bytes(decode(one.message).message) if one.inlet == INLET else one.message
            )
            entity = message.get("body", {}).get("xdmEntity", {})
            yield message.get("event") or json.dumps(message.get("traits") or entity)


def landed(app: App) -> str:
    """All rows of the lake, as one text."""
    lake = app.rooms.lakes.of(app.sandbox.id)
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    numbers = range(1, 1000)
    rows = list(lake.records(lake.holding(numbers, snapshot), snapshot))
    return json.dumps(rows)


def holds(text: str, words: tuple[str, ...]) -> list[str]:
    return [word for word in words if word in text]


def test_who_took_the_device_goes_without_what_the_first_one_did(told: App, key: NewKey) -> None:
    before = read(told, key, "u-1")
    found = deleted(told, *LEE)
    assert read(told, key, "u-1") == before
    assert told.ask(key, "/profiles/userId:u-2/traits").status_code == 404
    assert sorted(actions(told, key, "userId:u-1")) == sorted(actions(told, key, "anonymousId:v-1"))
    kept = "\n".join(said(told))
    assert holds(kept, KIMS) == list(KIMS)
    assert holds(kept, (*LEES, '"Lee"', "lees")) == []
    assert holds(kept, ('{"ref": "kims"}', '{"team": "kims"}', '{"name": "Kim"}'))
    rows = landed(told)
    assert holds(rows, (*KIMS, '"kims"')) == [*KIMS, '"kims"']
    assert holds(rows, (*LEES, "u-2", "lees")) == []
    assert [b"u-1" in one.message for one in told.failed()] == [True, False, False]
    assert [b"v-1" in one.message for one in told.failed()] == [True, False, False]
    # 3 calls, 2 events of them with traits; an event and a profile record of the other door.
    assert found["events"] == (5, 5, 0)
    assert found["recordsOfOthers"] == (0, 0, 0)
    assert found["identities"] == (1, 1, 0)
    assert found["failedRecords"] == (2, 2, 0)


def test_who_left_the_device_goes_with_what_it_had_brought(told: App, key: NewKey) -> None:
    """What names only the device goes from journal and lake, too, if it is theirs."""
    before = read(told, key, "u-2")
    found = deleted(told, *KIM)
    assert read(told, key, "u-2") == before
    assert told.ask(key, "/profiles/userId:u-1/traits").status_code == 404
    assert actions(told, key, "userId:u-2") == actions(told, key, "anonymousId:v-1")
    kept = "\n".join(said(told))
    assert holds(kept, (*KIMS, "Kim", "kims")) == []
    assert holds(kept, LEES) == list(LEES)
    rows = landed(told)
    assert holds(rows, LEES) == list(LEES)
    assert holds(rows, (*KIMS, "u-1")) == []
    assert [b"u-1" in one.message for one in told.failed()] == [False] * 3
    assert [bool(one.message) for one in told.failed()] == [False, True, True]
    assert found["recordsOfOthers"] == (0, 0, 0)
    assert found["journal"] == (14, 14, 0)


def test_a_record_under_the_device_that_names_a_user_is_that_users(app: App, key: NewKey) -> None:
    """As senders of the other door may flag it. What a later one had replaced stands again."""
    mine, theirs = ({"name": {"firstName": name}} for name in ("Kim", "Lee"))
    app.ingest(REGISTRATIONS, record(DEVICE, KIM, person=mine))
    app.ingest(REGISTRATIONS, record(DEVICE, LEE, person=theirs))
    app.ingest(EVENTS, event("kims", DEVICE, KIM, at_ms=START_MS - 1000), event("lees", DEVICE))
    app.land()
    found = deleted(app, *LEE)
    assert (found["events"], found["fragments"]) == ((1, 1, 0), (1, 1, 0))
    assert found["lake"] == found["journal"] == (2, 2, 0)
    assert actions(app, key, "userId:u-1") == ["event"]
    assert json_of(app.ask(key, "/profiles/userId:u-1/traits"))["firstName"] == "Kim"
    found = deleted(app, *KIM)
    assert found["lake"] == found["journal"] == (2, 2, 0)
    assert events.count(store(app), seq_max=10**9) == (0, 0)


def test_both_may_go_one_after_the_other_or_together(told: App, key: NewKey) -> None:
    headers = told.headers()
    for _, user in (KIM, LEE):
        url = f"{RECORD}&entityId={user}&entityIdNS=userId"
        assert told.request("DELETE", url, headers=headers).status_code == 202
    told.work()
    assert list(said(told)) == []
    assert events.count(store(told), seq_max=10**9) == (0, 0)
    assert told.ask(key, "/profiles/anonymousId:v-1/traits").status_code == 404
    assert holds(landed(told), (*KIMS, *LEES, "u-1", "u-2")) == []
    assert told.faults() == []


def test_a_journal_that_is_applied_anew_after_a_deletion_tells_the_same(
    told: App, key: NewKey
) -> None:
    deleted(told, *LEE)
    expected = read(told, key, "u-1")
    directory = told.places.profile(told.sandbox.id)
    with directory.transaction() as transaction:
        names = transaction.read("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (name,) in names:
            if name not in ("progress", "meta") and not name.startswith("sqlite_"):
                transaction.write(f"DELETE FROM {name}")  # noqa: S608 - the schema's own names
        transaction.write("UPDATE progress SET position = 0, records = 0")
    told.drain()
    assert read(told, key, "u-1") == expected
    assert told.ask(key, "/profiles/userId:u-2/traits").status_code == 404


def test_the_device_of_who_is_deleted_keeps_nobody_else_out(told: App, key: NewKey) -> None:
    """Late calls of the device alone are kept out, and those of the other one are not."""
    deleted(told, *LEE)
    told.calls(
        key,
        track("Kim much later", userId="u-1", anonymousId="v-1", timestamp=LATE),
        ("identify", {"userId": "u-1", "anonymousId": "v-1", "traits": {"seen": 1}}),
        track("Lee later", userId="u-2", anonymousId="v-1", timestamp=LATE),
        track("Nobody later", anonymousId="v-1", timestamp=LATE),
    )
    kept = actions(told, key, "userId:u-1")
    assert "kim_much_later" in kept
    assert holds(" ".join(kept), ("lee_later", "nobody_later")) == []
    assert json_of(told.ask(key, "/profiles/userId:u-1/traits"))["seen"] == 1
    assert told.ask(key, "/profiles/userId:u-2/traits").status_code == 404
    told.at(START_MS + 60_000)
    told.calls(key, track("Kim again", anonymousId="v-1"))
    assert "kim_again" in actions(told, key, "userId:u-1")


def test_a_regulation_leaves_the_other_one_alone(told: App, key: NewKey) -> None:
    before = read(told, key, "u-1")
    body = {"kind": "SUPPRESS_WITH_DELETE", "userIds": ["u-2"]}
    assert told.post("/onefold/v1/regulations", body).status_code == 202
    told.drain()
    assert read(told, key, "u-1") == before
    told.work()
    assert read(told, key, "u-1") == before
    told.calls(key, track("Kim again", userId="u-1", anonymousId="v-1"))
    assert "kim_again" in actions(told, key, "userId:u-1")
    assert holds("\n".join(said(told)), (*LEES, "lees")) == []
    assert told.ask(key, "/profiles/userId:u-2/traits").status_code == 404
    assert told.faults() == []


def test_who_is_not_tracked_leaves_the_other_one_alone(told: App, key: NewKey) -> None:
    body = {"kind": "NO_TRACK", "userIds": ["u-2"]}
    assert told.post("/onefold/v1/regulations", body).status_code == 202
    told.work()
    told.calls(key, track("Nobody", anonymousId="v-1"), track("No Lee", userId="u-2"))
    told.calls(key, track("Kim again", userId="u-1", anonymousId="v-1"))
    told.calls(key, track("Kim at last", userId="u-1"))
    assert {"kim_again", "kim_at_last"} <= set(actions(told, key, "userId:u-1"))
    assert {"nobody", "no_lee"}.isdisjoint(actions(told, key, "userId:u-2"))


@pytest.mark.parametrize(("gone", "left"), [(KIM, LEE), (LEE, KIM)])
def test_a_privacy_job_leaves_the_other_one_alone(
    told: App, key: NewKey, gone: tuple[str, str], left: tuple[str, str]
) -> None:
    before = read(told, key, left[1])
    user = {"namespace": "userId", "value": gone[1], "type": "custom"}
    body = {
        "companyContexts": [{"namespace": "imsOrgID", "value": told.org_id}],
        "users": [{"key": "one", "action": ["delete"], "userIDs": [user]}],
        "include": ["profileService", "identity", "aepDataLake"],
        "regulation": "gdpr",
        "expandIds": True,
    }
    (asked,) = told.post(PRIVACY, body).json()["jobs"]
    told.work()
    assert told.get(f"{PRIVACY}/{asked['jobId']}").json()["status"] == "complete"
    assert read(told, key, left[1]) == before
    assert told.ask(key, f"/profiles/userId:{gone[1]}/traits").status_code == 404
    kept, rows = "\n".join(said(told)), landed(told)
    theirs, others = (KIMS, LEES) if gone is KIM else (LEES, KIMS)
    assert holds(kept, theirs) == holds(rows, theirs) == []
    assert holds(kept, others) == holds(rows, others) == list(others)
    assert told.faults() == []


def test_where_nothing_is_handed_over_records_of_others_go_as_ever(app: App) -> None:
    """Outside of accounts a record is of everybody whom it names."""
    kim, lee = ("CRMID", "C-1"), ("CRMID", "C-2")
    app.ingest(EVENTS, event("kims", kim, ("AAID", "0123456789ABCDEF-0123456789ABCDEF")))
    app.ingest(EVENTS, event("lees", lee))
    app.ingest(EVENTS, event("both", ("AAID", "0123456789ABCDEF-0123456789ABCDEF"), kim))
    found = deleted(app, *kim)
    assert found["recordsOfOthers"] == (1, 1, 0)
    assert found["lake"][0] == found["journal"][0] == 2
    assert xid_of(app, *lee)
