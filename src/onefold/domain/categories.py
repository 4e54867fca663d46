"""Categories: in which ways a record was not valid, in the words of observability.

Source: platform contract, section 10; which keyword belongs where is ours.
"""

from __future__ import annotations

from collections.abc import Iterable

CATEGORIES = (
    "type",
    "format",
    "pattern",
    "presence",
    "enum",
    "range",
    "unclassified",
    "unknown",
)

_OF_KEYWORD = {
    "type": "type",
    "format": "format",
    "pattern": "pattern",
    "required": "presence",
    "enum": "enum",
    "const": "enum",
    "minimum": "range",
    "maximum": "range",
    "exclusiveMinimum": "range",
    "exclusiveMaximum": "range",
    "minLength": "range",
    "maxLength": "range",
    "minItems": "range",
    "maxItems": "range",
}
_OF_CODE = {
    "REC-1002": "presence",
    "REC-1004": "presence",
    "REC-1005": "range",
    "REC-1006": "range",
    "REC-1008": "presence",
    "REC-9001": "unknown",
    "CAL-1002": "presence",
    "CAL-1003": "presence",
    "CAL-1004": "presence",
    "CAL-1005": "type",
    "CAL-1006": "format",
    "CAL-1007": "range",
    "CAL-1008": "range",
    "CAL-1009": "range",
    "CAL-1010": "range",
    "CAL-1012": "presence",
    "CAL-1015": "presence",
}


def of_violations(keywords: Iterable[str]) -> set[str]:
    """The categories of a record that breaks these keywords of its schema, each once."""
    return {_OF_KEYWORD.get(keyword, "unclassified") for keyword in keywords} or {"unclassified"}


def of_code(code: str) -> str:
    """The category of a record that failed with this code, and not by its schema."""
    return _OF_CODE.get(code, "unclassified")
