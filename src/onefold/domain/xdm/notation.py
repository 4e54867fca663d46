"""The compact notation of fields, in which the standard set is written, and field groups can be.

{"name": {"firstName": "string"},        an object
 "birthDate!": "date",                   required
 "phone": "@context/phonenumber",        a data type, https://ns.adobe.com/xdm/context/phonenumber
 "tags": ["string"],                     an array
 "ids": {"*": "string"},                 a map
 "said": {"*": "any"},                   a map of anything
 "gender": "enum male|female",
 "code": "string /^[A-Z]{2}$/",          a pattern
 "label": "string 1..20",                lengths
 "height": "int >=0",  "age": "int 0..150"}

Words: string, date, date-time, boolean, byte, short, int, long, number, and the string formats uri,
uri-reference, email, ipv4, ipv6. A reference that holds `:` is taken as it stands.
"""

from __future__ import annotations

import re

from onefold.domain.xdm.types import INTEGER_RANGE, JSON, XdmType
from onefold.errors import Malformed

NAMESPACE = "https://ns.adobe.com/"
CORE = NAMESPACE + "xdm/"

_FORMATS = frozenset({"uri", "uri-reference", "email", "ipv4", "ipv6"})
_BETWEEN = re.compile(r"(?:>=(-?[0-9]+)|<=(-?[0-9]+)|(-?[0-9]+)\.\.(-?[0-9]+))\Z")


def properties_of(fields: dict[str, JSON], at: str = "") -> dict[str, JSON]:
    """`properties` and, where names end with `!`, `required`, of an object in compact notation.

    Raises Malformed XDM-1005, with `at`, for anything that is not the notation.
    """
    properties = {
        name.removesuffix("!"): node(value, f"{at}/{name}") for name, value in fields.items()
    }
    required = [name.removesuffix("!") for name in fields if name.endswith("!")]
    return {"properties": properties} | ({"required": required} if required else {})


def node(value: JSON, at: str = "") -> dict[str, JSON]:
    """The schema node of one field in compact notation. Raises Malformed XDM-1005."""
    if isinstance(value, str):
        return _word(value, at)
    if isinstance(value, list) and len(value) == 1:
        return {"type": "array", "meta:xdmType": "array", "items": node(value[0], f"{at}/*")}
    if value == {"*": "any"}:
        return {"type": "object", "meta:xdmType": "map", "additionalProperties": {}}
    if isinstance(value, dict) and value.keys() == {"*"}:
        inner = node(value["*"], f"{at}/*")
        return {"type": "object", "meta:xdmType": "map", "additionalProperties": inner}
    if isinstance(value, dict):
        return {"type": "object", "meta:xdmType": "object", **properties_of(value, at)}
    raise Malformed("XDM-1005", "Not a field in compact notation.", at=at)


def reference(short: str) -> str:
    """The `$id` of a short reference such as `context/person`."""
    return short if ":" in short else CORE + short


def _word(text: str, at: str) -> dict[str, JSON]:
    if text.startswith("@"):
        return {"$ref": reference(text[1:])}
    word, _, rest = text.partition(" ")
    if word == "enum" and rest:
        return {"type": "string", "meta:xdmType": "string", "enum": rest.split("|")}
    if word in _FORMATS and not rest:
        return {"type": "string", "format": word, "meta:xdmType": "string"}
    if word == "string":
        return {"type": "string", "meta:xdmType": "string", **_text_limits(rest, at)}
    if word in ("date", "date-time") and not rest:
        return {"type": "string", "format": word, "meta:xdmType": word}
    if word == "boolean" and not rest:
        return {"type": "boolean", "meta:xdmType": "boolean"}
    if word in ("byte", "short", "int", "long"):
        low, high = _between(rest, at)
        least, most = INTEGER_RANGE[XdmType(word)]
        bounds = {
            "minimum": least if low is None else low,
            "maximum": most if high is None else high,
        }
        return {"type": "integer", "meta:xdmType": word, **bounds}
    if word == "number":
        low, high = _between(rest, at)
        bounds = {k: v for k, v in (("minimum", low), ("maximum", high)) if v is not None}
        return {"type": "number", "meta:xdmType": "number", **bounds}
    raise Malformed("XDM-1005", f"Not a type word: {text[:64]}.", at=at)


def _text_limits(rest: str, at: str) -> dict[str, JSON]:
    if len(rest) > 1 and rest[0] == rest[-1] == "/":
        return {"pattern": rest[1:-1]}
    low, high = _between(rest, at)
    return {k: v for k, v in (("minLength", low), ("maxLength", high)) if v is not None}


def _between(rest: str, at: str) -> tuple[int | None, int | None]:
    if not rest:
        return None, None
    found = _BETWEEN.match(rest)
    if found is None:
        raise Malformed("XDM-1005", "Bounds are written >=1, <=9 or 1..9.", at=at)
    low, high = found[1] or found[3], found[2] or found[4]
    return None if low is None else int(low), None if high is None else int(high)
