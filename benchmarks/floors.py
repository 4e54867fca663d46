"""The floors: the least that the same answer, or the same rows, cost on this machine.

`python -m benchmarks.floors BYTES` serves the first one: a bare route that answers a constant.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.server import Process
from onefold.store.migrate import opened

PATH = "/data/core/ups/access/entities"
_INSERTS = {
    "clusters": "INSERT INTO clusters VALUES (?, ?)",
    "identities": "INSERT INTO identities VALUES (?, ?)",
    "members": "INSERT INTO members VALUES (?, ?, ?, ?, ?)",
    "links": "INSERT INTO links VALUES (?, ?, ?, ?, ?)",
    "events": "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
}
Rows = dict[str, list[Sequence[Any]]]


class BareServer(Process):
    """A bare Starlette route on uvicorn with one constant body."""

    def __init__(self, body_bytes: int, log: Path, *, cores: frozenset[int] | None) -> None:
        command = (sys.executable, "-m", "benchmarks.floors", str(body_bytes))
        super().__init__(command, log, cores=cores)


def serve_constant(body_bytes: int) -> None:
    """Serve the constant on a free port, with uvloop and httptools and no access log."""
    body = b'"' + b"x" * (body_bytes - 2) + b'"'

    async def constant(request: Request) -> Response:  # noqa: ARG001 - a handler's signature
        return Response(body, media_type="application/json")

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(2048)
    print(f"floor ready http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        Starlette(routes=[Route(PATH, constant, methods=["GET", "POST"])]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listening])


def transactions_of(source: Path, *, events_each: int = 100) -> list[Rows]:
    """The rows of a profile store that holds only events, as transactions of `events_each` events.

    Identities, members and links stand with the first event of their cluster. Each row is there
    once, as it is at last: what we wrote and later wrote again is the floor's gain.
    """
    connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    columns = "xid, event_id, timestamp_ms, dataset, seq, ingested_ms, body"
    events = connection.execute(f"SELECT {columns} FROM events ORDER BY seq").fetchall()  # noqa: S608
    cluster_of: dict[Any, Any] = dict(connection.execute("SELECT xid, cluster FROM identities"))
    batches = [
        {table: list[Any]() for table in _INSERTS} for _ in range(0, len(events), events_each)
    ]
    first: dict[str, Rows] = {}
    for number, event in enumerate(events):
        batch = batches[number // events_each]
        batch["events"].append(event)
        first.setdefault(cluster_of[event[0]], batch)
    for table in ("clusters", "identities", "members", "links"):
        for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - four names
            key = row[0] if table in ("clusters", "members") else cluster_of[row[0]]
            first[key][table].append(row)
    connection.close()
    for batch in batches:
        batch["links"].sort()
    return batches


def journal_of(source: Path) -> list[tuple[Any, ...]]:
    """The rows of a journal, as they lie there."""
    connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute("SELECT * FROM journal ORDER BY position").fetchall()
    connection.close()
    return rows


def written(target: Path, batches: Sequence[Rows], journal: Sequence[tuple[Any, ...]]) -> float:
    """Write journal rows and transactions in turns, each committed, to fresh files with our schemas
    and pragmas; answer events/s."""
    target.mkdir()
    log = opened(target / "journal.db", "journal")
    engine = opened(target / "profile.db", "profile")
    try:
        started = time.perf_counter()
        for number, batch in enumerate(batches, 1):
            if number <= len(journal):
                with log.transaction() as transaction:
                    transaction.write(
                        "INSERT INTO journal VALUES (?, ?, ?, ?, ?)", journal[number - 1]
                    )
            with engine.transaction() as transaction:
                for table, sql in _INSERTS.items():
                    transaction.write_many(sql, batch[table])
                transaction.write("UPDATE progress SET position = ?", (number,))
        seconds = time.perf_counter() - started
    finally:
        log.close()
        engine.close()
    return sum(len(batch["events"]) for batch in batches) / seconds


if __name__ == "__main__":
    serve_constant(int(sys.argv[1]))
