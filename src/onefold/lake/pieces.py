"""Pieces: the Parquet files of an export of profiles, written one by one, taken in all at once.

A piece has the columns that occur in it, and lies apart until the export is done; then DuckLake is
told of all files in one transaction, and nothing is read or written again. Until the transaction is
through, the files have a second name here, since DuckLake deletes what it does not know. Whoever
removes somebody from the lake deletes all pieces: the export then begins anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from onefold.domain.xdm.types import Field
from onefold.lake import columns
from onefold.lake.duck import DATA, Duck, Unfit, synced
from onefold.lake.landing import OBJECT_BYTES_MIN, Landing, stage
from onefold.lake.sql import Sql, text
from onefold.wire import JSON, encode_json


class Export(msgspec.Struct, frozen=True):
    """An export as one batch. table: the name that its table is to have, if it has none yet. root:
    the union. files: its pieces. first_ms, last_ms: when its first and last profile was read."""

    dataset: str
    table: str
    root: Field
    batch: str
    files: Sequence[Path]
    records: int
    first_ms: int
    last_ms: int


class Pieces:
    """The pieces of one export, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def paths(self, batch: str, count: int) -> list[Path]:
        """Where the first `count` pieces of a batch are."""
        return [self._directory / f"{batch}-{number}.parquet" for number in range(count)]

    def write(
        self,
        duck: Duck,
        root: Field,
        rows: Sequence[Landing],
        *,
        batch: str,
        number: int,
        names: Collection[str],
        keeps: bool,
    ) -> None:
        """Write rows as a piece, over one of the same number. names: fields that occur at the root
        of a row. keeps: columns are known not to hold all, and each row is also kept as a text.

        Where a value does not fit its column the column stays NULL, and the rows are kept as texts.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (to,) = self.paths(batch, number + 1)[number:]
        staged, partial = to.with_suffix(".json"), to.with_suffix(".partial")
        try:
            try:
                _copy(duck, root, rows, batch, names, staged, partial, keeps=keeps, fits=not keeps)
            except Unfit:
                _copy(duck, root, rows, batch, names, staged, partial, keeps=True, fits=False)
            synced({partial})
            os.replace(partial, to)
        finally:
            staged.unlink(missing_ok=True)
            partial.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete all pieces."""
        shutil.rmtree(self._directory, ignore_errors=True)


def add(duck: Duck, export: Export, table: str, lake: Path) -> None:
    """Tell DuckLake of an export's files, within a transaction. lake: its directory."""
    directory = lake / DATA / "main" / table
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in export.files:
        name = directory / file.name
        name.unlink(missing_ok=True)  # of a try that did not come to its commit
        os.link(file, name)
        duck.run(
            "CALL ducklake_add_data_files('lake', {table}, ?, allow_missing => true)",
            (str(name.resolve()),),
            {"table": text(table)},
        )


def _copy(
    duck: Duck,
    root: Field,
    rows: Sequence[Landing],
    batch: str,
    names: Collection[str],
    staged: Path,
    to: Path,
    *,
    keeps: bool,
    fits: bool,
) -> None:
    types = {name: kind for name, kind in columns.columns(root).items() if name in names}
    longest = stage(staged, rows, keeps=keeps)
    read = {"n": "BIGINT", "t": "VARCHAR", "m": "BIGINT", "r": "VARCHAR", "e": "JSON"}
    entity, parameters = Sql(""), []
    if types and fits:
        read["e"] = columns.struct(types)
        entity = Sql(", e.*")
    elif types:
        entity = Sql(", unnest(json_transform(e, ?))")
        parameters.append(encode_json(types).decode())
    bound: list[JSON] = [batch, *parameters, str(staged), read]
    duck.copy(
        "SELECT n AS _seq, t AS _trace, ? AS _batch_id, make_timestamptz(m * 1000) AS _received_at,"
        " r AS _record{entity}"
        " FROM read_json(?, format = 'newline_delimited', columns = ?, maximum_object_size = ?)",
        [*bound, max(OBJECT_BYTES_MIN, longest + 1)],
        {"entity": entity},
        to,
    )
