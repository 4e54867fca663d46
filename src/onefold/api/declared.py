"""What a route says of itself besides its handler: parameters, body, answers; and short ways to say
it. Plain data: `openapi.py` makes the document of it, and nothing is checked against it at runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from onefold.wire import JSON

Schema = dict[str, JSON]
"""A JSON Schema (2020-12)."""

JSON_TYPE = "application/json"

TEXT: Schema = {"type": "string"}
FILLED: Schema = {"type": "string", "minLength": 1}
NUMBER: Schema = {"type": "integer"}
TRUTH: Schema = {"type": "boolean"}
ANY: Schema = {}
DOCUMENT: Schema = {"type": "object"}


class Parameter(NamedTuple):
    """One parameter of a query, a header (lower case) or a place in the path."""

    name: str
    place: Literal["query", "header", "path"]
    help: str
    schema: Schema = TEXT
    required: bool = False


class Body(NamedTuple):
    """A body that is taken. of: a type that msgspec knows, or a JSON Schema."""

    help: str
    of: Any = DOCUMENT
    media: tuple[str, ...] = (JSON_TYPE,)
    required: bool = True
    example: JSON = None


class Header(NamedTuple):
    """One header of an answer."""

    help: str
    schema: Schema = TEXT


class Answer(NamedTuple):
    """One answer that is no error. of: as in Body; None when there is no body. headers: by name, in
    lower case. streams: a media type besides, whose body is a stream of text without an end."""

    help: str
    of: Any = ANY
    media: str = JSON_TYPE
    headers: Mapping[str, Header] = MappingProxyType({})
    streams: str = ""


def query(name: str, help: str, schema: Schema = TEXT, *, required: bool = False) -> Parameter:
    """A parameter of the query."""
    return Parameter(name, "query", help, schema, required)


def header(name: str, help: str, schema: Schema = TEXT, *, required: bool = False) -> Parameter:
    """A header of the request."""
    return Parameter(name, "header", help, schema, required)


def path(name: str, help: str, schema: Schema = FILLED) -> Parameter:
    """A place `{name}` of the path. Those that are not declared are texts without a help."""
    return Parameter(name, "path", help, schema, required=True)


def whole(least: int, most: int | None = None, default: int | None = None) -> Schema:
    """A whole number within bounds."""
    bounds = {"minimum": least, "maximum": most, "default": default}
    return {"type": "integer"} | {
        name: value for name, value in bounds.items() if value is not None
    }


def choice(*values: str) -> Schema:
    """One of some texts."""
    return {"type": "string", "enum": list(values)}


def array(item: Schema = ANY) -> Schema:
    """A list of any length."""
    return {"type": "array", "items": item}


def record(**members: Schema) -> Schema:
    """An object that always has these members, and may have more."""
    return {"type": "object", "properties": members, "required": list(members)}


def keyed(value: Schema = ANY) -> Schema:
    """An object whose keys are ids or names."""
    return {"type": "object", "additionalProperties": value}


def either(*schemas: Schema) -> Schema:
    """One of several forms."""
    return {"anyOf": list(schemas)}


PATCH = array(record(op=choice("add", "remove", "replace", "move", "copy", "test"), path=TEXT))
"""A JSON Patch (RFC 6902)."""
