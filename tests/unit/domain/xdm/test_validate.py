"""The wording and the places of violations, and the quirks of JSON that both judges must share."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.notation import properties_of
from onefold.domain.xdm.types import Field, XdmType
from onefold.domain.xdm.validate import CompiledSchema, Violation, compiled
from onefold.errors import Malformed


def schema(**fields: Any) -> CompiledSchema:
    return compiled(composed({"type": "object", **properties_of(fields)}, {}))


def only(judge: CompiledSchema, entity: Any) -> tuple[str, str, str, str]:
    assert not judge.accepts(msgspec.json.encode(entity))
    (found,) = judge.violations(entity)
    return found.keyword, found.message, found.pointer, found.schema_location


def test_the_documented_report() -> None:
    """The sample of the ingestion contract, 2.4, as far as its two violations are shown there."""
    judge = schema(_id="string")
    assert judge.violations({"workEmail": 1, "_id": 3000000000}) == [
        Violation("additionalProperties", "extraneous key [workEmail] is not permitted", "#", "#"),
        Violation("type", "expected type: String, found: Long", "#/_id", "#/properties/_id"),
    ]


def test_places_lead_through_arrays_and_maps() -> None:
    judge = schema(**{"m/n": {"*": [{"a": "string"}]}})
    found = only(judge, {"m/n": {"k~": [{}, {"a": 1}]}})
    assert found[2:] == (
        "#/m~1n/k~0/1/a",
        "#/properties/m~1n/additionalProperties/items/properties/a",
    )


@pytest.mark.parametrize(
    ("word", "value", "keyword", "message"),
    [
        ("string", 1, "type", "expected type: String, found: Long"),
        ("string", None, "type", "expected type: String, found: Null"),
        ("string", True, "type", "expected type: String, found: Boolean"),
        ("int", 5.0, "type", "expected type: Integer, found: Double"),
        ("int", True, "type", "expected type: Integer, found: Boolean"),
        ("int", 2**31, "maximum", "2147483648 is not less or equal to 2147483647"),
        ("byte", -129, "minimum", "-129 is not greater or equal to -128"),
        ("long", "1", "type", "expected type: Long, found: String"),
        ("long", 2**63, "maximum", f"{2**63} is not less or equal to {2**63 - 1}"),
        ("number", 10**400, "type", "expected type: Double, found: BigInteger"),
        ("number >=0", -0.5, "minimum", "-0.5 is not greater or equal to 0.0"),
        ("boolean", "true", "type", "expected type: Boolean, found: String"),
        ({}, [], "type", "expected type: JSONObject, found: JSONArray"),
        ({"*": "string"}, 1, "type", "expected type: JSONObject, found: Long"),
        (["string"], {}, "type", "expected type: JSONArray, found: JSONObject"),
        ("enum a|b", "c", "enum", "[c] is not a valid enum value"),
        ("string /^a$/", "b", "pattern", "string [b] does not match pattern ^a$"),
        ("string 2..3", "b", "minLength", "expected minLength: 2, actual: 1"),
        ("string <=3", "bbbb", "maxLength", "expected maxLength: 3, actual: 4"),
        ("string /^a/", "a" * 1025, "maxLength", "expected maxLength: 1024, actual: 1025"),
        ("date", "2023-02-29", "format", "[2023-02-29] is not a valid date. Expected [yyyy-MM-dd]"),
    ],
)
def test_messages(word: Any, value: Any, keyword: str, message: str) -> None:
    assert only(schema(x=word), {"x": value}) == (keyword, message, "#/x", "#/properties/x")


def test_the_message_of_a_bad_date_time_is_the_documented_one() -> None:
    found = only(schema(x="date-time"), {"x": "2018-00-23T22:07:01Z"})
    assert found[1] == (
        "[2018-00-23T22:07:01Z] is not a valid date-time. Expected [yyyy-MM-dd'T'HH:mm:ssZ, "
        "yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}Z, yyyy-MM-dd'T'HH:mm:ss[+-]HH:mm, "
        "yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}[+-]HH:mm]"
    )


def test_integer_choices() -> None:
    root = Field(XdmType.OBJECT, properties={"x": Field(XdmType.BYTE, enum=(1, 300))})
    assert only(compiled(root), {"x": 2})[:2] == ("enum", "[2] is not a valid enum value")
    assert only(compiled(root), {"x": 300})[0] == "maximum"
    assert compiled(root).accepts(b'{"x":1}')


def test_choices_that_other_limits_forbid_never_fit() -> None:
    root = Field(XdmType.OBJECT, properties={"x": Field(XdmType.DATE, enum=("a", "2023-01-01"))})
    assert compiled(root).accepts(b'{"x":"2023-01-01"}')
    assert only(compiled(root), {"x": "a"})[0] == "format"
    never = Field(XdmType.OBJECT, properties={"x": Field(XdmType.DATE, enum=("a",))})
    assert only(compiled(never), {"x": "a"})[0] == "format"
    assert only(compiled(never), {"x": "2023-01-01"})[0] == "enum"


def test_dates_can_have_a_pattern_too() -> None:
    field = Field(XdmType.DATE, pattern="^2023")
    judge = compiled(Field(XdmType.OBJECT, properties={"x": field}))
    assert judge.accepts(b'{"x":"2023-01-01"}')
    assert only(judge, {"x": "2024-01-01"})[0] == "pattern"
    assert only(judge, {"x": "2023-13-01"})[0] == "format"


def test_missing_keys_come_first_and_five_are_shown() -> None:
    judge = schema(**{"a!": "string", "b!": "string", "c": "string"})
    found = judge.violations({"x": 1, "c": 1, "y": 1, "z": 1})
    assert [v.message for v in found] == [
        "required key [a] not found",
        "required key [b] not found",
        "extraneous key [x] is not permitted",
        "extraneous key [y] is not permitted",
        "extraneous key [z] is not permitted",
    ]
    assert len(judge.violations({"x": 1, "c": 1, "y": 1, "z": 1}, limit=10)) == 6
    assert judge.violations({}, limit=0) == []


def test_long_texts_are_cut_in_messages() -> None:
    message = only(schema(x="date"), {"x": "1" * 1000})[1]
    assert message.startswith("[" + "1" * 256 + "…]")


def test_required_paths_make_every_step_required() -> None:
    root = composed({"type": "object", **properties_of({"_t": {"ids": {"email": "string"}}})}, {})
    judge = compiled(root, required_paths=[("_t", "ids", "email")])
    assert only(judge, {})[1:3] == ("required key [_t] not found", "#")
    assert only(judge, {"_t": {}})[1:3] == ("required key [ids] not found", "#/_t")
    assert only(judge, {"_t": {"ids": {}}})[1:3] == ("required key [email] not found", "#/_t/ids")
    assert judge.accepts(b'{"_t":{"ids":{"email":"a@b"}}}')
    with pytest.raises(Malformed, match="XDM-1006"):
        compiled(root, required_paths=[("_t", "nobody")])


def test_an_undescribed_required_key_of_a_tree_is_wanted_with_any_value() -> None:
    judge = compiled(Field(XdmType.OBJECT, required=("z",)))
    assert judge.accepts(b'{"z":null}')
    assert judge.violations({"z": 1}) == []
    assert only(judge, {})[0] == "required"


def test_open_objects_take_what_is_json_and_no_more() -> None:
    judge = compiled(Field(XdmType.OBJECT, closed=False, properties={"a": Field(XdmType.STRING)}))
    assert judge.accepts(b'{"a":"x","b":[null,{"c":1}]}')
    assert not judge.accepts(b'{"a":1,"b":2}')
    assert not judge.accepts(b'{"b":1e999}')
    assert not judge.accepts(b'{"b":' + b"[" * 5000 + b"]" * 5000 + b"}")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a":"x"} x',
        b'{"a":"\xff"}',
        b'{"\xff":1}',
        b'{"a":"\\ud800"}',
        b'{"a":1e999}',
        b'{"a":NaN}',
        b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"[" * 5000,
        b"null",
    ],
)
def test_what_is_no_json_object_is_never_accepted(raw: bytes) -> None:
    assert not schema(a="string").accepts(raw)
    assert not schema(a="number").accepts(raw)


def test_the_later_value_of_a_key_written_twice_counts() -> None:
    judge = schema(a="string")
    assert judge.accepts(b'{"a":1,"a":"x"}')
    assert not judge.accepts(b'{"a":"x","a":1}')
    assert judge.accepts(b'{"a":"y","a":"x"}')


def test_numbers_may_be_written_as_integers_and_integers_not_as_numbers() -> None:
    judge = schema(n="number", i="int", l="long")
    assert judge.accepts(b'{"n":5,"i":-0,"l":9223372036854775807}')
    assert not judge.accepts(b'{"i":5.0}')
    assert not judge.accepts(b'{"l":1e3}')


@pytest.mark.parametrize(
    "name", ["Phone_E.164", "_id", "user-agent", "class", "f0", "é", "a b", "😀"]
)
def test_keys_need_not_be_identifiers(name: str) -> None:
    judge = compiled(
        Field(XdmType.OBJECT, properties={"f1": Field(XdmType.LONG), name: Field(XdmType.STRING)})
    )
    assert judge.accepts(msgspec.json.encode({name: "x", "f1": 1}))
    assert only(judge, {name: 1})[0] == "type"
