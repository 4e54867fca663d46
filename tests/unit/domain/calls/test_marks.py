"""Where an event belongs, as its message says it: to a group, and whether it may go elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.calls.marks import group_of, mark_of, stays_here
from onefold.domain.calls.namespaces import GROUP
from onefold.domain.identity import xid as xids
from onefold.domain.identity.namespace import Namespace, NamespaceBook

BOOK = NamespaceBook([Namespace(id=77, code=GROUP, name="Group", id_type="B2B_ACCOUNT")])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("message", "group"),
    [
        ({"groupId": "g-1"}, "g-1"),
        ({"groupId": "  g-1\n"}, "g-1"),
        ({"groupId": 42}, "42"),
        ({"group_id": "g-1"}, "g-1"),
        ({"group_id": "g-2", "groupId": "g-1"}, "g-1"),
        ({"context": {"groupId": "g-1"}}, "g-1"),
        ({"groupId": "g-1", "context": {"groupId": "g-2"}}, "g-1"),
        ({"groupId": " ", "context": {"groupId": "g-2"}}, "g-2"),
        ({"groupId": None, "context": {"groupId": 7}}, "7"),
        ({"groupId": "é" * 256}, "é" * 256),
        ({"groupId": "é" * 257}, None),
        ({"groupId": True}, None),
        ({"groupId": 1.5}, None),
        ({"groupId": ["g-1"]}, None),
        ({"context": "g-1"}, None),
        ({"context": {"group": {"id": "g-1"}}}, None),
        ({"properties": {"groupId": "g-1"}}, None),
        ({}, None),
    ],
)
def test_a_message_names_a_group_at_its_root_or_in_its_context(
    message: dict[str, Any], group: str | None
) -> None:
    assert group_of(message) == group
    mark = mark_of({"_onefold": {"call": message}}, "ACME", BOOK)
    assert mark.group == (xids.encode(77, group) if group is not None else None)


@pytest.mark.parametrize(
    "entity",
    [
        {},
        {"groupId": "g-1"},
        {"context": {"groupId": "g-1"}},
        {"_onefold": "g-1"},
        {"_onefold": {"groupId": "g-1"}},
        {"_onefold": {"call": "g-1"}},
    ],
)
def test_only_the_message_of_a_call_names_a_group(entity: dict[str, Any]) -> None:
    assert mark_of(entity, "ACME", BOOK).group is None


def test_where_there_is_no_namespace_of_groups_there_are_none() -> None:
    entity = {"_onefold": {"call": {"groupId": "g-1"}}}
    assert mark_of(entity, "ACME", NamespaceBook([])).group is None


@pytest.mark.parametrize(
    ("integrations", "stays"),
    [
        ({"All": False}, True),
        ({"All": False, "X": False}, True),
        ({"All": False, "X": None, "Y": "true", "Z": 1}, True),
        ({"All": False, "X": True}, False),
        ({"All": False, "X": {"key": "k"}}, False),
        ({"All": False, "X": {}}, False),
        ({"All": True}, False),
        ({"all": False}, False),
        ({"All": None}, False),
        ({"All": 0}, False),
        ({"All": {}}, False),
        ({}, False),
        (False, False),
        ([{"All": False}], False),
        ("All", False),
        (None, False),
    ],
)
def test_an_event_stays_when_all_is_false_and_nothing_is_named(
    integrations: Any, stays: bool
) -> None:
    assert stays_here({"integrations": integrations}) is stays
    assert not stays_here({})


@given(st.dictionaries(st.sampled_from(["groupId", "group_id", "context", "integrations"]), JSON))
def test_whatever_a_message_says_it_is_understood(message: dict[str, Any]) -> None:
    found = group_of(message)
    assert found is None or (found == found.strip() and 0 < len(found.encode()) <= 512)
    assert stays_here(message) in (True, False)
