"""Composing schema documents into field trees, and refusing those that cannot be composed."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.xdm import compose
from onefold.domain.xdm.compose import composed, field_count, union
from onefold.domain.xdm.paths import field_at
from onefold.domain.xdm.types import Field, XdmType
from onefold.errors import Malformed, NotFound, OverLimit, PlatformError
from tests.unit.domain.xdm import samples

TEXT = {"type": "string"}
LONG = {"type": "integer", "meta:xdmType": "long"}


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def leaf(**keywords: Any) -> Field:
    return composed(obj(a=keywords), {}).properties["a"]


def code_of(schema: Any, resources: dict[str, Any] | None = None) -> tuple[str, str | None]:
    with pytest.raises(PlatformError) as caught:
        composed(schema, resources or {})
    return caught.value.code, caught.value.at


def test_class_groups_and_data_types_become_one_tree() -> None:
    root = samples.event_schema()
    assert root.required == ("_id", "timestamp")
    expected = {
        ("timestamp",): XdmType.DATE_TIME,
        ("identityMap", "ECID", "*", "authenticatedState"): XdmType.STRING,
        ("environment", "browserDetails", "viewportHeight"): XdmType.INT,
        ("commerce", "productViews", "value"): XdmType.NUMBER,
        ("productListItems", "*", "SKU"): XdmType.STRING,
        ("productListItems", "*", "_experienceplatform", "core", "imageURL"): XdmType.STRING,
        ("endUserIDs", "_experience", "mcid", "id"): XdmType.STRING,
    }
    found = {path: field_at(root, path) for path in expected}
    assert {path: field and field.xdm_type for path, field in found.items()} == expected


def test_definitions_are_found_in_their_own_document() -> None:
    inner = {"definitions": {"x": obj(a=TEXT)}, "allOf": [{"$ref": "#/definitions/x"}]}
    root = composed(
        {
            "definitions": {"x": obj(b=TEXT)},
            "allOf": [{"$ref": "urn:i"}, {"$ref": "#/definitions/x"}],
        },
        {"urn:i": inner},
    )
    assert set(root.properties) == {"a", "b"}
    only = composed({"allOf": [{"$ref": "urn:i#/definitions/x"}]}, {"urn:i": inner})
    assert set(only.properties) == {"a"}


def test_the_nearest_title_wins() -> None:
    inner = {"title": "Data type", **obj(a={**TEXT, "title": "Leaf"})}
    root = composed(
        obj(t={"$ref": "urn:t", "title": "Here"}, u={"$ref": "urn:t"}), {"urn:t": inner}
    )
    assert [root.properties[name].title for name in "tu"] == ["Here", "Data type"]
    assert root.properties["t"].properties["a"].title == "Leaf"


def test_parts_narrow_each_other() -> None:
    one = {"type": "string", "enum": ["a", "b"], "minLength": 1, "maxLength": 9, "pattern": "a"}
    other = {"type": "string", "enum": ["b", "c"], "minLength": 2}
    narrow = composed({"allOf": [obj(x=one), obj(x=other)]}, {}).properties["x"]
    assert narrow == Field(XdmType.STRING, enum=("b",), min_length=2, max_length=9, pattern="a")


def test_parts_of_arrays_and_maps_are_merged() -> None:
    def parts(left: dict[str, Any], right: dict[str, Any]) -> Field:
        return composed({"allOf": [obj(x=left), obj(x=right)]}, {}).properties["x"]

    def array(items: Any) -> dict[str, Any]:
        return {"type": "array", "items": items}

    def mapping(values: Any) -> dict[str, Any]:
        return {"type": "object", "meta:xdmType": "map", "additionalProperties": values}

    both = {"a", "b"}
    found = parts(array(obj(a=TEXT)), array(obj(b=TEXT))).items
    assert found is not None
    assert set(found.properties) == both
    found = parts(mapping(obj(a=TEXT)), mapping(obj(b=TEXT))).values
    assert found is not None
    assert set(found.properties) == both
    assert parts(array({}), array(TEXT)).items == Field(XdmType.STRING)
    assert parts(array(True), array({})).items is None
    assert parts(mapping(True), mapping(True)).values is None


def test_objects_are_closed_unless_they_say_otherwise() -> None:
    assert composed(obj(), {}).closed
    assert not composed({**obj(), "additionalProperties": True}, {}).closed
    assert not composed({**obj(a=TEXT), "additionalProperties": TEXT}, {}).closed
    assert not composed({"allOf": [obj(a=TEXT)], "additionalProperties": True}, {}).closed
    assert composed({"allOf": [obj(a=TEXT)]}, {}).closed


def test_required_names_of_all_parts_count() -> None:
    root = composed(
        {"allOf": [obj(a=TEXT, b=TEXT), {"required": ["b"], **obj()}], "required": ["a", "a"]}, {}
    )
    assert root.required == ("a", "b")


def test_a_part_may_only_require() -> None:
    root = composed({"allOf": [obj(a=TEXT), {"required": ["a"]}]}, {})
    assert root.required == ("a",)


def test_required_names_that_nothing_describes_are_idle_in_closed_objects() -> None:
    deep = obj(
        l={"type": "array", "items": {**obj(), "required": ["z"]}},
        m={"type": "object", "additionalProperties": {**obj(), "required": ["z"]}},
    )
    root = composed({**deep, "required": ["z", "l"]}, {})
    assert root.required == ("l",)
    assert [
        field.required
        for field in (root.properties["l"].items, root.properties["m"].values)
        if field
    ] == [(), ()]
    assert composed({**obj(), "required": ["z"], "additionalProperties": True}, {}).required == (
        "z",
    )


def test_limits_are_read() -> None:
    assert leaf(**LONG, minimum=0.5, maximum=9.5) == Field(XdmType.LONG, minimum=1, maximum=9)
    assert leaf(type="integer", exclusiveMinimum=0, exclusiveMaximum=2.5) == Field(
        XdmType.LONG, minimum=1, maximum=2
    )
    number = leaf(type="number", minimum=0, exclusiveMinimum=1, exclusiveMaximum=2)
    assert number.minimum is not None
    assert number.maximum is not None
    assert 1 < number.minimum < 1.0001
    assert 1.9999 < number.maximum < 2
    assert leaf(type="number", minimum=1, exclusiveMinimum=True).minimum == 1
    assert leaf(type="string", const="x").enum == ("x",)
    assert leaf(type="integer", enum=[1, 2, 1]).enum == (1, 2)
    assert leaf(type="boolean") == Field(XdmType.BOOLEAN)


@pytest.mark.parametrize(
    ("schema", "at"),
    [
        (None, ""),
        ([], ""),
        ("text", ""),
        ({}, ""),
        (TEXT, ""),
        (obj(a=1), "/properties/a"),
        (obj(a={}), "/properties/a"),
        ({"type": "object", "properties": []}, "/properties"),
        (obj(**{'a"': TEXT}), "/properties"),
        (obj(**{"a\\": TEXT}), "/properties"),
        (obj(**{"a\n": TEXT}), "/properties"),
        (obj(**{"\ud800": TEXT}), "/properties"),
        (obj(**{"a" * 257: TEXT}), "/properties"),
        (obj(**{"": TEXT}), "/properties"),
        ({"type": "object", "properties": {1: TEXT}}, "/properties"),
        ({"type": "object", "additionalProperties": 1}, "/additionalProperties"),
        ({"allOf": {}}, "/allOf"),
        ({"allOf": [1]}, "/allOf/0"),
        ({**obj(), "required": "a"}, "/required"),
        ({**obj(), "required": [1]}, "/required"),
        ({"$ref": 1}, "/$ref"),
        ({"$ref": "#/nowhere"}, "/$ref"),
        ({"$ref": "#/allOf/0", "allOf": [TEXT]}, "/$ref"),
        (obj(a={"type": "string", "enum": []}), "/properties/a/enum"),
        (obj(a={"type": "string", "enum": "a"}), "/properties/a/enum"),
        (obj(a={"type": "string", "enum": ["a", 1]}), "/properties/a/enum"),
        (obj(a={"type": "string", "enum": ["\ud800"]}), "/properties/a/enum"),
        (obj(a={"type": "integer", "enum": [True]}), "/properties/a/enum"),
        (obj(a={"type": "string", "pattern": 1}), "/properties/a/pattern"),
        (obj(a={"type": "string", "pattern": "("}), "/properties/a/pattern"),
        (obj(a={"type": "string", "minLength": -1}), "/properties/a/minLength"),
        (obj(a={"type": "string", "maxLength": 1.5}), "/properties/a/maxLength"),
        (obj(a={"type": "integer", "minimum": "1"}), "/properties/a/minimum"),
        (obj(a={"type": "number", "maximum": 10**400}), "/properties/a/maximum"),
        (obj(a={"type": "number", "minimum": True}), "/properties/a/minimum"),
        (obj(a={"type": "number", "minimum": float("nan")}), "/properties/a/minimum"),
    ],
)
def test_malformed_documents_are_refused_with_the_place(schema: Any, at: str) -> None:
    assert code_of(schema) == ("XDM-1005", at)


def test_the_place_names_the_document_when_it_is_another() -> None:
    broken = {"definitions": {"x": obj(a={"type": "text"})}, "allOf": [{"$ref": "#/definitions/x"}]}
    found = code_of({"allOf": [{"$ref": "urn:b"}]}, {"urn:b": broken})
    assert found == ("XDM-1005", "urn:b#/definitions/x/properties/a/type")


def test_a_pointer_that_is_none_is_refused() -> None:
    assert code_of({"$ref": "#nowhere"})[0] == "XDM-1005"
    assert code_of({"$ref": "urn:a#x"}, {"urn:a": {}})[0] == "XDM-1005"


def test_unknown_references_are_refused() -> None:
    with pytest.raises(NotFound) as caught:
        composed({"allOf": [{"$ref": "urn:nobody"}]}, {})
    assert (caught.value.code, caught.value.at) == ("XDM-1001", "/allOf/0/$ref")
    assert caught.value.facts == {"ref": "urn:nobody"}


@pytest.mark.parametrize(
    ("schema", "resources"),
    [
        ({"$ref": "#"}, {}),
        ({"allOf": [{"$ref": "#/allOf/0"}], "definitions": {}}, {}),
        (
            obj(a={"$ref": "#/definitions/x"})
            | {"definitions": {"x": obj(b={"$ref": "#/definitions/x"})}},
            {},
        ),
        (
            {"allOf": [{"$ref": "urn:a"}]},
            {"urn:a": {"allOf": [{"$ref": "urn:b"}]}, "urn:b": {"allOf": [{"$ref": "urn:a"}]}},
        ),
    ],
)
def test_circles_are_refused(schema: Any, resources: dict[str, Any]) -> None:
    assert code_of(schema, resources)[0] in ("XDM-1002", "XDM-1005")


def test_a_circle_has_its_code() -> None:
    ring = {f"urn:{n}": {"allOf": [{"$ref": f"urn:{(n + 1) % 3}"}]} for n in range(3)}
    assert code_of({"allOf": [{"$ref": "urn:0"}]}, ring) == ("XDM-1002", "urn:2#/allOf/0/$ref")


def test_a_thousand_nested_parts_are_too_deep() -> None:
    schema: Any = obj(a=TEXT)
    for _ in range(1000):
        schema = {"allOf": [schema]}
    with pytest.raises(OverLimit, match="XDM-1003"):
        composed(schema, {})


def test_a_thousand_references_are_too_deep() -> None:
    chain: dict[str, Any] = {f"urn:{n}": {"$ref": f"urn:{n + 1}"} for n in range(1000)}
    assert code_of({"$ref": "urn:0"}, chain)[0] == "XDM-1003"


def test_doubling_references_are_too_large() -> None:
    """Each data type holds the one before it twice: small documents, a huge tree."""
    doubling = {
        f"urn:{n}": obj(a={"$ref": f"urn:{n - 1}"}, b={"$ref": f"urn:{n - 1}"})
        for n in range(1, 31)
    }
    assert code_of({"$ref": "urn:30"}, doubling | {"urn:0": obj(a=TEXT)})[0] == "XDM-1003"
    empty = {f"urn:{n}": {"allOf": [{"$ref": f"urn:{n - 1}"}] * 2} for n in range(1, 31)}
    assert code_of({"$ref": "urn:30"}, empty | {"urn:0": obj(a=TEXT)})[0] == "XDM-1003"


def test_six_thousand_fields_are_the_most() -> None:
    full = {f"f{n}": TEXT for n in range(compose.FIELDS_MAX)}
    root = composed(obj(**full), {})
    assert field_count(root) == compose.FIELDS_MAX
    assert code_of(obj(**full, one_more=TEXT)) == ("XDM-1003", "")
    with pytest.raises(OverLimit, match="XDM-1003"):
        union([root, composed(obj(other=TEXT), {})])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (TEXT, {"type": "integer"}),
        (TEXT, {"type": "string", "format": "date"}),
        ({"type": "object"}, {"type": "object", "meta:xdmType": "map"}),
        ({"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["b"]}),
        ({"type": "string", "pattern": "a"}, {"type": "string", "pattern": "b"}),
    ],
)
def test_parts_that_contradict_each_other_are_refused(left: Any, right: Any) -> None:
    assert code_of({"allOf": [obj(x=left), obj(x=right)]}) == ("XDM-1004", "/properties/x")


def test_a_union_widens() -> None:
    left = composed(
        {
            **obj(
                n={**LONG, "minimum": 1, "maximum": 5},
                s={**TEXT, "enum": ["a"], "minLength": 1},
                l={"type": "array", "items": obj(a=TEXT)},
            ),
            "required": ["n", "s"],
        },
        {},
    )
    right = composed(
        {
            **obj(
                n={**LONG, "minimum": 0},
                s={**TEXT, "enum": ["b"], "minLength": 3, "pattern": "b"},
                l={"type": "array", "items": obj(b=TEXT)},
            ),
            "required": ["n"],
            "additionalProperties": True,
        },
        {},
    )
    both = union([left, right])
    assert both.required == ("n",)
    assert not both.closed
    assert both.properties["n"] == Field(XdmType.LONG, minimum=0)
    assert both.properties["s"] == Field(XdmType.STRING, enum=("a", "b"), min_length=1)
    items = both.properties["l"].items
    assert items is not None
    assert set(items.properties) == {"a", "b"}


def test_a_union_of_contradicting_schemas_is_refused_with_the_place() -> None:
    with pytest.raises(Malformed) as caught:
        union([composed(obj(a=obj(x=TEXT)), {}), composed(obj(a=obj(x={"type": "boolean"})), {})])
    assert (caught.value.code, caught.value.at) == ("XDM-1004", "/properties/a/properties/x")
