"""Removals: what they name goes, what came later stays, clusters follow the remaining links."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain import removal
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.xid import encode
from onefold.domain.removal import Removal
from onefold.journal import Accepted, Journal
from onefold.store.tables import events, fragments
from onefold.testing.app import App
from tests.contract.people import RECORD, TIMELINE, ecid, event, identity_map, record

MAIL = "ada@example.com"
ONE, TWO = ("ECID", ecid(1)), ("ECID", ecid(2))
ADA = ("Email", MAIL)
XID = {"one": encode(4, ecid(1)), "two": encode(4, ecid(2)), "ada": encode(6, MAIL)}


def _remove(app: App, what: Removal) -> None:
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    message = removal.encode(what)
    journal.append([Accepted("job", app.clock.now_ms(), "", "", message, removal=True)])
    app.drain()


def _stored_events(app: App) -> list[tuple[Xid, str, int]]:
    store = app.places.profile(app.sandbox.id)
    return events.numbered(store, first=0, last=10**9, limit=1000)


def _stored_fragments(app: App) -> list[tuple[Xid, str, int]]:
    store = app.places.profile(app.sandbox.id)
    return [row[1:] for row in fragments.every(store, after=0, limit=1000)]


def _timeline(app: App, code: str, value: str) -> list[str]:
    answer = app.get(
        f"{TIMELINE}&relatedSchema.name=_xdm.context.profile"
        f"&relatedEntityId={value}&relatedEntityIdNS={code}"
    )
    return [child["entityId"] for child in answer.json()["children"]]


def _mails(app: App, value: str) -> dict[str, list[dict[str, str]]] | None:
    answer = app.get(f"{RECORD}&entityId={value}&entityIdNS=ecid")
    if answer.status_code == 404:
        return None
    (found,) = answer.json().values()
    known: dict[str, list[dict[str, str]]] = found["entity"]["identityMap"]
    return known


def test_a_removed_event_leaves_the_timeline_and_the_others_stay(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ONE), event("e-2", ONE))
    gone = [row for row in _stored_events(app) if row[1] == "e-1"]
    _remove(app, Removal(events=gone))
    assert _timeline(app, *ONE) == ["e-2"]
    assert app.faults() == []


def test_what_came_again_after_its_removal_stays_when_the_removal_is_repeated(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ONE))
    gone = _stored_events(app)
    _remove(app, Removal(events=gone))
    app.ingest(EVENTS, event("e-1", ONE))
    _remove(app, Removal(events=gone))
    assert _timeline(app, *ONE) == ["e-1"]


def test_a_removed_fragment_leaves_the_profile_at_once(app: App) -> None:
    """Kept answers must end, too: the profile is asked for before."""
    app.ingest(REGISTRATIONS, record(ONE, ADA, person={"name": {"firstName": "Ada"}}))
    assert b"firstName" in app.get(f"{RECORD}&entityId={ONE[1]}&entityIdNS=ecid").content
    _remove(app, Removal(fragments=_stored_fragments(app)))
    assert b"firstName" not in app.get(f"{RECORD}&entityId={ONE[1]}&entityIdNS=ecid").content
    assert app.faults() == []


def test_removing_an_identity_parts_those_whom_only_it_held_together(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ONE, ADA))
    app.ingest(EVENTS, event("e-1", TWO, ADA))
    assert {one["id"] for one in (_mails(app, TWO[1]) or {})["ecid"]} == {ONE[1], TWO[1]}
    _remove(app, Removal(identities=[XID["ada"]]))
    assert [one["id"] for one in (_mails(app, ONE[1]) or {})["ecid"]] == [ONE[1]]
    assert app.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").status_code == 404
    assert app.faults() == []


def test_an_identity_that_still_owns_something_stays_alone(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA, ONE))
    _remove(app, Removal(identities=[XID["ada"]]))
    assert _timeline(app, *ADA) == ["e-1"]
    assert _timeline(app, *ONE) == []
    assert app.faults() == []


def test_removals_keep_their_place_among_the_records_of_one_batch(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ONE, person={"name": {"firstName": "Ada"}}))
    gone = _stored_fragments(app)
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    message = removal.encode(Removal(fragments=gone))
    app.collect(app.message(REGISTRATIONS, record(TWO, person={"name": {"firstName": "Bo"}})))
    journal.append([Accepted("job", app.clock.now_ms(), "", "", message, removal=True)])
    app.collect(app.message(REGISTRATIONS, record(ONE, person={"name": {"firstName": "Cy"}})))
    app.drain()
    assert b"Cy" in app.get(f"{RECORD}&entityId={ONE[1]}&entityIdNS=ecid").content
    assert b"Bo" in app.get(f"{RECORD}&entityId={TWO[1]}&entityIdNS=ecid").content
    assert app.faults() == []


def test_a_failed_record_that_is_blanked_still_counts(app: App) -> None:
    app.collect(app.message(REGISTRATIONS, {"unknown": MAIL, "identityMap": identity_map(ADA)}))
    app.drain()
    (failed,) = app.failed()
    _remove(app, Removal(failed=[failed.seq]))
    (blank,) = app.failed()
    assert (blank.message, blank.fault.detail, blank.fault.errors) == (b"", "", b"[]")
    assert app.faults() == []


def test_a_broken_removal_is_parked_and_the_records_go_on(app: App) -> None:
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    journal.append([Accepted("job", app.clock.now_ms(), "", "", b"\xc1", removal=True)])
    app.ingest(EVENTS, event("e-1", ONE))
    assert _timeline(app, *ONE) == ["e-1"]
    assert [failed.fault.code for failed in app.failed()] == ["REC-9001"]
    assert app.faults() == []


@pytest.fixture(scope="module")
def crowd(shared: App) -> App:
    return shared


@given(
    st.lists(st.sets(st.integers(0, 9), min_size=1, max_size=3), max_size=8),
    st.sets(st.integers(0, 9)),
    st.integers(1, 4),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_store_is_sound_after_any_removal(
    crowd: App, groups: list[set[int]], leaving: set[int], share: int
) -> None:
    """Clusters equal their rebuild from the links, owners are known, counts balance."""
    for number, group in enumerate(groups):
        named = [("ECID", ecid(number_ + 100)) for number_ in sorted(group)]
        crowd.ingest(EVENTS, event(f"x-{number}", *named))
    gone = _stored_events(crowd)[::share]
    _remove(
        crowd,
        Removal(events=gone, identities=[encode(4, ecid(number + 100)) for number in leaving]),
    )
    assert not set(gone) & set(_stored_events(crowd))
    assert crowd.faults() == []
