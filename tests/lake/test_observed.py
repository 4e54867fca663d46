"""Which fields hold data: at any depth, after every change of the lake, never one too many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from onefold.domain.xdm.types import Field, XdmType
from onefold.errors import Unavailable
from onefold.lake import removal
from onefold.lake.lake import Lake
from onefold.lake.observed import observed
from tests.lake.shared import DATASET, MEMORY_BYTES, lake_at, land, part, thing

TEXT = Field(XdmType.STRING)
OTHER = "b" * 24


def many(items: Field | None) -> Field:
    return Field(XdmType.ARRAY, items=items)


def mapped(values: Field | None) -> Field:
    return Field(XdmType.MAP, values=values)


ROOT = thing(
    a=TEXT,
    on=Field(XdmType.BOOLEAN),
    day=Field(XdmType.DATE),
    o=thing(x=TEXT, y=Field(XdmType.LONG), deep=thing(z=TEXT)),
    texts=many(TEXT),
    things=many(thing(p=TEXT, q=TEXT)),
    people=mapped(many(thing(id=TEXT, primary=Field(XdmType.BOOLEAN)))),
    words=mapped(TEXT),
    open=thing(),
    anything=many(None),
)


def paths(field: Field, at: str = "") -> set[str]:
    """The leaves of a field, `[]` for an element and `{}` for a value."""
    below = [(f"{at}.{name}".lstrip("."), child) for name, child in field.properties.items()]
    below += [(f"{at}[]", field.items)] if field.items is not None else []
    below += [(f"{at}{{}}", field.values)] if field.values is not None else []
    return {leaf for path, child in below for leaf in paths(child, path)} if below else {at}


def seen(lake: Lake, root: Field = ROOT) -> set[str]:
    found = observed(lake, {DATASET: root})
    return paths(found[DATASET]) if found else set()


@pytest.mark.parametrize(
    ("entity", "leaves"),
    [
        ({"a": "x"}, {"a"}),
        ({"a": ""}, {"a"}),
        ({"on": False}, {"on"}),
        ({"day": "2026-01-01"}, {"day"}),
        ({"o": {"y": 0}}, {"o.y"}),
        ({"o": {"deep": {"z": "z"}}}, {"o.deep.z"}),
        ({"texts": ["x"]}, {"texts[]"}),
        ({"things": [{"p": "x"}, {}]}, {"things[].p"}),
        ({"people": {"Email": [{"id": "x"}]}}, {"people{}[].id"}),
        ({"words": {"en": "x"}}, {"words{}"}),
        ({"open": {"any": 1}}, {"open"}),
        ({"anything": [1, "x"]}, {"anything"}),
        ({}, set()),
        ({"o": {}, "texts": [], "things": [{}], "people": {}}, set()),
        ({"people": {"Email": []}}, {"people"}),
    ],
)
def test_a_field_that_holds_data_is_seen_and_no_other(
    tmp_path: Path, entity: dict[str, Any], leaves: set[str]
) -> None:
    lake = lake_at(tmp_path)
    land(lake, part(ROOT, [{}, entity, {}]))
    assert seen(lake) == leaves
    lake.close()


def test_what_many_files_hold_is_seen_together(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    land(lake, part(ROOT, [{"a": "x"}]))
    land(lake, part(ROOT, [{"o": {"x": "x"}}], first=2))
    land(lake, part(thing(b=TEXT), [{"b": "x"}], first=3, dataset=OTHER))
    assert seen(lake) == {"a", "o.x"}
    both = observed(lake, {DATASET: ROOT, OTHER: thing(a=TEXT, b=TEXT), "c" * 24: ROOT})
    assert {id_: paths(found) for id_, found in both.items()} == {
        DATASET: {"a", "o.x"},
        OTHER: {"b"},
    }
    lake.close()


def test_a_field_that_came_later_is_seen_when_it_holds_data(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    land(lake, part(thing(a=TEXT), [{"a": "x"}]))
    wider = thing(a=TEXT, b=TEXT, o=thing(c=TEXT))
    land(lake, part(wider, [{"a": "x"}], first=2))
    assert seen(lake, wider) == {"a"}
    land(lake, part(wider, [{"o": {"c": "x"}}], first=3))
    assert seen(lake, wider) == {"a", "o.c"}
    assert seen(lake, thing(a=TEXT)) == {"a"}
    lake.close()


def test_what_was_removed_is_seen_no_more(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    land(lake, part(ROOT, [{"a": "x"}, {"o": {"x": "x"}}], batch="kept"))
    land(lake, part(ROOT, [{"texts": ["x"]}], first=3, batch="gone"))
    land(lake, part(ROOT, [{"words": {"en": "x"}}], first=4, batch="kept"))
    assert seen(lake) == {"a", "o.x", "texts[]", "words{}"}
    assert lake.remove_batch("gone") == 1
    assert seen(lake) == {"a", "o.x", "words{}"}
    removal.compact(lake.duck, lake.tables().values())
    assert seen(lake) == {"a", "o.x", "words{}"}
    reader = Lake(lake.directory, memory_bytes=MEMORY_BYTES, writable=False)
    assert seen(reader) == {"a", "o.x", "words{}"}
    reader.close()
    assert lake.remove_batch("kept") == 3
    assert seen(lake) == set()
    lake.close()


def test_one_row_that_leaves_a_file_is_seen_no_more(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    land(lake, part(ROOT, [{"a": "x"}, {"o": {"x": "x"}}]))
    table = lake.tables()[DATASET]
    assert removal.remove_numbers(lake.duck, DATASET, table, {2}) == 1
    with pytest.raises(Unavailable) as raised:
        seen(lake)
    assert raised.value.code == "API-9002"
    removal.erase(lake.duck)
    assert seen(lake) == {"a"}
    lake.close()


def test_a_small_file_and_a_merged_one_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "FILES_MAX", 1)
    lake = lake_at(tmp_path)
    for number, entity in enumerate([{"a": "x"}, {"things": [{"q": "x"}]}, {}], 1):
        land(lake, part(ROOT, [entity], first=number))
    before = seen(lake)
    removal.compact(lake.duck, lake.tables().values())
    assert seen(lake) == before == {"a", "things[].q"}
    lake.close()


def test_required_fields_that_hold_nothing_are_required_no_more(tmp_path: Path) -> None:
    root = Field(XdmType.OBJECT, properties={"a": TEXT, "b": TEXT}, required=("a", "b"))
    lake = lake_at(tmp_path)
    land(lake, part(root, [{"b": "x"}]))
    assert observed(lake, {DATASET: root})[DATASET].required == ("b",)
    lake.close()


def test_nothing_is_seen_of_a_lake_that_was_never_made(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    assert observed(lake, {DATASET: ROOT}) == {}


def test_nothing_is_known_inside_a_column_of_another_form(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    land(lake, part(thing(o=thing(), l=many(None)), [{"o": {"x": "x"}, "l": ["x"]}]))
    found = observed(lake, {DATASET: thing(o=thing(x=TEXT), l=many(TEXT))})[DATASET]
    assert found == thing(o=thing(), l=many(None))
    lake.close()


def test_of_names_that_differ_by_case_the_first_has_the_column(tmp_path: Path) -> None:
    root = thing(name=TEXT, Name=TEXT)
    lake = lake_at(tmp_path)
    land(lake, part(root, [{"Name": "x"}]))
    assert seen(lake, root) == set()
    land(lake, part(root, [{"name": "x"}], first=2))
    assert seen(lake, root) == {"name"}
    lake.close()
