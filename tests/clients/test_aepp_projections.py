"""aepp's calls about projections, one of which it sends with a wrong content type. Source: profile
contract, 15."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.walk import Walk, until
from tests.crash.serving import Server, served

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(aepp|pandas|matplotlib|dateutil).*"),
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]

CLASS = "_xdm.context.profile"
EDGE = {"type": "EDGE", "dataCenters": ["OR2"], "ttl": 3600, "replicationPolicy": "PROACTIVE"}


@pytest.fixture
def lenient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that takes plain JSON for projections."""
    monkeypatch.setenv("ONEFOLD_LENIENT_CONTENT_TYPES", "1")
    with served(tmp_path / "data") as running:
        yield running


def test_destinations_live_from_first_to_last(server: Server) -> None:
    profiles: Any = Walk(server).profiles
    assert profiles.getDestinations() == []
    made = profiles.createDestination(EDGE)
    assert [one["id"] for one in profiles.getDestinations()] == [made["id"]]
    changed = profiles.updateDestination(made["id"], {**EDGE, "ttl": 600, "currentVersion": 1})
    assert (changed["ttl"], changed["version"]) == (600, 2)
    assert profiles.getDestination(made["id"])["ttl"] == 600
    assert profiles.getProjections() == profiles.getProjections(schemaName=CLASS) == []
    refused = profiles.createProjection(
        CLASS, {"name": "x", "selector": "person", "destinationId": made["id"]}
    )
    assert refused["status"] == 415
    assert profiles.deleteDestination(made["id"]) == 204


def test_with_lenient_content_types_a_projection_is_made_and_changed(lenient: Server) -> None:
    walk = Walk(lenient)
    profiles: Any = walk.profiles
    to = profiles.createDestination(EDGE)["id"]
    made = profiles.createProjection(
        CLASS, {"name": "cards", "selector": "identityMap", "destinationId": to}
    )
    assert profiles.getProjection(made["id"])["name"] == "cards"
    assert [one["id"] for one in profiles.getProjections(CLASS, "cards")] == [made["id"]]
    body = {"selector": "person", "destinationId": to}
    assert profiles.updateProjection(made["id"], body)["version"] == 2
    assert until(lambda: profiles.getDestination(to)["onefold:state"]["status"] == "current")
    assert profiles.deleteProjection(made["id"]) == 204
