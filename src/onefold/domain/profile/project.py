"""Projection: the part of an entity that is selected, by the parameter `fields` or by the selector
of an edge projection.

Source: profile contract, 3.4 and 6.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from onefold.errors import Malformed

PATHS_MAX = 500
STEPS_MAX = 32
SELECTOR_CHARS_MAX = 20_000

_TOKEN = re.compile(r"[(),]|[^(),]+")
_PATH = re.compile(r"[^\s.]+(\.[^\s.]+)*")

Tree: TypeAlias = "dict[str, Tree | None]"
"""What to take under each name: a part, or everything (None)."""


class Selector(msgspec.Struct, frozen=True):
    """Compiled paths; shared freely, never changed."""

    tree: Tree


def selector(paths: Sequence[str]) -> Selector | None:
    """Compile dot paths from the root of an entity; None stands for everything.

    No path, or only empty ones, select everything. Of a path and a longer one below it, the
    shorter one counts. Raises Malformed PRO-1002 above 500 paths or 32 steps in one of them.
    """
    if len(paths) > PATHS_MAX:
        raise Malformed("PRO-1002", f"fields holds more than {PATHS_MAX} paths.", at="fields")
    tree: Tree = {}
    for path in paths:
        if path:
            _plant(tree, path)
    return Selector(tree) if tree else None


def projection_selector(text: str) -> Selector:
    """Compile the selector of an edge projection, `a,b.c(d,e.f)`.

    Grammar: `sel = item *("," item)`, `item = path ["(" sel ")"]`, `path = name *("." name)`, no
    spaces. Raises Malformed PRJ-1003 for another form, above SELECTOR_CHARS_MAX characters, 500
    paths or 32 steps in one of them. Source: profile contract, 6.3.
    """
    if len(text) > SELECTOR_CHARS_MAX:
        raise _malformed(f"has more than {SELECTOR_CHARS_MAX} characters")
    tree: Tree = {}
    for number, path in enumerate(_paths(text)):
        if number >= PATHS_MAX:
            raise _malformed(f"names more than {PATHS_MAX} fields")
        if path.count(".") >= STEPS_MAX:
            raise _malformed(f"has a path of more than {STEPS_MAX} steps")
        _plant(tree, path)
    return Selector(tree)


def united(selectors: Iterable[Selector]) -> Selector:
    """What selects everything that any of these selects."""
    tree: Tree = {}
    for one in selectors:
        _unite(tree, one.tree)
    return Selector(tree)


def selected(entity: dict[str, Any], selector: Selector | None) -> dict[str, Any]:
    """Answer the selected part of an entity; the parts share structure with it.

    A path selects all that lies below it, goes through arrays into each element, and yields nothing
    where there is nothing. Parents and elements are kept only for what was selected in them.
    """
    return entity if selector is None else _part(entity, selector.tree)


def reaches(selector: Selector | None, path: Sequence[str]) -> bool:
    """Whether what lies at this path is selected, or something below it is."""
    tree = None if selector is None else selector.tree
    for step in path:
        if tree is None:
            break
        if step not in tree:
            return False
        tree = tree[step]
    return True


def _paths(text: str) -> Iterator[str]:
    """The dot paths that a projection's selector stands for, parentheses opened."""
    above: list[str] = [""]
    item, previous = "", ""
    for token in _TOKEN.findall(text):
        if token == "(":
            if not item:
                raise _malformed("has a ( without a path before it")
            if len(above) > STEPS_MAX:
                raise _malformed(f"has more than {STEPS_MAX} parentheses in one another")
            above.append(f"{above[-1]}{item}.")
            item = ""
        elif token in ",)":
            if not item and previous != ")":
                raise _malformed(f"has a {token} without a path before it")
            if item:
                yield above[-1] + item
                item = ""
            if token == ")":
                above.pop()
                if not above:
                    raise _malformed("has a ) without its (")
        else:
            if previous == ")" or not _PATH.fullmatch(token):
                raise _malformed(f"cannot have {token[:50]!r} there")
            item = token
        previous = token
    if len(above) > 1:
        raise _malformed("has a ( without its )")
    if not item and previous != ")":
        raise _malformed("ends where a path should stand" if previous else "is empty")
    if item:
        yield item


def _malformed(why: str) -> Malformed:
    return Malformed("PRJ-1003", f"The selector {why}.", at="selector")


def _unite(tree: Tree, other: Tree) -> None:
    for name, below in other.items():
        if below is None:
            tree[name] = None
        else:
            known = tree.setdefault(name, {})
            if known is not None:  # else everything below is taken already
                _unite(known, below)


def _plant(tree: Tree, path: str) -> None:
    *steps, leaf = path.split(".")
    if len(steps) >= STEPS_MAX:
        raise Malformed(
            "PRO-1002", f"A path of fields has more than {STEPS_MAX} steps.", at="fields"
        )
    for step in steps:
        below = tree.setdefault(step, {})
        if below is None:  # a shorter path takes everything here
            return
        tree = below
    tree[leaf] = None


def _part(entity: dict[str, Any], tree: Tree) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for name, below in tree.items():
        if name in entity:
            value = entity[name]
            if below is None:
                answer[name] = value
            elif isinstance(value, dict):
                if part := _part(value, below):
                    answer[name] = part
            elif isinstance(value, list) and (parts := _parts(value, below)):
                answer[name] = parts
    return answer


def _parts(values: list[Any], tree: Tree) -> list[Any]:
    answer: list[Any] = []
    for value in values:
        part: Any = None
        if isinstance(value, dict):
            part = _part(value, tree)
        elif isinstance(value, list):
            part = _parts(value, tree)
        if part:
            answer.append(part)
    return answer
