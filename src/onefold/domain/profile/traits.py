"""Traits and the XDM fields that mean the same, so that both doors see what the other one wrote.

Source: Intilery contract, 6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

OWNED: Final = frozenset(
    (
        *("id", "externalId", "computed", "_subscriptionId", "createdBy", "firstEvent"),
        *("lastEvent", "audiences", "audiencesStatic", "lastActivityTime"),
    )
)
"""Names that the platform gives itself; a sender's trait of such a name is kept, and not shown."""


MIRRORED: Final[Mapping[str, tuple[str, ...]]] = {
    "firstName": ("person", "name", "firstName"),
    "lastName": ("person", "name", "lastName"),
    "name": ("person", "name", "fullName"),
    "email": ("personalEmail", "address"),
    "phone": ("mobilePhone", "number"),
    "birthday": ("person", "birthDate"),
}
"""Each trait that XDM has a field for, and that field's path."""

_is_date = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch


def mirrored(traits: dict[str, Any]) -> dict[str, Any]:
    """The XDM fields that say the same as the traits; empty when none does. Texts only."""
    fields: dict[str, Any] = {}
    for name, path in MIRRORED.items():
        value = traits.get(name)
        if value is not None and _is_sayable(name, value):
            into = fields
            for step in path[:-1]:
                into = into.setdefault(step, {})
            into[path[-1]] = value
    return fields


def view(
    profile: dict[str, Any],
    *,
    id: str,
    external_id: str | None,
    email: str | None,
    computed: Mapping[str, Any] = MappingProxyType({}),
    fills_name: bool = False,
) -> dict[str, Any]:
    """The traits of a merged profile, as the dialects show them.

    profile: merged attributes, read only. email: an address of the customer, taken when nothing
    else says one. fills_name: make a `name` for who has none. A trait that XDM mirrors is what the
    merged field says, unless its own value is one that XDM cannot say. computed: values of computed
    traits, by name; shown when there are any.
    """
    own = _object(profile.get("_onefold"))
    shown = {name: value for name, value in _object(own.get("traits")).items() if name not in OWNED}
    for name, path in MIRRORED.items():
        field = _at(profile, path)
        if type(field) is str and (name not in shown or _is_sayable(name, shown[name])):
            shown[name] = field
    if email is not None and "email" not in shown:
        shown["email"] = email
    if fills_name and "name" not in shown and (name := full_name(shown)):
        shown["name"] = name
    if computed:
        shown["computed"] = dict(computed)
    shown["id"] = id
    if external_id is not None:
        shown["externalId"] = external_id
    return shown


def full_name(traits: dict[str, Any]) -> str:
    """First and last name, as far as they are there. Source: Intilery contract, 11.9."""
    parts = (traits.get("firstName"), traits.get("lastName"))
    return " ".join([part.strip() for part in parts if type(part) is str and part.strip()])


def _is_sayable(name: str, value: Any) -> bool:
    """Whether the XDM field of a trait can hold its value."""
    return type(value) is str and (name != "birthday" or _is_date(value) is not None)


def _object(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if type(value) is not dict:
            return None
        value = value.get(step)
    return value
