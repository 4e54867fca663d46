"""Identity settings and the rules that follow from them. Source: identity contract, 7.1 and 7.2."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from onefold.domain.graph.settings import IdentitySettings, checked, ordered, rules_of
from onefold.domain.identity.identity import Identity
from onefold.domain.identity.namespace import STANDARD, Namespace, NamespaceBook
from onefold.errors import Malformed

CRM = Namespace(id=10_000_000, code="CRMID", name="Customer", id_type="CROSS_DEVICE", custom=True)
BOOK = NamespaceBook((*STANDARD, CRM))
NEW = NamespaceBook(
    (*BOOK, Namespace(id=10_000_001, code="Shop", name="S", id_type="Email", custom=True))
)


def test_codes_are_found_in_any_case_and_as_ids_they_are_kept():
    settings = checked([("crmid", True), ("email", False), ("ECID", False)], BOOK)
    assert settings == IdentitySettings((CRM.id, 6, 4), (CRM.id,))


def test_every_namespace_of_people_ranks_above_every_device():
    rules = rules_of(IdentitySettings((CRM.id, 4)), BOOK)
    assert rules.rank(CRM.id) == 1
    assert rules.rank(6) == 2
    people = [rules.rank(one.id) for one in ordered(IdentitySettings(()), BOOK) if one.id != 4]
    assert rules.rank(4) > max(rules.rank(id_) for id_ in (6, 7, 11, 15, 17, 18, CRM.id))
    assert sorted(rules.ranks.values()) == list(range(1, len(people) + 2))


def test_a_new_namespace_ranks_lowest_of_its_kind():
    settings = IdentitySettings((CRM.id, 6, 4), (CRM.id,))
    codes = [one.code for one in ordered(settings, NEW)]
    assert codes.index("Shop") + 1 == codes.index("ECID")


def test_what_never_enters_graphs_ranks_behind_all():
    rules = rules_of(IdentitySettings((CRM.id,)), BOOK)
    assert 10 not in rules.ranks
    assert rules.rank(10) > max(rules.ranks.values())


def test_a_namespace_may_be_named_once():
    with pytest.raises(Malformed) as caught:
        checked([("Email", False), ("email", True)], BOOK)
    assert caught.value.at == "/namespaces/1/code"


def test_two_values_of_a_unique_namespace_are_noticed():
    rules = rules_of(IdentitySettings((CRM.id, 6), (CRM.id,)), BOOK)
    tom, summer = Identity(CRM.id, "Tom"), Identity(CRM.id, "Summer")
    mails = (Identity(6, "a"), Identity(6, "b"))
    assert rules.doubled((tom, *mails, summer)) == CRM.id
    assert rules.doubled((tom, *mails, tom)) is None


def test_several_identities_count_only_beside_the_primary_one():
    rules = rules_of(IdentitySettings((CRM.id, 6), (CRM.id,)), BOOK)
    tom, mails = Identity(CRM.id, "Tom"), (Identity(6, "a"), Identity(6, "b"))
    assert not rules.several(tom, (tom, *mails))
    assert rules.several(mails[0], mails)
    partners = (Identity(10, "a"), Identity(10, "b"))
    assert not rules.several(partners[0], partners)


def test_a_namespace_that_only_finds_ranks_behind_all_others_wherever_it_stands():
    settings = checked([("Email", False), ("CRMID", True), ("ECID", False)], BOOK, {"Email"})
    assert settings.lookup_only == (6,)
    rules = rules_of(settings, BOOK)
    assert rules.lookup_only == {6}
    assert rules.rank(6) == len(rules.ranks)
    assert checked([("ECID", False), ("Email", False)], BOOK, {"Email"}).priority == (4, 6)


def test_a_namespace_that_only_finds_is_not_unique():
    with pytest.raises(Malformed) as caught:
        checked([("CRMID", True), ("Email", True)], BOOK, {"Email"})
    assert (caught.value.code, caught.value.at) == ("CTL-1008", "/namespaces/1/lookupOnly")


def test_several_of_one_namespace_do_no_harm_where_senders_say_which_is_primary():
    rules = replace(rules_of(IdentitySettings((CRM.id, 6)), BOOK), names_primary=False)
    mails = (Identity(6, "a"), Identity(6, "b"))
    assert not rules.several(mails[0], mails)


def test_a_record_that_names_somebody_is_theirs_alone_where_devices_are_handed_over():
    rules = rules_of(IdentitySettings((CRM.id,), (CRM.id,)), BOOK)
    tom, mail, browser = Identity(CRM.id, "Tom"), Identity(6, "a"), Identity(4, "1" * 38)
    assert set(rules.owning({tom, mail, browser})) == {tom, mail, browser}
    rules = replace(rules, hands_over=True)
    assert list(rules.owning([mail, tom, browser])) == [tom]
    assert set(rules.owning({mail, browser})) == {mail, browser}
