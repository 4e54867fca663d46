"""Records to the datasets of the starting set, through the open inlet."""

from __future__ import annotations

from typing import Any

import httpx

from tests.crash.serving import Server


def send(server: Server, dataset: str, entity: dict[str, Any]) -> None:
    """Send one record to the dataset of this name; it must be accepted."""
    url = f"{server.url}/collection/{server.facts['inlet_id']}"
    answer = httpx.post(url, json=server.message(dataset, entity))
    assert answer.status_code == 200, answer.text
