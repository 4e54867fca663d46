"""Samples: everybody is counted once however often the job is stopped, and reports say so."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onefold.control import preview_samples
from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.xid import encode
from onefold.domain.profile.sample_reports import KINDS as REPORTS
from onefold.jobs import sample_profiles
from onefold.jobs.kinds import KINDS
from onefold.jobs.worker import Worker
from onefold.jobs.workshop import Workshop
from onefold.journal import Journal
from onefold.store.tables import clusters, identities, jobs, profile_samples, survey
from onefold.store.tables.identities import Member
from onefold.store.tables.jobs import Job, State
from onefold.store.tables.profile_samples import Report, Sample
from onefold.testing.app import App
from tests.contract.people import ecid, event, record

POLICIES = "/data/core/ups/config/mergePolicies"
PEOPLE = 40


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a few graphs; more than the 50 identities that a graph may have is not needed."""
    monkeypatch.setattr(sample_profiles, "PAGE_ROWS", 7)


def fill(app: App, people: int = PEOPLE) -> None:
    """People with one to three identities, records and events of their own."""
    for number in range(people):
        own = ("ECID", ecid(number))
        mail = ("Email", f"p{number}@example.com")
        if number % 2:
            app.ingest(REGISTRATIONS, record(mail, own, person={"name": {"firstName": "P"}}))
        if number % 3 == 0:
            app.ingest(LOGINS, record(own, timeZone="Europe/Oslo"))
        for visit in range(number % 4):
            app.ingest(EVENTS, event(f"v-{number}-{visit}", own))


def workshop(app: App) -> Workshop:
    return Workshop(
        sandbox=app.sandbox,
        places=app.places,
        journal=Journal(app.places.journal(app.sandbox.id), app.bell),
        definitions=app.rooms.definitions,
        clock=app.clock,
        ids=app.rooms.ids,
        settings=app.settings,
    )


def ask(app: App) -> Job:
    return preview_samples.ask(app.places.work(app.sandbox.id), app.clock, app.rooms.ids)


def taken(app: App) -> tuple[Sample, dict[str, Report]]:
    """Take a sample in one go."""
    job = ask(app)
    worker = Worker(workshop(app), KINDS, alone=True)
    while worker.step():
        pass
    assert of(app, job).state is State.DONE
    return kept(app)


def kept(app: App) -> tuple[Sample, dict[str, Report]]:
    work = app.places.work(app.sandbox.id)
    sample = profile_samples.last(work)
    assert sample is not None
    found = {kind: profile_samples.report(work, kind, day=None) for kind in REPORTS}
    return sample, {kind: body for kind, body in found.items() if body is not None}


def of(app: App, job: Job) -> Job:
    found = jobs.get(app.places.work(app.sandbox.id), job.id)
    assert found is not None
    return found


@pytest.mark.usefixtures("small_pages")
def test_a_count_that_is_stopped_after_every_step_goes_on_where_it_was(app: App) -> None:
    fill(app)
    expected = taken(app)
    job = ask(app)
    shop = workshop(app)
    percents = []
    steps = 0
    while of(app, job).state in (State.QUEUED, State.RUNNING):
        worker = Worker(shop, KINDS, alone=True)
        assert worker.step()
        steps += 1
        if (progress := of(app, job).progress) is not None:
            percents.append(progress["percent"])
    assert steps > PEOPLE * 1.5 / 7
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert len(set(percents)) > 5
    assert kept(app) == expected


@pytest.mark.usefixtures("small_pages")
def test_the_size_of_pages_changes_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(app)
    expected = taken(app)
    for rows in (4, 1_000):
        monkeypatch.setattr(sample_profiles, "PAGE_ROWS", rows)
        assert taken(app) == expected


def test_a_finished_sample_that_is_told_again_is_not_taken_again(app: App) -> None:
    """The process was stopped between the last step and the end of the job."""
    fill(app, 3)
    job = ask(app)
    worker = Worker(workshop(app), KINDS, alone=True)
    while (of(app, job).progress or {}).get("percent") != 100:
        worker.step()
    before = kept(app)
    app.clock.advance(ms=1_000)
    again = Worker(workshop(app), KINDS, alone=True)
    assert again.step()
    assert of(app, job).state is State.DONE
    assert kept(app) == before


@pytest.mark.parametrize("size", [50, 51, 120])
@pytest.mark.parametrize("rows", [60, 1_000])
def test_graphs_that_are_too_large_for_a_lookup_are_left_out(
    app: App, monkeypatch: pytest.MonkeyPatch, size: int, rows: int
) -> None:
    """A graph of 120 fills a page of 60 twice."""
    monkeypatch.setattr(sample_profiles, "PAGE_ROWS", rows)
    fill(app, 9)
    before, _ = taken(app)
    store = app.places.profile(app.sandbox.id)
    named = [encode(4, ecid(1_000 + number)) for number in range(size)]
    app.ingest(EVENTS, event("big", ("ECID", ecid(1_000))))
    with store.transaction() as transaction:
        identities.forget(transaction, [(named[0], named[0])])
        clusters.forget(transaction, [named[0]])
        cluster = Xid(min(named))
        identities.add(transaction, [Member(cluster, xid, 4, xid, 0) for xid in named])
        clusters.change(transaction, [cluster], 1)
    after, reports = taken(app)
    assert after.profiles - before.profiles == (size == 50)
    assert after.documents - before.documents == (size == 50)
    assert sum(reports["dataset/overlap"]["data"].values()) == after.profiles


