"""Unions: for each class, all fields of its schemas that are enabled for Profile.

A union is derived, never kept. Source: platform contract, section 6.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from onefold.control import schemas
from onefold.control.schemas import TAGS, UNION_TAG
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm import shown
from onefold.domain.xdm.compose import composed, union
from onefold.domain.xdm.schema import (
    IDENTITY_MAP_GROUP,
    SEGMENTATION_GROUP,
    TIMELINE,
    alt_id,
    behaviour,
    class_of,
    union_id,
)
from onefold.domain.xdm.types import Field
from onefold.errors import NotFound
from onefold.store.engine import Reader
from onefold.wire import JSON

_TIMELINE: dict[str, JSON] = {
    "title": "Time-series events",
    "type": "array",
    "meta:xdmType": "array",
    "items": {"type": "object", "meta:xdmType": "object"},
}


def listed(reader: Reader, sandbox: Sandbox) -> list[dict[str, JSON]]:
    """The unions of the sandbox, one for each class with an enabled schema; they name schemas."""
    known = schemas.library(reader, sandbox)
    return [
        _document(class_id, of_class, known, sandbox)
        for class_id, of_class in _by_class(known).items()
    ]


def got(reader: Reader, sandbox: Sandbox, name: str, *, full: bool = False) -> dict[str, JSON]:
    """One union; full: with all of its fields. name: `$id` or `meta:altId`.

    Raises NotFound CTL-1007, and as `require_union` when full.
    """
    known = schemas.library(reader, sandbox)
    for class_id, of_class in _by_class(known).items():
        id_ = union_id(class_id)
        if name not in (id_, alt_id(id_)):
            continue
        document = _document(class_id, of_class, known, sandbox)
        if not full:
            return document
        fields = shown.of_field(require_union(of_class, known))
        if behaviour(of_class[0], known) == "record":
            fields["properties"].setdefault(TIMELINE, _TIMELINE)
        del document["allOf"]
        return {**fields, **document}
    raise NotFound("CTL-1007", f"No union has the id {name[:256]}")


def require_union(of_class: Sequence[JSON], known: Mapping[str, JSON]) -> Field:
    """The union of schemas of one class, with what the system adds.

    Raises as `compose.composed` for one of them, Malformed XDM-1004 when they disagree about a
    field's type, OverLimit XDM-1003 when they are too many fields.
    """
    system = [IDENTITY_MAP_GROUP]
    if behaviour(of_class[0], known) == "record":
        system.append(SEGMENTATION_GROUP)
    added = {"allOf": [{"$ref": group} for group in system]}
    return union([composed(document, known) for document in (*of_class, added)])


def is_enabled(document: JSON) -> bool:
    """Whether a schema is in the union of its class."""
    tags = document.get(TAGS)
    return isinstance(tags, list) and UNION_TAG in tags


def enabled_of(class_id: str, known: Mapping[str, JSON]) -> list[JSON]:
    """The enabled schemas of a class."""
    return _by_class(known).get(class_id, [])


def _by_class(known: Mapping[str, JSON]) -> dict[str, list[JSON]]:
    found: dict[str, list[JSON]] = {}
    for document in _schemas(known.values()):
        if is_enabled(document):
            found.setdefault(class_of(document, known), []).append(document)
    return found


def _schemas(documents: Iterable[JSON]) -> Iterable[JSON]:
    return (d for d in documents if d.get("meta:resourceType") == "schemas")


def _document(
    class_id: str, of_class: Sequence[JSON], known: Mapping[str, JSON], sandbox: Sandbox
) -> dict[str, JSON]:
    id_ = union_id(class_id)
    names = [document["$id"] for document in of_class]
    return {
        "$id": id_,
        "meta:altId": alt_id(id_),
        "meta:resourceType": "unions",
        "version": "1.0",
        "title": f"Union object for {known[class_id]['title']}",
        "type": "object",
        "meta:xdmType": "object",
        "meta:class": class_id,
        "meta:containerId": "tenant",
        "imsOrg": sandbox.org_id,
        "meta:extends": [class_id, *names],
        "allOf": [{"$ref": name, "type": "object", "meta:xdmType": "object"} for name in names],
    }
