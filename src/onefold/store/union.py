"""The union of the schemas of people, as rows of exports have it.

Source: platform contract, 6.5; profile contract, 9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from onefold.domain.identity.records import DescriptorPath
from onefold.domain.xdm.compose import composed, union
from onefold.domain.xdm.schema import (
    IDENTITY_MAP_GROUP,
    PROFILE_CLASS,
    PROFILE_UNION,
    SEGMENTATION_GROUP,
    TIMELINE,
    class_of,
)
from onefold.domain.xdm.types import JSON, Field, XdmType
from onefold.errors import PlatformError

Part = tuple[Field, tuple[DescriptorPath, ...]]
"""What the union needs of a schema that is enabled for it."""


class Union(msgspec.Struct, frozen=True):
    """All fields of the enabled schemas, what the system adds, and a person's events. identities:
    all that the schemas' descriptors mark."""

    id: str
    title: str
    root: Field
    identities: tuple[DescriptorPath, ...]


class UnionMaker:
    """Makes the union of one sandbox, and keeps it until one of its schemas changes."""

    def __init__(self) -> None:
        self._parts: Sequence[Part] | None = None
        self._made: Union | str = ""

    def union(self, parts: Sequence[Part], resources: Mapping[str, JSON]) -> Union | str:
        """The union of schemas, or why there is none. resources: `$id` to document."""
        if self._parts is None or not _are_same(self._parts, parts):
            self._parts, self._made = parts, _union(parts, resources)
        return self._made


def is_of_people(schema: JSON, resources: Mapping[str, JSON]) -> bool:
    """Whether a schema's class is that of people."""
    try:
        return class_of(schema, resources) == PROFILE_CLASS
    except PlatformError:
        return False


def _are_same(known: Sequence[Part], now: Sequence[Part]) -> bool:
    """Whether nothing was compiled anew: what has not changed is the same object."""
    return len(known) == len(now) and all(
        a[0] is b[0] and a[1] is b[1] for a, b in zip(known, now, strict=True)
    )


def _union(parts: Sequence[Part], resources: Mapping[str, JSON]) -> Union | str:
    added = {"allOf": [{"$ref": group} for group in (IDENTITY_MAP_GROUP, SEGMENTATION_GROUP)]}
    try:
        root = union([*(root for root, _ in parts), composed(added, resources)])
    except PlatformError as fault:
        return str(fault)
    timeline = Field(XdmType.ARRAY, title="Time-series events")
    marks = dict.fromkeys(mark for _, identities in parts for mark in identities)
    return Union(
        id=PROFILE_UNION,
        title=f"Union object for {resources[PROFILE_CLASS]['title']}",
        root=replace(root, properties={**root.properties, TIMELINE: timeline}),
        identities=tuple(marks),
    )
