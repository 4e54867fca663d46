"""The workers of one server share the buckets of keys, and a killed one takes nothing along."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.crash.serving import Server, answer

WORKERS = 2
BURST, REQUESTS, CLIENTS = 60, 90, 12


def test_workers_share_the_buckets_of_keys(server: Server) -> None:
    """As many requests as a bucket has, whichever worker answers them; V13."""
    made = [_key(server) for _ in range(2)]
    started = time.monotonic()
    got = _asked(server, made[0])
    came = int(time.monotonic() - started) + 1  # tokens, one a second
    assert got.keys() == {404, 429}
    assert BURST <= got[404] <= BURST + came
    server.kill_child(2)  # a worker
    assert _asked(server, made[0])[404] <= int(time.monotonic() - started) + 1
    assert _asked(server, made[1])[404] >= BURST


def _key(server: Server) -> str:
    printed = answer(
        *("key", "create", "--data", str(server.data), "--client", "acme", "--account", "acme"),
        *("--rate", "1", "--burst", str(BURST)),
    )
    return str(json.loads(printed)["auth_token"])


def _asked(server: Server, token: str) -> Counter[int]:
    """How often which status came; each client has connections of its own, so all workers serve."""

    def ask(_: int) -> list[int]:
        with httpx.Client(base_url=server.url, headers={"auth-token": token}) as client:
            path = "/track/acme/acme/ACME/v1/profiles/userId:none/traits"
            return [client.get(path).status_code for _ in range(REQUESTS // CLIENTS + 1)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return Counter(status for one in pool.map(ask, range(CLIENTS)) for status in one)
