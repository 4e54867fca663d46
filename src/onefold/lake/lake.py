"""The lake of one sandbox: its tables, how far it has come, and what it holds.

    catalog.db      DuckLake's catalogue, SQLite
    data/           Parquet files, a directory a table
    exports/        batches as files, made when they are asked for; see exports.py
    pieces/         exports of profiles that are under way; see pieces.py

Beside a table for each dataset the catalogue has small ones of the lake's own, in the schema
`onefold`: which table a dataset has, what was landed of each batch, how many applied records were
left out, and the progress through the journal. They are changed in the same transaction as the
records, so a crash repeats nothing and loses nothing; their rows stay in the catalogue itself
(DuckLake calls that inlining).
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from pathlib import Path

import msgspec

from onefold.domain.identity.identity import Identity
from onefold.domain.xdm.types import Field
from onefold.lake import columns, removal
from onefold.lake.duck import Duck, Unfit
from onefold.lake.landing import Part, insert
from onefold.lake.pieces import Export, add
from onefold.lake.sql import Sql, dotted, place, quoted
from onefold.store.snapshot import Schema, Snapshot
from onefold.store.tables.progress import Progress
from onefold.store.union import Union
from onefold.wire import JSON, decode_json

STAGED = "landing.json"
EXPORTS = "exports"
PIECES = "pieces"
EXPORTED = 0
"""The position of what did not come from the journal."""
EVER = 1 << 62
"""Above the number of every record: for identities that are meant whatever was sent when."""

_NAME_CHARS_MAX = 120
_OWN_ROWS_MAX = "1000000"
"""Rows of one statement up to which the lake's own tables stay in the catalogue."""

_OWN = (
    "CREATE TABLE lake.onefold.progress (position BIGINT, records BIGINT)",
    "CREATE TABLE lake.onefold.tables (dataset VARCHAR, name VARCHAR)",
    "CREATE TABLE lake.onefold.landed (batch VARCHAR, dataset VARCHAR,"
    " position BIGINT, records BIGINT, removed BIGINT, streaming BOOLEAN, first_ms BIGINT,"
    " last_ms BIGINT)",
    "CREATE TABLE lake.onefold.passed (dataset VARCHAR, records BIGINT)",
)


class Landed(msgspec.Struct, frozen=True):
    """What was landed of a batch in one go. position: of the last journal row of that landing, or
    EXPORTED. removed: how many of the records were taken out again."""

    batch: str
    dataset: str
    position: int
    records: int
    removed: int
    streaming: bool
    first_ms: int
    last_ms: int


class Figures(msgspec.Struct, frozen=True):
    """How far the lake has come, and by dataset: records landed from the journal, profiles
    exported, both of them removed again, applied records left out, rows."""

    progress: Progress
    landed: Mapping[str, int]
    exported: Mapping[str, int]
    removed: Mapping[str, int]
    passed: Mapping[str, int]
    rows: Mapping[str, int]


