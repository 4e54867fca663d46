"""Exports in the lake: written in pieces, taken in at once, and removed like everything else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from onefold.domain.xdm.types import Field, XdmType
from onefold.errors import Unavailable
from onefold.lake import removal
from onefold.lake.duck import Duck
from onefold.lake.lake import Lake
from onefold.lake.landing import Landing
from onefold.lake.pieces import Export, Pieces
from onefold.lake.sql import Sql
from onefold.wire import encode_json
from tests.lake.shared import DATASET, NOW_MS, holding, lake_at, land, part, rows, thing

ROOT = thing(
    _id=Field(XdmType.STRING),
    count=Field(XdmType.INT),
    name=thing(first=Field(XdmType.STRING), last=Field(XdmType.STRING)),
)


def write(lake: Lake, entities: Sequence[Any], number: int = 0, **more: Any) -> Pieces:
    pieces = Pieces(lake.directory / "pieces" / "1")
    first = number * 1000
    given = [Landing(first + n, "t", NOW_MS, encode_json(one)) for n, one in enumerate(entities)]
    names = {name for one in entities for name in one}
    said = {"batch": "E", "number": number, "names": names, "keeps": False, **more}
    pieces.write(lake.prepared(), ROOT, given, **said)
    return pieces


def export(pieces: Pieces, records: int, count: int = 1, root: Field = ROOT) -> Export:
    return Export(
        dataset=DATASET,
        table="t",
        root=root,
        batch="E",
        files=pieces.paths("E", count),
        records=records,
        first_ms=NOW_MS,
        last_ms=NOW_MS,
    )


def test_pieces_have_the_columns_that_occur_and_the_table_has_all(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    sent = [{"_id": "a"}, {"_id": "b", "name": {"first": "Ada"}}]
    pieces = write(lake, sent[:1])
    write(lake, sent[1:], 1)
    lake.publish([export(pieces, 2, 2)])
    assert rows(lake, ROOT) == sent
    assert lake.figures().exported == {DATASET: 2}
    assert lake.figures().landed == {}
    (landed,) = lake.landed(batch="E")
    assert (landed.records, landed.position, landed.streaming) == (2, 0, False)


def test_nothing_is_seen_before_and_nothing_is_taken_in_twice(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    pieces = write(lake, [{"_id": "a"}])
    assert lake.tables() == {}
    for _ in range(2):
        lake.publish([export(pieces, 1)])
    pieces.remove()
    lake.publish([export(pieces, 1)])
    assert rows(lake, ROOT) == [{"_id": "a"}]


def test_an_export_of_nobody_leaves_no_table(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    lake.publish([export(Pieces(tmp_path), 0, 0)])
    assert lake.tables() == {}


def test_values_that_do_not_fit_are_kept_as_they_are(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    sent = [{"_id": "a", "count": "many"}, {"_id": "b", "count": 2}]
    lake.publish([export(write(lake, sent), 2)])
    assert rows(lake, ROOT) == sent
    numbers = lake.run("SELECT count FROM lake.main.t ORDER BY _seq")
    assert numbers == [(None,), (2,)]


def test_what_columns_cannot_hold_is_kept_when_it_is_known(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    sent = [{"_id": "a", "unknown": 1}, {"unknown": 2}]
    lake.publish([export(write(lake, sent, keeps=True), 2)])
    assert rows(lake, ROOT) == sent
    nothing = [{"other": 3}]
    pieces = write(lake, nothing, 1, batch="F", keeps=True)
    lake.publish([Export(DATASET, "t", ROOT, "F", pieces.paths("F", 2)[1:], 1, NOW_MS, NOW_MS)])
    assert rows(lake, ROOT)[-1] == {"other": 3}


def test_a_commit_that_fails_leaves_nothing_and_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lake_at(tmp_path)
    pieces = write(lake, [{"_id": "a"}])
    real = Duck.run

    def failing(duck: Duck, template: str, *given: Any, **named: Any) -> Any:
        if template.startswith("INSERT INTO lake.onefold.landed"):
            raise Unavailable("API-9002")
        return real(duck, template, *given, **named)

    monkeypatch.setattr(Duck, "run", failing)
    with pytest.raises(Unavailable):
        lake.publish([export(pieces, 1)])
    monkeypatch.setattr(Duck, "run", real)
    assert lake.count(DATASET) == 0
    lake.close()
    lake.publish([export(pieces, 1)])
    assert rows(lake, ROOT) == [{"_id": "a"}]


def test_what_is_removed_leaves_files_and_pieces(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    pieces = write(lake, [{"_id": "secret-a"}, {"_id": "b"}])
    lake.publish([export(pieces, 2)])
    assert removal.remove_numbers(lake.duck, DATASET, "t", [0]) == 1
    lake.remove_batch("nothing")
    assert holding(tmp_path, "secret-a") == []
    assert not any(pieces.paths("E", 1)[0].parent.glob("*"))
    assert rows(lake, ROOT) == [{"_id": "b"}]
    (landed,) = lake.landed(batch="E")
    assert landed.removed == 1
    assert lake.remove_batch("E") == 1
    assert lake.count(DATASET) == 0


def test_small_files_of_exports_are_merged_also_across_a_change_of_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "FILES_MAX", 2)
    lake = lake_at(tmp_path)
    sent = [{"_id": f"{n}"} for n in range(4)]
    for number, one in enumerate(sent):
        pieces = write(lake, [one], number)
    lake.publish([export(pieces, 4, 4)])
    wide = replace(ROOT, properties={**ROOT.properties, "more": Field(XdmType.STRING)})
    later = Pieces(tmp_path / "lake" / "pieces" / "2")
    row = Landing(9000, "t", NOW_MS, b'{"_id":"z","more":"m","name":{"last":"L"}}')
    names = {"_id", "more", "name"}
    later.write(lake.prepared(), wide, [row], batch="F", number=0, names=names, keeps=False)
    lake.publish([Export(DATASET, "t", wide, "F", later.paths("F", 1), 1, NOW_MS, NOW_MS)])
    for _ in range(2):
        lake.tidy()
    files = lake.run("SELECT count(*) FROM ducklake_list_files('lake', 't')")
    assert files[0][0] < 5
    assert rows(lake, wide) == [*sent, {"_id": "z", "more": "m", "name": {"last": "L"}}]


def test_landings_and_exports_stand_beside_each_other(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    land(lake, part(ROOT, [{"_id": "x"}], dataset="b" * 24))
    lake.publish([export(write(lake, [{"_id": "a"}]), 1)])
    figures = lake.figures()
    assert figures.landed == {"b" * 24: 1}
    assert figures.exported == {DATASET: 1}
    assert figures.rows == {"b" * 24: 1, DATASET: 1}
    paths = lake.run("SELECT path_is_relative FROM {meta}", (), {"meta": _FILES})
    assert all(row[0] for row in paths)


_FILES = Sql("__ducklake_metadata_lake.ducklake_data_file")
