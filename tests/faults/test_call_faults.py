"""A short story of calls is told and read over HTTP again and again; each time a later call of a
database fails, once or for good. Whoever tries again what was answered 503 ends with what they had
read if nothing had failed: no call is lost or counted twice, whoever takes over a device, and a
list of customers tells of each of them once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from onefold.control.keys import NewKey
from onefold.errors import Unavailable
from onefold.testing.app import App, json_of
from onefold.testing.clock import START_MS
from onefold.testing.faults import Crash, Fault, Faults, FaultyPlaces, unavailable
from tests.contract.people import iso

JSON = dict[str, Any]
CALLS_MAX = 2000
TRIES = 3
ADDRESS = "kim@example.org"
READS = (
    "/profiles/userId:u-1/events",
    "/profiles/anonymousId:a-1/events?sort=asc&include=Seen,Bought",
    f"/profiles/email:{ADDRESS}/events",
    "/events?properties.of=kim",
    "/profiles/userId:u-1/meta",
    "/profiles/userId:u-2/traits",
    f"/profiles/email:{ADDRESS}/traits",
)


@pytest.fixture(scope="module")
def made(fresh: Callable[[], Path]) -> tuple[Path, NewKey]:
    """An installation with an account, to be copied, and its key."""
    data = fresh()
    app = App(data)
    key = app.account(rate=1_000_000, burst=1_000_000)
    app.close()
    return data, key


class Story:
    """One telling. told: what was answered to each question, in order. struck: whether the fault
    was met."""

    def __init__(self, made: tuple[Path, NewKey], directory: Path) -> None:
        self.data = Path(shutil.copytree(made[0], directory))
        self.key = made[1]
        self.faults = Faults()
        self.told: list[Any] = []
        self.app = self._opened()
        self._failing: Fault | None = None

    def tell(self, failing: Fault | None = None) -> None:
        """Everything: two tries of each step while the fault is there, and one after it."""
        self._failing = self.faults.arm(failing) if failing is not None else None
        for kind, body in calls():
            self._done(partial(self._sent, kind, body))
            if kind != "track":
                self._done(self._applied)
        self.told += [self._asked(url) for url in READS]
        self.told.append(self._everybody())
        if failing is not None:
            self.faults.disarm(failing)
        self.told += [
            self._asked(f"/events/{one}")
            for one in sorted(one["eventId"] for one in self.told[3]["data"])
        ]
        assert self.app.faults() == []

    def close(self) -> None:
        self.app.close()
        shutil.rmtree(self.data)

    def _opened(self) -> App:
        app = App(self.data, places=FaultyPlaces(self.data, self.faults))
        assert self.key.sandbox is not None
        app.sandbox = self.key.sandbox
        return app

    def _done(self, step: Callable[[], httpx.Response | None]) -> Any:
        """What a step answers, when it went well at last."""
        for tries in range(TRIES):
            if tries == TRIES - 1 and self._failing is not None:
                self.faults.disarm(self._failing)
            try:
                answer = step()
            except Unavailable:  # of the pipeline
                continue
            except Crash:
                self.app.close()
                self.app = self._opened()
                continue
            if answer is None or answer.status_code == 200:
                return answer
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"]
        raise AssertionError("nothing failed any more, and it did not go well")

    def _sent(self, kind: str, body: JSON) -> httpx.Response:
        return self.app.call(self.key, kind, body)

    def _applied(self) -> None:
        self.app.drain()

    def _asked(self, url: str) -> JSON:
        return json_of(self._done(lambda: self.app.ask(self.key, url)))

    def _everybody(self) -> list[JSON]:
        """Whom the list tells of, page by page."""
        told: list[JSON] = []
        url = "/profiles?size=2"
        while (page := self._asked(url))["data"]:
            told += page["data"]
            url = f"/profiles?scrollId={page['scrollId']}"
        return told


def calls() -> Iterator[tuple[str, JSON]]:
    """Two users of one device, one after the other, with one address; an alias that is good and one
    that is not; a group; and a batch of which one item comes again."""

    def call(number: int, **said: Any) -> JSON:
        return {"messageId": f"m-{number}", "timestamp": iso(START_MS - 1000 + number), **said}

    yield "identify", call(1, userId="u-1", anonymousId="a-1", traits={"email": ADDRESS, "a": 1})
    yield "track", call(2, anonymousId="a-1", event="Seen", properties={"of": "kim"})
    yield (
        "batch",
        {
            "batch": [
                call(3, type="track", anonymousId="a-1", event="Seen", properties={"of": "kim"}),
                call(4, type="identify", userId="u-2", anonymousId="a-1", traits={"b": 2}),
                call(5, type="track", anonymousId="a-1", event="Bought", properties={"of": "kim"}),
                call(6, type="group", userId="u-2", groupId="g-1", traits={"size": 3}),
                call(3, type="track", anonymousId="a-1", event="Seen", properties={"of": "kim"}),
            ]
        },
    )
    yield "alias", call(7, userId="u-2", previousId="a-2")
    yield "alias", call(8, userId="u-2", previousId="u-1")
    yield "identify", call(9, userId="u-2", traits={"email": ADDRESS, "b": None, "c": 3})
    yield "group", call(10, userId="u-3", groupId="g-1", traits={"size": 4})


@pytest.mark.parametrize(
    ("error", "times", "stride"),
    [
        pytest.param(unavailable, 1, 29, id="unavailable once"),
        pytest.param(unavailable, None, 83, id="unavailable for good"),
        pytest.param(Crash, 1, 37, id="crash"),
    ],
)
def test_whoever_tries_again_ends_with_the_same_whichever_call_of_a_database_fails(
    made, tmp_path, error, times, stride
):
    """stride: of so many calls one fails in turn: what there is to find shows at each of several
    calls."""
    plain = Story(made, tmp_path / "plain")
    plain.tell()
    plain.close()
    for number in range(0, CALLS_MAX, stride):
        print(f"call {number + 1} fails")
        fault = Fault(error, skip=number, times=times)
        story = Story(made, tmp_path / str(number))
        story.tell(fault)
        story.close()
        assert story.told == plain.told
        if not fault.struck:
            assert number > 200
            return
    pytest.fail(f"the story has more than {CALLS_MAX} calls")