def test_the_population_is_the_number_of_graphs_whatever_happens_to_them(app: App) -> None:
    fill(app, 12)
    store = app.places.profile(app.sandbox.id)
    for first in (0, 3, 6):
        app.ingest(EVENTS, event(f"join-{first}", *[("ECID", ecid(first + n)) for n in range(3)]))
        assert survey.clusters(store) == sum(number for _, number in identities.by_size(store))
    assert survey.identities(store) == sum(number for _, number in identities.by_namespace(store))


# Policies


def make_default(app: App, *, graph: str = "pdg", order: list[str] | None = None) -> None:
    merge: dict[str, Any] = {"type": "timestampOrdered"}
    if order is not None:
        merge = {"type": "dataSetPrecedence", "order": order}
    answer = app.post(
        POLICIES,
        {
            "name": "Ours",
            "schema": {"name": "_xdm.context.profile"},
            "identityGraph": {"type": graph},
            "attributeMerge": merge,
            "default": True,
        },
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.usefixtures("small_pages")
def test_without_a_graph_each_identity_is_a_profile_of_its_own(app: App) -> None:
    fill(app)
    everybody, _ = taken(app)
    make_default(app, graph="none")
    alone, reports = taken(app)
    owners = {number for number in range(PEOPLE) if number % 4 or number % 3 == 0}
    assert alone.profiles == len(owners) + PEOPLE // 2
    assert (alone.fragments, alone.documents) == (everybody.fragments, everybody.documents)
    assert alone.strategy == "timestampOrdered_none"
    assert set(reports["namespace/overlap"]["data"]) == {"ECID", "Email"}


def test_only_what_the_policy_admits_is_counted(app: App) -> None:
    fill(app)
    logins, events = app.datasets[LOGINS].id, app.datasets[EVENTS].id
    make_default(app, order=[logins])
    _, reports = taken(app)
    counted = {row["value"]: row["fullIDsCount"] for row in reports["dataset"]["data"]}
    assert set(counted) == {logins, events}, "no dataset of events is listed, so all are shown"
    make_default(app, order=[app.datasets[REGISTRATIONS].id, events])
    sample, reports = taken(app)
    counted = {row["value"]: row["fullIDsCount"] for row in reports["dataset"]["data"]}
    assert set(counted) == {app.datasets[REGISTRATIONS].id, events}
    assert sample.profiles == sum(1 for number in range(PEOPLE) if number % 2 or number % 4)


# Samples of a part


@pytest.fixture
def part(data: Path) -> Iterator[App]:
    """An application whose samples have about a third of PEOPLE."""
    app = App(data, preview_profiles_max=PEOPLE // 3)
    yield app
    app.close()


@pytest.mark.usefixtures("small_pages")
def test_a_sample_of_a_part_counts_everybody_and_looks_at_some(part: App) -> None:
    """What the indexes tell is exact; datasets of events are estimated."""
    fill(part)
    sample, reports = taken(part)
    has_something = [n for n in range(PEOPLE) if n % 2 or n % 3 == 0 or n % 4]
    assert sample.profiles == len(has_something)
    assert 0 < sample.sampled < sample.profiles
    assert sample.documents == sum(n % 2 + (n % 3 == 0) + n % 4 for n in range(PEOPLE))
    by_id = {row["value"]: row for row in reports["dataset"]["data"]}
    assert by_id[part.datasets[REGISTRATIONS].id]["fullIDsCount"] == PEOPLE // 2
    assert by_id[part.datasets[LOGINS].id]["fullIDsCount"] == len(range(0, PEOPLE, 3))
    visits = by_id[part.datasets[EVENTS].id]
    scale = sample.profiles / sample.sampled
    assert visits["fullIDsCount"] == round(visits["sampleCount"] * scale)
    assert sum(reports["dataset/overlap"]["data"].values()) == sample.sampled
    assert sum(reports["namespace/overlap"]["data"].values()) == sample.sampled
    (emails,) = [r for r in reports["namespace"]["data"] if r["code"] == "Email"]
    assert emails["fullIDsCount"] == emails["fullIDsFragmentCount"] == PEOPLE // 2
    assert taken(part) == (sample, reports), "the same people are in it each time"
    status = part.get("/data/core/ups/previewsamplestatus").json()
    assert status["samplingRatio"] == round(sample.sampled / sample.profiles, 6)
    assert (status["numRowsToRead"], status["totalRows"]) == (
        str(sample.sampled),
        str(sample.profiles),
    )


@pytest.mark.usefixtures("small_pages")
def test_events_are_looked_at_in_full_where_the_policy_shows_only_some(part: App) -> None:
    fill(part)
    make_default(part, order=[part.datasets[EVENTS].id])
    sample, reports = taken(part)
    (visits,) = reports["dataset"]["data"]
    assert 0 < sample.sampled < sample.profiles
    assert visits["fullIDsCount"] == sample.profiles == sum(1 for n in range(PEOPLE) if n % 4)
    (stats,) = reports["dataset_stats"]["data"]
    assert stats["records"] == sum(n % 4 for n in range(PEOPLE))


def test_a_count_ends_with_the_policy_that_it_began_with(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_profiles, "PAGE_ROWS", 7)
    fill(app)
    expected, _ = taken(app)
    job = ask(app)
    worker = Worker(workshop(app), KINDS, alone=True)
    for _ in range(random.Random(1).randrange(2, 5)):
        worker.step()
    make_default(app, graph="none")
    while of(app, job).state is State.RUNNING:
        worker.step()
    found, _ = kept(app)
    assert (found.profiles, found.strategy) == (expected.profiles, expected.strategy)
