"""What `fields` selects. Source: profile contract, 3.4, and vector 7 of 16."""

from __future__ import annotations

import pytest

from onefold.domain.profile.project import PATHS_MAX, STEPS_MAX, selected, selector
from onefold.errors import Malformed

ENTITY = {
    "_id": "1",
    "eventType": "web.login",
    "person": {"name": {"firstName": "Ada", "lastName": "L"}, "gender": "female"},
    "items": [{"sku": "a", "price": {"total": 1}}, {"sku": "b"}, 3, [{"price": {"total": 2}}]],
    "empty": {},
    "nothing": None,
    "list": [],
}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["eventType"], {"eventType": "web.login"}),
        (["person.name.firstName"], {"person": {"name": {"firstName": "Ada"}}}),
        (["person.name"], {"person": {"name": {"firstName": "Ada", "lastName": "L"}}}),
        (["person", "person.name"], {"person": ENTITY["person"]}),
        (["person.name.lastName", "person"], {"person": ENTITY["person"]}),
        (
            ["person.name.lastName", "person.gender"],
            {"person": {"name": {"lastName": "L"}, "gender": "female"}},
        ),
        (["items.sku"], {"items": [{"sku": "a"}, {"sku": "b"}]}),
        (
            ["items.price.total"],
            {"items": [{"price": {"total": 1}}, [{"price": {"total": 2}}]]},
        ),
        (["items"], {"items": ENTITY["items"]}),
        (["empty", "list", "nothing"], {"empty": {}, "list": [], "nothing": None}),
        (["empty.x", "list.x", "nothing.x", "_id.x", "unknown", "items.x", "a..b"], {}),
        (["", "_id"], {"_id": "1"}),
    ],
)
def test_paths_select_what_lies_at_and_below_them(paths, expected):
    assert selected(ENTITY, selector(paths)) == expected


@pytest.mark.parametrize("paths", [[], [""], ("", "")])
def test_no_path_selects_everything(paths):
    assert selector(paths) is None
    assert selected(ENTITY, selector(paths)) is ENTITY


def test_paths_are_limited_in_number_and_depth():
    assert selector(["a"] * PATHS_MAX) is not None
    assert selector([".".join("a" * STEPS_MAX)]) is not None
    for paths in (["a"] * (PATHS_MAX + 1), [".".join("a" * (STEPS_MAX + 1))]):
        with pytest.raises(Malformed) as refused:
            selector(paths)
        assert (refused.value.code, refused.value.at) == ("PRO-1002", "fields")
