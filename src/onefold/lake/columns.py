"""How a schema becomes the columns of a table, and a row becomes an entity again.

A string is VARCHAR, a number DOUBLE, an integer INTEGER or BIGINT, a boolean BOOLEAN, a date DATE,
a date-time TIMESTAMPTZ, an array a list, a map MAP(VARCHAR, …), an object STRUCT(…). What the
schema leaves open (an object without properties, an array or map of anything) is JSON.

Columns cannot say everything that a schema can: names that differ only by case are one to DuckDB,
and an open object takes names that nobody knows beforehand. Records of such a schema are also kept
as they were sent, in `_record`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from onefold.domain.xdm.types import Field, XdmType, descendants
from onefold.lake.sql import Sql, quoted
from onefold.wire import JSON, decode_json

SYSTEM: Mapping[str, Sql] = {
    "_seq": Sql("BIGINT"),
    "_trace": Sql("VARCHAR"),
    "_batch_id": Sql("VARCHAR"),
    "_received_at": Sql("TIMESTAMPTZ"),
    "_record": Sql("VARCHAR"),
}
"""Columns that every table has: the record's number in the journal, the xactionId that its sender
got, its batch, when it was received, and the record as sent where the columns cannot hold it."""

_SCALARS = {
    XdmType.STRING: Sql("VARCHAR"),
    XdmType.DATE: Sql("DATE"),
    XdmType.DATE_TIME: Sql("TIMESTAMPTZ"),
    XdmType.BOOLEAN: Sql("BOOLEAN"),
    XdmType.BYTE: Sql("INTEGER"),
    XdmType.SHORT: Sql("INTEGER"),
    XdmType.INT: Sql("INTEGER"),
    XdmType.LONG: Sql("BIGINT"),
    XdmType.NUMBER: Sql("DOUBLE"),
}
_JSON = Sql("JSON")

Shape = Mapping[str, "Shape"] | None
"""What is inside a column that exists: its fields by name; of a list `element`, of a map `value`.
None: nothing."""


def columns(root: Field) -> dict[str, Sql]:
    """The columns of a schema, without the system's."""
    return {name: column_type(field) for name, field in _sayable(root, SYSTEM)}


def column_type(field: Field) -> Sql:
    """The DuckDB type of a field."""
    if field.xdm_type is XdmType.OBJECT:
        members = [f"{quoted(name)} {column_type(below)}" for name, below in _sayable(field)]
        return Sql(f"STRUCT({', '.join(members)})") if members else _JSON
    if field.xdm_type is XdmType.ARRAY:
        return _JSON if field.items is None else Sql(column_type(field.items) + "[]")
    if field.xdm_type is XdmType.MAP:
        return _JSON if field.values is None else Sql(f"MAP(VARCHAR, {column_type(field.values)})")
    return _SCALARS[field.xdm_type]


def struct(types: Mapping[str, Sql]) -> Sql:
    """The type of a row with these columns."""
    return Sql(f"STRUCT({', '.join(f'{quoted(name)} {kind}' for name, kind in types.items())})")


def is_whole(root: Field) -> bool:
    """Whether columns hold everything that a record of the schema can say."""
    if not root.closed or len(list(_sayable(root, SYSTEM))) < len(root.properties):
        return False
    return all(
        (field.closed or not field.properties)
        and len(list(_sayable(field))) in (0, len(field.properties))
        for field in descendants(root)
        if field is not root and field.xdm_type is XdmType.OBJECT
    )


def additions(root: Field, present: Mapping[str, Shape]) -> Iterator[tuple[tuple[str, ...], Sql]]:
    """(path, type) of what the schema has and the table has not. A path goes through lists by
    `element`, through maps by `value`. What the table has in another form stays as it is."""
    yield from _added(dict(_sayable(root, SYSTEM)), present, ())


def _added(
    wanted: Mapping[str, Field], present: Mapping[str, Shape], at: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Sql]]:
    known = {_folded(name): (name, shape) for name, shape in present.items()}
    for name, field in wanted.items():
        if _folded(name) not in known:
            yield (*at, name), column_type(field)
            continue
        stored, shape = known[_folded(name)]
        if shape is not None:
            yield from _added(_below(field, shape), shape, (*at, stored))


