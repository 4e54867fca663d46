"""Merging fields of one place: narrowed when all parts hold, widened when any of them may."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from onefold.domain.xdm.paths import escaped
from onefold.domain.xdm.types import JSON, Field, XdmType
from onefold.errors import Malformed


def narrowed(parts: Sequence[Field], at: str) -> Field:
    """One field that says what all parts say. parts: at least one.

    Raises Malformed XDM-1004 if parts disagree about a type, or leave no value possible.
    """
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    for part in parts:
        _same_type(first, part, at)
    if first.xdm_type is XdmType.OBJECT:
        return _narrowed_object(parts, at)
    if first.xdm_type is XdmType.ARRAY:
        items = [part.items for part in parts if part.items is not None]
        return replace(first, items=narrowed(items, f"{at}/items") if items else None)
    if first.xdm_type is XdmType.MAP:
        values = [part.values for part in parts if part.values is not None]
        below = f"{at}/additionalProperties"
        return replace(first, values=narrowed(values, below) if values else None)
    return _narrowed_scalar(parts, at)


def _narrowed_object(parts: Sequence[Field], at: str) -> Field:
    """All names of all parts. Parts are grouped by name first, so a thousand parts cost no more."""
    by_name: dict[str, list[Field]] = {}
    required: set[str] = set()
    for part in parts:
        required.update(part.required)
        for name, field in part.properties.items():
            by_name.setdefault(name, []).append(field)
    properties = {
        name: fields[0]
        if len(fields) == 1
        else narrowed(fields, f"{at}/properties/{escaped(name)}")
        for name, fields in by_name.items()
    }
    return Field(
        XdmType.OBJECT,
        title=parts[0].title,
        properties=properties,
        required=tuple(sorted(required)),
        closed=all(part.closed for part in parts),
    )


def _narrowed_scalar(parts: Sequence[Field], at: str) -> Field:
    choices: tuple[str | int, ...] = ()
    for part in parts:
        if part.enum:
            choices = tuple(c for c in part.enum if c in choices) if choices else part.enum
            if not choices:
                raise Malformed("XDM-1004", "Two parts leave no value possible.", at=at)
    written = {part.pattern for part in parts if part.pattern is not None}
    if len(written) > 1:
        raise Malformed("XDM-1004", "Two parts give one field different patterns.", at=at)
    return replace(
        parts[0],
        enum=choices,
        pattern=next(iter(written), None),
        minimum=max((p.minimum for p in parts if p.minimum is not None), default=None),
        maximum=min((p.maximum for p in parts if p.maximum is not None), default=None),
        min_length=max((p.min_length for p in parts if p.min_length is not None), default=None),
        max_length=min((p.max_length for p in parts if p.max_length is not None), default=None),
    )


def widened(left: Field, right: Field, at: str) -> Field:
    """One field that takes what either takes, as far as a field can say so.

    Raises Malformed XDM-1004 if they disagree about a type.
    """
    if left is right:
        return left
    _same_type(left, right, at)
    properties = dict(left.properties)
    for name, field in right.properties.items():
        known = properties.get(name)
        below = f"{at}/properties/{escaped(name)}"
        properties[name] = field if known is None else widened(known, field, below)
    both_limit = bool(left.enum and right.enum)
    return Field(
        left.xdm_type,
        title=left.title,
        properties=properties,
        items=_widened_child(left.items, right.items, f"{at}/items"),
        values=_widened_child(left.values, right.values, f"{at}/additionalProperties"),
        required=tuple(name for name in left.required if name in right.required),
        enum=tuple(dict.fromkeys((*left.enum, *right.enum))) if both_limit else (),
        pattern=left.pattern if left.pattern == right.pattern else None,
        minimum=_outer(left.minimum, right.minimum, min),
        maximum=_outer(left.maximum, right.maximum, max),
        min_length=_outer(left.min_length, right.min_length, min),
        max_length=_outer(left.max_length, right.max_length, max),
        closed=left.closed and right.closed,
    )


def _widened_child(left: Field | None, right: Field | None, at: str) -> Field | None:
    return None if left is None or right is None else widened(left, right, at)


def _outer(left: JSON, right: JSON, choose: Callable[[JSON, JSON], JSON]) -> JSON:
    return None if left is None or right is None else choose(left, right)


def _same_type(left: Field, right: Field, at: str) -> None:
    if left.xdm_type is not right.xdm_type:
        detail = f"One field is {left.xdm_type} in one part and {right.xdm_type} in another."
        raise Malformed("XDM-1004", detail, at=at)
