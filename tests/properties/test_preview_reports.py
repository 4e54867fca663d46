"""Preview reports equal what a naive count of everything that was sent says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.jobs import sample_profiles
from onefold.testing.app import App
from tests.contract.people import ecid, event, record

DAY_MS = 86_400_000
REPORT = "/data/core/ups/previewsamplestatus/report"
Identity = tuple[str, str]
Report = dict[str, Any]
IDS = {"ECID": "4", "Email": "6", "Phone": "7"}

identities = st.one_of(
    st.integers(0, 8).map(lambda n: ("ECID", ecid(n))),
    st.integers(0, 5).map(lambda n: ("Email", f"p{n}@example.com")),
    st.integers(0, 2).map(lambda n: ("Phone", f"+4670000000{n}")),
)


class Sent(NamedTuple):
    """One record: its dataset, its identities, the primary one first, and how old it is."""

    dataset: str
    named: tuple[Identity, ...]
    days: int


records = st.builds(
    Sent,
    st.sampled_from((REGISTRATIONS, LOGINS, EVENTS, EVENTS)),
    st.lists(identities, min_size=1, max_size=2, unique=True).map(tuple),
    st.integers(0, 400),
)


class World:
    """An application, and everything that it was sent so far."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.sent: list[Sent] = []

    def send(self, one: Sent) -> None:
        if one.dataset == EVENTS:
            at_ms = self.app.clock.now_ms() - one.days * DAY_MS
            made = event(f"e-{len(self.sent)}", *one.named, at_ms=at_ms)
        else:
            made = record(*one.named, timeZone="Europe/Oslo")
        self.sent.append(one)
        self.app.ingest(one.dataset, made)

    def sample(self) -> None:
        assert self.app.post("/onefold/v1/previewsamplestatus/refresh", {}).status_code == 202
        self.app.work()

    def report(self, kind: str) -> Report:
        body: Report = self.app.get(f"{REPORT}/{kind}").json()
        return body


class Someone(NamedTuple):
    """One person, as a naive search finds them. days: of each event."""

    members: frozenset[Identity]
    parts: frozenset[tuple[Identity, str]]
    days: tuple[tuple[Identity, int], ...]

    @property
    def fragments(self) -> int:
        return len(self.parts) + len({owner for owner, _ in self.days})

    @property
    def datasets(self) -> set[str]:
        return {dataset for _, dataset in self.parts} | ({EVENTS} if self.days else set())

    @property
    def codes(self) -> set[str]:
        return {code for code, _ in self.members}


def naive(sent: list[Sent]) -> list[Someone]:
    groups: list[set[Identity]] = []
    for one in sent:
        touching = [group for group in groups if group & set(one.named)]
        groups = [group for group in groups if group not in touching]
        groups.append(set(one.named).union(*touching))
    return [
        Someone(
            frozenset(group),
            frozenset((s.named[0], s.dataset) for s in sent if s.named[0] in group and not _is(s)),
            tuple((s.named[0], s.days) for s in sent if s.named[0] in group and _is(s)),
        )
        for group in groups
    ]


def _is(one: Sent) -> bool:
    return one.dataset == EVENTS


@pytest.fixture(scope="module")
def world(shared: App) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_profiles, "PAGE_ROWS", 60)
        yield World(shared)


@given(st.lists(records, max_size=4))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_reports_equal_a_naive_count(world: World, more: list[Sent]) -> None:
    """The world grows from example to example, so what an example sends is little."""
    for one in more:
        world.send(one)
    world.sample()
    people = naive(world.sent)
    status = world.app.get("/data/core/ups/previewsamplestatus").json()
    assert status["totalRows"] == status["numRowsToRead"] == str(len(people))
    assert status["totalFragmentCount"] == sum(one.fragments for one in people)
    documents = sum(len(one.parts) + len(one.days) for one in people)
    assert status["docCount"] == f'"{documents}"'
    check_shares(world, people)
    check_overlaps(world, people)
    check_unstitched(world, people)
    check_stats(world, people)


