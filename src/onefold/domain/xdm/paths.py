"""Paths through schemas and entities: tuples inside, and their written forms at the borders.

A path is a tuple of names. `("_tenant", "email")` is written `_tenant.email` with dots,
`/_tenant/email` as a pointer (and in descriptors, where `properties` is left out). A step into a
map is its key; a step into an array is `*` in a schema and a decimal index in an entity.
"""

from __future__ import annotations

import re

import msgspec

from onefold.domain.xdm.types import JSON, Field, XdmType
from onefold.errors import Malformed

Path = tuple[str, ...]

STEPS_MAX = 64
"""Steps of a path that text may name."""

_STEP = re.compile(r"`([^`]+)`|([^`.]+)")


def dotted(path: Path) -> str:
    """The dot form. A name that holds a dot stands in backquotes: identityMap.`Phone_E.164`."""
    return ".".join(f"`{step}`" if "." in step else step for step in path)


def from_dotted(text: str) -> Path:
    """The path of a dot form. Raises Malformed XDM-1005 if a step is empty or too many are
    named."""
    steps: list[str] = []
    position = 0
    while True:
        found = _STEP.match(text, position)
        if found is None or len(steps) == STEPS_MAX:
            raise Malformed(
                "XDM-1005", "A path needs names with single dots between.", at=text[:256]
            )
        steps.append(found[1] or found[2])
        position = found.end()
        if position == len(text):
            return tuple(steps)
        if text[position] != ".":
            raise Malformed(
                "XDM-1005", "A path needs names with single dots between.", at=text[:256]
            )
        position += 1


def escaped(step: str) -> str:
    """One name inside a JSON pointer: `~` is `~0`, `/` is `~1`. Source: RFC 6901."""
    return step.replace("~", "~0").replace("/", "~1")


def unescaped(step: str) -> str:
    """The name that `escaped` wrote."""
    return step.replace("~1", "/").replace("~0", "~")


def pointer(path: Path) -> str:
    """The JSON pointer of a path; empty for the root."""
    return "".join(f"/{escaped(step)}" for step in path)


def from_pointer(text: str) -> Path:
    """The path of a JSON pointer or of a descriptor's property.

    Raises Malformed XDM-1006 if it does not begin with `/`, ends with `/`, has an empty step, a bad
    escape or more than STEPS_MAX steps. Source: RFC 6901; identity contract, section 5.
    """
    steps = text.split("/", STEPS_MAX + 2)
    bad_escape = re.search(r"~(?![01])", text)
    if steps[0] or len(steps) < 2 or not all(steps[1:]) or bad_escape or len(steps) > STEPS_MAX + 1:
        raise Malformed("XDM-1006", "A property is written /name/name.", at=text[:256])
    return tuple(map(unescaped, steps[1:]))


def field_at(root: Field, path: Path) -> Field | None:
    """The field at a path: names through objects, any key through a map, `*` or digits through an
    array. None if the schema has no such field."""
    field: Field | None = root
    for step in path:
        if field is None:
            return None
        if field.xdm_type is XdmType.ARRAY:
            field = field.items if step == "*" or _is_index(step) else None
        elif field.xdm_type is XdmType.MAP:
            field = field.values
        else:
            field = field.properties.get(step)
    return field


def value_at(entity: JSON, path: Path) -> JSON:
    """The value at a path of an entity; `msgspec.UNSET` if there is none."""
    value = entity
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, msgspec.UNSET)
        elif isinstance(value, list) and _is_index(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return msgspec.UNSET
    return value


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdigit() and len(step) <= 9
