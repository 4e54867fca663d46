"""Entities converted to their schema: every value at every depth, and what cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.xdm.conform import conformed
from onefold.domain.xdm.types import Field, XdmType

TEXT, WHOLE = Field(XdmType.STRING), Field(XdmType.INT)
MOMENT = Field(XdmType.DATE_TIME)
ROOT = Field(
    XdmType.OBJECT,
    properties={
        "n": WHOLE,
        "at": MOMENT,
        "o": Field(XdmType.OBJECT, properties={"n": WHOLE}),
        "l": Field(XdmType.ARRAY, items=WHOLE),
        "any": Field(XdmType.ARRAY),
        "m": Field(XdmType.MAP, values=WHOLE),
        "open": Field(XdmType.MAP),
    },
)


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ({"n": "7"}, {"n": 7}),
        ({"n": None, "o": {"n": "7", "x": "7"}}, {"n": None, "o": {"n": 7, "x": "7"}}),
        ({"l": ["1", 2, None]}, {"l": [1, 2, None]}),
        ({"m": {"a": "1"}, "open": {"a": "1"}}, {"m": {"a": 1}, "open": {"a": "1"}}),
        ({"any": ["1"], "unknown": "1"}, {"any": ["1"], "unknown": "1"}),
        ({"at": 1767225600000}, {"at": "2026-01-01T00:00:00Z"}),
    ],
)
def test_values_are_converted_at_every_depth(sent: Any, found: Any) -> None:
    entity, misfits = conformed(sent, ROOT)
    assert misfits == []
    if "at" in sent:
        assert entity["at"].startswith("2026-01-01T00:00:00")
    else:
        assert entity == found


def test_what_cannot_be_converted_stays_and_is_told_by_its_place() -> None:
    sent = {"n": "seven", "o": {"n": True}, "l": [1, "x"], "m": {"a/b": []}}
    entity, misfits = conformed(sent, ROOT)
    assert entity == sent
    assert [misfit.at for misfit in misfits] == ["/n", "/o/n", "/l/1", "/m/a~1b"]


def test_an_entity_that_is_no_object_is_told() -> None:
    assert [misfit.at for misfit in conformed(7, ROOT)[1]] == [""]
