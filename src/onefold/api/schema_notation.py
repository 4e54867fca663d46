"""A JSON Schema in a short notation for people: `{name: string, limit?: 1 to 100}`."""

from __future__ import annotations

from typing import Any

from onefold.wire import JSON, encode_json

_DEPTH_MAX = 6
"""Levels that are written out; what is deeper, or stands within itself, is `…`."""
_WIDTH_MAX = 88


def written(schema: dict[str, JSON], document: dict[str, JSON]) -> str:
    """The schema; short ones on one line. document: where its references lead."""
    return _written(schema, document, (), 0)


def _written(schema: JSON, document: dict[str, JSON], above: tuple[str, ...], depth: int) -> str:
    if schema is True or schema == {}:
        return "anything"
    reference = schema.get("$ref")
    if reference is not None:
        if reference in above:
            return "…"
        name = reference.rpartition("/")[2]
        found = document["components"]["schemas"][name]
        return _written(found, document, (*above, reference), depth)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            forms = [_written(form, document, above, depth) for form in schema[word]]
            return " | ".join(dict.fromkeys(forms))
    if "const" in schema:
        return _literal(schema["const"])
    if "enum" in schema:
        return " | ".join(map(_literal, schema["enum"]))
    if depth > _DEPTH_MAX:
        return "…"
    kind = schema.get("type")
    if kind == "array":
        return f"[{_written(schema.get('items', {}), document, above, depth)}, …]"
    if kind == "object":
        return _object(schema, document, above, depth)
    return _scalar(schema, kind)


def _object(
    schema: dict[str, Any], document: dict[str, JSON], above: tuple[str, ...], depth: int
) -> str:
    required = schema.get("required", ())
    members = [
        f"{name}{'' if name in required else '?'}: {_written(of, document, above, depth + 1)}"
        for name, of in schema.get("properties", {}).items()
    ]
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        members.append(f"KEY: {_written(more, document, above, depth + 1)}")
    if not members:
        return "object"
    line = "{" + ", ".join(members) + "}"
    if len(line) + 2 * depth <= _WIDTH_MAX and "\n" not in line:
        return line
    inner, outer = "  " * (depth + 1), "  " * depth
    return "{\n" + "".join(f"{inner}{member},\n" for member in members) + outer + "}"


def _scalar(schema: dict[str, Any], kind: JSON) -> str:
    text = " | ".join(kind) if isinstance(kind, list) else str(kind or "anything")
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        text += f" {least} to {most}"
    elif least is not None:
        text += f" from {least}"
    if schema.get("default") not in (None, ""):
        text += f", default {_literal(schema['default'])}"
    return text


def _literal(value: JSON) -> str:
    return encode_json(value).decode()
