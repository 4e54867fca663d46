"""Suppressed records: what was undone, and who was deleted, stay out until that is lifted."""

from __future__ import annotations

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain import removal, suppression
from onefold.domain.identity.xid import encode
from onefold.domain.removal import Removal
from onefold.domain.suppression import Keys
from onefold.journal import Accepted, Journal
from onefold.store.tables import outcomes, suppressions
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.onefold.mending import INBOX, failed, mend, unfit
from tests.contract.people import RECORD, ecid, event, iso, record

MAIL = "ada@example.com"
ONE, ADA = ("ECID", ecid(1)), ("Email", MAIL)
XID = encode(6, MAIL)


def _order(app: App, what: Removal) -> None:
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    message = removal.encode(what)
    journal.append([Accepted("job", app.clock.now_ms(), "", "", message, removal=True)])
    app.drain()


def _delete_ada(app: App, *, until_ms: int = START_MS) -> str:
    keys = Keys(app.sandbox.id)
    kept_out = suppression.of_identity(keys, XID, until_ms=until_ms, request="r-1")
    _order(app, Removal(suppress=[kept_out]))
    return kept_out.key


@pytest.mark.parametrize("place", [0, 1], ids=["primary", "secondary"])
def test_a_record_that_names_a_deleted_identity_is_kept_out(app: App, place: int) -> None:
    _delete_ada(app)
    named = (ADA, ONE) if place == 0 else (ONE, ADA)
    app.ingest(EVENTS, event("e-1", *named))
    app.ingest(REGISTRATIONS, record(*named))
    assert app.ended()[Outcome.SUPPRESSED] == 2
    assert app.get(f"{RECORD}&entityId={ONE[1]}&entityIdNS=ecid").status_code == 404
    app.land()
    assert app.faults() == []
    store = app.places.profile(app.sandbox.id)
    assert outcomes.left_out(store, first=1, last=100) == set(), "the lake has passed them"


def test_what_is_younger_than_the_deletion_comes_in(app: App) -> None:
    _delete_ada(app, until_ms=START_MS)
    app.ingest(EVENTS, event("e-1", ADA, at_ms=START_MS), event("e-2", ADA, at_ms=START_MS + 1))
    audit = {"lastUpdatedDate": iso(START_MS + 1000)}
    app.ingest(REGISTRATIONS, record(ADA, extSourceSystemAudit=audit))
    assert app.ended()[Outcome.SUPPRESSED] == 1
    assert app.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").status_code == 200


def test_a_record_without_a_time_of_its_own_is_kept_out_until_the_suppression_is_lifted(
    app: App,
) -> None:
    key = _delete_ada(app, until_ms=START_MS)
    app.at(START_MS + 10**9)
    app.ingest(REGISTRATIONS, record(ADA))
    assert app.ended()[Outcome.SUPPRESSED] == 1
    store = app.places.profile(app.sandbox.id)
    (kept,) = suppressions.listed(store, limit=9)
    assert (kept.key, kept.request, kept.made_ms) == (key, "r-1", START_MS)
    _order(app, Removal(lift=[key]))
    assert not suppressions.any(store)
    app.ingest(REGISTRATIONS, record(ADA))
    assert app.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").status_code == 200
    assert app.faults() == []


def test_a_failed_record_that_is_sent_again_and_kept_out_says_so(app: App) -> None:
    app.ingest(REGISTRATIONS, {**unfit(app), **record(ADA)})
    _delete_ada(app)
    mend(app, REGISTRATIONS)
    assert app.post(f"{INBOX}/1/replay", None).status_code == 202
    app.drain()
    assert failed(app, 1)["replay"]["outcome"] == "suppressed"
    assert app.faults() == []