def part(root: Field, present: Mapping[str, Shape]) -> Field | None:
    """The part of a schema whose columns are present; None when there is none of it. Where a table
    has a field in another form, nothing is known of what is inside."""
    kept = _parts(dict(_sayable(root, SYSTEM)), present)
    return _with_properties(root, kept) if kept else None


def _parts(wanted: Mapping[str, Field], present: Mapping[str, Shape]) -> dict[str, Field]:
    known = {_folded(name): shape for name, shape in present.items()}
    return {
        name: _part(field, known[_folded(name)])
        for name, field in wanted.items()
        if _folded(name) in known
    }


def _part(field: Field, shape: Shape) -> Field:
    kept = _parts(_below(field, shape), shape) if shape is not None else {}
    if field.xdm_type is XdmType.ARRAY:
        return replace(field, items=kept.get("element"))
    if field.xdm_type is XdmType.MAP:
        return replace(field, values=kept.get("value"))
    return _with_properties(field, kept)


def _with_properties(field: Field, kept: dict[str, Field]) -> Field:
    return replace(
        field, properties=kept, required=tuple(name for name in field.required if name in kept)
    )


def _below(field: Field, shape: Mapping[str, Shape]) -> dict[str, Field]:
    """The fields inside a field, named as in a shape."""
    if field.xdm_type is XdmType.OBJECT:
        return dict(_sayable(field))
    if field.xdm_type is XdmType.ARRAY and field.items is not None and set(shape) == {"element"}:
        return {"element": field.items}
    if field.xdm_type is XdmType.MAP and field.values is not None and set(shape) == {"value"}:
        return {"value": field.values}
    return {}


def entity(row: Mapping[str, JSON], root: Field) -> dict[str, JSON]:
    """The entity of a row that DuckDB gave as JSON: without what is absent, times as the wire has
    them. Columns that the schema does not know any more are left out."""
    found = {}
    for name, field in _sayable(root, SYSTEM):
        value = row.get(name)
        if value is not None:
            found[name] = _value(value, field)
    return found


def entity_of(row: str, root: Field) -> dict[str, JSON]:
    """The entity of a row that DuckDB gave as JSON text: as it was sent, where that was kept."""
    found = decode_json(row)
    if found["_record"] is None:
        return entity(found, root)
    kept = decode_json(found["_record"])
    return kept if isinstance(kept, dict) else {}


def _value(value: JSON, field: Field) -> JSON:
    if value is None:
        return None
    if field.xdm_type is XdmType.OBJECT and isinstance(value, dict):
        members = list(_sayable(field))
        if not members:
            return value
        return {
            name: _value(value[name], below)
            for name, below in members
            if value.get(name) is not None
        }
    if field.xdm_type is XdmType.ARRAY and field.items is not None and isinstance(value, list):
        return [_value(one, field.items) for one in value]
    if field.xdm_type is XdmType.MAP and field.values is not None and isinstance(value, dict):
        return {key: _value(one, field.values) for key, one in value.items()}
    if field.xdm_type is XdmType.DATE_TIME and isinstance(value, str):
        return wire_time(value)
    return value


def wire_time(moment: str) -> str:
    """`2026-01-01T00:00:00.12Z` of DuckDB's `2026-01-01 00:00:00.12+00`."""
    return moment.removesuffix("+00").replace(" ", "T", 1) + "Z"


def _sayable(field: Field, taken: Mapping[str, Sql] | None = None) -> Iterator[tuple[str, Field]]:
    """The properties whose names can be columns. Of names that differ only by case, the first."""
    known = set(taken or ())
    for name, below in field.properties.items():
        if name and "\0" not in name and _folded(name) not in known:
            known.add(_folded(name))
            yield name, below


def _folded(name: str) -> str:
    """Names are equal to DuckDB when they differ only in the case of ASCII letters."""
    return "".join(char.lower() if char.isascii() else char for char in name)
