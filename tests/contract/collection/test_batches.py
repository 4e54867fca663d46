"""Many messages in one request: `POST /collection/batch/{id}`. Source: ingestion contract, 3."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import httpx
import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from onefold.testing.smile_encoder import encode as smile
from tests.contract.people import ecid, event, record

JSON = dict[str, Any]
ADA = (("ECID", ecid(1)), ("Email", "ada@example.com"))
INLET_TYPE = "http://ns.adobe.com/adobecloud/problem/data-collection-service/inlet"


def _send(app: App, messages: Any, query: str = "") -> httpx.Response:
    url = f"/collection/batch/{app.inlet}{query}"
    return app.request("POST", url, json={"messages": messages})


def _good(app: App, number: int = 1) -> JSON:
    return app.message(EVENTS, event(f"e-{number}", *ADA))


def test_each_message_has_its_answer_in_order(app: App) -> None:
    messages = [_good(app, number) for number in range(12)]
    answer = _send(app, messages)
    assert answer.status_code == 207
    body = answer.json()
    assert body.keys() == {"inletId", "batchId", "receivedTimeMs", "responses"}
    assert (body["inletId"], body["receivedTimeMs"]) == (app.inlet, START_MS)
    assert re.fullmatch(rf"{START_MS}:\d+:\d+", body["batchId"])
    assert body["responses"] == [{"xactionId": f"{body['batchId']}:{n}"} for n in range(12)]


def test_message_with_a_fault_does_not_stop_the_others(app: App) -> None:
    wrong_org = _good(app, 2)
    wrong_org["header"]["imsOrgId"] = "nobody"
    wrong_dataset = _good(app, 4)
    wrong_dataset["header"]["datasetId"] = "nothing"
    answer = _send(app, [_good(app, 1), wrong_org, {}, _good(app, 3), wrong_dataset])
    assert answer.status_code == 207
    prefix = f"inletId: [{app.inlet}] imsOrgId: [{app.org_id}] Message has "
    batch_id = answer.json()["batchId"]
    assert answer.json()["responses"] == [
        {"xactionId": f"{batch_id}:0"},
        {
            "statusCode": 400,
            "message": prefix + "an absent or wrong ims org in the header",
        },
        {"statusCode": 400, "message": prefix + "unknown xdm format"},
        {"xactionId": f"{batch_id}:3"},
        {"statusCode": 400, "message": prefix + "an unknown dataset in the header"},
    ]
    app.drain()
    assert app.ended()[Outcome.APPLIED] == 2
    assert app.faults() == []


@pytest.mark.parametrize("messages", [[1], [None, "x", []], [{}], [{"header": {}, "body": {}}]])
def test_answer_is_a_207_even_if_every_message_fails(app: App, messages: list[Any]) -> None:
    answer = _send(app, messages)
    assert answer.status_code == 207
    responses = answer.json()["responses"]
    assert [one["statusCode"] for one in responses] == [400] * len(messages)
    app.drain()
    assert sum(app.ended().values()) == 0


def test_synchronous_validation_is_ignored(app: App) -> None:
    bad = app.message(REGISTRATIONS, record(*ADA, unknown=1))
    for query in ("?syncValidation=true", "?syncValidation=True", "?synchronousValidation=true"):
        answer = _send(app, [bad], query)
        assert answer.status_code == 207
        assert answer.json().keys() == {"inletId", "batchId", "receivedTimeMs", "responses"}
        assert "xactionId" in answer.json()["responses"][0]
    app.drain()
    assert app.ended()[Outcome.FAILED] == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"messages":[]}',
        b'{"messages":{}}',
        b'{"messages":null}',
        b'{"messages":[{}',
        b'{"message":[{}]}',
        b'{"messages":[{}]} {}',
    ],
)
def test_unreadable_envelope_is_a_400_of_the_whole_request(app: App, content: bytes) -> None:
    answer = app.request(
        "POST",
        f"/collection/batch/{app.inlet}",
        content=content,
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 400
    body = answer.json()
    assert body.keys() == {"type", "status", "title", "report"}
    assert (body["type"], body["status"]) == (INLET_TYPE, 400)
    prefix = f"inletId: [{app.inlet}] imsOrgId: [{app.org_id}] "
    assert body["report"]["message"].startswith(prefix)


def test_batch_has_the_alias_of_the_import_api(app: App) -> None:
    url = f"/data/foundation/import/collection/batch/{app.inlet}/"
    assert app.request("POST", url, json={"messages": [_good(app)]}).status_code == 207


@pytest.mark.parametrize("coding", [None, "gzip"])
@pytest.mark.parametrize("media_type", ["application/json", "application/x-jackson-smile"])
def test_batch_comes_in_every_form(app: App, media_type: str, coding: str | None) -> None:
    body = {"messages": [_good(app, number) for number in range(40)]}
    content = smile(body) if media_type.endswith("smile") else json.dumps(body).encode()
    headers = {"content-type": media_type}
    if coding:
        content = gzip.compress(content)
        headers["content-encoding"] = coding
    url = f"/collection/batch/{app.inlet}"
    answer = app.request("POST", url, content=content, headers=headers)
    assert answer.status_code == 207, answer.text
    app.drain()
    assert app.ended()[Outcome.APPLIED] == 40


def test_closed_inlet_needs_a_token_for_batches_too(app: App) -> None:
    url = f"/collection/batch/{app.closed_inlet}"
    body = {"messages": [_good(app)]}
    assert app.request("POST", url, json=body).status_code == 401
    headers = {"authorization": f"Bearer {app.token}"}
    assert app.request("POST", url, json=body, headers=headers).status_code == 207


def test_batch_of_more_than_one_megabyte_is_a_413(app: App) -> None:
    answer = _send(app, [_good(app)] * 4000)
    assert answer.status_code == 413
    assert answer.json()["status"] == 413
    app.drain()
    assert sum(app.ended().values()) == 0


def test_whole_megabyte_of_messages_is_one_batch(app: App) -> None:
    messages = [_good(app, number) for number in range(1200)]
    answer = _send(app, messages)
    assert answer.status_code == 207
    assert len(answer.json()["responses"]) == 1200
    app.drain()
    assert app.ended()[Outcome.APPLIED] == 1200