def check_shares(world: World, people: list[Someone]) -> None:
    ids = {world.app.datasets[name].id: name for name in (REGISTRATIONS, LOGINS, EVENTS)}
    rows = world.report("dataset")["data"]
    by_dataset = Counter(dataset for one in people for dataset in one.datasets)
    assert {ids[row["value"]]: row["fullIDsCount"] for row in rows} == by_dataset
    for row in rows:
        assert row["sampleCount"] == row["fullIDsCount"]
        share = row["fullIDsCount"] / len(people)
        assert row["samplePercentage"] == row["fullIDsPercentage"] == round(share, 6)
    rows = world.report("namespace")["data"]
    by_code = Counter(code for one in people for code in one.codes)
    assert {row["code"]: row["fullIDsCount"] for row in rows} == by_code
    assert {row["code"]: row["value"] for row in rows} == {code: IDS[code] for code in by_code}
    owners = Counter(
        code
        for one in people
        for code, _ in (*(owner for owner, _ in one.parts), *{owner for owner, _ in one.days})
    )
    assert {row["code"]: row["fullIDsFragmentCount"] for row in rows} == {
        code: owners[code] for code in by_code
    }


def check_overlaps(world: World, people: list[Someone]) -> None:
    ids = {name: world.app.datasets[name].id for name in (REGISTRATIONS, LOGINS, EVENTS)}
    together = Counter(",".join(sorted(ids[name] for name in one.datasets)) for one in people)
    assert world.report("dataset/overlap")["data"] == together
    together = Counter(",".join(sorted(one.codes)) for one in people)
    assert world.report("namespace/overlap")["data"] == together


def check_unstitched(world: World, people: list[Someone]) -> None:
    found = world.report("unstitchedProfiles")["data"]
    assert found["totalNumberOfEvents"] == sum(len(one.days) for one in people)
    for period in (7, 30, 60, 90, 120):
        alone = [
            one
            for one in people
            if len(one.members) == one.fragments == 1 and all(days > period for _, days in one.days)
        ]
        said = found["unstitchedProfiles"][f"{period}days"]
        assert said["countOfProfiles"] == len(alone)
        assert said["eventsAssociated"] == sum(len(one.days) for one in alone)
        by_code = {code for one in alone for code in one.codes}
        assert said["nsDistribution"] == {
            code: {
                "countOfProfiles": sum(1 for one in alone if code in one.codes),
                "eventsAssociated": sum(len(one.days) for one in alone if code in one.codes),
            }
            for code in by_code
        }


def check_stats(world: World, people: list[Someone]) -> None:
    rows = {row["datasetId"]: row for row in world.report("dataset_stats")["data"]}
    ages = [days for one in people for _, days in one.days]
    events = rows.get(world.app.datasets[EVENTS].id)
    assert (events is None) == (not ages)
    if events is not None:
        assert events["records"] == len(ages)
        assert events["profileFragments"] == len({o for one in people for o, _ in one.days})
        for period in (7, 14, 30, 60, 90, 120, 365):
            assert events[f"{period}days"] == sum(1 for days in ages if days <= period)
    for name in (REGISTRATIONS, LOGINS):
        parts = sum(1 for one in people for _, dataset in one.parts if dataset == name)
        row = rows.get(world.app.datasets[name].id)
        assert (row["records"] if row else 0) == parts
    (model,) = world.report("character_count")["data"]
    sizes = {
        row["datasetId"]: sum(week["size"] for week in row["weeks"]) for row in model["datasetIds"]
    }
    stored = world.app.places.profile(world.app.sandbox.id)
    expected: dict[str, int] = dict(
        stored.read(
            "SELECT dataset, sum(length(body)) FROM (SELECT dataset, body FROM fragments"
            " UNION ALL SELECT dataset, body FROM events) GROUP BY dataset"
        )
    )
    assert sizes == expected
