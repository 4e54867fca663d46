"""Composing: a schema document and the resources that it names become one `Field` tree.

Each part of a document (its own keywords, each member of `allOf`, the target of `$ref`) is resolved
to a field of its own; parts of one node are then merged, name by name. So it makes no difference
which of two field groups comes first, or whether one adds names below another's array items.
Merging narrows, because `allOf` means that every part holds; `union` widens, because a record of
any of the schemas must be expressible.

Hostile documents cost at most STEPS_MAX steps: the depth, the number of steps and the number of
fields are all limited, and the targets of `$ref` are resolved once each.
Source: platform contract, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from msgspec.structs import replace

from onefold.domain.xdm import keywords
from onefold.domain.xdm.fields import narrowed, widened
from onefold.domain.xdm.paths import escaped
from onefold.domain.xdm.types import JSON, Field, XdmType, xdm_type_of
from onefold.errors import Malformed, NotFound, OverLimit

DEPTH_MAX = 64
"""Nested `allOf`, `$ref`, `properties`, `items` and map values on the way to one field."""
FIELDS_MAX = 6000
"""Fields of one composed schema."""
STEPS_MAX = 10 * FIELDS_MAX
"""Work of one composition: parts resolved, and fields taken over from targets of `$ref`."""


def composed(schema: JSON, resources: Mapping[str, JSON]) -> Field:
    """Resolve a schema document to one field tree.

    resources: `$id` to document, standard and tenant. The schema itself need not be among them.
    Keywords that XDM does not use for validation (`anyOf`, `not`, `minItems`, ...) are ignored, and
    so are names in `required` of a closed object that no part describes: no record could have them.
    Raises NotFound XDM-1001 (unknown `$ref`), Malformed XDM-1002 (circle), OverLimit XDM-1003
    (DEPTH_MAX, FIELDS_MAX, STEPS_MAX), Malformed XDM-1004 (two parts give one field different
    types) and XDM-1005 (malformed); `at` is a JSON pointer into the document that `facts` name.
    Source: platform contract, section 5.
    """
    root = _without_idle_names(_Composer(resources).resolved(schema, _Place(schema, "", "", ()), 0))
    if root.xdm_type is not XdmType.OBJECT:
        raise Malformed("XDM-1005", "A schema describes an object.", at="")
    if field_count(root) > FIELDS_MAX:
        raise OverLimit("XDM-1003", f"A schema has at most {FIELDS_MAX} fields.", at="")
    return root


def union(fields: Sequence[Field]) -> Field:
    """Merge resolved schemas of one class so that a record of any of them can be expressed.

    Required names and limits are kept only where all agree. Empty input gives an empty object. What
    one schema leaves undescribed in an open object has the type that another describes.
    Raises Malformed XDM-1004 if two schemas give one path different types, OverLimit XDM-1003 if
    the union has more than FIELDS_MAX fields. Source: platform contract, section 6.5.
    """
    if not fields:
        return Field(XdmType.OBJECT)
    root = reduce(lambda left, right: widened(left, right, ""), fields)
    if field_count(root) > FIELDS_MAX:
        raise OverLimit("XDM-1003", f"A union has at most {FIELDS_MAX} fields.", at="")
    return root


def field_count(root: Field) -> int:
    """How many fields a tree has below its root, counted as if nothing was shared."""
    known: dict[int, int] = {}

    def count(field: Field) -> int:
        if id(field) not in known:
            children = [*field.properties.values()]
            children += [child for child in (field.items, field.values) if child is not None]
            known[id(field)] = 1 + sum(map(count, children))
        return known[id(field)]

    return count(root) - 1


def _without_idle_names(field: Field) -> Field:
    """The tree without required names that nothing describes. Shared and unchanged parts stay."""
    if field.xdm_type is XdmType.OBJECT:
        below = {name: _without_idle_names(child) for name, child in field.properties.items()}
        required = tuple(name for name in field.required if name in below or not field.closed)
        changed = any(below[name] is not child for name, child in field.properties.items())
        if changed or required != field.required:
            return replace(field, properties=below, required=required)
        return field
    items = field.items and _without_idle_names(field.items)
    values = field.values and _without_idle_names(field.values)
    if items is field.items and values is field.values:
        return field
    return replace(field, items=items, values=values)


class _Place:
    """Where the composer is: the document that `#` means and its name, the place in it as errors
    show it, and the `$ref`s that led there."""

    __slots__ = ("at", "document", "name", "refs")

    def __init__(self, document: JSON, name: str, at: str, refs: tuple[str, ...]) -> None:
        self.document = document
        self.name = name
        self.at = at
        self.refs = refs

    def down(self, *steps: str) -> _Place:
        at = self.at + "".join(f"/{escaped(step)}" for step in steps)
        return _Place(self.document, self.name, at, self.refs)

    def behind(self, document: JSON, name: str, fragment: str, ref: str) -> _Place:
        at = f"{name}#{fragment}" if name else fragment
        return _Place(document, name, at, (*self.refs, ref))


class _Composer:
    """One composition: the resources, the budget, and the targets resolved so far."""

    def __init__(self, resources: Mapping[str, JSON]) -> None:
        self._resources = resources
        self._steps = 0
        self._targets: dict[str, tuple[Field, int]] = {}

    def resolved(self, node: JSON, place: _Place, depth: int) -> Field:
        """The field that one node of a document describes."""
        if not isinstance(node, dict):
            raise Malformed("XDM-1005", "A field is described by an object.", at=place.at)
        self._spend(1, place)
        if depth > DEPTH_MAX:
            raise OverLimit("XDM-1003", f"Nested deeper than {DEPTH_MAX}.", at=place.at)
        if "$ref" in node:
            return keywords.titled(self._target(node["$ref"], place.down("$ref"), depth), node)
        parts = keywords.listed(node, "allOf", place.at)
        fields = [
            self.resolved(part, place.down("allOf", str(index)), depth + 1)
            for index, part in enumerate(parts)
        ]
        own = self._own(node, place, depth, has_parts=bool(parts))
        if own is not None:
            fields.insert(0, own)
        return keywords.titled(narrowed(fields, place.at), node)

    def _own(
        self, node: dict[str, JSON], place: _Place, depth: int, *, has_parts: bool
    ) -> Field | None:
        """What the node's own keywords say; None if `allOf` says it all."""
        xdm_type = xdm_type_of(node, place.at)
        if has_parts and "properties" not in node and xdm_type in (None, XdmType.OBJECT):
            required = keywords.names(node, "required", place.at)
            closed = node.get("additionalProperties") is not True
            return (
                Field(XdmType.OBJECT, required=required, closed=closed)
                if required or not closed
                else None
            )
        if xdm_type is None:
            raise Malformed("XDM-1005", "A field needs a `type`.", at=place.at)
        if xdm_type is XdmType.OBJECT:
            return self._object(node, place, depth)
        if xdm_type is XdmType.ARRAY:
            items = self._child(node, "items", place, depth)
            return Field(XdmType.ARRAY, items=items)
        if xdm_type is XdmType.MAP:
            return Field(
                XdmType.MAP, values=self._child(node, "additionalProperties", place, depth)
            )
        return keywords.scalar(node, xdm_type, place.at)

    def _object(self, node: dict[str, JSON], place: _Place, depth: int) -> Field:
        described = keywords.described(node, place.at)
        properties = {
            name: self.resolved(child, place.down("properties", name), depth + 1)
            for name, child in described.items()
        }
        # With a schema for further keys beside named ones, further keys are open and unchecked.
        closed = node.get("additionalProperties", False) is False
        required = keywords.names(node, "required", place.at)
        return Field(XdmType.OBJECT, properties=properties, required=required, closed=closed)

    def _child(
        self, node: dict[str, JSON], keyword: str, place: _Place, depth: int
    ) -> Field | None:
        child = node.get(keyword)
        if child is None or isinstance(child, bool) or child == {}:
            return None
        return self.resolved(child, place.down(keyword), depth + 1)

    def _target(self, ref: JSON, place: _Place, depth: int) -> Field:
        if not isinstance(ref, str):
            raise Malformed("XDM-1005", "A `$ref` is text.", at=place.at)
        named, _, fragment = ref.partition("#")
        document = self._resources.get(named) if named else place.document
        if document is None:
            raise NotFound("XDM-1001", f"No resource {ref[:256]}.", at=place.at, ref=ref[:256])
        name = named or place.name
        key = f"{name}#{fragment}"
        if key in place.refs:
            raise Malformed("XDM-1002", f"{ref[:256]} leads back to itself.", at=place.at)
        if key in self._targets:
            field, cost = self._targets[key]
            self._spend(cost, place)
            return field
        before = self._steps
        node = keywords.inside(document, fragment, place.at)
        field = self.resolved(node, place.behind(document, name, fragment, key), depth + 1)
        self._targets[key] = (field, self._steps - before)
        return field

    def _spend(self, steps: int, place: _Place) -> None:
        self._steps += steps
        if self._steps > STEPS_MAX:
            raise OverLimit("XDM-1003", "The schema is too large to compose.", at=place.at)
