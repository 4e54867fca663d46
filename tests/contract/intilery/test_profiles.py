"""Traits, meta and audiences of customers, by every kind of key.

Source: Intilery contract, 2.11, 5, 6, 8, 9 and 17.
"""

from __future__ import annotations

import base64
import json
import string
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.control.keys import NewKey
from onefold.control.starter import EVENTS
from onefold.domain import suppression
from onefold.lookup import meta as metas
from onefold.store.tables import finders, suppressions
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.people import RECORD, ecid, event, iso, record
from tests.contract.profile.test_delete_entity import RECEIPTS, places

JSON = dict[str, Any]
CHANNELS = {"channels": [{"channel": "sms", "subscribed": False}, {"channel": "email"}]}
SECOND = 1_000


class Desk:
    """An application with an account, and a key for it."""

    def __init__(self, app: App, account: str = "acme") -> None:
        self.app = app
        self.key: NewKey = app.account(account=account, rate=1_000_000, burst=1_000_000)

    def send(self, *calls: tuple[str, JSON]) -> None:
        self.app.calls(self.key, *calls)

    def view(self, key: str, view: str = "traits") -> tuple[int, JSON]:
        """Of a key as it stands in the URL."""
        answer = self.app.ask(self.key, f"/profiles/{key}/{view}")
        assert answer.headers["content-type"] == "application/json"
        return answer.status_code, answer.json()

    def found(self, key: str, view: str = "traits") -> JSON:
        status, body = self.view(key, view)
        assert status == 200, body
        return body


@pytest.fixture(scope="module")
def known(shared: App) -> Desk:
    """K and L, who share an address; L was active last."""
    desk = Desk(shared)
    desk.send(
        (
            "identify",
            {
                "userId": "u-1",
                "anonymousId": "a-1",
                "traits": {"email": "Kim@Example.org", "plan": "pro", "big": 2**63 - 1},
                "timestamp": iso(START_MS - 60 * SECOND),
            },
        ),
        ("identify", {"userId": "u-2", "traits": {"email": " kim@example.org"}}),
        ("identify", {"userId": "u-3", "traits": {"email": "alone@example.org"}}),
        *(("track", {"userId": user, "event": "Seen"}) for user in ("ABC/123", "a:b", "a+b", "ü%")),
    )
    return desk


@pytest.fixture
def desk(app: App) -> Desk:
    return Desk(app)


# Keys


def test_v1_by_user_id_it_is_one_object(known: Desk) -> None:
    found = known.found("userId:u-1")
    assert found == {
        "id": found["id"],
        "externalId": "u-1",
        "email": "Kim@Example.org",
        "plan": "pro",
        "big": 2**63 - 1,
    }
    assert len(found["id"]) == 36


def test_v2_the_id_leads_to_the_same_bytes_and_so_does_an_anonymous_id(known: Desk) -> None:
    first = known.app.ask(known.key, "/profiles/userId:u-1/traits").content
    id_ = known.found("userId:u-1")["id"]
    for key in (f"id:{id_}", f"id:{id_.upper()}", "anonymousId:a-1", "USERID:u-1"):
        assert known.app.ask(known.key, f"/profiles/{key}/traits").content == first, key


@pytest.mark.parametrize("address", ["kim@example.org", "KIM%40EXAMPLE.ORG", "%20kim@example.org"])
def test_v3_an_address_finds_all_who_have_it_the_most_recently_active_first(
    known: Desk, address: str
) -> None:
    found = known.found(f"email:{address}")
    assert list(found) == ["data"]
    assert [one["externalId"] for one in found["data"]] == ["u-2", "u-1"]


def test_v4_an_address_of_one_customer_is_a_list_too(known: Desk) -> None:
    assert known.found("email:alone@example.org") == {"data": [known.found("userId:u-3")]}


