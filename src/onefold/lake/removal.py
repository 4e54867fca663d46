"""Taking records out of the lake: which ones name somebody, and how they leave for good.

A DELETE of DuckLake only notes which rows are gone. Erasing writes the files anew without them,
forgets all earlier states, deletes the old files, and takes out of the catalogue what it remembers
of values: the bounds of columns, and pages that SQLite has not used again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Identity
from onefold.domain.identity.namespace import NamespaceBook
from onefold.domain.identity.records import named_in
from onefold.lake.columns import Shape
from onefold.lake.duck import Duck, Row
from onefold.lake.sql import Sql, dotted, place, text
from onefold.store.snapshot import Schema
from onefold.store.union import Union
from onefold.wire import decode_json, encode_json

ROW_GROUP_ROWS = "20000"
"""Rows that are written together: a writer holds all their columns until it has that many."""

PAGE_ROWS = 1_000
FILES_MAX = 100
"""Files of a table above which small ones are merged."""

_MAP = "identityMap"
_BOUNDS = {
    "varchar": ("", "\U0010ffff" * 4),
    "json": ("", "\U0010ffff" * 4),
    "int32": (str(-(2**31)), str(2**31 - 1)),
    "int64": (str(-(2**63)), str(2**63 - 1)),
    "float64": ("-1.7976931348623157e308", "1.7976931348623157e308"),
}
"""Bounds that hold for any value of a type and tell of none, by DuckLake's names of types."""
_MOMENTS = {"date": Sql("DATE"), "timestamptz": Sql("TIMESTAMPTZ")}

_META = {"meta": dotted("__ducklake_metadata_lake")}


def naming(
    duck: Duck,
    table: str,
    schema: Schema | Union,
    below: Mapping[Identity, int],
    book: NamespaceBook,
) -> dict[int, set[Identity]]:
    """Which of the identities stand in each record, by the record's number: in the identityMap, or
    in a field that an identity descriptor marks. Records without one are left out.

    below: of each identity, the number of the first record that is not looked at. Cost: reads these
    columns of all rows.
    """
    wanted = list(below)
    found: dict[int, set[Identity]] = {}
    types, shapes = duck.columns(place(table))
    if types.get(_MAP, "").startswith("MAP("):
        for seq, index in _mapped(duck, table, below, book):
            found.setdefault(seq, set()).add(wanted[index])
    for mark in schema.identities:
        marked = [
            (index, one)
            for index, one in enumerate(wanted)
            if one.namespace_id == mark.namespace_id
        ]
        if marked and _is_text(mark.path, shapes):
            rows = duck.run(
                "SELECT r._seq, w.index FROM {table} AS r,"
                " (SELECT unnest(?) AS value, unnest(?) AS below, unnest(?) AS index) AS w"
                " WHERE r.{field} = w.value AND r._seq < w.below",
                (
                    [one.value for _, one in marked],
                    [below[one] for _, one in marked],
                    [index for index, _ in marked],
                ),
                {"table": place(table), "field": dotted(*mark.path)},
            )
            for seq, index in rows:
                found.setdefault(seq, set()).add(wanted[index])
    for seq, named in _kept(duck, table, schema, below, book):
        found.setdefault(seq, set()).update(named)
    return found


def _mapped(
    duck: Duck, table: str, below: Mapping[Identity, int], book: NamespaceBook
) -> list[Row]:
    """(record number, index of the identity), by the identityMap. Its keys are codes or ids of
    namespaces, which the book tells."""
    parts = {"table": place(table)}
    keys = duck.run('SELECT DISTINCT unnest(map_keys("identityMap")) FROM {table}', (), parts)
    wanted = [
        (key, one.value, below[one], index)
        for (key,) in keys
        for meant in (book.meant_by(key),)
        for index, one in enumerate(below)
        if one.namespace_id in meant
    ]
    if not wanted:
        return []
    return duck.run(
        "SELECT DISTINCT r._seq, wanted.index FROM"
        " (SELECT _seq, e.key AS namespace, unnest(e.value) AS item FROM"
        '  (SELECT _seq, unnest(map_entries("identityMap")) AS e FROM {table})) AS r,'
        " (SELECT unnest(?) AS namespace, unnest(?) AS value, unnest(?) AS below,"
        "  unnest(?) AS index) AS wanted"
        " WHERE r.namespace = wanted.namespace AND r.item.id = wanted.value"
        " AND r._seq < wanted.below",
        [list(column) for column in zip(*wanted, strict=True)],
        parts,
    )


