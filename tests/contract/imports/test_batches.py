"""Batches over HTTP: made, completed, given up, taken back; every status and every refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.testing.app import App
from tests.contract.asking import other_organisation, send
from tests.contract.imports.loading import (
    BATCHES,
    act,
    lines,
    loaded,
    opened,
    person,
    put,
    refused,
    shown,
)
from tests.contract.people import RECORD, TIMELINE, ecid, event


def first_name(app: App, number: int) -> Any:
    answer = app.get(f"{RECORD}&entityId={ecid(number)}&entityIdNS=ecid")
    if answer.status_code == 404:
        return None
    (found,) = answer.json().values()
    return found["entity"].get("person", {}).get("name", {}).get("firstName")


def named(number: int, name: str) -> Any:
    return person(number, person={"name": {"firstName": name}})


def test_a_new_batch_is_told_as_documented(app: App) -> None:
    dataset = app.datasets[REGISTRATIONS].id
    body = {
        "datasetId": dataset,
        "inputFormat": {"format": "JSON", "isMultiLineJson": "False"},
        "enableErrorDiagnostics": True,
        "partialIngestionPercentage": 5,
        "tags": {"own": ["a"]},
    }
    answer = send(app, "POST", BATCHES, body)
    assert answer.status_code == 201
    told = answer.json()
    assert len(told["id"]) == 26
    assert told["externalId"] == told["id"]
    assert (told["imsOrg"], told["status"], told["version"]) == (app.org_id, "loading", "1.0.0")
    assert told["relatedObjects"] == [{"type": "dataSet", "id": dataset}]
    assert told["inputFormat"] == {"format": "json", "isMultiLineJson": False}
    assert told["tags"] == {
        "own": ["a"],
        "acp_enableErrorDiagnostics": ["true"],
        "acp_partialIngestionPercent": ["5"],
    }
    assert shown(app, told["id"])["tags"] == told["tags"]


def test_a_file_becomes_profiles(app: App) -> None:
    told = loaded(app, lines(named(1, "Ada"), named(2, "Bo")), "day=1/part=a/x.json")
    assert told["status"] == "success"
    assert told["metrics"]["inputRecordCount"] == told["metrics"]["outputRecordCount"] == 2
    assert told["metrics"]["failedRecordCount"] == 0
    assert told["metrics"]["inputFileCount"] == 1
    assert told["errors"] == []
    assert set(told["availableDates"]) == {"startDate", "endDate"}
    assert (first_name(app, 1), first_name(app, 2)) == ("Ada", "Bo")
    assert app.faults() == []


def test_a_batch_completed_twice_is_loaded_once(app: App) -> None:
    batch = opened(app, EVENTS)
    put(app, batch, lines(event("e-1", ("ECID", ecid(1)))), dataset=EVENTS)
    assert [act(app, batch).status_code for _ in range(2)] == [200, 200]
    app.work()
    assert act(app, batch, "complete").status_code == 200
    app.work()
    assert shown(app, batch)["status"] == "success"
    assert sum(app.ended().values()) == 1


def test_a_batch_without_files_is_not_completed(app: App) -> None:
    batch = opened(app)
    refused(act(app, batch), 400, "BAT-1002")
    assert shown(app, batch)["status"] == "loading"


def test_a_complete_batch_takes_no_more_files(app: App) -> None:
    batch = opened(app)
    put(app, batch, lines(person(1)))
    act(app, batch)
    refused(put(app, batch, lines(person(2)), "b.json"), 400, "BAT-1002")


@pytest.mark.parametrize(("action", "state"), [("ABORT", "aborted"), ("FAIL", "failed")])
def test_a_batch_that_is_given_up_stays_so(app: App, action: str, state: str) -> None:
    batch = opened(app)
    put(app, batch, lines(person(1)))
    assert [act(app, batch, action).status_code for _ in range(2)] == [200, 200]
    assert shown(app, batch)["status"] == state
    refused(act(app, batch), 400, "BAT-1002")
    refused(put(app, batch, b"{}"), 400, "BAT-1002")
    assert not (app.places.files(app.sandbox.id) / batch).exists()
    app.work()
    assert sum(app.ended().values()) == 0


def test_a_batch_that_is_loading_is_not_taken_back(app: App) -> None:
    refused(act(app, opened(app), "REVERT"), 400, "BAT-1002")


def test_a_batch_that_was_loaded_is_not_aborted(app: App) -> None:
    told = loaded(app, lines(person(1)))
    refused(act(app, told["id"], "ABORT"), 400, "BAT-1002")


def test_what_a_batch_brought_is_taken_back_and_nothing_else(app: App) -> None:
    first = loaded(app, lines(named(1, "Ada"), named(2, "Bo")))
    loaded(app, lines(named(2, "Bob")))
    events = loaded(app, lines(event("e-1", ("ECID", ecid(1)))), dataset=EVENTS)
    for batch in (first["id"], events["id"], events["id"]):
        assert act(app, batch, "REVERT").status_code == 200
    assert shown(app, first["id"])["status"] == "inactive"
    app.work()
    assert [shown(app, one["id"])["status"] for one in (first, events)] == ["deleted", "deleted"]
    assert (first_name(app, 1), first_name(app, 2)) == (None, "Bob")
    asked = f"&relatedSchema.name=_xdm.context.profile&relatedEntityId={ecid(1)}"
    assert app.get(f"{TIMELINE}{asked}&relatedEntityIdNS=ecid").json()["children"] == []
    assert app.faults() == []


def test_what_a_batch_replaced_stands_again(app: App) -> None:
    """Also when a later batch has replaced it in turn, and what other records changed stays."""
    loaded(app, lines(named(1, "Ada"), named(2, "Bo"), named(3, "Cy")))
    wrong = loaded(app, lines(named(1, "Wrong"), named(2, "Wrong"), named(2, "Worse")))
    loaded(app, lines(named(2, "Bob")))
    assert act(app, wrong["id"], "REVERT").status_code == 200
    app.work()
    assert [first_name(app, n) for n in (1, 2, 3)] == ["Ada", "Bob", "Cy"]
    assert app.faults() == []
    loaded(app, lines(named(1, "Wrong")))
    assert first_name(app, 1) == "Wrong", "a batch that is taken back may come again"


def test_links_that_only_a_batch_made_go_with_it(app: App) -> None:
    """Of a dataset that feeds only the graph, too; and whom only it named is known no more."""
    one, two, three = (("ECID", ecid(n)) for n in (1, 2, 3))
    app.ingest(EVENTS, event("e-1", one), event("e-2", two))
    wrong = loaded(app, lines(event("e-3", one, two), event("e-4", one, three)), dataset=EVENTS)
    assert _known(app, 1) == {ecid(1), ecid(2), ecid(3)}
    assert act(app, wrong["id"], "REVERT").status_code == 200
    app.work()
    assert [_known(app, n) for n in (1, 2, 3)] == [{ecid(1)}, {ecid(2)}, None]
    assert app.faults() == []


def test_taking_back_that_is_killed_between_two_steps_is_finished(app: App) -> None:
    loaded(app, lines(named(1, "Ada")))
    wrong = loaded(app, lines(named(1, "Wrong"), named(2, "Wrong")))
    act(app, wrong["id"], "REVERT")
    for _ in range(40):
        other = App(app.places.data, now_ms=app.clock.now_ms())
        other.jobs_round()
        other.drain()
        status = shown(other, wrong["id"])["status"]
        other.close()
        if status == "deleted":
            break
    assert status == "deleted"
    assert (first_name(app, 1), first_name(app, 2)) == ("Ada", None)
    assert app.faults() == []


def _known(app: App, number: int) -> set[str] | None:
    """The ECIDs of a person; None when nobody is known by this one."""
    answer = app.get(f"{RECORD}&entityId={ecid(number)}&entityIdNS=ecid")
    if answer.status_code == 404:
        return None
    (found,) = answer.json().values()
    return {one["id"] for one in found["entity"]["identityMap"]["ecid"]}


def test_a_replay_takes_the_place_of_its_predecessors(app: App) -> None:
    """The same events come again: they must not fall as duplicates of what is taken out."""
    one = event("e-1", ("ECID", ecid(1)), eventType="old")
    before = loaded(app, lines(one, event("e-2", ("ECID", ecid(1)))), dataset=EVENTS)
    body = {
        "datasetId": app.datasets[EVENTS].id,
        "inputFormat": {"format": "json"},
        "replay": {"reason": "replace", "predecessors": [f"${before['id']}"]},
    }
    answer = send(app, "PATCH", BATCHES, body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["replay"] == {"reason": "replace", "predecessors": [before["id"]]}
    batch = answer.json()["id"]
    put(app, batch, lines({**one, "eventType": "new"}), dataset=EVENTS)
    act(app, batch)
    app.work()
    assert shown(app, batch)["status"] == "success"
    assert shown(app, before["id"])["status"] == "deleted"
    asked = f"&relatedSchema.name=_xdm.context.profile&relatedEntityId={ecid(1)}"
    children = app.get(f"{TIMELINE}{asked}&relatedEntityIdNS=ecid").json()["children"]
    assert [child["entity"]["eventType"] for child in children] == ["new"]


@pytest.mark.parametrize(
    "changed",
    [
        {"datasetId": "0" * 24},
        {"inputFormat": {"format": "orc"}},
        {"inputFormat": {"format": 7}},
        {"inputFormat": {"format": "csv", "delimiter": ";;"}},
        {"inputFormat": {"format": "csv", "charset": "klingon"}},
        {"inputFormat": {"format": "csv", "charset": "hex"}},
        {"inputFormat": {"format": "csv", "nullMarker": 1}},
        {"inputFormat": {"format": "csv", "header": "maybe"}},
        {"inputFormat": {"format": "json", "isMultiLineJson": 3}},
        {"partialIngestionPercentage": 101},
        {"partialIngestionPercentage": -1},
        {"externalId": "x" * 257},
        {"replay": {"reason": "replace", "predecessors": ["$unknown"]}},
        {"replay": {"reason": "add", "predecessors": ["$unknown"]}},
        {"replay": {"reason": "replace"}},
    ],
    ids=str,
)
def test_a_batch_with_a_wrong_value_is_refused(shared: App, changed: Any) -> None:
    body = {"datasetId": shared.datasets[REGISTRATIONS].id, **changed}
    refused(send(shared, "POST", BATCHES, body), 400, "CTL-1008")


@pytest.mark.parametrize("body", ["[]", "{", '{"datasetId": 7}', '{"datasetId": "a", "tags": 3}'])
def test_a_body_of_another_form_is_refused(shared: App, body: str) -> None:
    headers = {"content-type": "application/json", **shared.headers()}
    refused(shared.request("POST", BATCHES, content=body, headers=headers), 400, "API-1003")


def test_a_predecessor_that_has_not_succeeded_is_refused(app: App) -> None:
    replay = {"reason": "replace", "predecessors": [opened(app)]}
    body = {"datasetId": app.datasets[REGISTRATIONS].id, "replay": replay}
    refused(send(app, "POST", BATCHES, body), 400, "CTL-1008")


def test_an_external_id_is_of_one_batch(app: App) -> None:
    body = {"datasetId": app.datasets[REGISTRATIONS].id, "externalId": "mine"}
    first, again = (send(app, "POST", BATCHES, body).json()["id"] for _ in range(2))
    assert first == again
    act(app, first, "ABORT")
    refused(send(app, "POST", BATCHES, body), 409, "CTL-1006")


def test_unknown_batches_and_actions_are_refused(app: App) -> None:
    batch = opened(app)
    refused(act(app, "0" * 26), 404, "BAT-1001")
    refused(act(app, batch, "EXPLODE"), 400, "CTL-1008")
    refused(act(app, batch, ""), 400, "CTL-1008")


def test_delete_gives_up_or_takes_back(app: App) -> None:
    open_, told = opened(app), loaded(app, lines(person(1)))
    for batch in (open_, told["id"]):
        answer = app.request("DELETE", f"{BATCHES}/{batch}", headers=app.headers())
        assert answer.status_code == 200
    app.work()
    assert shown(app, open_)["status"] == "aborted"
    assert shown(app, told["id"])["status"] == "deleted"
    missing = app.request("DELETE", f"{BATCHES}/none", headers=app.headers())
    refused(missing, 404, "BAT-1001")


def test_a_long_url_is_refused_before_anything_else(shared: App) -> None:
    answer = shared.request("POST", f"{BATCHES}/x?action={'a' * 2000}")
    refused(answer, 414, "API-1007")


def test_another_organisation_sees_nothing(app: App) -> None:
    batch = opened(app)
    headers = other_organisation(app)
    refused(send(app, "POST", f"{BATCHES}/{batch}?action=ABORT", **headers), 404, "BAT-1001")


def test_a_preview_shows_columns_and_rows(app: App) -> None:
    dataset = app.datasets[REGISTRATIONS].id
    url = f"{BATCHES}/{{}}/datasets/{dataset}/preview"
    batch = opened(app, inputFormat={"format": "csv"})
    assert app.get(url.format(batch)).json()["preview"] == {"columns": [], "rows": []}
    put(app, batch, b"a;b\n1;2\n3;\n", "a.csv")
    told = app.get(f"{url.format(batch)}?delimiter=%3B&nrow=1").json()
    assert told["formatParams"]["delimiter"] == ";"
    assert told["preview"] == {
        "columns": [{"cid": "c0", "name": "a"}, {"cid": "c1", "name": "b"}],
        "rows": [{"c0": "1", "c1": "2"}],
    }
    refused(app.get(f"{url.format(batch)}?format=orc"), 400, "CTL-1008")
    refused(app.get(f"{url.format(batch)}?format=parquet"), 400, "BAT-1007")
    refused(app.get(f"{url.format(batch)}?nrow=x"), 400, "CTL-1008")
    refused(app.get(url.format("none")), 404, "BAT-1001")
    refused(app.get(f"{BATCHES}/{batch}/datasets/other/preview"), 404, "CTL-1007")


def test_json_is_previewed_as_it_stands(app: App) -> None:
    batch = opened(app)
    put(app, batch, json.dumps([{"a": {"b": 1}}, 7]).encode())
    dataset = app.datasets[REGISTRATIONS].id
    told = app.get(f"{BATCHES}/{batch}/datasets/{dataset}/preview").json()
    assert told["preview"]["rows"] == [{"c0": {"b": 1}}]