@pytest.mark.parametrize("view", ["traits", "meta", "metadata", "audiences"])
@pytest.mark.parametrize(
    "key", ["email:nobody@x", "userId:none", "userId:U-1", "id:none", "anonymousId:none"]
)
def test_v5_nobody_is_not_found(known: Desk, key: str, view: str) -> None:
    text = "Customer not found." if view == "traits" else "Profile was not found."
    status, body = known.view(key, view)
    assert (status, body) == (404, {"error": {"code": "not_found", "message": text}})


@pytest.mark.parametrize(
    "key",
    [
        *("u-1", "fooId:1", "userId:", "userId:%20", ":u-1", "userId:%FF", "email:%20"),
        "userId:" + "x" * 513,
        "userId:" + "%C3%BC" * 257,
    ],
)
@pytest.mark.parametrize("view", ["traits", "meta", "audiences"])
def test_v6_a_key_that_is_none_is_a_validation_error(known: Desk, key: str, view: str) -> None:
    status, body = known.view(key, view)
    assert status == 400
    assert body["error"]["code"] == "validation_error"
    assert body["error"]["message"].startswith("ProfileID must be in format of id_type:id")


@pytest.mark.parametrize(
    ("key", "user"),
    [
        ("userId:ABC%2F123", "ABC/123"),
        ("userId:ABC/123", "ABC/123"),
        ("userId:a:b", "a:b"),
        ("userId:a%3Ab", "a:b"),
        ("userId:a+b", "a+b"),
        ("userId:a%2Bb", "a+b"),
        ("userId:%C3%BC%25", "ü%"),
    ],
)
def test_v7_ids_hold_slashes_colons_and_pluses(known: Desk, key: str, user: str) -> None:
    assert known.found(key)["externalId"] == user


def test_v8_meta_and_metadata_are_the_same_bytes(known: Desk) -> None:
    for key in ("userId:u-1", "email:kim@example.org"):
        meta, metadata = (
            known.app.ask(known.key, f"/profiles/{key}/{view}") for view in ("meta", "metadata")
        )
        assert (meta.status_code, meta.content) == (200, metadata.content)