def _is_text(path: Sequence[str], shapes: Mapping[str, Shape]) -> bool:
    """Whether a path leads through objects to a column without anything inside."""
    *above, last = path
    level: Shape = shapes
    for step in above:
        level = level.get(step) if level is not None else None
    return level is not None and last in level and level[last] is None


def _kept(
    duck: Duck,
    table: str,
    schema: Schema | Union,
    below: Mapping[Identity, int],
    book: NamespaceBook,
) -> Iterator[tuple[int, set[Identity]]]:
    """By records that are kept as they were sent, since columns may not hold all of them."""
    texts = [encode_json(one.value).decode() for one in below]
    rows = duck.run(
        "SELECT DISTINCT r._seq, r._record FROM {table} AS r, (SELECT unnest(?) AS value) AS wanted"
        " WHERE r._record IS NOT NULL AND contains(r._record, wanted.value)",
        (texts,),
        {"table": place(table)},
    )
    for seq, record in rows:
        named = set(named_in(decode_json(record), book, schema.identities))
        meant = {one for one in named if seq < below.get(one, 0)}
        if meant:
            yield seq, meant


def owned(
    duck: Duck,
    table: str,
    schema: Schema | Union,
    found: Mapping[int, set[Identity]],
    book: NamespaceBook,
    rules: LinkingRules,
) -> dict[int, set[Identity]]:
    """Of what `naming` has found, the records that are of one of their identities, and of which
    (`LinkingRules.owning`). Cost: reads these records as wholes."""
    if not rules.hands_over:
        return dict(found)
    left: dict[int, set[Identity]] = {}
    for row in of_numbers(duck, table, found.keys()):
        record = decode_json(row)
        named = set(named_in(record, book, schema.identities))
        kept = record.get("_record")
        if isinstance(kept, str):
            named.update(named_in(decode_json(kept), book, schema.identities))
        ours = found[record["_seq"]].intersection(rules.owning(named))
        if ours:
            left[record["_seq"]] = ours
    return left


def held(duck: Duck, table: str, numbers: Collection[int]) -> set[int]:
    """Those of the numbers that have a row."""
    if not numbers:
        return set()
    rows = duck.run(
        "SELECT _seq FROM {table} WHERE _seq IN (SELECT unnest(?))",
        (sorted(numbers),),
        {"table": place(table)},
    )
    return {row[0] for row in rows}


def of_numbers(duck: Duck, table: str, numbers: Collection[int]) -> Iterator[str]:
    """The rows of these records, as JSON."""
    ordered = sorted(numbers)
    for start in range(0, len(ordered), PAGE_ROWS):
        rows = duck.run(
            "SELECT to_json(r) FROM {table} AS r WHERE r._seq IN (SELECT unnest(?)) ORDER BY _seq",
            (ordered[start : start + PAGE_ROWS],),
            {"table": place(table)},
        )
        yield from (row[0] for row in rows)


def remove_numbers(duck: Duck, dataset: str, table: str, numbers: Collection[int]) -> int:
    """Delete these records; answer how many were there."""
    if not numbers:
        return 0
    with duck.transaction():
        bound, parts = (sorted(numbers),), {"table": place(table)}
        rows = duck.run(
            "SELECT _batch_id, count(*) FROM {table} WHERE _seq IN (SELECT unnest(?))"
            " GROUP BY _batch_id",
            bound,
            parts,
        )
        duck.run("DELETE FROM {table} WHERE _seq IN (SELECT unnest(?))", bound, parts)
        for batch, records in rows:
            _note(duck, dataset, batch, records)
    return sum(row[1] for row in rows)


def remove_dataset(duck: Duck, dataset: str, table: str, *, below: int) -> int:
    """Delete the records of a dataset that have numbers below `below`; answer how many there
    were."""
    bound, parts = (below,), {"table": place(table)}
    with duck.transaction():
        rows = duck.run(
            "SELECT _batch_id, count(*) FROM {table} WHERE _seq < ? GROUP BY _batch_id",
            bound,
            parts,
        )
        duck.run("DELETE FROM {table} WHERE _seq < ?", bound, parts)
        for batch, records in rows:
            _note(duck, dataset, batch, records)
    return sum(row[1] for row in rows)


def remove_batch(duck: Duck, tables: Mapping[str, str], batch: str) -> int:
    """Delete the records of a batch from every table that has some; answer how many there were."""
    removed = 0
    known = duck.run("SELECT DISTINCT dataset FROM lake.onefold.landed WHERE batch = ?", (batch,))
    for (dataset,) in known:
        parts = {"table": place(tables[dataset])}
        with duck.transaction():
            rows = duck.run("SELECT count(*) FROM {table} WHERE _batch_id = ?", (batch,), parts)
            if rows[0][0]:
                duck.run("DELETE FROM {table} WHERE _batch_id = ?", (batch,), parts)
                _note(duck, dataset, batch, rows[0][0])
                removed += rows[0][0]
    return removed


