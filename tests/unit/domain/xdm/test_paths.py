"""Paths: written forms, and what they lead to."""

from __future__ import annotations

import msgspec
import pytest

from onefold.domain.xdm import paths
from onefold.domain.xdm.types import Field, XdmType
from onefold.errors import Malformed

STRING = Field(XdmType.STRING)
TREE = Field(
    XdmType.OBJECT,
    properties={
        "a": STRING,
        "list": Field(XdmType.ARRAY, items=STRING),
        "any": Field(XdmType.ARRAY),
        "map": Field(XdmType.MAP, values=STRING),
    },
)


def test_written_forms() -> None:
    path = ("_tenant", "Phone_E.164", "a/b~c")
    assert paths.dotted(path) == "_tenant.`Phone_E.164`.a/b~c"
    assert paths.pointer(path) == "/_tenant/Phone_E.164/a~1b~0c"
    assert paths.from_dotted("_tenant.`Phone_E.164`.a/b~c") == path
    assert paths.from_pointer("/_tenant/Phone_E.164/a~1b~0c") == path


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "`a", "a`b`", "``", ".".join("a" * 65)]
)
def test_broken_dot_paths_are_refused(text: str) -> None:
    with pytest.raises(Malformed, match="XDM-1005"):
        paths.from_dotted(text)


@pytest.mark.parametrize("text", ["", "/", "a", "a/b", "/a/", "//a", "/a~2", "/a~", "/a" * 65])
def test_broken_pointers_are_refused(text: str) -> None:
    with pytest.raises(Malformed, match="XDM-1006"):
        paths.from_pointer(text)


def test_the_longest_paths_are_taken() -> None:
    assert len(paths.from_pointer("/a" * 64)) == len(paths.from_dotted(".".join("a" * 64))) == 64


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), TREE),
        (("a",), STRING),
        (("list", "*"), STRING),
        (("list", "12"), STRING),
        (("list", "first"), None),
        (("any", "*"), None),
        (("any", "*", "a"), None),
        (("map", "whatever"), STRING),
        (("a", "b"), None),
        (("b",), None),
    ],
)
def test_the_field_at_a_path(path: tuple[str, ...], found: Field | None) -> None:
    assert paths.field_at(TREE, path) is found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("a", "b"), 1),
        (("list", "1"), None),
        (("list", "2"), msgspec.UNSET),
        (("list", "*"), msgspec.UNSET),
        (("a", "c"), msgspec.UNSET),
        (("a", "b", "c"), msgspec.UNSET),
    ],
)
def test_the_value_at_a_path(path: tuple[str, ...], found: object) -> None:
    assert paths.value_at({"a": {"b": 1}, "list": [0, None]}, path) == found