@pytest.mark.parametrize(
    "path",
    [
        "/profiles/userId:u-1",
        "/profiles/userId:u-1/nothing",
        "/profiles/userId:u-1/traits/more",
        "/profiles/traits",
    ],
)
def test_a_path_without_a_view_is_not_found(known: Desk, path: str) -> None:
    answer = known.app.ask(known.key, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@settings(max_examples=150, deadline=None)
@given(
    st.text(string.printable, max_size=40)
    | st.lists(
        st.sampled_from(
            [
                "userId",
                "id",
                "email",
                ":",
                "/",
                "..",
                "%",
                "%2e",
                "%2F",
                "%00",
                "%25",
                "//",
                "?",
                "#",
            ]
        ),
        max_size=8,
    ).map("".join)
)
def test_whatever_stands_in_the_path_is_answered_with_4xx_or_found(known: Desk, key: str) -> None:
    for sent in (quote(key, safe="%:/.@+"), f"userId:{quote(key, safe='')}"):
        answer = known.app.ask(known.key, f"/profiles/{sent}/traits")
        assert answer.status_code in (200, 400, 404)
        assert "id" in answer.json() or "data" in answer.json() or "error" in answer.json()


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_every_id_that_is_taken_is_found_again(known: Desk, value: str) -> None:
    user = f"x{value}y"
    known.send(("identify", {"userId": user}))
    assert known.found(f"userId:{quote(user, safe='')}")["externalId"] == user


def test_a_key_without_an_auth_token_finds_nobody(known: Desk) -> None:
    answer = known.app.ask(None, "/profiles/userId:u-1/traits")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "authentication_error"


# Settings


def test_settings_restore_the_published_text_and_refuse_anonymous_reads(data: Path) -> None:
    app = App(data, misspelt_not_found=1, anonymous_reads=0)
    try:
        desk = Desk(app)
        desk.send(("identify", {"anonymousId": "a-1"}))
        assert desk.view("userId:none")[1]["error"]["message"] == "Custmer not found."
        status, body = desk.view("anonymousId:a-1")
        assert (status, body["error"]["code"]) == (400, "validation_error")
    finally:
        app.close()


# Traits


def test_traits_that_the_platform_owns_are_hidden(desk: Desk) -> None:
    owned = dict.fromkeys(("id", "externalId", "computed", "createdBy", "audiences"), "mine")
    desk.send(
        ("identify", {"userId": "u-1", "traits": {**owned, "marketingPreferences": CHANNELS}})
    )
    found = desk.found("userId:u-1")
    assert found == {"id": found["id"], "externalId": "u-1", "marketingPreferences": CHANNELS}


def test_a_device_is_pushed_to_by_who_registered_it_last(desk: Desk) -> None:
    """Contract 12.9: the token of a device that went to somebody else is not this customer's."""
    told = {"event": "Opened", "deviceId": "d-1", "fcmToken": "f-1", "deviceType": "ios"}
    desk.send(("track", {"userId": "u-1", **told}), ("identify", {"userId": "u-1", "traits": {}}))
    assert desk.found("userId:u-1")["fcmToken"] == "f-1"
    desk.send(("track", {"userId": "u-2", **told, "fcmToken": "f-2"}))
    assert desk.found("userId:u-2")["fcmToken"] == "f-2"
    assert desk.found("userId:u-1").keys() == {"id", "externalId"}
    desk.send(("identify", {"userId": "u-1", "traits": {"deviceId": "unheard of", "a": 1}}))
    assert desk.found("userId:u-1")["deviceId"] == "unheard of"


def test_what_one_door_writes_the_other_reads(app: App) -> None:
    desk = Desk(app, account="prod")
    named = {"email": "kim@example.org", "firstName": "Kim", "lastName": "Bloggs"}
    desk.send(("identify", {"userId": "u-1", "traits": named}))
    app.clock.advance(ms=SECOND)
    app.ingest(
        "Customer registrations",
        record(("Email", "kim@example.org"), person={"name": {"firstName": "Kimberley"}}),
    )
    found = desk.found("userId:u-1")
    assert (found["firstName"], found["lastName"]) == ("Kimberley", "Bloggs")
    answer = app.get(f"{RECORD}&entityId=u-1&entityIdNS=userId")
    entity = next(iter(answer.json().values()))["entity"]
    assert entity["person"]["name"] == {"firstName": "Kimberley", "lastName": "Bloggs"}
    app.clock.advance(ms=SECOND)
    desk.send(("identify", {"userId": "u-1", "traits": {"firstName": "K."}}))
    assert desk.found("userId:u-1")["firstName"] == "K."


def test_customers_of_the_other_door_are_found_too(app: App) -> None:
    desk = Desk(app, account="prod")
    app.ingest("Customer registrations", record(("Email", "Kim@Example.org"), ("ECID", ecid(7))))
    (found,) = desk.found("email:kim@example.org")["data"]
    assert found == {"id": found["id"], "email": "Kim@Example.org"}
    assert desk.found(f"id:{found['id']}") == found
    meta = desk.found(f"id:{found['id']}", "meta")
    assert meta["createdBy"] == {"type": "api", "createdTime": iso(START_MS)}
    assert not meta.keys() & {"firstEvent", "lastEvent", "lastActivityTime"}


def test_a_customer_of_a_file_says_so(app: App) -> None:
    desk = Desk(app, account="prod")
    app.ingest("Customer registrations", record(("Email", "first@example.org")))
    row = record(("Email", "kim@example.org"), person={"name": {"firstName": "Kim"}})
    made = app.post(
        "/data/foundation/import/batches",
        {"datasetId": app.datasets["Customer registrations"].id, "inputFormat": {"format": "json"}},
    ).json()["id"]
    path = f"/data/foundation/import/batches/{made}"
    dataset = app.datasets["Customer registrations"].id
    headers = app.headers() | {"content-type": "application/octet-stream"}
    sent = app.request(
        "PUT",
        f"{path}/datasets/{dataset}/files/staff.json",
        content=json.dumps(row),
        headers=headers,
    )
    assert sent.status_code == 200, sent.text
    assert app.post(f"{path}?action=COMPLETE", {}).status_code == 200
    app.work()
    for _ in range(2):
        (meta,) = desk.found("email:kim@example.org", "meta")["data"]
        assert meta["createdBy"] == {
            "type": "audience-csv",
            "filename": "staff.json",
            "createdTime": iso(START_MS),
        }
        app.ingest("Customer registrations", row)  # what replaces the record of the file
    (other,) = desk.found("email:first@example.org", "meta")["data"]
    assert other["createdBy"]["type"] == "api"


def test_an_id_that_was_joined_leads_to_who_is_left(desk: Desk) -> None:
    desk.send(("track", {"anonymousId": "a-1", "event": "Seen"}))
    visitor = desk.found("anonymousId:a-1")
    assert "externalId" not in visitor
    desk.app.clock.advance(ms=SECOND)
    desk.send(("identify", {"userId": "u-1", "anonymousId": "a-1"}))
    customer = desk.found("userId:u-1")
    assert customer["id"] != visitor["id"]
    assert desk.found(f"id:{visitor['id']}") == customer == desk.found(f"id:{customer['id']}")


def test_only_the_address_that_counts_now_finds(desk: Desk) -> None:
    desk.send(("identify", {"userId": "u-1", "traits": {"email": "old@example.org"}}))
    assert desk.found("email:old@example.org")["data"]
    desk.app.clock.advance(ms=SECOND)
    desk.send(("identify", {"userId": "u-1", "traits": {"email": "new@example.org"}}))
    assert desk.view("email:old@example.org")[0] == 404
    assert len(desk.found("email:new@example.org")["data"]) == 1


def test_a_hundred_and_one_customers_of_an_address_are_cut(desk: Desk) -> None:
    calls = [
        {"type": "identify", "userId": f"u-{n}", "traits": {"email": "all@example.org"}}
        for n in range(101)
    ]
    desk.send(("batch", {"batch": calls}))
    found = desk.found("email:all@example.org")
    assert len(found["data"]) == 100
    assert found["truncated"] is True
    ids = [one["id"] for one in found["data"]]
    assert ids == sorted(ids)  # all were active at the same time


def test_kept_answers_follow_every_change(desk: Desk) -> None:
    for number in range(5):
        desk.send(("identify", {"userId": "u-1", "traits": {"n": number}}))
        assert desk.found("userId:u-1")["n"] == desk.found("userId:u-1")["n"] == number
        desk.app.clock.advance(ms=SECOND)


def test_whoever_is_suppressed_reads_as_absent(desk: Desk) -> None:
    desk.send(
        ("identify", {"userId": "u-1", "anonymousId": "a-1", "traits": {"email": "kim@x.org"}}),
        ("identify", {"userId": "u-2", "traits": {"email": "kim@x.org"}}),
    )
    id_ = desk.found("userId:u-1")["id"]
    sandbox = desk.app.sandbox.id
    snapshot = desk.app.rooms.definitions.snapshot(sandbox)
    with desk.app.rooms.profiles.sight(sandbox) as (reader, _, _):
        rows = reader.read("SELECT xid FROM members WHERE value = 'u-1'")
    keys = suppression.Keys(snapshot.sandbox.id)
    out = suppression.of_identity(keys, rows[0][0], until_ms=suppression.EVER)
    with desk.app.places.profile(sandbox).transaction() as transaction:
        suppressions.add(transaction, [out], made_ms=START_MS)
    for key in ("userId:u-1", "anonymousId:a-1", f"id:{id_}"):
        for view in ("traits", "meta", "audiences"):
            assert desk.view(key, view)[0] == 404, (key, view)
    assert [one["externalId"] for one in desk.found("email:kim@x.org")["data"]] == ["u-2"]
    assert desk.found("userId:u-2")["externalId"] == "u-2"
    with desk.app.places.profile(sandbox).transaction() as transaction:
        suppressions.lift(transaction, [out.key])
    assert desk.found("userId:u-1")["id"] == id_


# Meta


def test_meta_is_the_traits_and_what_else_is_known(desk: Desk) -> None:
    desk.send(
        ("identify", {"userId": "u-1", "traits": {"plan": "pro"}, "messageId": "m-1"}),
        ("track", {"userId": "u-1", "event": "Email Opened", "properties": {"n": 1}, "odd": [1]}),
    )
    traits, meta = desk.found("userId:u-1"), desk.found("userId:u-1", "meta")
    assert traits.items() <= meta.items()
    told = base64.b64decode(meta["_subscriptionId"]).decode()
    assert told == f"acme:acme:{traits['id']}"
    assert meta["createdBy"] == {"type": "api", "createdTime": iso(START_MS)}
    assert meta["lastActivityTime"] == iso(START_MS)
    assert set(meta["firstEvent"]) == set(meta["lastEvent"]) == {"identify", "email_opened"}
    opened = meta["lastEvent"]["email_opened"]
    assert (
        opened.items()
        >= {
            "userId": "u-1",
            "action": "track",
            "event": "Email Opened",
            "properties": {"n": 1},
            "odd": [1],
            "eventTime": iso(START_MS),
            "receivedTime": iso(START_MS),
            "timestamp": iso(START_MS),
        }.items()
    )
    assert len(opened["eventId"]) == 36
    assert not meta.keys() & {"audiences", "audiencesStatic"}


def test_v38_a_late_older_event_moves_the_first_and_leaves_the_last(desk: Desk) -> None:
    def track(at_ms: int) -> tuple[str, JSON]:
        return "track", {"userId": "u-1", "event": "Seen", "timestamp": iso(at_ms)}

    desk.send(track(START_MS - 20 * SECOND), track(START_MS - 10 * SECOND))
    before = desk.found("userId:u-1", "meta")
    desk.app.clock.advance(ms=SECOND)
    desk.send(track(START_MS - 90 * SECOND))
    after = desk.found("userId:u-1", "meta")
    assert before["firstEvent"]["seen"]["eventTime"] == iso(START_MS - 20 * SECOND)
    assert after["firstEvent"]["seen"]["eventTime"] == iso(START_MS - 90 * SECOND)
    assert after["lastEvent"] == before["lastEvent"]
    assert after["lastActivityTime"] == before["lastActivityTime"] == iso(START_MS - 10 * SECOND)


def test_what_nobody_did_is_no_activity(desk: Desk) -> None:
    desk.send(
        ("track", {"userId": "u-1", "event": "Sent", "context": {"active": False}}),
    )
    assert "lastActivityTime" not in desk.found("userId:u-1", "meta")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/cdp/events/segment/i", "tag"),
        ("/v1/i", "tag"),
        ("/v1/b", "tag"),
        ("/cdp/events/segment/mobile/batch", "mobile"),
        ("/v1/identify", "api"),
        ("/v1/batch", "api"),
        ("/v1/import", "import"),
    ],
)
def test_the_door_of_the_first_call_says_how_a_customer_came(
    desk: Desk, path: str, kind: str
) -> None:
    """Whatever its sender says of its library, and whatever comes later."""
    call = {"userId": "u-1", "context": {"library": {"name": "analytics-ios"}}}
    is_batch = path.endswith(("batch", "import", "/b"))
    body = {"batch": [{"type": "identify", **call}]} if is_batch else call
    sent = desk.app.segment(path, {"writeKey": desk.key.write_key, **body})
    assert sent.status_code == 200, sent.text
    desk.app.drain()
    desk.send(("identify", call))
    assert desk.found("userId:u-1", "meta")["createdBy"]["type"] == kind


