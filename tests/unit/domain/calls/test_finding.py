"""Finding: names that lead to people and link nobody."""

from __future__ import annotations

import pytest

from onefold.domain.calls.finding import email_key, name_of
from onefold.domain.identity.identity import Identity
from onefold.domain.identity.namespace import STANDARD, NamespaceBook

BOOK = NamespaceBook(STANDARD)
EMAIL = BOOK.by_key("Email")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Kim@Example.org", "kim@example.org"),
        (" kim@example.org", "kim@example.org"),
        ("kim@example.org", None),
        ("  ", None),
        ("İ" * 1024, None),
    ],
)
def test_an_address_of_the_graph_has_a_name_when_its_own_is_not_what_is_asked_for(
    value: str, name: str | None
) -> None:
    assert EMAIL is not None
    found = name_of(Identity(EMAIL.id, value), BOOK)
    assert (found and found.value) == name
    if found is not None:
        assert found == Identity(EMAIL.id, email_key(value))
        assert name_of(found, BOOK) is None


def test_other_identities_are_found_by_their_own_names_alone() -> None:
    phone = BOOK.by_key("Phone")
    assert phone is not None
    assert name_of(Identity(phone.id, "A@B.c"), BOOK) is None
