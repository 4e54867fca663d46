"""Regulations by user id: who is suppressed, deleted, let in again, not tracked, and told of.

Source: Intilery contract, 16.3, and V39 of 17.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from onefold.control.keys import NewKey
from onefold.domain import removal
from onefold.domain.failed_record import FailedRecord
from onefold.domain.regulation import USERS_MAX, Kind
from onefold.errors import Unavailable
from onefold.inlet.accept import Inlets
from onefold.inlet.deletions import GRACE_MS
from onefold.inlet.regulations import REGULATE
from onefold.jobs.regulate import regulate
from onefold.journal import Journal
from onefold.store.tables import jobs, regulations, suppressions
from onefold.testing.app import App, json_of
from onefold.testing.clock import START_MS

PATH = "/onefold/v1/regulations"
SECRET = "very-private-person-17"


@pytest.fixture
def key(app: App) -> NewKey:
    return app.account()


def ordered(app: App, kind: str, *users: str) -> dict[str, Any]:
    """Ask for a regulation, and let everything be done that follows from it."""
    answer = app.post(PATH, {"kind": kind, "userIds": list(users)})
    assert answer.status_code == 202, answer.text
    said = json_of(answer)
    assert answer.headers["x-onefold-position"] == str(said["position"])
    app.drain()
    app.work()
    return said


def state(app: App, regulation: dict[str, Any]) -> str:
    found: str = json_of(app.get(f"{PATH}/{regulation['id']}"))["state"]
    return found


def people(app: App, regulation: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json_of(app.get(f"{PATH}/{regulation['id']}"))["people"]
    return found


def reads(app: App, key: NewKey, user: str = "u-1") -> set[int]:
    """What all doors of customers answer."""
    views = ("traits", "meta", "audiences", "events")
    return {
        *(app.ask(key, f"/profiles/userId:{user}/{view}").status_code for view in views),
        app.space(key, f"/collections/users/profiles/user_id:{user}/traits").status_code,
    }


def identify(user: str = "u-1", **more: Any) -> tuple[str, dict[str, Any]]:
    return ("identify", {"userId": user, "traits": {"plan": "pro"}, **more})


def track(event: str = "Paid", **who: str) -> tuple[str, dict[str, Any]]:
    return ("track", {"event": event, **(who or {"userId": "u-1"})})


def actions(app: App, key: NewKey, user: str = "u-1") -> list[str]:
    answer = app.ask(key, f"/profiles/userId:{user}/events")
    assert answer.status_code == 200, answer.text
    return sorted(one["eventAction"] for one in answer.json()["data"])


def suppressed(app: App) -> list[FailedRecord]:
    return [one for one in app.failed() if one.fault.code == "CAL-1014"]


def test_v39_calls_of_a_suppressed_user_are_accepted_and_fail_and_reads_find_nobody(
    app: App, key: NewKey
) -> None:
    app.calls(key, identify(), track())
    assert reads(app, key) == {200}
    ordered(app, "SUPPRESS_ONLY", "u-1")
    app.calls(key, track("Secret deed"))  # which asserts 200
    (failed,) = suppressed(app)
    assert (failed.message, failed.fault.code) == (b"", "CAL-1014")
    assert reads(app, key) == {404}
    assert app.faults() == []


def test_reads_find_nobody_as_soon_as_they_know_of_the_order(app: App, key: NewKey) -> None:
    """No job has run; also where an answer was kept."""
    app.calls(key, identify())
    assert app.ask(key, "/profiles/userId:u-1/traits").status_code == 200
    answer = app.post(PATH, {"kind": "SUPPRESS_WITH_DELETE", "userIds": ["u-1"]})
    position = answer.json()["position"]
    app.drain()
    answer = app.ask(key, f"/profiles/userId:u-1/traits?min_as_of={position}")
    assert answer.status_code == 404
    assert int(answer.headers["x-profile-as-of"]) >= position
    assert reads(app, key) == {404}


def test_what_is_suppressed_is_there_again_when_it_is_not(app: App, key: NewKey) -> None:
    app.calls(key, identify(email="x"), track(), track("Visited", userId="u-1", anonymousId="a-1"))
    before = app.ask(key, "/profiles/userId:u-1/traits").content
    ordered(app, "SUPPRESS_ONLY", "u-1")
    app.calls(key, track("Lost", userId="u-1"), track("Lost", anonymousId="a-1"))
    assert len(suppressed(app)) == 2
    done = ordered(app, "UNSUPPRESS", "u-1")
    assert state(app, done) == "completed"
    assert app.ask(key, "/profiles/userId:u-1/traits").content == before
    app.calls(key, track("Back", anonymousId="a-1"))
    assert actions(app, key) == ["back", "identify", "paid", "visited"]
    assert not suppressions.any(app.places.profile(app.sandbox.id))


@pytest.mark.parametrize("kind", ["SUPPRESS_ONLY", "SUPPRESS_WITH_DELETE"])
def test_every_identity_of_the_customer_is_suppressed(app: App, key: NewKey, kind: str) -> None:
    app.calls(key, identify(anonymousId="a-1"), identify(anonymousId="a-2"), identify("u-2"))
    ordered(app, kind, "u-1")
    app.calls(key, track(anonymousId="a-2"), track(userId="u-2"), track(anonymousId="a-3"))
    assert len(suppressed(app)) == 1
    assert actions(app, key, "u-2") == ["identify", "paid"]
    for wanted in ("userId:u-1", "anonymousId:a-1"):
        assert app.ask(key, f"/profiles/{wanted}/traits").status_code == 404
    listed = app.ask(key, "/events").json()["data"]
    assert {one["rawData"].get("userId") for one in listed} == {"u-2", None}


def test_a_user_who_was_never_seen_is_suppressed(app: App, key: NewKey) -> None:
    ordered(app, "SUPPRESS_ONLY", "u-9")
    app.calls(key, identify("u-9"))
    assert app.ask(key, "/profiles/userId:u-9/traits").status_code == 404
    assert len(suppressed(app)) == 2
    ordered(app, "UNSUPPRESS", "u-9")
    app.calls(key, identify("u-9"))
    assert reads(app, key, "u-9") == {200}


def test_identities_of_calls_on_their_way_are_suppressed_too(app: App, key: NewKey) -> None:
    """Calls that were accepted before the order, and not applied when it was asked for."""
    app.calls(key, identify())
    app.call(key, "identify", identify(anonymousId="a-9")[1])
    answer = app.post(PATH, {"kind": "SUPPRESS_ONLY", "userIds": ["u-1"]})
    app.drain()
    app.work()
    app.calls(key, track(anonymousId="a-9"))
    assert len(suppressed(app)) == 1
    ordered(app, "UNSUPPRESS", "u-1")
    assert state(app, answer.json()) == "completed"
    app.calls(key, track(anonymousId="a-9"))
    assert actions(app, key) == ["identify", "identify", "paid"]


def test_a_deletion_leaves_nothing(app: App, key: NewKey) -> None:
    app.calls(
        key,
        identify(SECRET, anonymousId="a-1", traits={"email": f"{SECRET}@example.com"}),
        track(userId=SECRET),
        identify("u-2"),
    )
    app.land()
    made = ordered(app, "SUPPRESS_WITH_DELETE", SECRET)
    found = json_of(app.get(f"{PATH}/{made['id']}"))
    assert (found["state"], found["users"]) == ("completed", 1)
    assert found["counts"] == {"processing": 0, "completed": 1, "error": 0}
    (one,) = found["people"]
    receipt = json_of(app.get(f"/onefold/v1/receipts/{one['deletion']}"))
    assert all(place["leftOver"] == 0 for place in receipt["places"])
    removed = {place["place"]: place["removed"] for place in receipt["places"]}
    assert removed["events"] == 2
    assert removed["fragments"] == 1
    assert removed["lake"] > 0
    assert removed["journal"] > 0
    assert {one["until"] for one in receipt["suppressions"]} == {None}
    app.calls(key, track(userId=SECRET))  # is still suppressed
    assert reads(app, key, SECRET) == {404}
    ordered(app, "UNSUPPRESS", SECRET)
    assert reads(app, key, SECRET) == {404}
    app.calls(key, identify(SECRET))
    assert actions(app, key, SECRET) == ["identify"]
    assert reads(app, key, "u-2") == {200}
    assert app.faults() == []


def test_a_deletion_leaves_the_user_id_in_no_table_and_no_order(app: App, key: NewKey) -> None:
    app.calls(key, identify(SECRET, anonymousId="visitor-17"), track(userId=SECRET))
    app.land()
    made = ordered(app, "SUPPRESS_WITH_DELETE", SECRET)
    assert state(app, made) == "completed"
    assert named_in_journal(app) == set()
    for engine in (app.places.work(app.sandbox.id), app.places.profile(app.sandbox.id)):
        tables = engine.read("SELECT name FROM sqlite_schema WHERE type = 'table'")
        assert len(tables) > 5
        for (name,) in tables:
            rows = repr(engine.read(f"SELECT * FROM {name}"))  # noqa: S608 - a name of the store
            assert SECRET not in rows, name
            assert "visitor-17" not in rows, name


def named_in_journal(app: App) -> set[str]:
    """Of the two, who stands in what was sent, and which identities in orders."""
    found: set[str] = set()
    for chunk in Journal(app.places.journal(app.sandbox.id), app.bell).read(0, records_max=1000):
        for accepted in chunk.records:
            if accepted.removal:
                what = removal.decode(accepted.message)
                found |= {leaving.xid for leaving in what.people} | set(what.identities)
            elif SECRET.encode() in accepted.message or b"visitor-17" in accepted.message:
                found.add(accepted.message.decode())
    return found


def test_what_comes_after_the_order_and_unsuppressed_is_not_deleted(app: App, key: NewKey) -> None:
    """The deletion waits for other jobs, and takes what had come when it was asked for."""
    app.calls(key, identify(), track())
    made = app.post(PATH, {"kind": "SUPPRESS_WITH_DELETE", "userIds": ["u-1"]}).json()
    app.post(PATH, {"kind": "UNSUPPRESS", "userIds": ["u-1"]})
    app.calls(key, track("New"))
    app.drain()
    assert actions(app, key) == ["identify", "new", "paid"]
    app.work()
    assert state(app, made) == "completed"
    assert actions(app, key) == ["new"]
    assert app.faults() == []


def test_only_who_is_suppressed_is_deleted_by_delete_only(app: App, key: NewKey) -> None:
    app.calls(key, identify(), identify("u-2"))
    ordered(app, "SUPPRESS_ONLY", "u-2")
    refused = app.post(PATH, {"kind": "DELETE_ONLY", "userIds": ["u-2", "u-1"]})
    assert refused.status_code == 409
    assert "RGL-1001" in refused.text
    assert "u-1" not in refused.text
    assert "userIds/1" in refused.text
    done = ordered(app, "DELETE_ONLY", "u-2")
    assert state(app, done) == "completed"
    assert reads(app, key, "u-2") == {404}
    ordered(app, "UNSUPPRESS", "u-2")
    assert reads(app, key, "u-2") == {404}  # it was deleted
    assert reads(app, key) == {200}


def test_delete_only_goes_by_orders_that_are_not_carried_out_yet(app: App, key: NewKey) -> None:
    app.calls(key, identify())
    first = app.post(PATH, {"kind": "SUPPRESS_ONLY", "userIds": ["u-1"]})
    second = app.post(PATH, {"kind": "DELETE_ONLY", "userIds": ["u-1"]})
    assert (first.status_code, second.status_code) == (202, 202)
    app.post(PATH, {"kind": "UNSUPPRESS", "userIds": ["u-1"]})
    third = app.post(PATH, {"kind": "DELETE_ONLY", "userIds": ["u-1"]})
    assert third.status_code == 409
    app.drain()
    app.work()
    assert state(app, second.json()) == "completed"
    app.calls(key, identify())
    assert actions(app, key) == ["identify"]


def test_who_is_not_tracked_is_identified_all_the_same(app: App, key: NewKey) -> None:
    app.calls(key, identify(anonymousId="a-1"), track())
    ordered(app, "NO_TRACK", "u-1")
    app.calls(
        key,
        track("Hidden"),
        track("Hidden", anonymousId="a-1"),
        ("page", {"userId": "u-1", "name": "Home"}),
        ("screen", {"userId": "u-1", "name": "Home"}),
        ("identify", {"userId": "u-1", "traits": {"plan": "free"}}),
        ("group", {"userId": "u-1", "groupId": "g-1"}),
    )
    assert {one.message for one in suppressed(app)} == {b""}
    assert len(suppressed(app)) == 4
    assert actions(app, key) == ["group", "identify", "identify", "paid"]
    traits = app.ask(key, "/profiles/userId:u-1/traits").json()
    assert traits["plan"] == "free"
    ordered(app, "TRACK", "u-1")
    app.calls(key, track("Shown"), track("Shown", anonymousId="a-1"))
    assert actions(app, key).count("shown") == 2
    assert app.faults() == []


def test_who_is_not_tracked_is_not_under_identities_that_come_later(app: App, key: NewKey) -> None:
    app.calls(key, identify())
    ordered(app, "NO_TRACK", "u-1")
    app.calls(key, identify(anonymousId="a-9"))
    app.calls(key, track("Hidden", anonymousId="a-9"), track("Shown", anonymousId="a-8"))
    assert len(suppressed(app)) == 1
    assert actions(app, key) == ["identify", "identify"]
    ordered(app, "TRACK", "u-1")
    app.calls(key, track("Shown", anonymousId="a-9"))
    assert actions(app, key) == ["identify", "identify", "shown"]


def test_tracking_and_suppression_do_not_lift_each_other(app: App, key: NewKey) -> None:
    app.calls(key, identify())
    ordered(app, "NO_TRACK", "u-1")
    ordered(app, "SUPPRESS_ONLY", "u-1")
    ordered(app, "TRACK", "u-1")
    assert reads(app, key) == {404}
    ordered(app, "NO_TRACK", "u-1")
    ordered(app, "UNSUPPRESS", "u-1")
    assert reads(app, key) == {200}
    app.calls(key, track())
    assert actions(app, key) == ["identify"]


def test_access_is_an_archive_of_what_is_held(app: App, key: NewKey) -> None:
    app.calls(key, identify(anonymousId="a-1"), track(anonymousId="a-1"))
    app.land()
    made = ordered(app, "ACCESS", "u-1", "u-unknown")
    assert state(app, made) == "completed"
    held, nothing = people(app, made)
    content = app.get(held["downloadUrl"].removeprefix(app.settings.base_url))
    archive = zipfile.ZipFile(io.BytesIO(content.content))
    events = [json.loads(line) for line in archive.read("profile/events.jsonl").splitlines()]
    assert {one["event"]["eventType"] for one in events} == {"identify", "paid"}
    assert b'"plan":"pro"' in archive.read("profile/fragments.jsonl")
    assert archive.read("lake/records.jsonl")
    content = app.get(nothing["downloadUrl"].removeprefix(app.settings.base_url))
    archive = zipfile.ZipFile(io.BytesIO(content.content))
    assert archive.read("profile/events.jsonl") == b""
    assert reads(app, key) == {200}


def test_an_archive_can_be_made_of_who_is_suppressed(app: App, key: NewKey) -> None:
    app.calls(key, identify())
    ordered(app, "SUPPRESS_ONLY", "u-1")
    (held,) = people(app, ordered(app, "ACCESS", "u-1"))
    content = app.get(held["downloadUrl"].removeprefix(app.settings.base_url))
    archive = zipfile.ZipFile(io.BytesIO(content.content))
    assert b'"plan":"pro"' in archive.read("profile/fragments.jsonl")


def test_people_are_told_by_hashes_in_the_order_of_the_request(app: App, key: NewKey) -> None:
    app.calls(key, identify())
    users = ["u-2", "u-1", "u-2", "u-3"]
    answer = app.post(PATH, {"kind": "SUPPRESS_ONLY", "userIds": users})
    assert json_of(answer)["users"] == 3
    early = json_of(app.get(f"{PATH}/{answer.json()['id']}"))
    assert early["state"] == "processing"
    app.drain()
    app.work()
    found = json_of(app.get(f"{PATH}/{answer.json()['id']}?limit=2"))
    assert found["_page"] == {"limit": 2, "count": 2, "next": "2"}
    rest = json_of(app.get(f"{PATH}/{answer.json()['id']}?start=2"))
    assert rest["_page"]["next"] is None
    told = [*found["people"], *rest["people"]]
    assert [one["key"] for one in told] == [one["key"] for one in early["people"]]
    assert [one["place"] for one in told] == [0, 1, 2]
    assert len({one["key"] for one in told}) == 3
    for text in (json.dumps(early), json.dumps(told)):
        assert not any(f'"{user}"' in text for user in users)
    again = ordered(app, "UNSUPPRESS", "u-1")
    assert people(app, again)[0]["key"] == told[1]["key"]


def test_regulations_are_listed_the_newest_first(app: App, key: NewKey) -> None:
    made = [ordered(app, kind, "u-1")["id"] for kind in ("NO_TRACK", "TRACK", "SUPPRESS_ONLY")]
    first = json_of(app.get(f"{PATH}?limit=2"))
    assert [one["id"] for one in first["regulations"]] == [made[2], made[1]]
    assert first["regulations"][0]["submittedBy"] == app.client_id
    second = json_of(app.get(f"{PATH}?limit=2&start={first['_page']['next']}"))
    assert [one["id"] for one in second["regulations"]] == [made[0]]
    assert second["_page"]["next"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "FORGET", "userIds": ["u-1"]}, "CTL-1008"),
        ({"kind": "ACCESS", "userIds": []}, "CTL-1008"),
        ({"kind": "ACCESS", "userIds": [""]}, "CTL-1008"),
        ({"kind": "ACCESS", "userIds": ["x" * 513]}, "CTL-1008"),
        ({"kind": "ACCESS", "userIds": ["u"] * (USERS_MAX + 1)}, "CTL-1008"),
        ({"kind": "ACCESS", "userIds": [7]}, "API-1003"),
        ({"kind": "ACCESS"}, "API-1003"),
        ({"kind": "ACCESS", "userIds": ["u"], "userId": "u"}, "API-1003"),
        ([], "API-1003"),
    ],
)
def test_what_cannot_be_asked_for(app: App, key: NewKey, body: Any, code: str) -> None:
    answer = app.post(PATH, body)
    assert (answer.status_code, code in answer.text) == (400, True), answer.text
    assert app.get(PATH).json()["regulations"] == []


def test_a_sandbox_without_an_account_has_no_regulations(app: App) -> None:
    answer = app.post(PATH, {"kind": "ACCESS", "userIds": ["u-1"]})
    assert (answer.status_code, "RGL-1002" in answer.text) == (409, True)


def test_a_wrong_id_or_page_is_refused(app: App, key: NewKey) -> None:
    assert app.get(f"{PATH}/none").status_code == 404
    made = ordered(app, "TRACK", "u-1")
    for query in ("?limit=0", "?start=x", "?colour=red"):
        assert app.get(PATH + query).status_code == 400
        assert app.get(f"{PATH}/{made['id']}{query}").status_code == 400


def test_five_thousand_users_are_one_order(app: App, key: NewKey) -> None:
    users = [f"u-{n}" for n in range(USERS_MAX)]
    app.calls(key, identify("u-4999"))
    made = ordered(app, "SUPPRESS_ONLY", *users)
    assert json_of(app.get(f"{PATH}/{made['id']}"))["counts"]["completed"] == USERS_MAX
    assert reads(app, key, "u-4999") == {404}
    ordered(app, "UNSUPPRESS", *users)
    assert not suppressions.any(app.places.profile(app.sandbox.id))
    assert reads(app, key, "u-4999") == {200}


def test_a_regulation_whose_order_could_not_be_appended_was_not_asked_for(
    app: App, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.calls(key, identify())

    def refused(*_: Any, **__: Any) -> int:
        raise Unavailable("INL-1017", retry_after_seconds=5)

    monkeypatch.setattr(Inlets, "orders", refused)
    answer = app.post(PATH, {"kind": "SUPPRESS_WITH_DELETE", "userIds": ["u-1"]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    app.at(START_MS + 2 * GRACE_MS)
    app.work()
    assert reads(app, key) == {200}
    assert app.get(PATH).json()["regulations"] == []


@pytest.mark.parametrize("reaches", [True, False])
def test_a_regulation_whose_process_died_is_ordered_by_the_job(
    app: App, key: NewKey, monkeypatch: pytest.MonkeyPatch, reaches: bool
) -> None:
    """Whether its orders stand in the journal or not."""
    app.calls(key, identify())
    real = Inlets.orders

    class Died(BaseException):
        pass

    def died(*given: Any, **named: Any) -> int:
        if reaches:
            real(*given, **named)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(Inlets, "orders", died)
        with pytest.raises(Died):
            app.rooms.regulations.create(app.sandbox, Kind.SUPPRESS_WITH_DELETE, ["u-1"])
    app.drain()
    app.work()
    (found,) = app.get(PATH).json()["regulations"]
    assert found["state"] == "processing"
    app.at(START_MS + 2 * GRACE_MS)
    app.work()
    (found,) = app.get(PATH).json()["regulations"]
    assert (found["state"], found["position"] > 0) == ("completed", True)
    assert reads(app, key) == {404}
    ordered(app, "UNSUPPRESS", "u-1")
    app.calls(key, identify())
    assert actions(app, key) == ["identify"]


def test_the_later_of_two_counts_though_the_job_orders_the_first_again(
    app: App, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.calls(key, identify())

    class Died(BaseException):
        pass

    def died(*_: Any, **__: Any) -> int:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(Inlets, "orders", died)
        with pytest.raises(Died):
            app.rooms.regulations.create(app.sandbox, Kind.SUPPRESS_ONLY, ["u-1"])
    ordered(app, "UNSUPPRESS", "u-1")
    app.at(START_MS + 2 * GRACE_MS)
    app.work()
    assert reads(app, key) == {200}
    assert {one["state"] for one in app.get(PATH).json()["regulations"]} == {"completed"}


@pytest.mark.parametrize("kind", ["SUPPRESS_WITH_DELETE", "ACCESS", "NO_TRACK"])
def test_a_job_that_is_stopped_after_each_step_ends_the_same(
    app: App, key: NewKey, kind: str
) -> None:
    app.calls(key, identify(anonymousId="a-1"), track(), identify("u-2"))
    made = app.post(PATH, {"kind": kind, "userIds": ["u-1", "u-2", "u-3"]}).json()
    app.drain()
    (workshop,) = [one for one, _, _ in app._jobs._all() if one.sandbox.id == app.sandbox.id]
    work = app.places.work(app.sandbox.id)
    (job,) = jobs.listed(work, REGULATE)
    for _ in range(60):
        if regulations.first_open(work) is not None:
            next(regulate(job, workshop), None)
            app.drain()
    app.work()
    assert state(app, made) == "completed"
    assert {one["state"] for one in people(app, made)} == {"completed"}
    if kind == "SUPPRESS_WITH_DELETE":
        assert (
            app.rooms.deletions.listed(
                app.sandbox.id, order="id", descending=False, offset=0, limit=9
            )[1]
            == 3
        )
        ordered(app, "UNSUPPRESS", "u-1", "u-2", "u-3")
        assert reads(app, key) | reads(app, key, "u-2") == {404}
    if kind == "ACCESS":
        assert len(jobs.listed(work, "privacy")) == 3
    assert app.faults() == []


def test_no_user_id_is_logged_or_told_by_errors(
    app: App, key: NewKey, capfd: pytest.CaptureFixture[str]
) -> None:
    app.calls(key, identify(SECRET))
    for kind in ("DELETE_ONLY", *Kind):
        answer = app.post(PATH, {"kind": kind, "userIds": [SECRET]})
        assert SECRET not in answer.text
        app.drain()
        app.work()
    for one in app.get(PATH).json()["regulations"]:
        assert SECRET not in app.get(f"{PATH}/{one['id']}").text
    assert SECRET not in "".join(capfd.readouterr())


def test_the_other_dialect_hides_nobody(app: App, key: NewKey) -> None:
    """Adobe's lookups have no word for suppression; what is deleted is gone there, too."""
    app.calls(key, identify())
    ordered(app, "SUPPRESS_ONLY", "u-1")
    whom = "schema.name=_xdm.context.profile&entityId=u-1&entityIdNS=userId"
    assert app.get(f"/data/core/ups/access/entities?{whom}").status_code == 200
    ordered(app, "DELETE_ONLY", "u-1")
    assert app.get(f"/data/core/ups/access/entities?{whom}").status_code == 404
