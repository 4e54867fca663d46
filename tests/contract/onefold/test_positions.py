"""Reading one's own writes: writes answer a position, and reads wait for one."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import httpx
import pytest

from onefold.api import position
from onefold.api.routes import ROUTES
from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.testing.app import ENTITIES, App, basic
from tests.contract.asking import send
from tests.contract.onefold.mending import INBOX, failed, unfit_event
from tests.contract.people import RECORD, ecid, event, record

ADA = ("ECID", ecid(1))
LOOKUP = f"{RECORD}&entityId={ecid(1)}&entityIdNS=ecid"
GRAPH = "/data/core/identity"
NAMED = f"nsid=4&id={ecid(1)}"


def at(answer: httpx.Response) -> int:
    """The position that an answer has."""
    return int(answer.headers[position.POSITION])


def write(app: App) -> int:
    """A record that waits for the pipeline; its position."""
    answer = app.collect(app.message(REGISTRATIONS, record(ADA)))
    assert answer.status_code == 200
    return at(answer)


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    told = {"API-1008": position.MIN_POSITION, "API-9003": "Applied up to position"}
    assert told[code] in answer.text


def test_each_write_answers_a_later_position(app: App) -> None:
    first, second = write(app), write(app)
    assert first < second
    batch = {"messages": [app.message(EVENTS, event(f"e-{n}", ADA)) for n in range(3)]}
    answer = app.post(f"/collection/batch/{app.inlet}", batch)
    assert at(answer) > second


def test_a_batch_of_which_nothing_was_accepted_has_no_position(app: App) -> None:
    answer = app.post(f"/collection/batch/{app.inlet}", {"messages": [{"header": {}}]})
    assert answer.status_code == 207
    assert position.POSITION not in answer.headers


def test_replays_and_dismissals_answer_positions(app: App) -> None:
    app.ingest(EVENTS, *(unfit_event(app, f"e-{n}") for n in (1, 2, 3)))
    last = 1
    for path, body in (("1/replay", None), ("2/dismiss", None), ("replay", {"numbers": [3]})):
        answer = app.post(f"{INBOX}/{path}", body)
        assert answer.status_code == 202, answer.text
        assert at(answer) > last
        last = at(answer)
        app.drain()
    assert failed(app, 2)["state"] == "resolved"
    answer = app.post(f"{INBOX}/replay", {"numbers": [2]})
    assert position.POSITION not in answer.headers


def test_reads_answer_the_position_that_they_know_of(app: App) -> None:
    written = write(app)
    before = app.get(LOOKUP)
    assert (before.status_code, at(before)) == (404, 0)
    app.drain()
    after = app.get(LOOKUP, x_onefold_min_position="0")
    assert (after.status_code, at(after)) == (200, written)


def test_a_read_that_asks_for_no_position_soon_answers_the_newest(app: App) -> None:
    """It may be some milliseconds old, and is never one that the answer does not know of."""
    written = write(app)
    assert at(app.get(LOOKUP)) == 0
    app.drain()
    answered = {at(app.get(LOOKUP)) for _ in range(3)}
    assert answered <= {0, written}
    deadline = time.monotonic() + 5
    while at(app.get(LOOKUP)) != written:
        assert time.monotonic() < deadline


def every_read(*gates: str) -> list[Any]:
    return [
        pytest.param(route, id=f"{route.method} {route.path}")
        for route in ROUTES
        if route.reads and route.gate in gates
    ]


@pytest.mark.parametrize("route", every_read("platform"))
def test_every_read_has_a_position_and_may_ask_for_one(app: App, route: Any) -> None:
    """Whatever else is wrong with the request: the answer says what it knows of."""
    path = route.path.replace("{", "").replace("}", "")
    written = write(app)
    app.drain()
    body: Any = {} if route.method == "POST" else None
    answer = send(app, route.method, path, body, x_onefold_min_position=str(written))
    assert at(answer) == written
    answer = send(app, route.method, path, body, x_onefold_min_position=str(written + 1))
    refused(answer, 400, "API-1008")
    answer = send(app, route.method, path, body, x_onefold_min_position="soon")
    refused(answer, 400, "API-1008")


@pytest.mark.parametrize("route", every_read("key-read", "space"))
def test_every_read_of_customers_has_a_position_and_may_ask_for_one(app: App, route: Any) -> None:
    """The same under other names."""
    key = app.account(account="prod", brand="*")
    path = re.sub(r"\{(?:account|space)\}", "prod", route.path.replace("{client}", "acme"))
    path = path.replace("{profileKey}", "id:none").replace("{collection}", "users")
    path = path.replace("{", "").replace("}", "")
    headers = {"auth-token": key.auth_token, "authorization": basic(key.auth_token)}
    written = write(app)
    app.drain()
    answer = app.request("GET", f"{path}?min_as_of={written}", headers=headers)
    assert answer.headers[position.AS_OF] == str(written)
    for wrong in (str(written + 1), "soon"):
        answer = app.request("GET", f"{path}?min_as_of={wrong}", headers=headers)
        assert (answer.status_code, "min_as_of" in answer.text) == (400, True), answer.text


def test_a_read_of_a_customer_waits_half_a_second_at_most(app: App) -> None:
    key = app.account(account="prod")
    written = write(app)
    started = time.monotonic()
    answer = app.ask(key, f"/profiles/userId:none/traits?min_as_of={written}")
    assert time.monotonic() - started >= position.WAIT_SECONDS
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["code"] == "internal_server_error"
    app.drain()
    assert app.ask(key, f"/profiles/userId:none/traits?min_as_of={written}").status_code == 404


def test_the_reads_of_profiles_and_graphs_are_among_them() -> None:
    reads = {(route.method, route.path) for route in ROUTES if route.reads}
    assert {
        ("GET", ENTITIES),
        ("POST", ENTITIES),
        ("GET", f"{GRAPH}/cluster/members"),
        ("POST", f"{GRAPH}/v2/graph"),
        ("GET", "/onefold/v1/changes"),
    } <= reads


@pytest.mark.parametrize("text", ["", "-1", "1.0", "one", "9" * 16, "١"])
def test_what_is_no_position_is_refused(app: App, text: str) -> None:
    headers = [
        *((name.encode(), value.encode()) for name, value in app.headers().items()),
        (position.MIN_POSITION.encode(), text.encode()),
    ]
    refused(app.request("GET", LOOKUP, headers=headers), 400, "API-1008")


def test_a_position_beyond_the_journal_is_refused_at_once(app: App) -> None:
    """It cannot come true by waiting, or only through somebody else's writes."""
    written = write(app)
    refused(app.get(LOOKUP, x_onefold_min_position=str(written + 1)), 400, "API-1008")


