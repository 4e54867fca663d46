"""Identity descriptors: the statement that a field of a schema holds an identity.

Source: identity contract, section 5; platform contract, section 6.6.
"""

from __future__ import annotations

from typing import NoReturn

import msgspec

from onefold.domain.xdm.paths import Path, field_at, from_pointer
from onefold.domain.xdm.types import JSON, Field, XdmType
from onefold.errors import Malformed

IDENTITY_DESCRIPTOR = "xdm:descriptorIdentity"


class IdentityDescriptor(msgspec.Struct, frozen=True):
    """A field that holds an identity. namespace: a code or an id, as text, not yet looked up."""

    path: Path
    namespace: str
    is_primary: bool


def identity_descriptor(document: JSON, root: Field) -> IdentityDescriptor:
    """What an `xdm:descriptorIdentity` document says about a resolved schema.

    The property must exist, be a string, and be reached through objects only.
    Raises Malformed XDM-1006, with `at` the keyword at fault.
    """
    if not isinstance(document, dict) or document.get("@type") != IDENTITY_DESCRIPTOR:
        _refuse("An identity descriptor is of type xdm:descriptorIdentity.", "/@type")
    written = document.get("xdm:sourceProperty")
    if not isinstance(written, str):
        _refuse("xdm:sourceProperty is the path of one field.", "/xdm:sourceProperty")
    path = from_pointer(written)
    _check_path(root, path)
    is_primary = document.get("xdm:isPrimary", False)
    if not isinstance(is_primary, bool):
        _refuse("xdm:isPrimary is true or false.", "/xdm:isPrimary")
    return IdentityDescriptor(path, _namespace(document), is_primary)


def _check_path(root: Field, path: Path) -> None:
    passed = [field_at(root, path[:steps]) for steps in range(len(path))]
    field = field_at(root, path)
    if field is None:
        _refuse("The schema has no such field.", "/xdm:sourceProperty")
    if any(step is None or step.xdm_type is not XdmType.OBJECT for step in passed):
        _refuse("The path leads through an array or a map.", "/xdm:sourceProperty")
    if field.xdm_type is not XdmType.STRING:
        _refuse(f"The field is of type {field.xdm_type}, not string.", "/xdm:sourceProperty")


def _namespace(document: dict[str, JSON]) -> str:
    if document.get("xdm:property", "xdm:code") not in ("xdm:code", "xdm:id"):
        _refuse("xdm:property is xdm:code or xdm:id.", "/xdm:property")
    namespace = document.get("xdm:namespace")
    if type(namespace) is int:
        namespace = str(namespace)
    if not isinstance(namespace, str) or not 0 < len(namespace) <= 256:
        _refuse("xdm:namespace is the code or the id of a namespace.", "/xdm:namespace")
    return namespace


def _refuse(detail: str, at: str) -> NoReturn:
    raise Malformed("XDM-1006", detail, at=at)