def test_a_key_for_one_brand_sees_its_events_alone(desk: Desk) -> None:
    app = desk.app
    desk.send(("track", {"userId": "u-1", "event": "Seen", "timestamp": iso(START_MS - SECOND)}))
    other = app.account(brand="OTHER")
    ours = app.tenant_path
    app.tenant_path = "/track/acme/acme/OTHER/v1"
    app.calls(other, ("track", {"userId": "u-1", "event": "Seen"}), ("page", {"userId": "u-1"}))
    meta = app.ask(other, "/profiles/userId:u-1/meta").json()
    app.tenant_path = ours
    assert set(meta["firstEvent"]) == {"seen", "page"}
    assert meta["firstEvent"]["seen"] == meta["lastEvent"]["seen"]
    assert meta["firstEvent"]["seen"]["eventTime"] == iso(START_MS)
    every = desk.found("userId:u-1", "meta")
    assert every["firstEvent"]["seen"]["eventTime"] == iso(START_MS - SECOND)


def test_signed_subscription_ids(data: Path) -> None:
    app = App(data, signed_subscriptions=1)
    try:
        desk = Desk(app)
        desk.send(("identify", {"userId": "u-1"}))
        meta = desk.found("userId:u-1", "meta")
        subscriptions = app.rooms.subscriptions
        whom = subscriptions.read(meta["_subscriptionId"])
        assert whom == ("acme", "acme", meta["id"])
        plain = base64.b64encode(f"acme:acme:{meta['id']}".encode()).decode()
        assert subscriptions.read(plain) is None
        assert meta["_subscriptionId"] == desk.found("userId:u-1", "meta")["_subscriptionId"]
    finally:
        app.close()


