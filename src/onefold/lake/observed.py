"""Which fields of a dataset hold data, by what DuckLake counts of every column of every file.

No Parquet file is read: of each column that has no others inside, the catalogue knows how many
values of the file are not null. Files that are gone do not count, and a removal writes those that
stay anew; until it has done so nothing is answered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from onefold.domain.xdm.types import Field
from onefold.errors import Unavailable
from onefold.lake import columns
from onefold.lake.columns import Shape
from onefold.lake.lake import Lake
from onefold.lake.sql import dotted

_META = {"meta": dotted("__ducklake_metadata_lake")}
_COUNTED = (
    "SELECT t.table_name, c.column_id, c.parent_column, c.column_name, c.column_type = 'map',"
    " coalesce(bool_or(s.value_count > 0), false),"
    " EXISTS (SELECT 1 FROM {meta}.ducklake_delete_file AS d"
    "  WHERE d.table_id = t.table_id AND d.end_snapshot IS NULL)"
    " FROM {meta}.ducklake_schema AS m JOIN {meta}.ducklake_table AS t ON t.schema_id = m.schema_id"
    " JOIN {meta}.ducklake_column AS c ON c.table_id = t.table_id"
    " LEFT JOIN"
    "  (SELECT of_file.* FROM {meta}.ducklake_file_column_stats AS of_file"
    "   JOIN {meta}.ducklake_data_file AS f ON f.data_file_id = of_file.data_file_id"
    "   WHERE f.end_snapshot IS NULL) AS s"
    "  ON s.table_id = c.table_id AND s.column_id = c.column_id"
    " WHERE m.schema_name = 'main' AND m.end_snapshot IS NULL AND t.end_snapshot IS NULL"
    " AND c.end_snapshot IS NULL AND t.table_name IN (SELECT unnest(?))"
    " GROUP BY t.table_name, t.table_id, c.column_id, c.parent_column, c.column_name, c.column_type"
    " ORDER BY c.column_id"
)


class _Column(NamedTuple):
    table: str
    id: int
    parent: int | None
    name: str
    is_map: bool
    is_filled: bool
    is_uncertain: bool


def observed(lake: Lake, roots: Mapping[str, Field]) -> dict[str, Field]:
    """The part of datasets' schemas whose fields hold data. roots: schemas, by dataset.

    Datasets that hold nothing are missing. What a column cannot hold is not seen; see `columns.py`.
    Raises Unavailable API-9002 while records are being removed. Cost: one query, which reads the
    figures of all files of the lake.
    """
    named = {table: dataset for dataset, table in lake.tables().items() if dataset in roots}
    if not named:
        return {}
    counted = [_Column(*row) for row in lake.run(_COUNTED, (list(named),), _META)]
    if any(column.is_uncertain for column in counted):
        raise Unavailable("API-9002", "The lake is being changed")
    found: dict[str, Field] = {}
    for table, dataset in named.items():
        filled = _filled([column for column in counted if column.table == table])
        part = columns.part(roots[dataset], filled)
        if part is not None:
            found[dataset] = part
    return found


def _filled(counted: Sequence[_Column]) -> dict[str, Shape]:
    """The columns of a table that hold data, with those inside."""
    inside: dict[int | None, list[_Column]] = {}
    for column in counted:
        inside.setdefault(column.parent, []).append(column)
    return _below(None, inside)


def _below(
    parent: int | None, inside: Mapping[int | None, Collection[_Column]]
) -> dict[str, Shape]:
    found: dict[str, Shape] = {}
    for column in inside[parent]:
        if column.id not in inside:
            if column.is_filled:
                found[column.name] = None
            continue
        filled = _below(column.id, inside)
        if column.is_map and "key" in filled:
            found[column.name] = {"value": filled["value"]} if "value" in filled else None
        elif filled:
            found[column.name] = filled
    return found
