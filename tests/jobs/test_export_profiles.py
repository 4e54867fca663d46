"""Exports of profiles: each profile once whatever happens, all at once or nothing, and the same as
lookups show."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.jobs import export_profiles
from onefold.lake.lake import PIECES, Lake
from onefold.lake.pieces import Pieces
from onefold.lake.sql import place
from onefold.store.tables import batches, export_jobs, identities, jobs
from onefold.store.tables.jobs import State
from onefold.testing.app import App, json_of
from tests.contract.asking import send
from tests.contract.people import RECORD, ecid, event, record
from tests.contract.profile.exporting import JOBS, rows, started, union_dataset
from tests.jobs.killing import jobs_of, killed_behind


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and pieces of few people."""
    monkeypatch.setattr(export_profiles, "MEMBERS_MAX", 3)
    monkeypatch.setattr(export_profiles, "PIECE_ROWS", 2)


def populated(app: App, people: int = 9) -> list[str]:
    """People of one or two identities; answers their customers' addresses."""
    found = [f"p{number}@example.org" for number in range(people)]
    app.ingest(
        REGISTRATIONS,
        *[
            record(("Email", one), *([("ECID", ecid(number))] if number % 2 else []))
            for number, one in enumerate(found)
        ],
    )
    return found


def told(app: App, job: dict[str, Any]) -> dict[str, Any]:
    return json_of(app.get(f"{JOBS}/{job['id']}"))


def emails(app: App, job: dict[str, Any]) -> list[str]:
    """The addresses of an export's rows, repeats included."""
    found = rows(app, job["destination"]["batchId"])
    return sorted(row["identityMap"]["email"][0]["id"] for row in found)


def left(app: App) -> list[str]:
    """What lies in the directory of pieces."""
    return [path.name for path in (app.places.lake(app.sandbox.id) / PIECES).rglob("*")]


def test_a_process_stopped_after_every_step_exports_everybody_once(app: App, small: None) -> None:
    found = populated(app)
    job = started(app, union_dataset(app))
    steps = 0
    while told(app, job)["status"] != "SUCCEEDED":
        work = jobs_of(app)
        work.round()
        work.close()
        steps += 1
        assert steps < 50
    assert steps > 4
    jobs_of(app).drain()
    assert emails(app, job) == found
    assert told(app, job)["metrics"]["totalExportedProfileCounter"] == len(found)
    assert app.faults() == []
    assert left(app) == []


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (jobs, "hold"),
        (Pieces, "write"),
        (export_jobs, "land"),
        (Lake, "publish"),
        (batches, "insert"),
        (Pieces, "remove"),
    ],
)
@pytest.mark.parametrize("at", range(4))
def test_a_process_killed_behind_an_act_doubles_and_loses_nobody(
    app: App, small: None, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, at: int
) -> None:
    """Killed when the act is durable and the job's progress is not."""
    found = populated(app)
    job = started(app, union_dataset(app))
    with killed_behind(monkeypatch, owner, name, at=at):
        jobs_of(app).drain()
    work = jobs_of(app)
    work.drain()
    work.close()
    assert told(app, job)["status"] == "SUCCEEDED"
    assert emails(app, job) == found
    assert app.faults() == []
    assert left(app) == []


@pytest.mark.parametrize("steps", range(7))
def test_an_export_called_off_leaves_nothing(app: App, small: None, steps: int) -> None:
    found = populated(app)
    job = started(app, union_dataset(app))
    for _ in range(steps):
        app.jobs_round()
    send(app, "DELETE", f"{JOBS}/{job['id']}")
    app.work()
    status = told(app, job)["status"]
    batch = job["destination"]["batchId"]
    stored = batches.get(app.places.work(app.sandbox.id), batch)
    if status == "CANCELED":
        assert stored is None
        assert not app.rooms.lakes.of(app.sandbox.id).landed(batch=batch)
    else:
        assert status == "SUCCEEDED"
        assert emails(app, job) == found
    assert left(app) == []
    assert app.faults() == []