# Audiences


def test_audiences_are_always_there_and_follow_memberships(desk: Desk) -> None:
    desk.send(("identify", {"userId": "u-1", "traits": {"plan": "pro"}}))
    found = desk.found("userId:u-1", "audiences")
    assert found == {**desk.found("userId:u-1"), "audiences": [], "audiencesStatic": []}


def test_current_members_alone_are_in_an_audience() -> None:
    memberships = {
        "ups": {
            "b": {"status": "realized"},
            "a": {"status": "existing"},
            "c": {"status": "exited"},
        },
        "Uploaded": {"board": {}, "odd": 1},
        "odd": [],
    }
    assert metas.audiences({"segmentMembership": memberships}) == (["a", "b"], ["board"])
    assert metas.audiences({}) == ([], [])


def test_an_address_of_the_graph_is_found_in_any_spelling(app: App) -> None:
    """One that events alone have named, without a trait; before there was an account, and after."""
    app.ingest(EVENTS, event("e-1", ("Email", "Before@X.org")))
    desk = Desk(app, account=app.sandbox.name)
    app.drain()
    app.ingest(EVENTS, event("e-2", ("Email", "Ev@X.org")), event("e-3", ("Email", "ev@x.ORG")))
    for address, spelt in (
        ("before@x.org", {"Before@X.org"}),
        ("ev@x.org", {"Ev@X.org", "ev@x.ORG"}),
    ):
        for asked in (address, address.upper(), *spelt):
            found = desk.found(f"email:{asked}")["data"]
            assert {one["email"] for one in found} == spelt, asked
            assert desk.found(f"email:{asked}", "events")["data"]
    assert desk.view("email:x.org")[0] == 404
    assert app.faults() == []


def test_an_address_of_the_graph_that_was_deleted_is_found_no_more(app: App) -> None:
    desk = Desk(app, account=app.sandbox.name)
    app.ingest(EVENTS, event("e-1", ("Email", "Ev@X.org")))
    assert desk.found("email:ev@x.org")["data"]
    headers = app.headers()
    answer = app.request("DELETE", f"{RECORD}&entityId=Ev@X.org&entityIdNS=Email", headers=headers)
    assert answer.status_code == 202, answer.text
    app.work()
    assert desk.view("email:ev@x.org")[0] == 404
    assert finders.count(app.places.profile(app.sandbox.id)) == 0
    url = f"{RECEIPTS}/{answer.headers['x-onefold-job']}"
    assert places(app.request("GET", url, headers=headers).json())["finders"] == (1, 1, 0)
    assert app.faults() == []
