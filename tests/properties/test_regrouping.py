"""Laws of what is told of people: sets of members, written out, tell the same."""

from __future__ import annotations

from hypothesis import event, given
from hypothesis import strategies as st

from onefold.domain.graph.regrouping import Happening, Kind, happenings
from onefold.domain.identity.identity import Xid

XIDS = [Xid(letter) for letter in "abcdefg"]

Groups = dict[Xid, set[Xid]]


@st.composite
def worlds(draw: st.DrawFn) -> dict[Xid, Xid]:
    """Some identities, in any clusters."""
    labels = draw(st.dictionaries(st.sampled_from(XIDS), st.integers(0, 3)))
    groups: dict[int, list[Xid]] = {}
    for xid, label in labels.items():
        groups.setdefault(label, []).append(xid)
    return {xid: min(groups[label]) for xid, label in labels.items()}


def groups(world: dict[Xid, Xid]) -> Groups:
    return {name: {xid for xid in world if world[xid] == name} for name in set(world.values())}


def naive(old: Groups, new: Groups, changed: set[Xid]) -> set[Happening]:
    """What happened, by comparing every old cluster with every new one."""
    found = set()
    told = set()
    for name, members in old.items():
        parts = tuple(sorted(n for n, others in new.items() if members & others))
        if not parts:
            found.add(Happening(Kind.DELETED, name))
        elif len(parts) > 1:
            found.add(Happening(Kind.SPLIT, name, parts))
            told |= set(parts)
    for name, members in new.items():
        origins = sorted(n for n, others in old.items() if members & others)
        if not origins:
            found.add(Happening(Kind.CREATED, name))
            told.add(name)
            continue
        part_of_one = len(origins) == 1 and origins[0] not in (name,) and name in told
        if origins != [name] and not part_of_one:
            others = tuple(origin for origin in origins if origin != name)
            found.add(Happening(Kind.JOINED, name, others))
            told.add(name)
    for name, members in new.items():
        differs = name in changed or old.get(name) != members
        if differs and name not in told:
            found.add(Happening(Kind.CHANGED, name))
    return found


@given(worlds(), worlds(), st.data())
def test_what_moved_is_enough_to_tell_what_happened(
    old: dict[Xid, Xid], new: dict[Xid, Xid], data: st.DataObject
) -> None:
    moved = {xid for xid in XIDS if old.get(xid) != new.get(xid)}
    given_too = data.draw(st.sets(st.sampled_from(XIDS)))
    known = sorted({*old.values(), *new.values()})
    changed = data.draw(st.sets(st.sampled_from(known))) if known else set()
    # A name that is no more does no harm if its identity is given.
    listed = moved | given_too | (changed - set(new.values()))
    before = {xid: name for xid, name in old.items() if xid in listed}
    after = {xid: name for xid, name in new.items() if xid in listed}
    found = happenings(before, after, changed)
    assert set(found) == naive(groups(old), groups(new), changed)
    assert len(set(found)) == len(found)
    for one in found:
        event(one.kind.value)


@given(worlds())
def test_nothing_is_told_when_nothing_happened(world: dict[Xid, Xid]) -> None:
    assert happenings(world, world) == []


@given(worlds(), worlds())
def test_a_follower_who_does_as_it_is_told_keeps_what_there_is(
    old: dict[Xid, Xid], new: dict[Xid, Xid]
) -> None:
    """As the how-to has it: what is read anew is as it is in the end."""
    there = groups(new)
    kept = groups(old)
    for one in happenings(old, new):
        dropped = one.others if one.kind is Kind.JOINED else (one.cluster,)
        for name in dropped:
            kept.pop(name, None)
        read = one.others if one.kind is Kind.SPLIT else (one.cluster,)
        for name in read:
            if one.kind is not Kind.DELETED:
                kept[name] = there[name]
    assert kept == there


@given(worlds(), worlds())
def test_every_name_that_is_no_more_is_told_of(old: dict[Xid, Xid], new: dict[Xid, Xid]) -> None:
    """Whoever keeps something under a cluster's name hears when the name has gone."""
    named: set[Xid] = set()
    for one in happenings(old, new):
        if one.kind in (Kind.SPLIT, Kind.DELETED):
            named.add(one.cluster)
        elif one.kind is Kind.JOINED:
            named |= set(one.others)
    assert set(old.values()) - set(new.values()) <= named
