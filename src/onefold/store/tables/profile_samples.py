"""Samples of the profile store, the latest of each day, and their reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from onefold.store.engine import Reader, Row, Transaction
from onefold.wire import decode_json, encode_json

Report = dict[str, Any]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One sample. day: `YYYY-MM-DD`, in UTC, on which it ended.

    population: people that there were when it began, as the trigger counts them. profiles: merged
    profiles under the policy; sampled: those of them in the sample. fragments: of records, and one
    for each identity that has events. documents: records and events. policy: id and version of the
    merge policy; strategy: what it is, as the API says it.
    """

    day: str
    started_ms: int
    ended_ms: int
    population: int
    profiles: int
    sampled: int
    fragments: int
    documents: int
    policy: tuple[str, int]
    strategy: str


_SELECT = (
    "SELECT day, started_ms, ended_ms, population, profiles, sampled, fragments, documents,"
    " policy_id, policy_version, strategy FROM profile_samples"
)


def keep(transaction: Transaction, sample: Sample, reports: Mapping[str, Report]) -> None:
    """Keep a sample with its reports, instead of another one of its day."""
    transaction.write("DELETE FROM profile_reports WHERE day = ?", (sample.day,))
    transaction.write("DELETE FROM profile_samples WHERE day = ?", (sample.day,))
    transaction.write(
        "INSERT INTO profile_samples (day, started_ms, ended_ms, population, profiles, sampled,"
        " fragments, documents, policy_id, policy_version, strategy)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sample.day,
            sample.started_ms,
            sample.ended_ms,
            sample.population,
            sample.profiles,
            sample.sampled,
            sample.fragments,
            sample.documents,
            *sample.policy,
            sample.strategy,
        ),
    )
    transaction.write_many(
        "INSERT INTO profile_reports (day, kind, body) VALUES (?, ?, ?)",
        [(sample.day, kind, encode_json(body).decode()) for kind, body in sorted(reports.items())],
    )


def forget(transaction: Transaction, *, before: str) -> None:
    """Let go of the samples of earlier days."""
    transaction.write("DELETE FROM profile_reports WHERE day < ?", (before,))
    transaction.write("DELETE FROM profile_samples WHERE day < ?", (before,))


def last(reader: Reader) -> Sample | None:
    """The latest sample."""
    rows = reader.read(_SELECT + " ORDER BY day DESC LIMIT 1")
    return _sample(rows[0]) if rows else None


def report(reader: Reader, kind: str, *, day: str | None) -> Report | None:
    """The report of this kind of one day, or the latest one."""
    rows = reader.read(
        "SELECT body FROM profile_reports WHERE kind = ?1 AND day ="
        " coalesce(?2, (SELECT max(day) FROM profile_samples))",
        (kind, day),
    )
    return decode_json(rows[0][0]) if rows else None


def _sample(row: Row) -> Sample:
    return Sample(
        day=row[0],
        started_ms=row[1],
        ended_ms=row[2],
        population=row[3],
        profiles=row[4],
        sampled=row[5],
        fragments=row[6],
        documents=row[7],
        policy=(row[8], row[9]),
        strategy=row[10],
    )
