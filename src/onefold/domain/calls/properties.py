"""Properties: what a call's message says under a name.

Source: Intilery contract, 7.5 (D48).
"""

from __future__ import annotations

from typing import Any


def value_at(properties: Any, name: str, default: Any = None) -> Any:
    """The value of a property, by its name, which may hold dots, or by a dotted path; `default`
    when there is none.

    Of several ways to read a path, the one with the shortest first part that is an object counts.
    """
    if type(properties) is not dict:
        return default
    if name in properties:
        return properties[name]
    first, dot, rest = name.partition(".")
    while dot:
        if type(properties.get(first)) is dict:
            return value_at(properties[first], rest, default)
        more, dot, rest = rest.partition(".")
        first = f"{first}.{more}"
    return default
