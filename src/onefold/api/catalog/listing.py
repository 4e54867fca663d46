"""What all lists of the catalogue take: chosen properties, an order, tags.

Source: platform contract, section 7.
"""

from __future__ import annotations

from onefold.api.profile.query import Parameters
from onefold.errors import Malformed
from onefold.wire import JSON


def chosen(document: dict[str, JSON], parameters: Parameters) -> dict[str, JSON]:
    """The properties that `properties` names; all when it names none."""
    names = named(parameters)
    return {k: v for k, v in document.items() if k in names} if names else document


def named(parameters: Parameters) -> set[str]:
    """What `properties` names."""
    return {name.strip() for name in parameters.get("properties").split(",")} - {""}


def order(text: str) -> list[tuple[str, bool]]:
    """(name, descending) of `asc:created,updated|desc:name`."""
    found: list[tuple[str, bool]] = []
    descending = False
    for word in text.replace("|", ",").split(","):
        direction, colon, rest = word.strip().partition(":")
        if colon and direction not in ("asc", "desc"):
            raise Malformed("CTL-1008", "orderBy is asc:NAME or desc:NAME", at="orderBy")
        if colon:
            descending = direction == "desc"
        name = rest if colon else direction
        if name:
            found.append((name, descending))
    return found


def tag_filters(text: str) -> list[tuple[str, str]]:
    """(tag, value) of `tag:value,tag:*`; the value may hold colons and wildcards."""
    found = []
    for part in text.split(",") if text else []:
        tag, colon, value = part.strip().partition(":")
        if not colon:
            raise Malformed("CTL-1008", "tags are written NAME:VALUE", at="tags")
        found.append((tag, value))
    return found


def is_tagged(tags: JSON, tag: str, wanted: str) -> bool:
    """Whether a tag has a value that fits, in which `*` stands for any text."""
    return any(_fits(value, wanted) for value in tags.get(tag, ()))


def _fits(text: str, wanted: str) -> bool:
    """Whether a text is what is wanted, in which `*` stands for any text."""
    first, *rest = wanted.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    end = len(text) - len(last)
    if not (text.startswith(first) and text.endswith(last) and len(first) <= end):
        return False
    position = len(first)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True
