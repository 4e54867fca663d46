"""kill -9 of each process while people are deleted, undone, exported and projected: whoever was
deleted is nowhere, and everybody else is everywhere."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
import pytest

from onefold.domain.xdm.schema import PROFILE_UNION
from tests.contract.profile.edges import (
    DESTINATION_TYPE,
    DESTINATIONS,
    PROFILE,
    PROJECTION_TYPE,
    PROJECTIONS,
)
from tests.contract.profile.exporting import DATASETS, JOBS, PERSISTED
from tests.crash.serving import Server, doctor, wait_until
from tests.crash.writers import email

PEOPLE = 60
DELETED = range(0, 60, 5)
UNDONE = range(1, 60, 20)
"""Whose only record is undone: they are known no more, and are no deleted people."""
ENTITIES = "/data/core/ups/access/entities"
SYSTEM_JOBS = "/data/core/ups/system/jobs"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_deletions_exports_and_projections_survive_kills(server: Server) -> None:
    left = [n for n in range(PEOPLE) if n not in DELETED and n not in UNDONE]
    loaded(server)
    to = sent(server, "POST", DESTINATIONS, DESTINATION_TYPE, _DESTINATION).json()["id"]
    projected = {"selector": "person.name,identityMap", "destinationId": to, "name": "names"}
    sent(server, "POST", PROJECTIONS + PROFILE, PROJECTION_TYPE, projected)
    union = {
        "name": "Exported",
        "schemaRef": {"id": PROFILE_UNION},
        "fileDescription": PERSISTED,
    }
    dataset = sent(server, "POST", DATASETS, JSON_TYPE, union).json()[0].rpartition("/")[2]
    exports = [exported(server, dataset)]

    def kill(turn: int) -> None:
        """The oldest child: the pipeline, then the jobs; then the parent; the pipeline again."""
        if turn == 2:
            server.kill_parent()
        else:
            server.kill_child(0)

    for turn, person in enumerate(DELETED):
        taken(server, "DELETE", f"{ENTITIES}?schema.name=_xdm.context.profile&{of(person)}")
        if turn % 3 == 2:
            kill(turn // 3)
    registrations = server.facts["datasets"]["Customer registrations"]["id"]
    for person in UNDONE:
        whose = {"entityId": email(person), "entityIdNS": "Email", "datasetId": registrations}
        taken(server, "POST", "/onefold/v1/undo", {"record": whose})
    wait_until(lambda: all(is_gone(server, n) for n in (*DELETED, *UNDONE)), "they are gone")
    exports.append(exported(server, dataset))
    server.kill_child(0)
    wait_until(lambda: all(is_receipted(server, one) for one in deletions(server)), "receipts")
    wait_until(
        lambda: all(told(server, one)["status"] == "SUCCEEDED" for one in exports), "exports"
    )
    assert len(deletions(server)) >= len(DELETED)
    metrics = told(server, exports[-1])["metrics"]
    assert metrics["totalExportedProfileCounter"] == len(left)
    for person in range(PEOPLE):
        wait_until(partial(is_projected, server, to, person), "the edge")
        assert (looked_up(server, person) is not None) == (person in left)
    assert server.stop() == 0
    examined = doctor(server.data)
    assert examined.returncode == 0, examined.stdout


JSON_TYPE = "application/json"
_DESTINATION = {
    "type": "EDGE",
    "dataCenters": ["OR2"],
    "replicationPolicy": "PROACTIVE",
    "ttl": 604_800,
}


def loaded(server: Server) -> None:
    """Everybody is there, each by one record."""
    entities = [
        {
            "identityMap": {
                "Email": [{"id": email(number), "primary": True}],
                "ECID": [{"id": f"{number:02d}" * 19}],
            },
            "person": {"name": {"firstName": f"First{number}"}},
        }
        for number in range(PEOPLE)
    ]
    messages = [server.message("Customer registrations", one) for one in entities]
    url = f"{server.url}/collection/batch/{server.facts['inlet_id']}"
    answer = httpx.post(url, json={"messages": messages})
    assert answer.status_code == 207, answer.text
    wait_until(lambda: not is_gone(server, PEOPLE - 1), "everybody is applied")


def of(person: int) -> str:
    return f"entityId={email(person)}&entityIdNS=Email"


def sent(
    server: Server, method: str, url: str, kind: str = JSON_TYPE, body: Any = None
) -> httpx.Response:
    """One request."""
    headers = server.headers | ({"content-type": kind} if body is not None else {})
    return httpx.request(method, server.url + url, headers=headers, json=body, timeout=30)


def taken(server: Server, method: str, url: str, body: Any = None) -> None:
    """A request that is sent until it is taken, or has been before."""

    def is_taken() -> bool:
        try:
            answer = sent(server, method, url, body=body)
        except httpx.TransportError:
            return False
        assert answer.status_code in (202, 404, 503), answer.text
        return answer.status_code != 503

    wait_until(is_taken, f"{method} {url}")


def looked_up(server: Server, person: int) -> Any:
    """What an edge would show of somebody; None: nobody is there."""
    answer = sent(server, "GET", f"{ENTITIES}?schema.name=_xdm.context.profile&{of(person)}")
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    (found,) = answer.json().values()
    entity = found["entity"]
    return {name: entity[name] for name in ("person", "identityMap")}


def is_gone(server: Server, person: int) -> bool:
    return looked_up(server, person) is None


def on_edge(server: Server, to: str, person: int) -> Any:
    """What the edge shows of somebody."""
    answer = sent(server, "GET", f"/onefold/v1/edge/{to}?{of(person)}")
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    return answer.json()["projections"]["names"]


def is_projected(server: Server, to: str, person: int) -> bool:
    """Whether the edge says of somebody what a lookup says."""
    return bool(on_edge(server, to, person) == looked_up(server, person))


def deletions(server: Server) -> list[str]:
    """The ids of all deletions that were asked for."""
    answer = sent(server, "GET", f"{SYSTEM_JOBS}?limit=100")
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["children"]]


def is_receipted(server: Server, deletion: str) -> bool:
    """Whether a deletion is done; then nothing is left over."""
    answer = sent(server, "GET", f"/onefold/v1/receipts/{deletion}")
    if answer.status_code == 404:
        return False
    assert [one["leftOver"] for one in answer.json()["places"] if one["leftOver"]] == []
    return True


def exported(server: Server, dataset: str) -> int:
    """The id of an export that was asked for."""
    body = {"schema": {"name": "_xdm.context.profile"}, "destination": {"datasetId": dataset}}
    answer = sent(server, "POST", JOBS, body=body)
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["id"]
    return number


def told(server: Server, export: int) -> dict[str, Any]:
    answer = sent(server, "GET", f"{JOBS}/{export}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
