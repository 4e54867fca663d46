"""Records to the datasets of the starting set, through the open inlet."""

from __future__ import annotations

from typing import Any

import httpx

from tests.clients.walk import FORM
from tests.crash.serving import Server


def send(server: Server, dataset: str, entity: dict[str, Any]) -> None:
    """Send one record to the dataset of this name; it must be accepted."""
    known = server.facts["datasets"][dataset]
    reference = {"id": known["schema"], "contentType": FORM}
    message = {
        "header": {
            "schemaRef": reference,
            "imsOrgId": server.facts["org_id"],
            "datasetId": known["id"],
        },
        "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
    }
    answer = httpx.post(f"{server.url}/collection/{server.facts['inlet_id']}", json=message)
    assert answer.status_code == 200, answer.text