def _note(duck: Duck, dataset: str, batch: str, records: int) -> None:
    """Count what was removed of a batch, at the last of its landings."""
    duck.run(
        "UPDATE lake.onefold.landed SET removed = removed + ? WHERE batch = ? AND dataset = ?"
        " AND position = (SELECT max(position) FROM lake.onefold.landed"
        " WHERE batch = ? AND dataset = ?)",
        (records, batch, dataset, batch, dataset),
    )


def erase(duck: Duck) -> None:
    """Have nothing left of deleted rows, on the disk or in the catalogue. May be done again at any
    time. Raises Unavailable API-9002 while a reader holds the catalogue.

    Cost: every file that has lost a row is written anew; 12 s for 1.2 million rows of 620 columns.
    """
    with duck.frugal():
        duck.run("CALL lake.set_option('parquet_row_group_size', ?)", (ROW_GROUP_ROWS,))
        for (table,) in duck.run("SELECT name FROM lake.onefold.tables ORDER BY name"):
            with duck.transaction():
                duck.run(
                    "CALL ducklake_rewrite_data_files('lake', {name}, delete_threshold => 0)",
                    (),
                    {"name": text(table)},
                )
    _forget_states(duck)
    duck.run("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
    duck.run("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")
    _widen_bounds(duck)
    duck.vacuumed()


def compact(duck: Duck, tables: Iterable[str]) -> None:
    """Merge the small files of tables that have more than FILES_MAX; delete what was merged by an
    earlier call."""
    duck.run("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
    for table in tables:
        parts = {"name": text(table)}
        files = duck.run("SELECT count(*) FROM ducklake_list_files('lake', {name})", (), parts)
        if files[0][0] > FILES_MAX:
            with duck.transaction():
                duck.run("CALL ducklake_merge_adjacent_files('lake', {name})", (), parts)
    _forget_states(duck)


def _forget_states(duck: Duck) -> None:
    """Forget every state of the lake but the present one."""
    rows = duck.run(
        "SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY snapshot_id DESC OFFSET 1"
    )
    if rows:
        versions = Sql("[" + ", ".join(str(int(row[0])) for row in rows) + "]")
        # It answers with times, which Python takes only with pytz: their number is asked for.
        duck.run(
            "SELECT count(*) FROM ducklake_expire_snapshots('lake', versions => {versions})",
            (),
            {"versions": versions},
        )


def _widen_bounds(duck: Duck) -> None:
    """Take values out of what the catalogue knows of whole columns. Bounds may be wider than what
    is there, never narrower: DuckDB answers some queries by them alone."""
    for kind, bounds in _BOUNDS.items():
        duck.run(
            "UPDATE {meta}.ducklake_table_column_stats SET min_value = ?, max_value = ?"
            " WHERE min_value IS NOT NULL AND (table_id, column_id) IN"
            " (SELECT table_id, column_id FROM {meta}.ducklake_column WHERE column_type = ?)",
            (*bounds, kind),
            _META,
        )
    for kind, name in _MOMENTS.items():
        for low, high, table, column in _present(duck, kind, name):
            duck.run(
                "UPDATE {meta}.ducklake_table_column_stats SET min_value = ?, max_value = ?"
                " WHERE table_id = ? AND column_id = ?",
                (low, high, table, column),
                _META,
            )


def _present(duck: Duck, kind: str, name: Sql) -> list[Row]:
    """(low, high, table, column) of the columns of a kind whose bounds are wider than those of the
    files that are there now."""
    return duck.run(
        "SELECT f.low::VARCHAR, f.high::VARCHAR, s.table_id, s.column_id"
        " FROM {meta}.ducklake_table_column_stats AS s JOIN"
        "  (SELECT table_id, column_id, min(min_value::{kind}) AS low,"
        "    max(max_value::{kind}) AS high,"
        "    bool_or(min_value IS NULL AND value_count > 0) AS unknown"
        "   FROM {meta}.ducklake_file_column_stats WHERE (table_id, column_id) IN"
        "    (SELECT table_id, column_id FROM {meta}.ducklake_column WHERE column_type = ?)"
        "   GROUP BY table_id, column_id) AS f"
        " ON f.table_id = s.table_id AND f.column_id = s.column_id"
        " WHERE NOT f.unknown AND f.low IS NOT NULL"
        " AND (s.min_value::{kind} < f.low OR s.max_value::{kind} > f.high)",
        (kind,),
        {**_META, "kind": name},
    )
