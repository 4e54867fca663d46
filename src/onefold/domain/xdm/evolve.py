"""Evolution: what may change in a schema that records were already written to.

Only additions may: whatever fitted the schema before must fit it afterwards, and every path that
somebody can ask for stays. Source: platform contract, section 6.3, "Evolution".
"""

from __future__ import annotations

from typing import NoReturn

from onefold.domain.xdm.paths import escaped
from onefold.domain.xdm.types import Field, XdmType
from onefold.errors import Malformed


def require_additive(before: Field, after: Field) -> None:
    """Accept a change from one resolved schema to another if it only adds.

    Refused: a field that is gone, of another type, or newly required; choices, bounds, lengths or
    a pattern that take fewer values than before; an object, array or map that becomes closed or
    described. What is new may hold anything, required names of its own included.
    Raises Malformed REG-1005 for the first such place in the order of the old schema, `at` its path
    as a JSON pointer without `properties`. Cost: O(fields).
    """
    _compare(before, after, "")


def _compare(before: Field, after: Field, at: str) -> None:
    if before is after:
        return
    if before.xdm_type is not after.xdm_type:
        _refuse(f"The field is {before.xdm_type} and would become {after.xdm_type}.", at)
    if before.xdm_type is XdmType.OBJECT:
        _compare_objects(before, after, at)
    elif before.xdm_type is XdmType.ARRAY:
        _compare_children(before.items, after.items, f"{at}/*")
    elif before.xdm_type is XdmType.MAP:
        _compare_children(before.values, after.values, f"{at}/*")
    else:
        _compare_limits(before, after, at)


def _compare_objects(before: Field, after: Field, at: str) -> None:
    for name, field in before.properties.items():
        below = f"{at}/{escaped(name)}"
        kept = after.properties.get(name)
        if kept is None:
            _refuse("The field would be removed.", below)
        _compare(field, kept, below)
    for name in after.required:
        if name not in before.required:
            _refuse("The field would become required.", f"{at}/{escaped(name)}")
    if after.closed and not before.closed:
        _refuse("The object would no longer take further fields.", at)


def _compare_children(before: Field | None, after: Field | None, at: str) -> None:
    if before is None and after is not None:
        _refuse("The elements took any value and would be described.", at)
    if before is not None and after is None:
        _refuse("The description of the elements would be removed.", at)
    if before is not None and after is not None:
        _compare(before, after, at)


def _compare_limits(before: Field, after: Field, at: str) -> None:
    if after.enum and (not before.enum or not set(before.enum) <= set(after.enum)):
        _refuse("The choices would become fewer.", at)
    if after.pattern is not None and after.pattern != before.pattern:
        _refuse("The pattern would change.", at)
    _not_above("minimum", before.minimum, after.minimum, at)
    _not_above("minLength", before.min_length, after.min_length, at)
    _not_above("maximum", _negative(before.maximum), _negative(after.maximum), at)
    _not_above("maxLength", _negative(before.max_length), _negative(after.max_length), at)


def _not_above(word: str, before: float | None, after: float | None, at: str) -> None:
    if after is not None and (before is None or after > before):
        _refuse(f"The {word} would leave fewer values.", at)


def _negative(bound: float | None) -> float | None:
    return None if bound is None else -bound


def _refuse(detail: str, at: str) -> NoReturn:
    raise Malformed("REG-1005", detail, at=at or "/")
