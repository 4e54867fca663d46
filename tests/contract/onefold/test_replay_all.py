"""The law of replays: records that failed, a schema that is mended, and a replay of all leave the
store as it would be if the schema had been right from the start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.store.packing import Packing
from onefold.store.tables import events, fragments, identities, links
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.onefold.mending import INBOX, mend
from tests.contract.people import ecid, event, record

STEP_MS = 1_000


class Sent(NamedTuple):
    """One record of the world: whom it names, whether it fits before the schema is mended, whether
    the pipeline works after it."""

    is_event: bool
    person: int
    mail: int | None
    fits: bool
    drained: bool


class Known(NamedTuple):
    """What a store knows, without the numbers of its records."""

    events: list[Any]
    links: list[Any]
    members: list[Any]
    fragments: list[Any]


sent = st.builds(
    Sent,
    is_event=st.booleans(),
    person=st.integers(0, 3),
    mail=st.none() | st.integers(0, 2),
    fits=st.booleans(),
    drained=st.booleans(),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@contextmanager
def _world(installed: Path, place: Path) -> Iterator[App]:
    data = place / "data"
    shutil.copytree(installed, data)
    app = App(data)
    try:
        yield app
    finally:
        app.close()
        shutil.rmtree(data)


def _send(app: App, index: int, one: Sent) -> None:
    """Each record arrives at a time of its own, whichever world it is sent in."""
    app.at(START_MS + index * STEP_MS)
    named = [("ECID", ecid(one.person))]
    named += [] if one.mail is None else [("Email", f"p{one.mail}@example.org")]
    fields: dict[str, Any] = {"person": {"name": {"firstName": f"n{index}"}}}
    if one.is_event:
        fields = {"eventType": f"n{index}"}
    if not one.fits:
        fields[app.tenant] = {"shoeSize": str(index)}
    entity = event(f"e-{index}", *named, **fields) if one.is_event else record(*named, **fields)
    dataset = EVENTS if one.is_event else REGISTRATIONS
    answer = app.collect(app.message(dataset, entity))
    assert answer.status_code == 200, answer.text


def _mended(app: App) -> None:
    for dataset in (EVENTS, REGISTRATIONS):
        mend(app, dataset)


def _known(app: App) -> Known:
    store = app.places.profile(app.sandbox.id)
    packing = Packing(store)
    owners = events.owners(store, after="", limit=1000)
    ids = identities.every(store, after="", limit=1000)
    found = fragments.fragments_of(store, packing, [xid for xid, _ in ids])
    return Known(
        [
            replace(one[2], seq=0)
            for owner in owners
            for one in events.of_owner(store, packing, owner, after="", limit=1000)
        ],
        links.every(store, after=("", "", ""), limit=1000),
        ids,
        sorted((f.xid, f.dataset, f.ingested_ms, f.effective_ms, str(f.attributes)) for f in found),
    )


def _as_if_right(installed: Path, place: Path, order: Sequence[tuple[int, Sent]]) -> Known:
    with _world(installed, place) as app:
        _mended(app)
        for index, one in order:
            _send(app, index, one)
        app.drain()
        assert app.failed() == []
        return _known(app)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(world=st.lists(sent, max_size=10), page=st.integers(1, 4), twice=st.booleans())
def test_replay_of_all_leaves_the_store_as_if_the_schema_had_been_right(
    installed: Path, place: Path, world: list[Sent], page: int, twice: bool
) -> None:
    """Events and links, whatever the order; of fragments, the last record of a dataset counts, and
    what is replayed comes last."""
    with _world(installed, place) as app:
        for index, one in enumerate(world):
            _send(app, index, one)
            if one.drained:
                app.drain()
        app.drain()
        assert len(app.failed()) == sum(not one.fits for one in world)
        _mended(app)
        for _ in range(1 + twice):
            start: str | None = ""
            while start is not None:
                answer = app.post(f"{INBOX}/replay", {"limit": page, "start": start})
                assert answer.status_code == 202, answer.text
                start = answer.json()["_page"]["next"]
        app.drain()
        assert app.faults() == []
        assert app.get(f"{INBOX}/summary").json()["total"]["open"] == 0
        replayed = _known(app)
    order = list(enumerate(world))
    right = _as_if_right(installed, place, order)
    assert replayed[:3] == right[:3]
    last = _as_if_right(installed, place, sorted(order, key=lambda pair: not pair[1].fits))
    assert replayed == last
