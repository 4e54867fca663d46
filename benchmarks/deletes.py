"""Deletions of people one by one, while events of others come in.

`delete_unreadable_p99_ms`: from the 202 of a deletion until a lookup of the person is a 404.
`delete_complete_s`: from the first deletion until every system job is COMPLETED, receipts and all.
`delete_leftovers`: rows and messages that still tell of somebody, in every place of the store; what
counts them is written for this alone and shares nothing with the job that searches.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from benchmarks.bench import Bench
from benchmarks.load import Unexpected, quantile
from benchmarks.loaded import LoadedStore
from benchmarks.lookup import headers_of
from benchmarks.population import BATCH, Messages, Person, batches, entity_query, person, visits
from benchmarks.report import against
from benchmarks.server import Server, patient
from onefold.domain.identity import xid as xids
from onefold.journal import Accepted
from onefold.lake.lake import Lake
from onefold.lake.sql import place
from onefold.store.packing import Packing
from onefold.store.places import Places
from onefold.store.snapshot import Definitions
from onefold.store.tables import failed_records

DELETED = {"full": 1_000, "small": 20}
LOAD_EVENTS_PER_SECOND = 1_000
COMPLETE_SECONDS = 3_600
_LOOK_SECONDS = 0.002
_POLL_SECONDS = 0.5
_ENTITIES = "/data/core/ups/access/entities"
_JOBS = "/data/core/ups/system/jobs"
_TABLES = {
    "fragments": "xid",
    "superseded": "xid",
    "events": "xid",
    "sightings": "xid",
    "links": "xid",
    "identities": "xid",
    "members": "xid",
    "cluster_history": "xid",
}


class _Caller:
    """One connection to the server's gateway."""

    def __init__(self, server: Server, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self._headers = headers

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def measure(bench: Bench, store: LoadedStore) -> None:
    """Delete people of a loaded store, spread over all of them."""
    scale = "full" if bench.scale.people > 10_000 else "small"
    every = store.facts.people // DELETED[scale]
    leaving = [person(number * every) for number in range(DELETED[scale])]
    headers = headers_of(store.data, store.facts.installation)
    with Server(store.data) as server, bench.task("deletes", len(leaving)) as task:
        stop = threading.Event()
        load = threading.Thread(target=_load, args=(server, store, stop), daemon=True)
        load.start()
        try:
            caller = _Caller(server, headers)
            started = time.perf_counter()
            seconds = []
            for who in leaving:
                seconds.append(_deleted(caller, who))
                bench.advanced(task)
            _wait(caller, len(leaving))
            complete = time.perf_counter() - started
        finally:
            stop.set()
            load.join()
    left = _leftovers(store.data, leaving)
    unreadable = quantile(seconds, 0.99) * 1000
    bench.results.append(against("delete_unreadable_p99_ms", unreadable, "ms"))
    bench.results.append(against("delete_complete_s", complete, "s"))
    bench.results.append(against("delete_leftovers", left, "rows"))


def _load(server: Server, store: LoadedStore, stop: threading.Event) -> None:
    """Events of new people at a steady rate."""
    caller = _Caller(server, {"content-type": "application/json"})
    path = f"/collection/batch/{store.facts.installation.inlet_id}"
    bodies = batches(
        visits(Messages(store.facts.installation), store.facts.people, 10**7, "deletes/")
    )
    due = time.perf_counter()
    for body in itertools.takewhile(lambda _: not stop.is_set(), bodies):
        status, text = caller.ask("POST", path, body)
        if status != 207:
            raise Unexpected(f"Status {status} of a batch: {text[:300]!r}")
        due += BATCH / LOAD_EVENTS_PER_SECOND
        stop.wait(max(due - time.perf_counter(), 0))


def _deleted(caller: _Caller, who: Person) -> float:
    """Delete somebody; answer the seconds until nobody finds them."""
    path = f"{_ENTITIES}?{entity_query(who)}"
    if caller.ask("GET", path)[0] != 200:
        raise Unexpected(f"Person {who.number} is not there")
    status, text = caller.ask("DELETE", path)
    if status != 202:
        raise Unexpected(f"Status {status} of a deletion: {text[:300]!r}")
    answered = time.perf_counter()
    while caller.ask("GET", path)[0] != 404:
        time.sleep(_LOOK_SECONDS)
    return time.perf_counter() - answered


def _wait(caller: _Caller, number: int) -> None:
    patience = patient(COMPLETE_SECONDS)
    while time.monotonic() < patience:
        page = json.loads(caller.ask("GET", f"{_JOBS}?limit=1000")[1])
        states = [one["status"] for one in page["children"]]
        if "ERROR" in states:
            raise Unexpected("A deletion has failed")
        if states == ["COMPLETED"] * number:
            return
        time.sleep(_POLL_SECONDS)
    raise Unexpected(f"Not all deletions were done within {COMPLETE_SECONDS} seconds")


def _leftovers(data: Path, leaving: list[Person]) -> int:
    """Everything that still names one of them."""
    places = Places(data)
    definitions = Definitions(places.control())
    sandbox = next(one for one in definitions.sandboxes() if one.name == "prod")
    book = definitions.snapshot(sandbox.id).namespaces
    values = {value for who in leaving for value in (who.ecid, who.email)}
    number_of = {code: book.by_code(code) for code in ("ECID", "Email")}
    names = [
        xids.encode(known.id, who.ecid if code == "ECID" else who.email)
        for code, known in number_of.items()
        if known is not None
        for who in leaving
    ]
    profile = places.profile(sandbox.id)
    found = 0
    for table, column in _TABLES.items():
        for name in names:
            rows = profile.read(
                f"SELECT count(*) FROM {table} WHERE {column} = ?",  # noqa: S608 - own names
                (name,),
            )
            found += rows[0][0]
    after = 0
    while page := failed_records.listed(profile, Packing(profile), after=after, limit=1_000):
        found += sum(_tells(one.message, values) for one in page)
        after = page[-1].seq
    found += _in_journal(places.journal(sandbox.id), values, names)
    found += _in_lake(Lake(places.lake(sandbox.id), memory_bytes=1 << 30), values)
    places.close()
    return found


def _in_journal(engine: Any, values: set[str], names: Sequence[str]) -> int:
    """Messages of the journal in which a value stands, and orders that name an XID."""
    decode = msgspec.msgpack.Decoder(list[Accepted]).decode
    xids_of = [name.encode() for name in names]
    found, after = 0, 0
    while rows := engine.read(
        "SELECT position, body FROM journal WHERE position > ? ORDER BY position LIMIT 100",
        (after,),
    ):
        after = rows[-1][0]
        for _, body in rows:
            for record in decode(zstandard.ZstdDecompressor().decompress(body)):
                if record.removal:
                    found += any(name in record.message for name in xids_of)
                else:
                    found += _tells(record.message, values)
    return found


def _in_lake(lake: Lake, values: set[str]) -> int:
    """Rows of the lake in which a value stands, in any column."""
    found = 0
    for table in lake.tables().values():
        after = 0
        while rows := lake.run(
            "SELECT _seq, CAST(to_json(r) AS VARCHAR) FROM {table} AS r WHERE _seq > ?"
            " ORDER BY _seq LIMIT 5000",
            (after,),
            {"table": place(table)},
        ):
            after = rows[-1][0]
            found += sum(_tells(str(row[1]).encode(), values) for row in rows)
    lake.close()
    return found


def _tells(message: bytes, values: set[str]) -> bool:
    """Whether one of the values stands between quotes."""
    return not values.isdisjoint(message.decode("utf-8", "replace").split('"'))