def test_an_export_that_has_begun_to_land_is_not_called_off(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = populated(app, 2)
    job = started(app, union_dataset(app))
    real = Lake.publish

    def late(lake: Lake, exports: Any) -> None:
        assert send(app, "DELETE", f"{JOBS}/{job['id']}").status_code == 204
        real(lake, exports)

    monkeypatch.setattr(Lake, "publish", late)
    app.work()
    assert told(app, job)["status"] == "SUCCEEDED"
    assert emails(app, job) == found


def test_an_export_has_everything_that_was_accepted_before_it_began(app: App) -> None:
    found = populated(app, 1)
    dataset = union_dataset(app)
    late = app.message(REGISTRATIONS, record(("Email", "late@example.org")))
    assert app.collect(late).status_code == 200
    job = started(app, dataset)
    work = jobs_of(app)
    work.drain()
    assert told(app, job)["status"] == "PROCESSING"
    app.drain()
    work.drain()
    work.close()
    assert emails(app, job) == sorted(["late@example.org", *found])


def test_an_export_that_waits_can_be_called_off(app: App) -> None:
    dataset = union_dataset(app)
    assert app.collect(app.message(REGISTRATIONS, record(("Email", "a@b.c")))).status_code == 200
    job = started(app, dataset)
    work = jobs_of(app)
    work.drain()
    send(app, "DELETE", f"{JOBS}/{job['id']}")
    work.drain()
    work.close()
    kept = jobs.get(app.places.work(app.sandbox.id), export_jobs.job_id(job["id"]))
    assert kept is not None
    assert kept.state is State.DONE
    assert told(app, job)["status"] == "CANCELED"


@pytest.mark.parametrize("steps", range(0, 9, 2))
def test_a_walk_on_which_nobody_is_wanted_takes_steps_all_the_same(
    app: App, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """It gives way to other jobs, can be called off, and goes on with a fresh process."""
    monkeypatch.setattr(export_profiles, "MEMBERS_MAX", 2)
    monkeypatch.setattr(export_profiles, "PAGES_OF_STEP", 1)
    monkeypatch.setattr(export_profiles, "PAGES_MAX", 3)
    populated(app, 12)
    job = started(app, union_dataset(app), filter={"segments": [{"segmentId": "s"}]})
    work = jobs_of(app)
    for _ in range(steps):
        work.round()
    work.close()
    assert told(app, job)["status"] == ("PROCESSING" if steps else "NEW")
    if steps == 4:
        send(app, "DELETE", f"{JOBS}/{job['id']}")
    app.work()
    work = jobs_of(app)
    work.drain()
    work.close()
    done = told(app, job)
    assert done["status"] == ("CANCELED" if steps == 4 else "SUCCEEDED")
    if steps != 4:
        assert done["metrics"]["totalExportedProfileCounter"] == 0
        assert rows(app, done["destination"]["batchId"]) == []
    assert left(app) == []


def test_pieces_that_a_removal_deleted_are_made_anew(app: App, small: None) -> None:
    """A person who was in a piece is removed while the export waits: it begins anew."""
    found = populated(app)
    job = started(app, union_dataset(app))
    work = jobs_of(app)
    for _ in range(3):
        work.round()
    work.close()
    assert left(app)
    lake = Lake(app.places.lake(app.sandbox.id), memory_bytes=app.settings.lake_memory_bytes)
    lake.remove_batch("nothing")
    lake.close()
    assert left(app) == []
    app.ingest(REGISTRATIONS, record(("Email", "later@example.org")))
    jobs_of(app).drain()
    assert emails(app, job) == sorted([*found, "later@example.org"])
    assert told(app, job)["metrics"]["totalExportedProfileCounter"] == len(found) + 1


def test_pieces_of_an_export_that_failed_are_tidied_away(app: App, small: None) -> None:
    populated(app)
    dataset = union_dataset(app)
    job = started(app, dataset)
    app.jobs_round()
    url = f"/data/foundation/catalog/dataSets/{dataset}"
    assert send(app, "DELETE", url).status_code == 200
    app.work()
    assert told(app, job)["status"] == "FAILED"
    other = started(app, union_dataset(app, "Another"))
    app.work()
    assert told(app, other)["status"] == "SUCCEEDED"
    assert left(app) == []


def test_a_defect_fails_the_export_after_three_tries(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    populated(app, 1)
    job = started(app, union_dataset(app))
    monkeypatch.setattr(export_profiles, "identity_map", None)
    for _ in range(4):
        app.work()
        app.clock.advance(ms=60_000)
    assert told(app, job)["status"] == "FAILED"
    (error,) = told(app, job)["errors"]
    assert error["code"] == "API-9001"
    listed = json_of(app.get(f"{JOBS}?status=FAILED"))["records"]
    assert [one["id"] for one in listed] == [job["id"]]


def test_clusters_of_more_than_fifty_identities_are_left_out(
    app: App, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are none as long as the graph has its limit; the reader keeps it all the same, also
    where one fills more than a page."""
    found = populated(app, 5)
    monkeypatch.setattr("onefold.lookup.people.CLUSTER_LIMIT", 3)
    many = [("ECID", ecid(100 + number)) for number in range(9)]
    app.ingest(REGISTRATIONS, record(("Email", "many@example.org"), *many))
    job = started(app, union_dataset(app))
    app.work()
    assert emails(app, job) == found


def test_a_page_ends_where_its_bytes_are_enough(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    found = populated(app, 6)
    monkeypatch.setattr(export_profiles, "PIECE_BYTES_MAX", 1)
    job = started(app, union_dataset(app))
    app.work()
    assert emails(app, job) == found
    kept = jobs.get(app.places.work(app.sandbox.id), export_jobs.job_id(job["id"]))
    assert kept is not None
    assert set(kept.progress["pieces"].values()) == {6}


def test_each_row_has_a_number_of_its_own_in_all_exports(app: App, small: None) -> None:
    populated(app)
    dataset = union_dataset(app)
    for _ in range(2):
        started(app, dataset)
        app.work()
    lake = app.rooms.lakes.of(app.sandbox.id)
    table = lake.tables()[dataset]
    parts = {"table": place(table)}
    counted = lake.run("SELECT count(*), count(DISTINCT _seq) FROM {table}", (), parts)
    assert counted == [(18, 18)]


def test_the_catalogue_names_the_files_by_their_place_in_the_lake(app: App, small: None) -> None:
    """Or an installation could not be moved."""
    populated(app)
    started(app, union_dataset(app))
    app.work()
    lake = app.rooms.lakes.of(app.sandbox.id)
    paths = lake.run("SELECT path_is_relative FROM __ducklake_metadata_lake.ducklake_data_file")
    assert len(paths) > 3
    assert all(row[0] for row in paths)


NAMES = st.sampled_from(["Ada", "Ben", "Kim"])
PERSON = st.fixed_dictionaries(
    {},
    optional={
        "person": st.fixed_dictionaries({"name": st.fixed_dictionaries({"firstName": NAMES})}),
        "preferredLanguage": st.sampled_from(["en-GB", "sv"]),
        "testProfile": st.booleans(),
        "mobilePhone": st.fixed_dictionaries({"number": st.text(max_size=5)}),
    },
)
NUMBERS = st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True)
SENT = st.lists(st.tuples(st.sampled_from([REGISTRATIONS, LOGINS, EVENTS]), NUMBERS, PERSON))


@given(SENT, st.sampled_from(["pdg", "none"]), st.booleans())
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_exported_rows_are_what_lookups_show(
    shared: App, sent: list[Any], graph: str, empty: bool
) -> None:
    app = shared
    for number, (dataset, people, said) in enumerate(sent):
        named = [("ECID", ecid(one)) for one in people]
        if dataset == EVENTS:
            app.ingest(EVENTS, event(f"{app.clock.now_ms()}-{number}", *named))
        else:
            app.ingest(dataset, record(*named, **said))
        app.clock.advance(ms=1000)
    policy = _policy(app, graph)
    dataset = _dataset(app)
    job = started(app, dataset, mergePolicy={"id": policy}, filter={"emptyProfiles": empty})
    app.work()
    found = rows(app, job["destination"]["batchId"])
    assert _sorted(found) == _sorted(_looked_up(app, policy, empty=empty))
    assert app.faults() == []


def _policy(app: App, graph: str) -> str:
    """The id of a merge policy with this graph, which is made once."""
    url = "/data/core/ups/config/mergePolicies"
    known = json_of(app.get(url))["children"]
    for policy in known:
        if policy["identityGraph"]["type"] == graph:
            return str(policy["id"])
    body = {
        "name": graph,
        "schema": {"name": "_xdm.context.profile"},
        "identityGraph": {"type": graph},
        "attributeMerge": {"type": "timestampOrdered"},
    }
    return str(json_of(app.post(url, body))["id"])


def _dataset(app: App) -> str:
    """The id of a dataset of exports, which is made once."""
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    known = [d.id for d in snapshot.datasets.values() if d.name == "Exported people"]
    return known[0] if known else union_dataset(app)


def _looked_up(app: App, policy: str, *, empty: bool) -> list[dict[str, Any]]:
    """Every profile by lookups of every identity, each cluster once."""
    profile = app.places.profile(app.sandbox.id)
    found: dict[str, dict[str, Any]] = {}
    for xid, _ in identities.every(profile, after="", limit=10_000):
        url = f"{RECORD}&entityId={xid}&mergePolicyId={policy}"
        (shown,) = json_of(app.get(url)).values()
        has_fragments = shown["sources"] != [""]
        if has_fragments or empty:
            found[json.dumps(sorted(shown["identityGraph"]))] = shown["entity"]
    return list(found.values())


def _sorted(found: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in found)
