"""How records become rows: a file of JSON lines, which DuckDB reads as the table's types."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from onefold.domain.xdm.types import Field
from onefold.lake import columns
from onefold.lake.duck import Duck
from onefold.lake.sql import Sql, place
from onefold.wire import JSON, encode_json

OBJECT_BYTES_MIN = 1 << 24
"""DuckDB's own limit for one line; raised when a longer one comes."""


class Landing(msgspec.Struct, frozen=True, gc=False):
    """One record on its way into the lake. entity: JSON without duplicate keys."""

    seq: int
    trace: str
    received_ms: int
    entity: bytes


@dataclass(frozen=True)
class Part:
    """Records of one dataset and one batch. table: the name that its table is to have, if it has
    none yet. is_checked: the records fit the schema; others are kept as sent, too. streaming: the
    batch is no other than this landing."""

    dataset: str
    table: str
    root: Field
    is_checked: bool
    batch: str
    streaming: bool
    records: Sequence[Landing]


def insert(duck: Duck, part: Part, table: str, staged: Path, fits: bool) -> None:
    """Add a part's records to its table, within a transaction. staged: the file to write them to.

    fits: not known to hold a value that does not fit its column. Raises Unfit when there is one,
    and the part then comes again without `fits`: such values become NULL.
    """
    types, _ = duck.columns(place(table))
    inner = {name: kind for name, kind in types.items() if name not in columns.SYSTEM}
    strict = fits and part.is_checked
    longest = stage(staged, part.records, keeps=not (strict and columns.is_whole(part.root)))
    read = {"n": "BIGINT", "t": "VARCHAR", "m": "BIGINT", "r": "VARCHAR", "e": "JSON"}
    parameters: list[JSON] = [part.batch]
    if not inner:
        entity = Sql("")
    elif strict:
        read["e"] = columns.struct(inner)
        entity = Sql(", e.*")
    else:
        entity = Sql(", unnest(json_transform(e, ?))")
        parameters.append(encode_json(inner).decode())
    duck.insert(
        "INSERT INTO {table} BY NAME SELECT n AS _seq, t AS _trace, ? AS _batch_id,"
        " make_timestamptz(m * 1000) AS _received_at, r AS _record{entity}"
        " FROM read_json(?, format = 'newline_delimited', columns = ?, maximum_object_size = ?)",
        [*parameters, str(staged), read, max(OBJECT_BYTES_MIN, longest + 1)],
        {"table": place(table), "entity": entity},
    )


def stage(staged: Path, records: Sequence[Landing], *, keeps: bool) -> int:
    """Write records as lines of JSON, for the owner's eyes; answer the longest line's length.

    keeps: each also as a text, for the column `_record`."""
    longest = 0
    staged.unlink(missing_ok=True)
    with open(staged, "xb", opener=_private) as file:
        for record in records:
            kept = b',"r":' + encode_json(record.entity.decode()) if keeps else b""
            line = b'{"n":%d,"t":%s,"m":%d%s,"e":%s}\n' % (
                record.seq,
                encode_json(record.trace),
                record.received_ms,
                kept,
                record.entity,
            )
            longest = max(longest, len(line))
            file.write(line)
    return longest


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
