"""What a scalar field allows, worked out once from its `Field`, for the decoder and the explainer
alike.

Both ask this module, so that they cannot disagree about a bound, a choice or a date.
"""

from __future__ import annotations

import math
import re

import msgspec

from onefold.domain.xdm import patterns
from onefold.domain.xdm.ecma import python_form
from onefold.domain.xdm.types import INTEGER_RANGE, INTEGERS, Field, XdmType


class Limits(msgspec.Struct, frozen=True, gc=False):
    """The limits of one scalar field: inclusive bounds, choices, lengths and an expression to
    search."""

    low: int | float | None = None
    high: int | float | None = None
    choices: frozenset[str | int] | None = None
    min_length: int | None = None
    max_length: int | None = None
    written_pattern: str | None = None
    search: str | None = None


def limits(field: Field) -> Limits:
    """The limits of a scalar field. Integer bounds include the width's range; a text with a pattern
    is at most PATTERN_TEXT_MAX long."""
    choices = frozenset(field.enum) if field.enum else None
    if field.xdm_type in INTEGERS:
        low, high = INTEGER_RANGE[field.xdm_type]
        low = low if field.minimum is None else max(low, math.ceil(field.minimum))
        high = high if field.maximum is None else min(high, math.floor(field.maximum))
        return Limits(low=low, high=high, choices=choices)
    if field.xdm_type is XdmType.NUMBER:
        low_float = None if field.minimum is None else float(field.minimum)
        high_float = None if field.maximum is None else float(field.maximum)
        return Limits(low=low_float, high=high_float)
    longest = field.max_length
    if field.pattern is not None:
        longest = (
            patterns.PATTERN_TEXT_MAX
            if longest is None
            else min(longest, patterns.PATTERN_TEXT_MAX)
        )
    return Limits(
        choices=choices,
        min_length=field.min_length,
        max_length=longest,
        written_pattern=field.pattern,
        search=None if field.pattern is None else python_form(field.pattern),
    )


def is_day(text: str) -> bool:
    """Whether a text is a `date`."""
    return re.search(patterns.DATE, text) is not None


def is_instant(text: str) -> bool:
    """Whether a text is a `date-time`."""
    return re.search(patterns.DATE_TIME, text) is not None
