"""Regulations and the people that they name, who are no more than hashes once that can be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from onefold.domain.regulation import (
    LIFTING,
    SUPPRESSING,
    Kind,
    Regulation,
    State,
    Subject,
    Told,
)
from onefold.store.engine import Reader, Row, Transaction, read_among

_SELECT = (
    "SELECT regulation_id, kind, users, number, position, records, client_id, is_open,"
    " created_ms, updated_ms FROM regulations"
)
_KEYS = msgspec.json.Decoder(list[str]).decode
_encode = msgspec.json.Encoder().encode
NEWEST = 2**62
"""Above the number of every regulation."""

_ENDS: Mapping[str, State] = {
    "": State.COMPLETED,
    "completed": State.COMPLETED,
    "done": State.COMPLETED,
    "error": State.ERROR,
    "failed": State.ERROR,
}
"""What the ends of deletions and jobs mean; every other state is on its way."""


def add(transaction: Transaction, asked: Regulation, subjects: Iterable[Subject]) -> Regulation:
    """Store a new regulation; answer it with its number."""
    rows = transaction.read(
        "INSERT INTO regulations (regulation_id, kind, users, position, records, client_id,"
        " is_open, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
        (
            asked.id,
            asked.kind.value,
            asked.users,
            asked.position,
            asked.records,
            asked.client_id,
            int(asked.is_open),
            asked.created_ms,
            asked.updated_ms,
        ),
    )
    number = int(rows[0][0])
    transaction.write_many(
        "INSERT INTO regulated (number, place, key, user_id, keys, work, is_done)"
        " VALUES (?, ?, ?, ?, ?, ?, 0)",
        [(number, s.place, s.key, s.user_id, _encode(s.keys).decode(), s.work) for s in subjects],
    )
    return msgspec.structs.replace(asked, number=number)


def remove(transaction: Transaction, number: int) -> None:
    """Forget a regulation of which nothing was done."""
    transaction.write("DELETE FROM regulated WHERE number = ?", (number,))
    transaction.write("DELETE FROM regulations WHERE number = ?", (number,))


def ordered(transaction: Transaction, asked: Regulation) -> None:
    """Note where the orders of a regulation stand."""
    transaction.write(
        "UPDATE regulations SET position = ?, records = ?, updated_ms = ? WHERE number = ?",
        (asked.position, asked.records, asked.updated_ms, asked.number),
    )


def close(transaction: Transaction, number: int, *, now_ms: int) -> None:
    """Note that the job is through with a regulation."""
    transaction.write(
        "UPDATE regulations SET is_open = 0, updated_ms = ? WHERE number = ?", (now_ms, number)
    )


def get(reader: Reader, regulation_id: str) -> Regulation | None:
    """The regulation with this id."""
    rows = reader.read(_SELECT + " WHERE regulation_id = ?", (regulation_id,))
    return _regulation(rows[0]) if rows else None


def first_open(reader: Reader) -> Regulation | None:
    """The first regulation that the job is not through with."""
    rows = reader.read(_SELECT + " WHERE is_open = 1 ORDER BY number LIMIT 1")
    return _regulation(rows[0]) if rows else None


def listed(reader: Reader, *, before: int, limit: int) -> list[Regulation]:
    """Up to `limit` regulations below a number, the newest first."""
    rows = reader.read(_SELECT + " WHERE number < ? ORDER BY number DESC LIMIT ?", (before, limit))
    return [_regulation(row) for row in rows]


def open_subjects(reader: Reader, number: int, *, limit: int) -> list[Subject]:
    """Up to `limit` people of a regulation that the job is not through with, in their order."""
    rows = reader.read(
        "SELECT place, key, user_id, keys, work FROM regulated"
        " WHERE number = ? AND is_done = 0 ORDER BY place LIMIT ?",
        (number, limit),
    )
    return [Subject(row[0], row[1], row[2], _KEYS(row[3]), row[4]) for row in rows]


def note_keys(transaction: Transaction, number: int, subjects: Iterable[Subject]) -> None:
    """Write the keys of people as they are now."""
    transaction.write_many(
        "UPDATE regulated SET keys = ? WHERE number = ? AND place = ?",
        [(_encode(s.keys).decode(), number, s.place) for s in subjects],
    )


def done(transaction: Transaction, number: int, subjects: Iterable[Subject]) -> None:
    """Note that the job is through with people, and forget who they are."""
    transaction.write_many(
        "UPDATE regulated SET is_done = 1, user_id = '' WHERE number = ? AND place = ?",
        [(number, s.place) for s in subjects],
    )


def last(
    reader: Reader, keys: Sequence[str], kinds: Collection[Kind]
) -> dict[str, tuple[int, Kind, int]]:
    """(number, kind, position) of the last regulation of some kinds, for each user id's hash that
    one of them names."""
    found: dict[str, tuple[int, Kind, int]] = {}
    for key, number, kind, position in _naming(reader, keys):
        if kind in kinds and number > found.get(key, (0,))[0]:
            found[key] = (number, kind, position)
    return found


def kept_out(
    reader: Reader, keys: Sequence[str], kinds: Collection[Kind], *, before: int
) -> dict[str, set[str]]:
    """What the regulations of some kinds below a number keep out for each user id's hash: the keys
    of all since the last one that lifts."""
    naming = [one for one in _naming(reader, keys) if one[1] < before and one[2] in kinds]
    lifted: dict[str, int] = {}
    for key, number, kind, _ in naming:
        if kind in LIFTING:
            lifted[key] = max(number, lifted.get(key, 0))
    wanted = {
        (number, key)
        for key, number, kind, _ in naming
        if kind in SUPPRESSING and number > lifted.get(key, 0)
    }
    found: dict[str, set[str]] = {}
    rows = read_among(
        reader,
        "SELECT key, keys FROM regulated WHERE (number, key) IN (VALUES :list)",
        [value for pair in sorted(wanted) for value in pair],
        width=2,
    )
    for key, said in rows:
        found.setdefault(key, set()).update(_KEYS(said))
    return found


def told(reader: Reader, number: int, *, after: int, limit: int) -> list[Told]:
    """Up to `limit` people of a regulation behind a place, with how far it has come for each."""
    rows = reader.read(
        _TOLD + " WHERE s.number = ? AND s.place > ? ORDER BY s.place LIMIT ?",
        (number, after, limit),
    )
    return [Told(row[0], row[1], _state(row[2], row[3]), row[4]) for row in rows]


def counts(reader: Reader, number: int) -> dict[State, int]:
    """For how many people of a regulation it has come how far."""
    rows = reader.read(_COUNTED + " WHERE s.number = ? GROUP BY 1, 2", (number,))
    found = dict.fromkeys(State, 0)
    for is_done, end, people in rows:
        found[_state(is_done, end)] += people
    return found


_END = (
    "coalesce(CASE WHEN d.state IN ('new', 'processing') AND dj.state = 'failed' THEN 'error' END,"
    " d.state, j.state, '')"
)
_FROM = (
    " FROM regulated s LEFT JOIN deletions d ON d.deletion_id = s.work"
    " LEFT JOIN jobs dj ON dj.job_id = d.job LEFT JOIN jobs j ON j.job_id = s.work"
)
_TOLD = f"SELECT s.place, s.key, s.is_done, {_END}, s.work{_FROM}"
_COUNTED = f"SELECT s.is_done, {_END}, count(*){_FROM}"


def _naming(reader: Reader, keys: Sequence[str]) -> list[tuple[str, int, Kind, int]]:
    """(key, number, kind, position) of the regulations that name one of the user ids' hashes."""
    rows = read_among(
        reader,
        "SELECT s.key, r.number, r.kind, r.position FROM regulated s"
        " JOIN regulations r ON r.number = s.number WHERE s.key IN (:list)",
        keys,
    )
    return [(row[0], row[1], Kind(row[2]), row[3]) for row in rows]


def _state(is_done: int, end: str) -> State:
    return _ENDS.get(end, State.PROCESSING) if is_done else State.PROCESSING


def _regulation(row: Row) -> Regulation:
    return Regulation(
        id=row[0],
        kind=Kind(row[1]),
        users=row[2],
        number=row[3],
        position=row[4],
        records=row[5],
        client_id=row[6],
        is_open=bool(row[7]),
        created_ms=row[8],
        updated_ms=row[9],
    )
