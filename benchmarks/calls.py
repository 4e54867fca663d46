"""Calls as Segment's libraries send them: events a second, in batches of a hundred, from the first
request until the last event is visible."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks import floors
from benchmarks.bench import Bench, median
from benchmarks.ingest import STRANGERS
from benchmarks.load import Unexpected, post, run_fast
from benchmarks.loaded import checkpointed, none_failed, pour
from benchmarks.population import BATCH, EVENTS_EACH
from benchmarks.report import against
from benchmarks.server import Server, init, onefold

_SENT_AT = "2026-01-05T10:00:00.000Z"
_UNLIMITED = {"ONEFOLD_SEGMENT_RATE_PER_SECOND": "1000000", "ONEFOLD_SEGMENT_RATE_BURST": "1000000"}
"""A generator of one key must not be held back by the limit of a key."""


class _Key(msgspec.Struct, frozen=True):
    write_key: str


class _Written(NamedTuple):
    """A store that was written to, with what its floor needs."""

    per_second: float
    profile: Path


def measure(bench: Bench) -> None:
    """`segment_batch` with its floor: the same rows written without us."""
    rates, floor_rates = [], []
    events = bench.scale.ingest_events
    with bench.task("calls", bench.scale.rounds * 2) as task:
        for number in range(bench.scale.rounds):
            written = _fresh_rate(bench.scratch / f"calls-{number}", events)
            rates.append(written.per_second)
            bench.advanced(task)
            transactions = floors.transactions_of(written.profile)
            journal = floors.journal_of(written.profile.with_name("journal.db"))
            floor_rates.append(
                floors.written(bench.scratch / f"calls-floor-{number}", transactions, journal)
            )
            bench.advanced(task)
    bench.results.append(against("segment_batch", median(rates), "events/s", median(floor_rates)))


def _fresh_rate(data: Path, events: int) -> _Written:
    """The rate of one round into a new account that was empty but for one batch."""
    init(data)
    made = onefold(
        *("key", "create", "--data", str(data), "--client", "measured", "--account", "measured")
    )
    key = msgspec.json.decode(made, type=_Key).write_key
    with Server(data, settings=_UNLIMITED) as server:
        run_fast(
            pour(server.port, _requests(STRANGERS * 9, BATCH, key), connections=1, check=taken)
        )
        requests = iter(list(_requests(STRANGERS, events, key)))
        _, seconds = run_fast(pour(server.port, requests, check=taken))
    none_failed(data, events + BATCH)
    checkpointed(data)
    profile = max((data / "sandboxes").rglob("profile.db"), key=lambda file: file.stat().st_size)
    return _Written(events / seconds, profile)


def taken(status: int, body: bytes) -> None:
    """A check that lets only the answer pass that libraries expect."""
    if status != 200 or body != b'{"success":true}':
        raise Unexpected(f"A batch was not accepted: status {status}, {body[:300]!r}")


def _requests(first: int, count: int, key: str) -> Iterator[bytes]:
    """Requests of a hundred calls each, as a server's library sends them."""
    calls = _calls(first, count)
    while part := list(islice(calls, BATCH)):
        body = b'{"batch":[%s],"sentAt":"%s","writeKey":"%s"}' % (
            b",".join(part),
            _SENT_AT.encode(),
            key.encode(),
        )
        yield post("/v1/batch", body)


def _calls(first: int, count: int) -> Iterator[bytes]:
    """Calls of people from number `first` on, ten of each, in rounds over all people."""
    people = max(count // EVENTS_EACH, 1)
    for number in range(count):
        yield _call(first + number % people, number // people)


def _call(who: int, round_: int) -> bytes:
    """One call of about 900 bytes: a visitor's page view or order, under both of their ids."""
    noise = blake2b(f"calls/{who}/{round_}".encode()).hexdigest()
    id_ = f"{noise[:8]}-{noise[8:12]}-{noise[12:16]}-{noise[16:20]}-{noise[20:32]}"
    anonymous = blake2b(f"visitor/{who}".encode(), digest_size=16).hexdigest()
    if round_ % 2:
        what = (
            f'"type":"track","event":"Product Added","properties":{{"sku":"SKU-{who % 997:03d}",'
            f'"price":{10 + who % 90}.5,"quantity":{1 + round_},"currency":"EUR",'
            f'"cart_id":"{noise[32:64]}"}}'
        )
    else:
        what = (
            f'"type":"page","name":"Product","properties":{{"url":"https://shop.example.com/p/'
            f'{who % 997}?visit={noise[32:48]}","path":"/p/{who % 997}","title":"Product",'
            f'"referrer":"https://search.example.net/?q={noise[48:64]}"}}'
        )
    return (
        f'{{{what},"messageId":"{id_}","userId":"C{who:08d}","anonymousId":"{anonymous}",'
        f'"timestamp":"2026-01-{1 + round_ % 4:02d}T10:{who % 60:02d}:00.000Z","integrations":{{}},'
        f'"context":{{"library":{{"name":"analytics-python","version":"2.4.0"}},'
        f'"ip":"192.0.2.{who % 250}","locale":"en-GB","timezone":"Europe/Oslo","userAgent":'
        f'"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)'
        f' Chrome/{100 + who % 30}.0.0.0 Safari/537.36"}}}}'
    ).encode()
