"""Which identities a record names. Source of the rules: identity contract, sections 4 and 6."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.identity.identity import Identity
from onefold.domain.identity.namespace import STANDARD, Namespace, NamespaceBook
from onefold.domain.identity.records import DescriptorPath, Extracted, Skip, extracted
from onefold.errors import Malformed, Rejected

ECID = "12507560687324495704459439363261812234"
OTHER_ECID = "12019606991718502754997192487345616673"
BOOK = NamespaceBook(
    (
        *STANDARD,
        Namespace(id=10093197, code="Loyalty", name="Loyalty", id_type="Cross_device", custom=True),
        Namespace(id=10093198, code="Partner", name="Partner", id_type="PARTNER", custom=True),
    )
)
CORE = ("_tenant", "identification", "core")
EMAIL = DescriptorPath((*CORE, "email"), 6, is_primary=False)
LOYALTY = DescriptorPath((*CORE, "loyaltyId"), 10093197, is_primary=True)
UNKNOWN = DescriptorPath((*CORE, "email"), 99, is_primary=False)


def read(
    identity_map: Any = None, *descriptors: DescriptorPath, core: Any = None, book: Any = BOOK
) -> Extracted:
    return extracted(
        {"identityMap": identity_map, "_tenant": {"identification": {"core": core}}},
        book,
        descriptors,
    )


def refusal(*arguments: Any, **keywords: Any) -> Rejected:
    with pytest.raises(Rejected) as refused:
        read(*arguments, **keywords)
    return refused.value


def test_map_and_marked_fields_are_united_primary_first():
    found = read(
        {
            "Email": [{"id": "a@b.example"}],
            "ECID": [{"id": ECID, "primary": True, "authenticatedState": "ambiguous"}],
        },
        EMAIL,
        core={"email": "c@d.example"},
    )
    assert found == Extracted(
        primary=Identity(4, ECID),
        identities=(Identity(4, ECID), Identity(6, "a@b.example"), Identity(6, "c@d.example")),
        linkable=(Identity(4, ECID), Identity(6, "a@b.example"), Identity(6, "c@d.example")),
        skipped=(),
    )


def test_keys_of_the_map_are_exact_codes_or_numeric_ids():
    assert read({"4": [{"id": ECID}]}).primary == Identity(4, ECID)
    assert refusal({"ecid": [{"id": ECID}]}).code == "REC-1003"


def test_values_are_compared_exactly_and_named_once():
    found = read(
        {"Email": [{"id": "A@b", "primary": True}, {"id": "a@b"}, {"id": "A@b"}]},
        EMAIL,
        core={"email": "a@b"},
    )
    assert found.identities == (Identity(6, "A@b"), Identity(6, "a@b"))


def test_the_primary_field_wins_over_flags_of_the_map():
    found = read(
        {"ECID": [{"id": ECID, "primary": True}, {"id": OTHER_ECID, "primary": True}]},
        EMAIL,
        LOYALTY,
        core={"loyaltyId": "L1", "email": "a@b"},
    )
    assert found.primary == found.identities[0] == Identity(10093197, "L1")
    assert len(found.identities) == 4


@pytest.mark.parametrize(
    "core", [None, {}, {"loyaltyId": None}], ids=["no parent", "absent", "null"]
)
def test_an_empty_primary_field_is_not_replaced_by_a_flag(core):
    refused = refusal({"ECID": [{"id": ECID, "primary": True}]}, LOYALTY, core=core)
    assert refused.code == "REC-1002"
    assert refused.at == "/_tenant/identification/core/loyaltyId"


def test_a_single_identity_of_the_map_needs_no_flag():
    """Secondary fields do not count, and neither do values that mean nothing."""
    found = read(
        {"ECID": [{"id": ECID, "primary": None}], "Email": [{"id": "null"}]},
        EMAIL,
        core={"email": "a@b"},
    )
    assert found.primary == Identity(4, ECID)
    assert found.skipped == (Skip("Email", "is blank or a placeholder"),)


@pytest.mark.parametrize(
    "identity_map",
    [
        None,
        {},
        {"ECID": None},
        {"ECID": [], "Nowhere": []},
        {"ECID": [{"id": ECID}, {"id": OTHER_ECID}]},
        {"ECID": [{"id": ECID, "primary": True}, {"id": OTHER_ECID, "primary": True}]},
        {"ECID": [{"id": ECID, "primary": True}], "Email": [{"id": "", "primary": True}]},
    ],
    ids=["null", "empty", "null list", "empty list", "none flagged", "two flagged", "one unusable"],
)
def test_without_exactly_one_primary_identity_the_record_is_refused(identity_map):
    assert refusal(identity_map, EMAIL, core={"email": "a@b"}).code == "REC-1002"


def test_one_identity_may_be_flagged_twice():
    item = {"id": ECID, "primary": True}
    assert read({"ECID": [item, item], "4": [item]}).identities == (Identity(4, ECID),)


@pytest.mark.parametrize(
    ("namespace", "value"),
    [
        ("ECID", ECID[:-1]),
        ("ECID", ECID + "1"),
        ("ECID", ECID[:-1] + "x"),
        ("ECID", ECID[:-1] + "\u0664"),
        ("Email", ""),
        ("Email", " \t"),
        ("Email", "NULL"),
        ("Email", "Anonymous"),
        ("Email", "invalid"),
        ("Email", "x" * 1025),
    ],
)
def test_unusable_values_are_skipped_unless_primary(namespace, value):
    found = read({"Loyalty": [{"id": "L1", "primary": True}], namespace: [{"id": value}]})
    assert found.identities == (Identity(10093197, "L1"),)
    assert [skip.namespace for skip in found.skipped] == [namespace]
    assert not value.strip() or value not in found.skipped[0].reason

    for items in ([{"id": value, "primary": True}], [{"id": value}]):
        assert refusal({namespace: items}).code == "REC-1009"
    marked = DescriptorPath(LOYALTY.path, BOOK.by_key(namespace).id, is_primary=True)  # type: ignore[union-attr]  # a known code
    assert refusal(None, marked, core={"loyaltyId": value}).code == "REC-1009"


def test_the_longest_value_is_usable():
    assert read({"Email": [{"id": "x" * 1024}]}).primary.value == "x" * 1024


@pytest.mark.parametrize(
    ("identity_map", "core"),
    [
        ([], None),
        ("ECID", None),
        ({"ECID": {"id": ECID}}, None),
        ({"ECID": [ECID]}, None),
        ({"ECID": [{}]}, None),
        ({"ECID": [{"id": 1}]}, None),
        ({"ECID": [{"id": ECID, "primary": "true"}]}, None),
        (None, {"email": 1}),
        (None, {"email": ["a@b"]}),
        (None, "core"),
    ],
)
def test_a_malformed_shape_is_refused(identity_map, core):
    refused = refusal(identity_map, EMAIL, core=core)
    assert isinstance(refused, Malformed)
    assert refused.code == "REC-1001"
    assert refused.at is not None


def test_an_unknown_namespace_refuses_the_record():
    refused = refusal({"ECID": [{"id": ECID, "primary": True}], "a/b~c": [{"id": "x"}]})
    assert (refused.code, refused.at) == ("REC-1003", "/identityMap/a~1b~0c")
    refused = refusal({"ECID": [{"id": ECID}]}, UNKNOWN, core={"email": "a@b"})
    assert (refused.code, refused.at) == ("REC-1003", "/_tenant/identification/core/email")
    assert read({"ECID": [{"id": ECID}]}, UNKNOWN).primary == Identity(4, ECID)


def test_errors_never_hold_a_value_of_an_identity():
    for identity_map in (
        {"Email": [{"id": "secret" * 200, "primary": True}]},
        {"ECID": [{"id": "secret", "primary": True}]},
        {"Email": [{"id": "secret"}, {"id": "secret2"}]},
    ):
        refused = refusal(identity_map)
        assert "secret" not in f"{refused} {refused.detail} {refused.at} {refused.facts}"


def test_identities_outside_the_graph_are_not_linkable():
    """Partner and non-people identities and AAID are known, but link nobody."""
    found = read(
        {
            "ECID": [{"id": ECID, "primary": True}],
            "AAID": [{"id": "6108AAEBC4697958-66BCCC1083D28AF1"}],
            "Partner": [{"id": "P1"}],
            "AAMSegments": [{"id": "7"}],
        }
    )
    assert len(found.identities) == 4
    assert found.linkable == ()


@pytest.mark.parametrize(("count", "linked"), [(1, 0), (2, 2), (20, 20), (21, 0)])
def test_only_two_to_twenty_distinct_identities_link(count, linked):
    items: list[dict[str, Any]] = [{"id": f"{n}@b"} for n in range(count)]
    items[0]["primary"] = True
    found = read({"Email": [*items, *items[1:], {"id": "null"}]})
    assert len(found.identities) == count
    assert len(found.linkable) == linked


def test_at_most_a_thousand_items_of_the_map_are_looked_at():
    """The fields still are: the primary identity may be one of them."""
    items = [{"id": f"{n}@b"} for n in range(1001)]
    found = read({"Email": items, "Phone": [{"id": "1"}]}, LOYALTY, core={"loyaltyId": "L1"})
    assert len(found.identities) == 1001
    assert found.skipped == (Skip("Email", "stands beyond the 1000th identity"),)


RANKS = {10093197: 1, 6: 2, 4: 3}
"""Of linking rules: the loyalty number before the e-mail address before the ECID."""


def ranked(identity_map: Any, *descriptors: DescriptorPath, core: Any = None) -> Extracted:
    entity = {"identityMap": identity_map, "_tenant": {"identification": {"core": core}}}
    return extracted(entity, BOOK, descriptors, RANKS)


def test_with_ranks_the_highest_namespace_is_primary_whatever_is_flagged():
    flagged = {"ECID": [{"id": ECID, "primary": True}], "Email": [{"id": "a@b.example"}]}
    assert ranked(flagged).primary == Identity(6, "a@b.example")
    marked = ranked({"Loyalty": [{"id": "L1"}]}, EMAIL, core={"email": "c@d.example"})
    assert marked.primary == Identity(10093197, "L1")


def test_with_ranks_marked_fields_count_as_the_map_does():
    found = ranked({"ECID": [{"id": ECID}]}, EMAIL, core={"email": "c@d.example"})
    assert found.primary == Identity(6, "c@d.example")
    assert found.identities[0] == found.primary


def test_with_ranks_several_unflagged_identities_are_no_fault():
    assert ranked({"ECID": [{"id": ECID}], "Email": [{"id": "a@b.example"}]}).primary == Identity(
        6, "a@b.example"
    )


def test_with_ranks_an_unusable_identity_is_not_there():
    found = ranked({"Loyalty": [{"id": "anonymous"}], "ECID": [{"id": ECID}]})
    assert found.primary == Identity(4, ECID)


def test_with_ranks_the_first_of_one_namespace_is_primary():
    assert ranked({"Email": [{"id": "b"}, {"id": "a"}]}).primary == Identity(6, "b")


def test_without_a_ranked_identity_flags_decide():
    found = ranked({"Partner": [{"id": "p"}, {"id": "q", "primary": True}]})
    assert found.primary == Identity(10093198, "q")
    with pytest.raises(Rejected) as refused:
        ranked({"Partner": [{"id": "p"}, {"id": "q"}]})
    assert refused.value.code == "REC-1002"
