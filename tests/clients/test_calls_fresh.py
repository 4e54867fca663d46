"""What a server of processes answers half a second after it has taken a call.

Source: Intilery contract, 5 (D34) and 17.
"""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.clients.calling import BASE, Keys, keys_of
from tests.crash.serving import Server

CALLS = 1_000
FRESH_MIN = 999
LEFT_ALONE_SECONDS = 0.5
"""What senders are asked to leave between a call and what depends on it."""
BETWEEN_SECONDS = 0.025
"""From one call to the next."""


@pytest.mark.long
def test_v25_half_a_second_after_its_answer_a_call_is_read(server: Server) -> None:
    fresh = asyncio.run(_fresh(server.url, keys_of(server)))
    assert fresh >= FRESH_MIN


async def _fresh(url: str, keys: Keys) -> int:
    """How many calls were read back, of CALLS that were sent one after the other."""
    headers = {"auth-token": keys.auth_token}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:

        async def one(number: int) -> bool:
            await asyncio.sleep(number * BETWEEN_SECONDS)
            user = f"u-{number % 100}"
            sent = {"userId": user, "traits": {f"n{number}": number}}
            answer = await client.post(f"{BASE}/identify", json=sent)
            assert answer.status_code == 200, answer.text
            await asyncio.sleep(LEFT_ALONE_SECONDS)
            found = await client.get(f"{BASE}/profiles/userId:{user}/traits")
            return found.status_code == 200 and found.json().get(f"n{number}") == number

        return sum(await asyncio.gather(*map(one, range(CALLS))))
