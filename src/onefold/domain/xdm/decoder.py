"""A resolved schema as msgspec types: the fast answer to whether an entity fits.

Objects become Struct classes, made once per schema. Their attributes are called f0, f1, ... and a
rename map gives each its key, so a key may be any text. What msgspec cannot say is said with an
expression (dates) or with a choice made beforehand (a `Literal` of the choices that the other
limits allow).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from onefold.domain.xdm import patterns
from onefold.domain.xdm.explain import scalar_violation
from onefold.domain.xdm.types import INTEGERS, STRINGS, Field, XdmType
from onefold.domain.xdm.values import limits

_NEVER = Annotated[str, msgspec.Meta(pattern="(?!)")]


def decoder(root: Field) -> msgspec.json.Decoder[Any]:
    """A decoder that takes exactly the entities of a schema; made once per schema version.

    Cost: about 40 µs for each object of the schema.
    """
    return msgspec.json.Decoder(_Types().of(root))


class _Types:
    """The types of one schema. Equal objects that are one `Field` share one Struct."""

    def __init__(self) -> None:
        self._structs: dict[int, Any] = {}

    def of(self, field: Field) -> Any:
        if field.xdm_type is XdmType.OBJECT:
            if id(field) not in self._structs:
                self._structs[id(field)] = self._struct(field)
            return self._structs[id(field)]
        if field.xdm_type is XdmType.ARRAY:
            return list[Any] if field.items is None else list[self.of(field.items)]  # type: ignore[misc]  # as below
        if field.xdm_type is XdmType.MAP:
            value = Any if field.values is None else self.of(field.values)
            return dict[str, value]  # type: ignore[valid-type]  # made at run time on purpose
        return _scalar(field)

    def _struct(self, field: Field) -> Any:
        names = [*field.properties]
        # A required name that nothing describes must still be there, with any value.
        names += [name for name in field.required if name not in field.properties]
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
        for index, name in enumerate(names):
            described = field.properties.get(name)
            kind = Any if described is None else self.of(described)
            if name in field.required:
                fields.append((f"f{index}", kind))
            else:
                fields.append((f"f{index}", kind, msgspec.UNSET))
        return msgspec.defstruct(
            "Entity",
            fields,
            kw_only=True,
            gc=False,
            eq=False,
            forbid_unknown_fields=field.closed,
            rename={f"f{index}": name for index, name in enumerate(names)},
        )


def _scalar(field: Field) -> Any:
    if field.enum:
        # Explained here, not restated: a choice that breaks another limit of the field never fits.
        allowed = tuple(choice for choice in field.enum if scalar_violation(field, choice) is None)
        return Literal[allowed] if allowed else _NEVER
    if field.xdm_type is XdmType.BOOLEAN:
        return bool
    limit = limits(field)
    if field.xdm_type in STRINGS:
        meta = msgspec.Meta(
            min_length=limit.min_length,
            max_length=limit.max_length,
            pattern=_expression(field, limit.search),
        )
        return Annotated[str, meta]
    kind = int if field.xdm_type in INTEGERS else float
    return Annotated[kind, msgspec.Meta(ge=limit.low, le=limit.high)]


def _expression(field: Field, search: str | None) -> str | None:
    written = {XdmType.DATE: patterns.DATE, XdmType.DATE_TIME: patterns.DATE_TIME}.get(
        field.xdm_type
    )
    if search is None or written is None:
        return written or search
    flags, body = search[: len("(?a)")], search[len("(?a)") :]
    return rf"{flags}\A(?=[\s\S]*?(?:{body})){written}"
