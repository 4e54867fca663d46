"""How aepp deletes from profiles: datasets and batches as system jobs, and one person.

Source: profile contract, 15.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients.walk import Walk, until
from tests.crash.serving import Server

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(aepp|pandas|matplotlib|dateutil).*"),
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]

KIM, BO = "kim@example.org", "bo@example.org"
CLASS = "_xdm.context.profile"


def test_a_person_and_then_a_dataset_are_deleted(server: Server) -> None:
    walk = Walk(server)
    profiles = walk.profiles
    people = walk.profile_schema(tenant := walk.schemas.getTenantId())
    walk.identity(people["$id"], f"/_{tenant}/email", "Email", primary=True)
    members = walk.dataset("Members", people["$id"])
    inlet = walk.inlet(members)
    for number, email in enumerate((KIM, BO)):
        entity = {"_id": f"m{number}", f"_{tenant}": {"email": email, "tier": "gold"}}
        message = walk.message(members, people["$id"], entity)
        walk.ingestion.streamMessage(inletId=inlet, data=message, syncValidation=True)
    for email in (KIM, BO):
        until(lambda: _is_known(walk, email))  # noqa: B023 - asked at once

    profiles.deleteEntity(schema_name=CLASS, entityId=KIM, entityIdNS="Email")
    until(lambda: not _is_known(walk, KIM))
    assert _is_known(walk, BO)

    made = profiles.createDeleteSystemJob(dataSetId=members)
    assert (made["status"], made["jobType"], made["dataSetId"]) == ("NEW", "DELETE", members)
    done = until(lambda: _completed(profiles.getDeleteSystemJob(made["id"])))
    assert isinstance(json.loads(done["metrics"])["recordsProcessed"], int)
    until(lambda: not _is_known(walk, BO))

    listed = profiles.getDeleteSystemJobs(limit=1)
    assert [one["requestType"] for one in listed] == ["DELETE_ENTITY", "TRUNCATE_DATASET"]
    assert profiles.deleteDeleteSystemJob(made["id"]) == 200
    assert [one["id"] for one in profiles.getDeleteSystemJobs()] == [listed[0]["id"]]


def _completed(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["status"] == "COMPLETED" else None


def _is_known(walk: Walk, email: str) -> bool:
    found = walk.profiles.getEntity(schema_name=CLASS, entityId=email, entityIdNS="Email")
    return "statusCode" not in found
