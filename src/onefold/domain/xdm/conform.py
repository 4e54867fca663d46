"""An entity of a file as its schema wants it: every value converted to the type of its field.

Files are converted, streamed messages are not. Source: ingestion contract, 6, "Type conversion".
"""

from __future__ import annotations

import msgspec

from onefold.domain.xdm.convert import Impossible, converted
from onefold.domain.xdm.paths import escaped
from onefold.domain.xdm.types import JSON, Field, XdmType


class Misfit(msgspec.Struct, frozen=True):
    """A value that cannot be converted. at: JSON pointer into the entity."""

    at: str
    detail: str


def conformed(entity: JSON, root: Field) -> tuple[JSON, list[Misfit]]:
    """The entity with its values converted, and those that could not be, which stay as they are.

    Nulls, and what the schema does not describe, stay as they are. The entity is not changed; the
    answer shares parts with it. The entity must not be nested deeper than Python can recurse.
    """
    misfits: list[Misfit] = []
    return _conformed(entity, root, "", misfits), misfits


def _conformed(value: JSON, field: Field, at: str, misfits: list[Misfit]) -> JSON:
    if value is None:
        return None
    result = converted(value, field)
    if isinstance(result, Impossible):
        misfits.append(Misfit(at, result.detail))
        return value
    if field.xdm_type is XdmType.OBJECT:
        return {
            name: _conformed(inner, known, f"{at}/{escaped(name)}", misfits)
            if (known := field.properties.get(name)) is not None
            else inner
            for name, inner in result.items()
        }
    if field.xdm_type is XdmType.MAP and field.values is not None:
        return {
            name: _conformed(inner, field.values, f"{at}/{escaped(name)}", misfits)
            for name, inner in result.items()
        }
    if field.xdm_type is XdmType.ARRAY and field.items is not None:
        return [
            _conformed(inner, field.items, f"{at}/{index}", misfits)
            for index, inner in enumerate(result)
        ]
    return result
