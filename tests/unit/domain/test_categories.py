"""Categories of records that are not valid."""

from __future__ import annotations

from onefold.domain.categories import CATEGORIES, of_code, of_violations
from onefold.errors import CODES


def test_each_category_counts_once_a_record() -> None:
    assert of_violations(["type", "type", "required", "maxLength"]) == {
        "type",
        "presence",
        "range",
    }


def test_keywords_without_a_category_are_unclassified() -> None:
    assert of_violations(["additionalProperties"]) == {"unclassified"}
    assert of_violations([]) == {"unclassified"}


def test_every_code_of_a_record_has_a_category() -> None:
    assert {of_code(code) for code in CODES if code.startswith("REC-")} <= set(CATEGORIES)
    assert of_code("REC-9001") == "unknown"