def test_a_read_waits_until_the_pipeline_has_come_to_the_write(app: App) -> None:
    written = write(app)

    async def both() -> httpx.Response:
        transport = httpx.ASGITransport(app=app.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://onefold.test") as client:
            reading = asyncio.ensure_future(
                client.get(LOOKUP, headers=app.headers(x_onefold_min_position=str(written)))
            )
            await asyncio.sleep(0.02)
            assert not reading.done()
            await asyncio.to_thread(app.drain)
            return await reading

    answer = asyncio.run(both())
    assert (answer.status_code, at(answer)) == (200, written)


def test_a_read_gives_up_after_a_moment(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(position, "WAIT_SECONDS", 0.01)
    written = write(app)
    answer = app.get(LOOKUP, x_onefold_min_position=str(written))
    refused(answer, 503, "API-9003")
    assert answer.headers["retry-after"] == "1"
    app.drain()
    assert app.get(LOOKUP, x_onefold_min_position=str(written)).status_code == 200


def test_a_record_that_failed_has_been_passed_all_the_same(app: App) -> None:
    answer = app.collect(app.message(EVENTS, unfit_event(app, "e-1")))
    app.drain()
    assert app.failed()
    assert app.get(LOOKUP, x_onefold_min_position=str(at(answer))).status_code == 404
