"""Partial updates: what a header asks for, and the merge. Source: ingestion contract, 5."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from onefold.domain.profile.partial import Operations, merged_into, operations_of, violations
from onefold.domain.xdm.types import Field, XdmType
from onefold.domain.xdm.validate import compiled
from onefold.errors import Malformed


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (None, None),
        (msgspec.UNSET, None),
        ({}, Operations("create")),
        ({"data": "merge"}, Operations("merge")),
        ({"data": "delete", "identityDatasetId": "x"}, Operations("delete")),
        ({"identity": "create", "identityDatasetId": "x"}, Operations("create", "x")),
    ],
)
def test_operations_are_read(said: Any, found: Operations | None) -> None:
    assert operations_of(said) == found


@pytest.mark.parametrize(
    "said",
    [
        "merge",
        {"data": "upsert"},
        {"data": ["merge"]},
        {"identity": "delete"},
        {"identity": "create"},
        {"identity": "create", "identityDatasetId": 7},
    ],
)
def test_operations_that_are_none_are_refused(said: Any) -> None:
    with pytest.raises(Malformed, match="REC-1010"):
        operations_of(said)


@pytest.mark.parametrize(
    ("stored", "sent", "found"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}),
        ({"a": 1}, {"a": None, "z": None}, {}),
        ({"a": [1, 2]}, {"a": [3, None]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": {"c": None, "d": 1}}}, {"a": {"b": {"d": 1}}}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {}, {"a": 1}),
    ],
)
def test_a_merge_goes_leaf_by_leaf(stored: Any, sent: Any, found: Any) -> None:
    before = msgspec.json.encode([stored, sent])
    assert merged_into(stored, sent) == found
    assert msgspec.json.encode([stored, sent]) == before


def test_a_partial_record_is_judged_by_what_it_says() -> None:
    text = Field(XdmType.STRING)
    root = Field(XdmType.OBJECT, properties={"a": text, "b": text}, required=("b",))
    schema = compiled(root)
    assert violations(schema, {"a": "x"}) == []
    assert violations(schema, {"a": None}) == []
    assert [one.keyword for one in violations(schema, {"a": 1})] == ["type"]
    assert len(violations(schema, {str(number): 1 for number in range(9)})) == 5
