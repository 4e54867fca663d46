"""Laws of samples: what is made fits, and it is made wherever the fields alone allow it."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.domain.xdm import compose
from onefold.domain.xdm.patterns import compiled as expression
from onefold.domain.xdm.sample import sample
from onefold.domain.xdm.standard.loader import load
from onefold.domain.xdm.types import Field, XdmType
from onefold.domain.xdm.validate import compiled
from onefold.errors import Malformed
from tests.properties.test_xdm import SCHEMAS

COMMON = [
    "^[A-Z]{2}$",
    "^[A-Z]{2,3}-(0|[1-9][0-9]*)$",
    r"^\d{4}-\d{2}$",
    "^#[0-9a-fA-F]{6}$",
    "^[^@ ]+@[^@ ]+$",
    "^(male|female)$",
    "[a-z]",
    "^$|^x+$",
    "^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$",
    r"^\+[1-9]\d{1,14}$",
    "end$",
]


@settings(max_examples=400, deadline=None)
@given(SCHEMAS)
def test_a_sample_fits_or_is_refused(document: object) -> None:
    """Refused only where a required field stands that no value, or none we can find, fits."""
    root = compose.composed(document, {})
    judge = compiled(root)
    try:
        made = sample(root)
    except Malformed:
        with pytest.raises(Malformed, match="REG-1008"):
            sample(root)
        return
    assert judge.violations(made) == []
    assert judge.accepts(msgspec.json.encode(made))


@pytest.mark.parametrize("pattern", COMMON)
@given(least=st.sampled_from([None, 0, 1]))
@settings(max_examples=10, deadline=None)
def test_common_patterns_have_samples(pattern: str, least: int | None) -> None:
    field = Field(XdmType.STRING, pattern=pattern, min_length=least)
    root = Field(XdmType.OBJECT, properties={"x": field}, required=("x",))
    assert re.search(expression(pattern, ""), sample(root)["x"]) is not None


@pytest.mark.parametrize("id_", sorted(load()))
def test_standard_resources_have_a_value_for_every_field(id_: str) -> None:
    known = load()
    root = compose.composed(known[id_], known)
    made = sample(root)
    assert compiled(root).violations(made) == []
    assert made.keys() == root.properties.keys()


def test_long_texts_are_left_out() -> None:
    long = Field(XdmType.STRING, min_length=2**31 - 1)
    root = Field(XdmType.OBJECT, properties={"x": long})
    assert sample(root) == {}
    with pytest.raises(Malformed, match="REG-1008"):
        sample(Field(XdmType.OBJECT, properties={"x": long}, required=("x",)))
