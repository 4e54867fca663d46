"""The lake itself: what goes in comes out, tables grow, and what does not fit is kept as sent."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.domain.xdm.types import INTEGER_RANGE, Field, XdmType
from onefold.lake.duck import CATALOGUE
from onefold.lake.lake import Lake
from onefold.lake.sql import place
from onefold.store.tables.progress import Progress
from tests.lake.shared import DATASET, MEMORY_BYTES, lake_at, land, part, rows, thing

TEXT = Field(XdmType.STRING)
LONG = Field(XdmType.LONG)
NAMES = st.sampled_from(
    ["a", "b", "A", "_id", "x y", 'qu"ote', "select", "é", "É", "😀", "a/b.c", "element", "value"]
)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda moment: moment.isoformat() + "Z"
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS: dict[XdmType, st.SearchStrategy[Any]] = {
    XdmType.STRING: TEXTS,
    XdmType.BOOLEAN: st.booleans(),
    XdmType.NUMBER: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    XdmType.DATE: st.dates().map(str),
    XdmType.DATE_TIME: MOMENTS,
    **{kind: st.integers(*INTEGER_RANGE[kind]) for kind in INTEGER_RANGE},
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def fields(draw: st.DrawFn, depth: int = 3) -> tuple[Field, st.SearchStrategy[Any]]:
    """A field, and values that fit it."""
    kind = draw(st.sampled_from([*SCALARS, XdmType.OBJECT, XdmType.ARRAY, XdmType.MAP]))
    if kind in SCALARS or depth == 0:
        kind = kind if kind in SCALARS else XdmType.STRING
        return Field(kind), SCALARS[kind]
    if kind is XdmType.OBJECT:
        return draw(objects(depth - 1))
    inner, values = draw(fields(depth - 1))
    is_open = draw(st.booleans()) and draw(st.booleans())
    if is_open:
        values = ANYTHING.filter(lambda value: value is not None)
    if kind is XdmType.ARRAY:
        return Field(kind, items=None if is_open else inner), st.lists(values, max_size=3)
    return (
        Field(kind, values=None if is_open else inner),
        st.dictionaries(TEXTS, values, max_size=3),
    )


@st.composite
def objects(draw: st.DrawFn, depth: int = 3) -> tuple[Field, st.SearchStrategy[Any]]:
    """An object, and values that fit it."""
    members = draw(st.dictionaries(NAMES, fields(depth), max_size=4))
    root = Field(XdmType.OBJECT, properties={name: field for name, (field, _) in members.items()})
    values = st.fixed_dictionaries({}, optional={name: v for name, (_, v) in members.items()})
    return root, values


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory):
    made = lake_at(tmp_path_factory.mktemp("columns"))
    yield made
    made.close()


NUMBERS = count(1)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_records_that_fit_a_schema_come_back_equal(lake: Lake, data: st.DataObject) -> None:
    root, values = data.draw(objects())
    entities = data.draw(st.lists(values, min_size=1, max_size=6))
    dataset = f"{next(NUMBERS):024x}"
    land(lake, part(root, entities, dataset=dataset))
    assert [same(one) for one in rows(lake, root, dataset)] == [same(one) for one in entities]


def same(value: Any) -> Any:
    """Numbers by their value; moments as such."""
    if isinstance(value, dict):
        return {key: same(one) for key, one in value.items()}
    if isinstance(value, list):
        return [same(one) for one in value]
    if isinstance(value, str) and value.endswith("Z") and value[4:5] == "-":
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            return value
    if isinstance(value, float) and value == 0:
        return math.copysign(0.0, 1)
    return value


def test_a_moment_keeps_microseconds_and_becomes_utc(tmp_path: Path) -> None:
    root = thing(at=Field(XdmType.DATE_TIME))
    with_lake = lake_at(tmp_path)
    land(with_lake, part(root, [{"at": "2026-01-01T00:00:00.123456789+05:30"}]))
    assert rows(with_lake, root) == [{"at": "2025-12-31T18:30:00.123456Z"}]
    with_lake.close()


def test_tables_grow_with_the_schema_and_old_rows_stay(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    before = thing(a=thing(x=TEXT), l=Field(XdmType.ARRAY, items=thing(x=TEXT)))
    after = thing(
        a=thing(x=TEXT, y=thing(z=LONG)),
        l=Field(XdmType.ARRAY, items=thing(x=TEXT, y=LONG)),
        m=Field(XdmType.MAP, values=TEXT),
    )
    old = {"a": {"x": "1"}, "l": [{"x": "1"}]}
    new = {"a": {"y": {"z": 2}}, "l": [{"x": "3", "y": 4}], "m": {"k": "v"}}
    land(lake, part(before, [old]))
    land(lake, part(after, [new], first=2))
    land(lake, part(before, [old], first=3))
    assert rows(lake, after) == [old, new, old]
    lake.close()


def test_values_that_do_not_fit_become_null_and_the_record_is_kept(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    root = thing(n=LONG, t=TEXT)
    sent = [{"n": "x", "t": {"deep": [1]}, "more": 1}, {"n": 5}]
    land(lake, part(root, sent, is_checked=False))
    assert rows(lake, root) == sent
    assert lake.run("SELECT n FROM {t} ORDER BY _seq", (), {"t": place(f"t_{DATASET}")}) == [
        (None,),
        (5,),
    ]
    lake.close()


def test_one_record_that_does_not_fit_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """As when a schema said something else when the record was checked."""
    lake = lake_at(tmp_path)
    root = thing(n=LONG)
    other = "b" * 24
    land(lake, part(root, [{"n": 1}, {"n": "x"}]), part(root, [{"n": 3}], dataset=other, first=3))
    assert rows(lake, root) == [{"n": 1}, {"n": "x"}]
    assert rows(lake, root, other) == [{"n": 3}]
    assert lake.progress() == Progress(1, 3)
    kept = lake.run("SELECT count(_record) FROM {t}", (), {"t": place(f"t_{other}")})
    assert kept == [(0,)]
    lake.close()


def test_long_records_are_landed(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    root = thing(t=TEXT)
    long = {"t": "x" * 17_000_000}
    land(lake, part(root, [long, {"t": "y"}]))
    assert rows(lake, root) == [long, {"t": "y"}]
    lake.close()


def test_tables_of_one_name_are_two_tables(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    root = thing(t=TEXT)
    one, other = (
        part(root, [{"t": dataset}], dataset=dataset * 24, first=n)
        for n, dataset in enumerate("cd", 1)
    )
    for given_part in (one, other):
        object.__setattr__(given_part, "table", "Same name!")
        land(lake, given_part)
    assert lake.tables() == {"c" * 24: "same_name_", "d" * 24: f"same_name__{'d' * 24}"}
    assert rows(lake, root, "d" * 24) == [{"t": "d"}]
    lake.close()


def test_a_lake_that_was_never_written_holds_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", memory_bytes=MEMORY_BYTES, writable=False)
    assert lake.progress() == Progress(0, 0)
    assert lake.tables() == {}
    assert lake.landed() == []
    assert lake.rows(DATASET, thing(), limit=5) == []
    assert not (tmp_path / "lake").exists()


def test_a_lake_that_is_being_made_holds_nothing_yet(tmp_path: Path) -> None:
    """A reader comes while the first landing makes the catalogue, and again behind it."""
    lake = lake_at(tmp_path)
    reader = Lake(lake.directory, memory_bytes=MEMORY_BYTES, writable=False)
    lake.directory.mkdir()
    (lake.directory / CATALOGUE).touch()
    nothing: tuple[Progress, dict[str, str], bool] = (Progress(0, 0), {}, False)
    assert (reader.progress(), reader.tables(), reader.exists) == nothing
    (lake.directory / CATALOGUE).unlink()
    lake.duck.connection()
    assert (lake.directory / CATALOGUE).exists()
    assert (reader.progress(), reader.tables(), reader.exists) == nothing
    assert reader.figures().rows == {}
    land(lake, part(thing(t=TEXT), [{"t": "x"}]))
    assert reader.exists
    assert len(rows(reader, thing(t=TEXT))) == 1
    lake.close()
    reader.close()


def test_everything_is_for_the_owner_only_and_nothing_is_left_beside(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    land(lake, part(thing(t=TEXT), [{"t": "x"}]))
    assert os.stat(lake.directory).st_mode & 0o777 == 0o700
    assert not (lake.directory / "landing.json").exists()
    lake.close()


def test_readers_see_what_was_landed_while_they_had_the_lake_open(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    root = thing(t=TEXT)
    land(lake, part(root, [{"t": "1"}]))
    reader = Lake(lake.directory, memory_bytes=MEMORY_BYTES, writable=False)
    assert len(rows(reader, root)) == 1
    land(lake, part(root, [{"t": "2"}], first=2))
    assert len(rows(reader, root)) == 2
    lake.close()
    assert len(rows(reader, root)) == 2
    reader.close()
