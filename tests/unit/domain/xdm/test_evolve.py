"""Evolution: what only adds is accepted, whatever would break a record is refused with its path."""

from __future__ import annotations

import pytest

from onefold.domain.xdm.evolve import require_additive
from onefold.domain.xdm.types import Field, XdmType
from onefold.errors import Malformed

TEXT = Field(XdmType.STRING)
LONG = Field(XdmType.LONG)


def thing(required: tuple[str, ...] = (), *, closed: bool = True, **properties: Field) -> Field:
    return Field(XdmType.OBJECT, properties=properties, required=required, closed=closed)


def listed(items: Field | None) -> Field:
    return Field(XdmType.ARRAY, items=items)


def mapped(values: Field | None) -> Field:
    return Field(XdmType.MAP, values=values)


ADDITIVE = {
    "nothing": (TEXT, TEXT),
    "a field": (thing(a=TEXT), thing(a=TEXT, b=LONG)),
    "a new object with a required name": (thing(), thing(b=thing(("c",), c=TEXT))),
    "no longer required": (thing(("a",), a=TEXT), thing(a=TEXT)),
    "still required": (thing(("a",), a=TEXT), thing(("a",), a=TEXT, b=TEXT)),
    "never described": (listed(None), Field(XdmType.ARRAY, title="A")),
    "opened": (thing(), thing(closed=False)),
    "a field of elements": (listed(thing(a=TEXT)), listed(thing(a=TEXT, b=TEXT))),
    "a field of values": (mapped(thing()), mapped(thing(b=TEXT))),
    "more choices": (Field(XdmType.STRING, enum=("a",)), Field(XdmType.STRING, enum=("b", "a"))),
    "no choices any more": (Field(XdmType.STRING, enum=("a",)), TEXT),
    "no pattern any more": (Field(XdmType.STRING, pattern="a"), TEXT),
    "a wider range": (
        Field(XdmType.LONG, minimum=0, maximum=9),
        Field(XdmType.LONG, minimum=-1, maximum=10),
    ),
    "longer texts": (
        Field(XdmType.STRING, min_length=2, max_length=4),
        Field(XdmType.STRING, min_length=1, max_length=5),
    ),
    "another title": (Field(XdmType.STRING, title="A"), Field(XdmType.STRING, title="B")),
}
BREAKING = {
    "removed": (thing(a=thing(b=TEXT)), thing(a=thing()), "/a/b"),
    "another type": (thing(a=TEXT), thing(a=LONG), "/a"),
    "another type at the root": (TEXT, LONG, "/"),
    "a wider integer": (Field(XdmType.INT), LONG, "/"),
    "newly required": (thing(a=TEXT), thing(("a",), a=TEXT), "/a"),
    "new and required": (
        thing(),
        Field(XdmType.OBJECT, properties={"a/b": TEXT}, required=("a/b",)),
        "/a~1b",
    ),
    "closed": (thing(a=thing(closed=False)), thing(a=thing()), "/a"),
    "elements described": (listed(None), listed(TEXT), "/*"),
    "elements no longer described": (listed(TEXT), listed(None), "/*"),
    "values retyped": (thing(m=mapped(TEXT)), thing(m=mapped(LONG)), "/m/*"),
    "choices": (TEXT, Field(XdmType.STRING, enum=("a",)), "/"),
    "fewer choices": (
        Field(XdmType.STRING, enum=("a", "b")),
        Field(XdmType.STRING, enum=("a", "c")),
        "/",
    ),
    "a pattern": (TEXT, Field(XdmType.STRING, pattern="a"), "/"),
    "a minimum": (LONG, Field(XdmType.LONG, minimum=0), "/"),
    "a higher minimum": (Field(XdmType.LONG, minimum=0), Field(XdmType.LONG, minimum=1), "/"),
    "a lower maximum": (Field(XdmType.LONG, maximum=2), Field(XdmType.LONG, maximum=1), "/"),
    "a longer least": (TEXT, Field(XdmType.STRING, min_length=1), "/"),
    "a shorter most": (
        Field(XdmType.STRING, max_length=3),
        Field(XdmType.STRING, max_length=2),
        "/",
    ),
}


@pytest.mark.parametrize("case", ADDITIVE)
def test_additions_are_accepted(case: str) -> None:
    require_additive(*ADDITIVE[case])


@pytest.mark.parametrize("case", BREAKING)
def test_what_would_break_a_record_is_refused_with_its_path(case: str) -> None:
    before, after, at = BREAKING[case]
    with pytest.raises(Malformed, match="REG-1005") as refused:
        require_additive(before, after)
    assert refused.value.at == at
