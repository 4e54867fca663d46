"""Reading the keywords of one node of a schema document, strictly: every wrong form is XDM-1005."""

from __future__ import annotations

import math
from typing import NoReturn

from msgspec.structs import replace

from onefold.domain.xdm import patterns
from onefold.domain.xdm.paths import unescaped
from onefold.domain.xdm.types import INTEGERS, JSON, STRINGS, Field, XdmType
from onefold.errors import Malformed, OverLimit

NESTING_MAX = 200
"""Objects and arrays inside each other in a document, also where nothing refers to."""
NAME_LENGTH_MAX = 256
"""Characters of a field's name."""


def require_shallow(document: JSON) -> None:
    """Refuse a document that is nested deeper than any that composes, wherever it is so.

    Raises OverLimit XDM-1003.
    """
    level, depth = [document], 0
    while level:
        if depth > NESTING_MAX:
            raise OverLimit("XDM-1003", f"Nested deeper than {NESTING_MAX} objects and arrays.")
        below: list[JSON] = []
        for node in level:
            if isinstance(node, dict):
                below.extend(node.values())
            elif isinstance(node, list):
                below.extend(node)
        level, depth = below, depth + 1


def bad(detail: str, at: str) -> NoReturn:
    """Raise Malformed XDM-1005 at a place of the document."""
    raise Malformed("XDM-1005", detail, at=at)


def titled(field: Field, node: dict[str, JSON]) -> Field:
    """The field with the node's own title, if it has one: the nearest title wins."""
    title = node.get("title")
    return replace(field, title=title) if isinstance(title, str) and title != field.title else field


def listed(node: dict[str, JSON], keyword: str, at: str) -> list[JSON]:
    """The list under a keyword; empty if the keyword is absent. Raises Malformed XDM-1005."""
    value = node.get(keyword, [])
    return value if isinstance(value, list) else bad(f"`{keyword}` is a list.", f"{at}/{keyword}")


def names(node: dict[str, JSON], keyword: str, at: str) -> tuple[str, ...]:
    """A list of names, sorted, without repeats. Raises Malformed XDM-1005."""
    found = listed(node, keyword, at)
    if not all(isinstance(name, str) and is_name(name) for name in found):
        bad(f"`{keyword}` lists names.", f"{at}/{keyword}")
    return tuple(sorted(set(found)))


def described(node: dict[str, JSON], at: str) -> dict[str, JSON]:
    """The `properties` of a node; every name usable. Raises Malformed XDM-1005."""
    value = node.get("properties", {})
    if not isinstance(value, dict):
        bad("`properties` is an object.", f"{at}/properties")
    for name in value:
        if not (isinstance(name, str) and is_name(name)):
            bad("A name holds no control character, quote or backslash.", f"{at}/properties")
    extra = node.get("additionalProperties", False)
    if not isinstance(extra, bool | dict):
        bad("`additionalProperties` is true, false or a schema.", f"{at}/additionalProperties")
    return value


def is_name(name: str) -> bool:
    """Whether a field can have this name.

    Wider than what the Registry lets a tenant make (letters, digits, `-`, `_`): standard and older
    names hold dots and more. What is refused could not be a key of a typed decoder.
    """
    return 0 < len(name) <= NAME_LENGTH_MAX and not any(
        char < " " or char in '"\\' or "\ud800" <= char <= "\udfff" for char in name
    )


def inside(document: JSON, fragment: str, at: str) -> JSON:
    """The node of a document that the fragment of a `$ref` names. Raises Malformed XDM-1005."""
    node = document
    first, *steps = fragment.split("/")
    if first:
        bad("A `$ref` into a document is written #/name/name.", at)
    for step in (unescaped(step) for step in steps):
        if not isinstance(node, dict) or step not in node:
            bad("The place that `$ref` names does not exist.", at)
        node = node[step]
    return node


def scalar(node: dict[str, JSON], xdm_type: XdmType, at: str) -> Field:
    """A field without children: its type and what limits its values. Raises Malformed XDM-1005."""
    if xdm_type in STRINGS:
        return Field(
            xdm_type,
            enum=_choices(node, str, at),
            pattern=_pattern(node, at),
            min_length=_length(node, "minLength", at),
            max_length=_length(node, "maxLength", at),
        )
    if xdm_type is XdmType.BOOLEAN:
        return Field(xdm_type)
    minimum, maximum = _bounds(node, at, whole=xdm_type in INTEGERS)
    choices = _choices(node, int, at) if xdm_type in INTEGERS else ()
    return Field(xdm_type, enum=choices, minimum=minimum, maximum=maximum)


def _pattern(node: dict[str, JSON], at: str) -> str | None:
    pattern = node.get("pattern")
    if pattern is None:
        return None
    if not isinstance(pattern, str):
        bad("A `pattern` is text.", f"{at}/pattern")
    patterns.compiled(pattern, f"{at}/pattern")
    return pattern


def _length(node: dict[str, JSON], keyword: str, at: str) -> int | None:
    value = node.get(keyword)
    if value is None or (type(value) is int and 0 <= value < 2**31):
        return value
    return bad(f"`{keyword}` is a whole number from 0.", f"{at}/{keyword}")


def _choices(node: dict[str, JSON], kind: type, at: str) -> tuple[str | int, ...]:
    """`enum` without repeats, in the document's order. A `const` is an `enum` of one."""
    if "enum" not in node and "const" not in node:
        return ()
    values = listed(node, "enum", at) if "enum" in node else [node["const"]]
    if not values or not all(type(value) is kind and _is_sound(value) for value in values):
        bad("`enum` lists values of the field's own type.", f"{at}/enum")
    return tuple(dict.fromkeys(values))


def _is_sound(value: JSON) -> bool:
    return not isinstance(value, str) or not any("\ud800" <= char <= "\udfff" for char in value)


def _bounds(node: dict[str, JSON], at: str, *, whole: bool) -> tuple[JSON, JSON]:
    """Inclusive bounds. Exclusive ones move to the next value that the type can express."""
    low = _bound(node, "minimum", at)
    high = _bound(node, "maximum", at)
    above = _bound(node, "exclusiveMinimum", at)
    below = _bound(node, "exclusiveMaximum", at)
    if whole:
        low, high = (
            low if low is None else math.ceil(low),
            high if high is None else math.floor(high),
        )
        above = None if above is None else math.floor(above) + 1
        below = None if below is None else math.ceil(below) - 1
    else:
        above = None if above is None else math.nextafter(above, math.inf)
        below = None if below is None else math.nextafter(below, -math.inf)
    lows = [bound for bound in (low, above) if bound is not None]
    highs = [bound for bound in (high, below) if bound is not None]
    return max(lows, default=None), min(highs, default=None)


def _bound(node: dict[str, JSON], keyword: str, at: str) -> int | float | None:
    value = node.get(keyword)
    if isinstance(value, bool) and keyword.startswith("exclusive"):
        return (
            None  # Draft 4 wrote a flag here; XDM is draft 6, and the inclusive bound still holds.
        )
    if value is None:
        return None
    if type(value) not in (int, float) or not -1e300 < value < 1e300:
        bad(f"`{keyword}` is a number.", f"{at}/{keyword}")
    return value  # type: ignore[no-any-return]  # narrowed by type(), which mypy does not follow
