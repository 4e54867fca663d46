"""Projection: the part of an entity that the parameter `fields` selects.

Source: profile contract, 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from onefold.errors import Malformed

PATHS_MAX = 500
STEPS_MAX = 32

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


def selected(entity: dict[str, Any], selector: Selector | None) -> dict[str, Any]:
    """Answer the selected part of an entity; the parts share structure with it.

    A path selects all that lies below it, goes through arrays into each element, and yields nothing
    where there is nothing. Parents and elements are kept only for what was selected in them.
    """
    return entity if selector is None else _part(entity, selector.tree)


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
