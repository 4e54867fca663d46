"""What a sample says of a server's people, read with aepp. Source: profile contract, 8 and 15."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.clients.walk import Walk, until
from tests.crash.serving import Server

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(aepp|pandas|matplotlib|dateutil).*"),
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]

MAILS = ("kim@example.org", "lou@example.org")


def test_previews_of_profiles(server: Server) -> None:
    walk = Walk(server)
    people = walk.profile_schema(tenant := walk.schemas.getTenantId())
    walk.identity(people["$id"], f"/_{tenant}/email", "Email", primary=True)
    members = walk.dataset("Members", people["$id"])
    nothing = walk.profiles.getPreviewStatus()
    assert (nothing["status"], nothing["totalRows"]) == ("TASK_NOT_STARTED", "0")
    assert walk.profiles.getPreviewDataSet()["statusCode"] == "404"

    entities = [{"_id": mail, f"_{tenant}": {"email": mail, "tier": "gold"}} for mail in MAILS]
    walk.ingestion.streamMessages(
        inletId=walk.inlet(members),
        data=[walk.message(members, people["$id"], entity) for entity in entities],
    )
    for mail in MAILS:
        until(lambda mail=mail: _known(walk, mail))  # type: ignore[misc]  # bound now
    _sample(server)
    status = until(lambda: _taken(walk))
    assert status["numRowsToRead"] == status["totalRows"] == "2"
    assert status["docCount"] == '"2"'

    (row,) = walk.profiles.getPreviewDataSet()
    assert (row["name"], row["value"], row["sampleCount"]) == ("Members", members, 2)
    assert walk.profiles.getPreviewDataSetOverlap() == {members: 2}
    (row,) = walk.profiles.getPreviewNamespace()
    assert (row["code"], row["value"], row["fullIDsPercentage"]) == ("Email", "6", 1.0)
    frame = walk.profiles.getPreviewNamespace(output="df")
    assert list(frame["sampleCount"]) == [2]


def _sample(server: Server) -> None:
    """Not a call of aepp's: Onefold's own way not to wait for the next look."""
    url = f"{server.url}/onefold/v1/previewsamplestatus/refresh"
    answer = httpx.post(url, headers=server.headers)
    assert answer.status_code == 202, answer.text


def _known(walk: Walk, mail: str) -> Any:
    found = walk.profiles.getEntity(entityId=mail, entityIdNS="Email")
    return found if "statusCode" not in found else None


def _taken(walk: Walk) -> Any:
    """The status, once the sample has been taken."""
    status = walk.profiles.getPreviewStatus()
    return status if status["status"] == "TASK_FINISHED" else None
