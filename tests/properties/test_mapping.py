"""Laws of mappings: what is written fits the schema, and is where the rules say."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.mapping import compiled
from onefold.domain.xdm.convert import Impossible, converted
from onefold.domain.xdm.paths import value_at
from onefold.domain.xdm.types import Field, XdmType
from onefold.domain.xdm.validate import CompiledSchema
from onefold.wire import encode_json
from tests.properties import strategies as any_

SCALARS = tuple(
    kind for kind in XdmType if kind not in (XdmType.OBJECT, XdmType.ARRAY, XdmType.MAP)
)
NAMES = ("a", "b", "c")

raw_values = any_.json_values | st.sampled_from(
    ("1", "-2.5", "1e3", "2018-05-14", "2018-05-14T07:43:21Z", "1526283801869", 1526283801869)
)


@given(raw_values, st.sampled_from(SCALARS))
def test_what_is_converted_fits_its_field(value: Any, kind: XdmType) -> None:
    if value is None:
        return
    found = converted(value, Field(kind))
    if isinstance(found, Impossible):
        return
    schema = CompiledSchema(Field(XdmType.OBJECT, properties={"x": Field(kind)}))
    assert schema.accepts(encode_json({"x": found}))
    assert converted(found, Field(kind)) == found


@given(
    st.dictionaries(st.sampled_from(NAMES), raw_values),
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(SCALARS)),
        min_size=1,
        unique_by=lambda rule: rule[1],
    ),
)
def test_every_rule_writes_what_it_says_or_is_told(
    raw: dict[str, Any], rules: list[tuple[str, str, XdmType]]
) -> None:
    inside = Field(XdmType.OBJECT, properties={to: Field(kind) for _, to, kind in rules})
    root = Field(XdmType.OBJECT, properties={"in": inside})
    mapping = compiled(root, [(source, f"in.{to}") for source, to, _ in rules])
    entity, misfits = mapping.applied(raw)
    told = {misfit.at for misfit in misfits}
    written = 0
    for source, to, kind in rules:
        value = raw.get(source)
        expected = None if value is None else converted(value, Field(kind))
        assert (f"/in/{to}" in told) == isinstance(expected, Impossible)
        if expected is not None and not isinstance(expected, Impossible):
            assert value_at(entity, ("in", to)) == expected
            written += 1
    assert len(entity.get("in", {})) == written
    assert CompiledSchema(root).accepts(encode_json(entity))
