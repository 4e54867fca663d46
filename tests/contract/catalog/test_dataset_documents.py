"""What the server knows of a dataset: its kind, its last batches, and which fields hold data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.testing.app import App
from tests.contract.asking import send
from tests.contract.catalog.test_datasets import PATH, made, refused, shown
from tests.contract.flowservice import desk
from tests.contract.imports.loading import act, lines, loaded, opened, person, put
from tests.contract.people import event, record

ADA, BO = ("Email", "ada@example.com"), ("Email", "bo@example.com")
LAST = ("lastBatchId", "lastBatchStatus", "lastSuccessfulBatch")
JOBS = "/data/core/privacy/jobs"


def last(app: App, dataset: str) -> dict[str, Any]:
    """What a dataset says of its last batches; one and the list of all say the same."""
    id_ = app.datasets[dataset].id
    one = shown(app, id_)
    assert app.get(PATH).json()[id_] == one
    return {name: one[name] for name in LAST if name in one}


def observable(app: App, dataset: str) -> Any:
    """The observable schema of a dataset; one and the list of all say the same."""
    id_ = app.datasets[dataset].id
    answer = app.get(f"{PATH}/{id_}?properties=observableSchema")
    assert answer.status_code == 200, answer.text
    assert list(answer.json()[id_]) == ["observableSchema"]
    listed = app.get(f"{PATH}?properties=name,observableSchema").json()[id_]
    assert listed == {"name": dataset, **answer.json()[id_]}
    return answer.json()[id_]["observableSchema"]


def leaves(schema: dict[str, Any], at: str = "") -> set[str]:
    below = schema.get("properties", {})
    return {leaf for name, c in below.items() for leaf in leaves(c, f"{at}/{name}")} or {at}


@pytest.fixture(scope="module")
def still(fresh: Callable[[], Path]) -> Iterator[App]:
    """An application with a loaded and an open batch."""
    app = App(fresh())
    loaded(app, lines(person(1)))
    app.clock.advance(ms=1000)
    opened(app, EVENTS)
    yield app
    app.close()


def test_a_dataset_tells_what_kind_of_data_it_holds(app: App) -> None:
    for dataset, behaviour in ((EVENTS, "time-series"), (REGISTRATIONS, "record")):
        found = shown(app, app.datasets[dataset].id)
        assert found["classification"] == {"dataBehavior": behaviour, "managedBy": "CUSTOMER"}


def test_last_batches_are_those_of_the_dataset_and_absent_without_any(app: App) -> None:
    assert last(app, REGISTRATIONS) == {}
    first = loaded(app, lines(person(1)))["id"]
    assert last(app, REGISTRATIONS) == dict(zip(LAST, (first, "success", first), strict=True))
    app.clock.advance(ms=1000)
    failed = loaded(app, b"{", dataset=LOGINS)
    assert last(app, LOGINS) == {"lastBatchId": failed["id"], "lastBatchStatus": "failed"}
    assert last(app, EVENTS) == {}
    app.clock.advance(ms=1000)
    second = opened(app)
    assert last(app, REGISTRATIONS) == dict(zip(LAST, (second, "loading", first), strict=True))
    act(app, second, "ABORT")
    act(app, first, "REVERT")
    app.work()
    assert last(app, REGISTRATIONS) == {"lastBatchId": second, "lastBatchStatus": "aborted"}


def test_streamed_records_are_a_batch_once_they_have_landed(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA))
    assert last(app, REGISTRATIONS) == {}
    app.land()
    (batch,) = app.get("/data/foundation/catalog/lastBatches").json()
    assert last(app, REGISTRATIONS) == dict(zip(LAST, (batch, "success", batch), strict=True))


def test_a_stalled_batch_is_shown_as_the_batches_show_it(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("made up")

    monkeypatch.setattr("onefold.jobs.load_batch.staged", broken)
    batch = opened(app)
    put(app, batch, lines(person(1)))
    act(app, batch)
    for _ in range(4):
        app.work()
        app.clock.advance(ms=3_600_000)
    assert last(app, REGISTRATIONS) == {"lastBatchId": batch, "lastBatchStatus": "stalled"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("lastBatchStatus=success", [REGISTRATIONS]),
        ("property=lastBatchStatus==loading", [EVENTS]),
        ("property=lastSuccessfulBatch", [REGISTRATIONS]),
        ("lastBatchId=none", []),
        ("property=classification.dataBehavior==time-series", [EVENTS]),
        ("orderBy=desc:lastBatchId&limit=2", [EVENTS, REGISTRATIONS]),
    ],
)
def test_lists_filter_by_what_the_server_knows(still: App, query: str, names: list[str]) -> None:
    found = still.get(f"{PATH}?{query}").json()
    assert [one["name"] for one in found.values()] == names


def test_an_etag_passes_with_a_batch_and_still_serves_for_a_change(app: App) -> None:
    id_ = app.datasets[REGISTRATIONS].id
    etag = app.get(f"{PATH}/{id_}").headers["etag"]
    opened(app)
    again = app.get(f"{PATH}/{id_}", if_none_match=etag)
    assert again.status_code == 200
    assert again.headers["etag"] != etag
    assert app.get(f"{PATH}/{id_}", if_none_match=again.headers["etag"]).status_code == 304
    changed = send(app, "PATCH", f"{PATH}/{id_}", {"description": "New"}, if_match=etag)
    assert changed.status_code == 200
    assert changed.headers["etag"] == app.get(f"{PATH}/{id_}").headers["etag"]
    late = send(app, "PATCH", f"{PATH}/{id_}", {"description": "Late"}, if_match=etag)
    refused(late, 412, "CAT-1002")


def test_a_dataset_that_is_put_as_it_was_got_stays_as_it_was(app: App) -> None:
    opened(app)
    id_ = app.datasets[REGISTRATIONS].id
    before = shown(app, id_)
    assert send(app, "PUT", f"{PATH}/{id_}", before).status_code == 200
    user = app.rooms.definitions.installation().credentials[app.client_id].technical_account
    assert shown(app, id_) == before | {"version": "1.0.1", "updatedUser": user}


def test_an_observable_schema_has_the_fields_that_hold_data(app: App) -> None:
    assert observable(app, REGISTRATIONS) == {}
    app.ingest(REGISTRATIONS, record(ADA, person={"name": {"firstName": "Ada"}}))
    app.land()
    found = observable(app, REGISTRATIONS)
    assert leaves(found) == {"/identityMap", "/person/name/firstName"}
    assert found["$id"] == app.datasets[REGISTRATIONS].schema_id
    assert {name: found[name] for name in ("title", "type", "meta:xdmType")} == {
        "title": app.rooms.definitions.snapshot(app.sandbox.id).schemas[found["$id"]].title,
        "type": "object",
        "meta:xdmType": "object",
    }
    name = found["properties"]["person"]["properties"]["name"]["properties"]["firstName"]
    assert name == {"title": "First name", "type": "string", "meta:xdmType": "string"}
    item = found["properties"]["identityMap"]["additionalProperties"]["items"]
    assert set(item["properties"]) == {"id", "primary"}
    assert observable(app, EVENTS) == {}
    assert "observableSchema" not in shown(app, app.datasets[REGISTRATIONS].id)


def test_an_observable_schema_is_right_after_removals(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA, eventType="login"), event("e-2", BO))
    app.land()
    batch = loaded(app, lines(event("e-3", BO, producedBy="self")), dataset=EVENTS)["id"]
    always = {"/_id", "/timestamp", "/identityMap"}
    assert leaves(observable(app, EVENTS)) == always | {"/eventType", "/producedBy"}
    act(app, batch, "REVERT")
    app.work()
    assert leaves(observable(app, EVENTS)) == always | {"/eventType"}
    body = {
        "companyContexts": [{"namespace": "imsOrgID", "value": app.org_id}],
        "users": [
            {
                "key": "a",
                "action": ["delete"],
                "userIDs": [{"namespace": "Email", "value": ADA[1], "type": "standard"}],
            }
        ],
        "include": ["aepDataLake"],
        "regulation": "gdpr",
    }
    assert app.post(JOBS, body).status_code == 202
    app.work()
    assert leaves(observable(app, EVENTS)) == always


def test_an_observable_schema_is_asked_for_anew_whatever_the_etag(app: App) -> None:
    url = f"{PATH}/{app.datasets[EVENTS].id}?properties=observableSchema"
    etag = app.get(url).headers["etag"]
    assert app.get(url, if_none_match=etag).status_code == 200


def test_twenty_observable_schemas_are_a_page(app: App) -> None:
    assert app.get(f"{PATH}?properties=observableSchema&limit=20").status_code == 200
    assert app.get(f"{PATH}?properties=name&limit=100").status_code == 200
    refused(app.get(f"{PATH}?properties=observableSchema&limit=21"), 400, "CTL-1008")


def test_a_dataset_that_a_target_connection_names_stays(app: App) -> None:
    dataset = made(app, "Cards")
    target = desk.target_of(app, REGISTRATIONS)
    target["params"] = {"dataSetId": dataset}
    connection = desk.made(app, "targetConnections", target)
    desk.made(app, "targetConnections", desk.target_of(app, EVENTS))
    refused(send(app, "DELETE", f"{PATH}/{dataset}"), 409, "CAT-1003")
    assert shown(app, dataset)["name"] == "Cards"
    assert desk.ask(app, "DELETE", f"/targetConnections/{connection}").status_code == 204
    assert send(app, "DELETE", f"{PATH}/{dataset}").status_code == 200
