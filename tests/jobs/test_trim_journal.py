"""The journal is trimmed of what everybody has passed, and the counts still balance."""

from __future__ import annotations

from onefold.control.starter import EVENTS
from onefold.journal import Journal
from onefold.testing.app import App
from tests.contract.people import ecid, event

HOUR_MS = 3_600_000


def _journal(app: App) -> Journal:
    return Journal(app.places.journal(app.sandbox.id), app.bell)


def _send(app: App, *numbers: int) -> None:
    for number in numbers:
        app.ingest(EVENTS, event(f"e-{number}", ("ECID", ecid(number))))


def _records(app: App) -> int:
    return sum(len(chunk.records) for chunk in _journal(app).read(0, records_max=1000))


def test_old_records_leave_the_journal_once_the_lake_has_them(app: App) -> None:
    _send(app, 1, 2, 3)
    app.clock.advance(ms=169 * HOUR_MS)
    app.work()
    assert _records(app) == 1, "the last append stays, for its number"
    assert _journal(app).trimmed().total() == 2
    assert app.faults() == []


def test_young_records_stay(app: App) -> None:
    _send(app, 1, 2, 3)
    app.clock.advance(ms=100 * HOUR_MS)
    app.work()
    assert _records(app) == 3


def test_what_the_lake_does_not_have_yet_stays(app: App) -> None:
    _send(app, 1)
    app.clock.advance(ms=169 * HOUR_MS)
    app.land()
    _send(app, 2, 3)
    app.work()
    assert _records(app) == 2
    assert app.faults() == []
    app.clock.advance(ms=169 * HOUR_MS)
    app.work()
    _send(app, 4)
    assert _records(app) == 2
    assert app.faults() == []
