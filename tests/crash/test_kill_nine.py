"""kill -9 of the server, a worker, the pipeline or the jobs while clients write; nothing that was
acknowledged is lost, nothing stands twice, and store and lake agree with the journal."""

from __future__ import annotations

from collections import Counter
from random import Random

import httpx
import pytest

from tests.crash.serving import Server, doctor, wait_until
from tests.crash.writers import PEOPLE, Writers, email

WORKERS = 2
WRITERS = 3
PIPELINE, JOBS, WORKER = range(3)
PARENT = WORKER + WORKERS
"""The number of what is killed: children are counted from 0, the parent comes behind them."""


def test_acknowledged_events_survive_a_kill_of_each_process(server):
    killed_and_checked(server, seed=1, victims=[PIPELINE, PARENT, WORKER, JOBS])


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [11, 12])
def test_acknowledged_events_survive_many_kills(server, seed):
    random = Random(seed)
    killed_and_checked(server, seed=seed, victims=[random.randint(0, PARENT) for _ in range(20)])


def killed_and_checked(server: Server, *, seed: int, victims: list[int]) -> None:
    """Kill one process after another under load, then look at everything."""
    print(f"seed {seed}, victims {victims}")
    random = Random(seed)
    writers = Writers(server, seed=seed, count=WRITERS)
    try:
        for victim in victims:
            writers.wait_for(random.randint(1, 60))
            if victim == PARENT:
                server.kill_parent()
            else:
                server.kill_child(victim)
        writers.wait_for(20)
    finally:
        writers.stop()
    print(f"{len(writers.acknowledged)} events, {writers.trouble} requests sent again")
    assert writers.trouble > 0
    wait_until(lambda: writers.acknowledged <= seen(server).keys(), "everything is applied")
    stored = seen(server)
    assert set(stored) == writers.acknowledged
    assert set(stored.values()) == {1}
    assert server.stop() == 0
    examined = doctor(server.data)
    assert examined.returncode == 0, examined.stdout


def seen(server: Server) -> Counter[str]:
    """How often each event stands in the timelines of all people."""
    found: Counter[str] = Counter()
    with httpx.Client(base_url=server.url, headers=server.headers) as client:
        for person in range(PEOPLE):
            url = (
                "/data/core/ups/access/entities?schema.name=_xdm.context.experienceevent"
                f"&relatedSchema.name=_xdm.context.profile&relatedEntityId={email(person)}"
                "&relatedEntityIdNS=Email&fields=_id"
            )
            while url:
                page = client.get(url)
                assert page.status_code == 200, page.text
                found.update(child["entityId"] for child in page.json()["children"])
                href = page.json()["_links"]["next"]["href"]
                url = f"/data/core/ups/access{href}" if href else ""
    return found
