"""kill -9 of the pipeline and of the server while an edge store is filled and follows changes: at
last it says what one made anew would say."""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.contract.profile.edges import (
    DESTINATION_TYPE,
    DESTINATIONS,
    PROFILE,
    PROJECTION_TYPE,
    PROJECTIONS,
)
from tests.crash.serving import Server, doctor, wait_until
from tests.crash.writers import Writers

PIPELINE = 0


def test_an_edge_store_survives_kills(server: Server) -> None:
    writers = Writers(server, seed=5, count=2)
    try:
        writers.wait_for(20)
        to = made(server, DESTINATIONS, DESTINATION_TYPE, {"replicationPolicy": "PROACTIVE"})
        projected = {"selector": "identityMap", "destinationId": to}
        made(server, PROJECTIONS + PROFILE, PROJECTION_TYPE, projected)
        for _ in range(2):
            writers.wait_for(10)
            server.kill_child(PIPELINE)
        writers.wait_for(10)
        server.kill_parent()
        writers.wait_for(10)
    finally:
        writers.stop()
    wait_until(lambda: compared(server) > 0, "the edge has caught up")


def made(server: Server, url: str, kind: str, body: dict[str, Any]) -> str:
    """Make a destination or a projection; answer its id."""
    headers = server.headers | {"content-type": kind}
    sent = {"type": "EDGE", "dataCenters": ["OR2"], **body}
    answer = httpx.post(server.url + url, headers=headers, json=sent)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["id"]
    return found


def compared(server: Server) -> int:
    """How many people of the edge the doctor has compared; all of them as they should be."""
    done = doctor(server.data)
    found = re.search(r"^ok    prod: projections at \S+ \((\d+)\)$", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout
    return int(found[1])
