"""Which regular expressions Python's backtracking engine could run for ever.

The idea: an expression is dangerous when a text can be cut into rounds of a group that repeats in
many ways, or one round be matched in many ways, because a failing match then tries them all. A
group that repeats is safe here when there is one way only:

- it always matches the same number of characters, and if it has alternatives, these begin with
  different characters; or
- it has no alternatives, exactly one atom of it repeats variably, and its first or its last atom
  stands once and matches no character that another atom of the group matches: a separator, as `-`
  in `(-[a-z0-9]+)*`.

Everything else that repeats is called dangerous, some harmless expressions with it. What remains is
polynomial in the length of the text, which `patterns.py` limits.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from onefold.domain.xdm.ecma import python_token, tokens

_OPENING = frozenset({"(", "(?:", "(?=", "(?!", "(?<=", "(?<!"})
_SAMPLE = "".join(map(chr, range(256))) + "\u0416\u2028\u4e2d\U0001f600"
_UNBOUNDED = 10**9


class Group(NamedTuple):
    """A group, or the whole expression: its alternatives."""

    alternatives: list[list[Item]]


class Item(NamedTuple):
    """An atom (one token that matches one character) or a group, and how often it may repeat."""

    what: str | Group
    least: int
    most: int


def is_dangerous(pattern: str) -> bool:
    """Whether an expression that compiles could take exponential time, or is of an unknown form.

    Unknown forms are back-references, inline flags, named, atomic and conditional groups,
    possessive quantifiers, empty classes, and `--` in a class. Raises re.error for what does not
    compile, and RecursionError for groups nested very deep.
    """
    found = tokens(pattern)
    unknown = any(
        token in ("(?", "[]", "[^]")
        or re.fullmatch(r"\\[1-9]", token)
        or (token[0] == "[" and "--" in token)
        for token in found
    )
    possessive = any(_quantity(left) and right == "+" for left, right in itertools.pairwise(found))
    return unknown or possessive or _holds_danger(_parsed(iter(found)))


def parsed(pattern: str) -> Group:
    """The tree of an expression that is not dangerous. Groups that only look ahead or behind are
    told apart from others no more."""
    return _parsed(iter(tokens(pattern)))


def _parsed(rest: Iterator[str]) -> Group:
    alternatives: list[list[Item]] = [[]]
    for token in rest:
        items = alternatives[-1]
        quantity = _quantity(token)
        if token in _OPENING:
            items.append(Item(_parsed(rest), 1, 1))
        elif token == ")":
            break
        elif token == "|":
            alternatives.append([])
        elif quantity is None:
            items.append(Item(token, 1, 1))
        elif items and (items[-1].least, items[-1].most) == (1, 1):
            items[-1] = Item(items[-1].what, *quantity)
        # Else the token is the `?` of a lazy quantifier, which tries the same ways in another
        # order.
    return Group(alternatives)


def _quantity(token: str) -> tuple[int, int] | None:
    if token in "*+?":
        return {"*": (0, _UNBOUNDED), "+": (1, _UNBOUNDED), "?": (0, 1)}[token]
    if len(token) > 2 and token[0] == "{":
        least, comma, most = token[1:-1].partition(",")
        return int(least), int(most or _UNBOUNDED) if comma else int(least)
    return None


def _holds_danger(group: Group) -> bool:
    for item in _items(group):
        if isinstance(item.what, Group) and (
            (item.most > 1 and not _is_unique(item.what)) or _holds_danger(item.what)
        ):
            return True
    return False


def _is_unique(group: Group) -> bool:
    """Whether rounds of this group can be told apart in one way only."""
    varying = [item for item in _items(group) if _varies(item)]
    if len(group.alternatives) > 1:
        first = [matched(items[0].what) if items else set() for items in group.alternatives]
        return not varying and all(first) and len(set().union(*first)) == sum(map(len, first))
    if len(varying) > 1 or any(isinstance(item.what, Group) for item in varying):
        return False
    items = group.alternatives[0]
    return not varying or _is_separated(items) or _is_separated(items[::-1])


def _is_separated(items: list[Item]) -> bool:
    separator, *others = items
    if (separator.least, separator.most) != (1, 1):
        return False
    mark = matched(separator.what)
    rest = [matched(atom) for item in others for atom in _atoms(item)]
    return bool(mark) and all(rest) and mark.isdisjoint(set().union(*rest))


def _varies(item: Item) -> bool:
    if item.least != item.most or item.most == 0:
        return True
    return isinstance(item.what, Group) and (
        len(item.what.alternatives) > 1 or any(_varies(inner) for inner in _items(item.what))
    )


def _items(group: Group) -> Iterator[Item]:
    return (item for items in group.alternatives for item in items)


def _atoms(item: Item) -> Iterator[str]:
    if isinstance(item.what, str):
        yield item.what
    else:
        for inner in _items(item.what):
            yield from _atoms(inner)


def matched(what: str | Group) -> set[str]:
    """The characters of the sample that an atom matches; none for groups and for `^` and its like.

    An atom of one character stands for itself, so it is in the sample in any case.
    """
    if isinstance(what, Group):
        return set()
    expression = re.compile(f"(?a){python_token(what)}")
    return set(expression.findall(_SAMPLE + what[:1])) - {""}
