"""Chains between identities, and why a pair does not hold."""

from __future__ import annotations

import pytest

from onefold.domain.graph.chain import Apart, apart, chain
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Xid

RULES = LinkingRules({1: 1, 2: 2}, frozenset({1}))


def pairs(text: str) -> list[tuple[Xid, Xid]]:
    return [(Xid(pair[0]), Xid(pair[1])) for pair in text.split()]


@pytest.mark.parametrize(
    ("linked", "named", "expected"),
    [
        ("ab", "", "ab"),
        ("ba", "", "ab"),
        ("ac cd db", "", "acdb"),
        ("ac cd db ad", "", "adb"),
        ("ac cb ad db", "", "acb"),
        ("ac cd db", "ab", "acdb"),
        ("ac", "cb", "acb"),
        ("ac db", "ab cd", "ab"),
        ("ac cd", "ae eb db", "acdb"),
        ("ac", "db", None),
        ("", "", None),
    ],
)
def test_the_chain_has_the_fewest_gaps_and_then_the_fewest_links(linked, named, expected):
    found = chain(Xid("a"), Xid("b"), pairs(linked), pairs(named))
    assert (None if found is None else "".join(found)) == expected


def test_an_identity_is_a_chain_of_itself():
    assert chain(Xid("a"), Xid("a"), []) == ["a"]


@pytest.mark.parametrize(
    ("cut", "rules", "limit", "expected"),
    [
        (True, RULES, 50, (Apart.CUT, ())),
        (False, RULES, 2, (Apart.UNIQUE, ("a", "b"))),
        (False, None, 2, (Apart.LIMIT, ())),
        (False, None, 50, (Apart.BYGONE, ())),
        (False, LinkingRules({1: 1}, frozenset({2})), 50, (Apart.BYGONE, ())),
    ],
)
def test_a_pair_is_apart_for_the_first_reason_that_holds(cut, rules, limit, expected):
    one, other = {Xid("a"): 1, Xid("c"): 2}, {Xid("b"): 1}
    assert apart(one, other, cut=cut, rules=rules, limit=limit) == expected