class Lake:
    """One sandbox's lake. writable: only one object in one process may be."""

    def __init__(self, directory: Path, *, memory_bytes: int, writable: bool = True) -> None:
        self.duck = Duck(directory, memory_bytes=memory_bytes, writable=writable)
        self._is_prepared = False
        self._progress: Progress | None = None

    @property
    def directory(self) -> Path:
        """Where everything of the lake is."""
        return self.duck.directory

    @property
    def exists(self) -> bool:
        """Whether anything was ever landed; until then reading answers that there is nothing. To
        readers it exists when it has its own tables, which are made together."""
        if self.duck.writable or not self.duck.exists:
            return self.duck.exists
        if not self._is_prepared:
            self._is_prepared = self.duck.has("progress")
        return self._is_prepared

    def close(self) -> None:
        """Let go of the files; used again, the lake opens anew."""
        self.duck.close()
        self._is_prepared = False
        self._progress = None

    def progress(self) -> Progress:
        """How far the journal was landed. Of a writable lake: no query but the first."""
        if not self.exists:
            return Progress(0, 0)
        if self._progress is None or not self.duck.writable:
            rows = self.run("SELECT position, records FROM lake.onefold.progress")
            self._progress = Progress(*rows[0]) if rows else Progress(0, 0)
        return self._progress

    def tables(self) -> dict[str, str]:
        """The name of every dataset's table."""
        if not self.exists:
            return {}
        return dict(self.run("SELECT dataset, name FROM lake.onefold.tables"))

    def land(self, parts: Sequence[Part], to: Progress, passed: Mapping[str, int]) -> None:
        """Take in the records of all parts and move on to `to`: all of it, or nothing.

        passed: how many applied records of each dataset have no place in the lake. Where a value
        does not fit its column the column stays NULL, and the records of that part are also kept as
        they were sent. Raises Unavailable API-9002: nothing was landed.
        Cost: 0.2 s with the standard schema of events, most of it for its columns, and about 40 µs
        a record.
        """
        self._prepare()
        named = self._named(parts)
        unfit: set[int] = set()
        while self._progress != to:
            try:
                self._land(parts, named, to, passed, unfit)
                self._progress = to
            except Misfit as misfit:
                unfit.add(misfit.part)
            finally:
                self._staged.unlink(missing_ok=True)

    def landed(self, *, position: int | None = None, batch: str | None = None) -> list[Landed]:
        """What was landed: everything, or in the landing up to a position, or of a batch."""
        if not self.exists:
            return []
        rows = self.run(
            "SELECT batch, dataset, position, records, removed, streaming, first_ms, last_ms"
            " FROM lake.onefold.landed WHERE (? IS NULL OR position = ?)"
            " AND (? IS NULL OR batch = ?) ORDER BY position, batch, dataset",
            (position, position, batch, batch),
        )
        return [Landed(*row) for row in rows]

    def count(self, dataset: str) -> int:
        """Rows of a dataset's table."""
        table = self.tables().get(dataset)
        if table is None:
            return 0
        rows = self.run("SELECT count(*) FROM {table}", (), {"table": place(table)})
        return int(rows[0][0])

    def rows(self, dataset: str, root: Field, *, limit: int) -> list[dict[str, JSON]]:
        """Up to `limit` entities of a dataset, the last ones that were landed."""
        table = self.tables().get(dataset)
        if table is None:
            return []
        rows = self.run(
            "SELECT to_json(r) FROM {table} AS r WHERE r._seq IN"
            " (SELECT _seq FROM {table} ORDER BY _seq DESC LIMIT ?) ORDER BY r._seq DESC",
            (limit,),
            {"table": place(table)},
        )
        return [columns.entity_of(row[0], root) for row in rows]

    def figures(self) -> Figures:
        """What the lake counts of itself, all at one moment."""
        if not self.exists:
            return Figures(Progress(0, 0), {}, {}, {}, {}, {})
        with self.duck.reading():
            progress = self.run("SELECT position, records FROM lake.onefold.progress")
            landed = self.run(
                "SELECT dataset, sum(records)::BIGINT, sum(removed)::BIGINT, position = ? AS apart"
                " FROM lake.onefold.landed GROUP BY dataset, apart",
                (EXPORTED,),
            )
            removed = Counter[str]()
            for row in landed:
                removed[row[0]] += row[2]
            passed = self.run(
                "SELECT dataset, sum(records)::BIGINT FROM lake.onefold.passed GROUP BY dataset"
            )
            return Figures(
                Progress(*progress[0]) if progress else Progress(0, 0),
                {row[0]: row[1] for row in landed if not row[3]},
                {row[0]: row[1] for row in landed if row[3]},
                removed,
                dict(passed),
                {dataset: self.count(dataset) for dataset in self.tables()},
            )

    def remove_batch(self, batch: str) -> int:
        """Take the records of a batch out for good; answer how many there were.

        Raises Unavailable API-9002 while a reader is in the way: to be done again until it passes,
        since the rows may be gone before their bytes are.
        """
        removed = removal.remove_batch(self.duck, self.tables(), batch) if self.exists else 0
        self._erase()
        return removed

    def remove(self, found: Mapping[str, Collection[int]]) -> int:
        """Take records out for good, given by dataset and number; answer how many there were.
        Raises as `remove_batch`."""
        tables = self.tables()
        removed = sum(
            removal.remove_numbers(self.duck, dataset, tables[dataset], numbers)
            for dataset, numbers in found.items()
        )
        self._erase()
        return removed

    def naming(
        self, below: Mapping[Identity, int], snapshot: Snapshot
    ) -> dict[str, dict[int, set[Identity]]]:
        """By dataset, the numbers of the records that name one of the identities and are theirs
        (`LinkingRules.owning`), and whose. below: of each identity, the number of the first record
        that is not meant; what was exported has numbers of its own, and all of it is meant."""
        ever = dict.fromkeys(below, EVER)
        found: dict[str, dict[int, set[Identity]]] = {}
        for dataset, table, schema in self._with_schemas(snapshot):
            numbers = ever if isinstance(schema, Union) else below
            book = snapshot.namespaces
            named = removal.naming(self.duck, table, schema, numbers, book)
            if snapshot.rules is not None:
                named = removal.owned(self.duck, table, schema, named, book, snapshot.rules)
            found[dataset] = named
        return found

    def holding(self, numbers: Collection[int], snapshot: Snapshot) -> dict[str, set[int]]:
        """By dataset, which of the journal's records of these numbers were landed and are there."""
        return {
            dataset: removal.held(self.duck, table, numbers)
            for dataset, table, schema in self._with_schemas(snapshot)
            if not isinstance(schema, Union)
        }

    def remove_dataset(self, dataset: str, *, below: int) -> int:
        """Take the records of a dataset with numbers below `below` out for good; answer how many
        there were. Raises as `remove_batch`."""
        table = self.tables().get(dataset)
        removed = 0
        if table is not None:
            removed = removal.remove_dataset(self.duck, dataset, table, below=below)
        self._erase()
        return removed

    def count_below(self, dataset: str, *, below: int) -> int:
        """Rows of a dataset with record numbers below `below`."""
        table = self.tables().get(dataset)
        if table is None:
            return 0
        rows = self.run(
            "SELECT count(*) FROM {table} WHERE _seq < ?", (below,), {"table": place(table)}
        )
        return int(rows[0][0])

    def numbers(self, batch: str, dataset: str) -> list[int]:
        """The numbers of the records of a batch, in order."""
        table = self.tables().get(dataset)
        if table is None:
            return []
        rows = self.run(
            "SELECT _seq FROM {table} WHERE _batch_id = ? ORDER BY _seq",
            (batch,),
            {"table": place(table)},
        )
        return [row[0] for row in rows]

    def records(self, found: Mapping[str, Collection[int]], snapshot: Snapshot) -> Iterator[JSON]:
        """The records, given by dataset and number, each with its dataset and batch."""
        for dataset, table, schema in self._with_schemas(snapshot):
            for row in removal.of_numbers(self.duck, table, found.get(dataset, ())):
                record = decode_json(row)
                yield {
                    "dataset": dataset,
                    "batch": record["_batch_id"],
                    "receivedAt": columns.wire_time(record["_received_at"]),
                    "record": columns.entity_of(row, schema.root),
                }

    def publish(self, exports: Sequence[Export]) -> None:
        """Take in exports, whose files are done: all of them, or nothing. What is in the lake
        already is passed over, so it may be done again. The files stay where they are, too.

        Raises Unavailable API-9002: nothing was taken in.
        """
        self._prepare()
        missing = [one for one in exports if one.records and not self.landed(batch=one.batch)]
        named = self._named(missing)
        with self.duck.transaction():
            for one in missing:
                add(self.duck, one, named[one.dataset], self.directory)
                self.duck.run(
                    "INSERT INTO lake.onefold.landed VALUES (?, ?, ?, ?, 0, false, ?, ?)",
                    (one.batch, one.dataset, EXPORTED, one.records, one.first_ms, one.last_ms),
                )

    def prepared(self) -> Duck:
        """Where statements are run, once the lake's own tables are there."""
        self._prepare()
        return self.duck

    def tidy(self) -> None:
        """Merge small files of tables that have many, and let go of what was merged before. Files
        stay until the next time, for readers that hold them."""
        if self.exists:
            self._prepare()
            removal.compact(self.duck, self.tables().values())

    def _with_schemas(self, snapshot: Snapshot) -> Iterator[tuple[str, str, Schema | Union]]:
        """(dataset, table, schema) of every table whose schema can be used."""
        for dataset, table in self.tables().items():
            schema = snapshot.form_of(dataset)
            if schema is not None:
                yield dataset, table, schema

    def _erase(self) -> None:
        if self.exists:
            self._prepare()
            for directory in (EXPORTS, PIECES):
                shutil.rmtree(self.directory / directory, ignore_errors=True)
            removal.erase(self.duck)
            self.close()

    def run(
        self, template: str, parameters: Sequence[JSON] = (), parts: dict[str, Sql] | None = None
    ) -> list[tuple[JSON, ...]]:
        """Every row of a query of the lake, once it is prepared."""
        self._prepare()
        return self.duck.run(template, parameters, parts)

    def _prepare(self) -> None:
        """Have the lake's own tables, and nothing of a landing that did not come to its commit."""
        if self._is_prepared or not self.duck.writable:
            return
        rows = self.duck.run(
            "SELECT count(*) FROM duckdb_tables()"
            " WHERE database_name = 'lake' AND schema_name = 'onefold'"
        )
        if not rows[0][0]:
            self.duck.run("CREATE SCHEMA IF NOT EXISTS lake.onefold")
            self.duck.run(
                "CALL lake.set_option('data_inlining_row_limit', ?, schema => 'onefold')",
                (_OWN_ROWS_MAX,),
            )
            with self.duck.transaction():
                for statement in _OWN:
                    self.duck.run(statement)
        self.duck.run("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")
        self._staged.unlink(missing_ok=True)
        self._is_prepared = True

    def _named(self, parts: Sequence[Part | Export]) -> dict[str, str]:
        """The table of every dataset; made, and widened by new fields, where that is needed."""
        named = self.tables()
        for part in parts:
            if part.dataset not in named:
                named[part.dataset] = self._made(part, set(named.values()))
        for part in {part.dataset: part for part in parts}.values():
            self._widened(part.root, named[part.dataset])
        return named

    def _made(self, part: Part | Export, taken: set[str]) -> str:
        name = re.sub(r"[^A-Za-z0-9_]+", "_", part.table)[:_NAME_CHARS_MAX].lower() or "dataset"
        if name in taken:
            name = f"{name}_{part.dataset}"
        types = {**columns.SYSTEM, **columns.columns(part.root)}
        listed = Sql(", ".join(f"{quoted(column)} {kind}" for column, kind in types.items()))
        with self.duck.transaction():
            self.duck.run(
                "CREATE TABLE {table} ({columns})", (), {"table": place(name), "columns": listed}
            )
            self.duck.run("INSERT INTO lake.onefold.tables VALUES (?, ?)", (part.dataset, name))
        return name

    def _widened(self, root: Field, table: str) -> None:
        _, present = self.duck.columns(place(table))
        added = list(columns.additions(root, present))
        if not added:
            return
        with self.duck.transaction():
            for path, kind in added:
                self.duck.run(
                    "ALTER TABLE {table} ADD COLUMN {column} {kind}",
                    (),
                    {"table": place(table), "column": dotted(*path), "kind": kind},
                )

    def _land(
        self,
        parts: Sequence[Part],
        named: Mapping[str, str],
        to: Progress,
        passed: Mapping[str, int],
        unfit: Set[int],
    ) -> None:
        with self.duck.transaction():
            for number, part in enumerate(parts):
                try:
                    insert(self.duck, part, named[part.dataset], self._staged, number not in unfit)
                except Unfit:
                    raise Misfit(number) from None
                times = [record.received_ms for record in part.records]
                counts = (to.position, len(part.records), part.streaming, min(times), max(times))
                self.duck.run(
                    "INSERT INTO lake.onefold.landed VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
                    (part.batch, part.dataset, *counts),
                )
            for row in sorted(passed.items()):
                self.duck.run("INSERT INTO lake.onefold.passed VALUES (?, ?)", row)
            self.duck.run("DELETE FROM lake.onefold.progress")
            self.duck.run(
                "INSERT INTO lake.onefold.progress VALUES (?, ?)", (to.position, to.records)
            )

    @property
    def _staged(self) -> Path:
        return self.directory / STAGED


class Misfit(Exception):
    """A part has a value that does not fit."""

    def __init__(self, part: int) -> None:
        self.part = part
