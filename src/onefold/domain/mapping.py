"""Mapping: which raw attribute becomes which field of a schema.

A mapping is compiled once against the resolved schema; then it turns raw objects into entities. It
moves and converts values, and invents none: attributes that no rule names are left out, and rules
whose attribute is absent write nothing. Source: ingestion contract, 4 (step 5) and 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from onefold.domain.xdm.convert import Impossible, converted
from onefold.domain.xdm.paths import STEPS_MAX, pointer
from onefold.domain.xdm.types import JSON, Field, XdmType
from onefold.errors import Malformed, OverLimit

RULES_MAX = 1000
"""Rules of one mapping."""
INDEX_MAX = 999
"""Largest index of an array that a path names."""

Steps = tuple[str | int, ...]
"""A path with indexes: `a.b[0].c` is ("a", "b", 0, "c")."""

_STEP = re.compile(r"(?:`([^`]+)`|([^`.\[\]]+))((?:\[\d{1,4}\])*)", re.ASCII)
_INDEX = re.compile(r"\d+", re.ASCII)


class Rule(msgspec.Struct, frozen=True):
    """One attribute and the field that it becomes."""

    source: Steps
    destination: Steps
    field: Field


class Misfit(msgspec.Struct, frozen=True):
    """A value that could not be converted. at: JSON pointer of the field in the entity."""

    at: str
    detail: str


class Mapped(NamedTuple):
    """What a mapping made of one object, and what it could not make of it."""

    entity: dict[str, JSON]
    misfits: list[Misfit]


class Mapping(msgspec.Struct, frozen=True):
    """Rules of one schema, none of which writes into the field of another."""

    rules: tuple[Rule, ...]

    def applied(self, raw: JSON, *, nulls: bool = False) -> Mapped:
        """The entity that a raw object becomes.

        nulls: take an attribute that is null for a field that is null (a partial update removes
        fields so); else it counts as absent. Elements of arrays keep their order, without gaps. The
        answer shares objects and arrays with `raw`: read only.
        """
        tree: dict[Any, Any] = {}
        misfits: list[Misfit] = []
        for rule in self.rules:
            value = _at(raw, rule.source)
            if value is msgspec.UNSET or (value is None and not nulls):
                continue
            if value is not None:
                value = converted(value, rule.field)
            if isinstance(value, Impossible):
                at = pointer(tuple(map(str, rule.destination)))
                misfits.append(Misfit(at, value.detail))
            else:
                _put(tree, rule.destination, value)
        return Mapped(_with_lists(tree), misfits)


def compiled(root: Field, pairs: Iterable[tuple[str, str]]) -> Mapping:
    """The mapping of (source attribute, destination path) pairs onto a resolved schema.

    Paths are names with dots between; `[n]` names an element of an array, and a name that holds a
    dot stands in backquotes. Raises Malformed CTL-1008 for a path of another form, for a
    destination that the schema does not have or that is written twice, for no rules; OverLimit
    CTL-1008 beyond RULES_MAX. `at` is the place in a list of mappings.
    """
    rules: list[Rule] = []
    for number, (source, destination) in enumerate(pairs):
        if number == RULES_MAX:
            raise OverLimit("CTL-1008", f"At most {RULES_MAX} mappings", at="/mappings")
        at = f"/mappings/{number}"
        to = steps_of(destination, f"{at}/destinationXdmPath")
        field = _field_at(root, to, f"{at}/destinationXdmPath")
        rules.append(Rule(steps_of(source, f"{at}/sourceAttribute"), to, field))
    if not rules:
        raise Malformed("CTL-1008", "A mapping set needs mappings", at="/mappings")
    _refuse_overlap(rules)
    return Mapping(tuple(rules))


def steps_of(text: str, at: str) -> Steps:
    """The steps of a written path. Raises Malformed CTL-1008, with `at`."""
    steps: list[str | int] = []
    position = 0
    while True:
        found = _STEP.match(text, position)
        if found is None or len(steps) >= STEPS_MAX:
            raise Malformed("CTL-1008", f"{text[:256]} is no path such as person.name", at=at)
        steps.append(found[1] or found[2])
        steps += [int(index) for index in _INDEX.findall(found[3])]
        position = found.end()
        if position == len(text):
            break
        if text[position] != ".":
            raise Malformed("CTL-1008", f"{text[:256]} is no path such as person.name", at=at)
        position += 1
    if any(isinstance(step, int) and step > INDEX_MAX for step in steps):
        raise Malformed("CTL-1008", f"An index is at most {INDEX_MAX}", at=at)
    return tuple(steps)


def _field_at(root: Field, steps: Steps, at: str) -> Field:
    field: Field | None = root
    for step in steps:
        if field is None:
            break
        if isinstance(step, int):
            field = field.items if field.xdm_type is XdmType.ARRAY else None
        elif field.xdm_type is XdmType.MAP:
            field = field.values
        else:
            field = field.properties.get(step)
    if field is None:
        written = "/".join(map(str, steps))[:256]
        raise Malformed("CTL-1008", f"The schema has no field {written}", at=at)
    return field


def _refuse_overlap(rules: list[Rule]) -> None:
    """No destination may be, or lie inside, another one: the order would decide who wins."""
    known: set[Steps] = set()
    for number, rule in enumerate(rules):
        if rule.destination in known:
            raise Malformed("CTL-1008", "Two mappings write one field", at=f"/mappings/{number}")
        known.add(rule.destination)
    for number, rule in enumerate(rules):
        to = rule.destination
        if any(to[:length] in known for length in range(1, len(to))):
            raise Malformed(
                "CTL-1008", "A mapping writes into another one's field", at=f"/mappings/{number}"
            )


def _at(raw: JSON, steps: Steps) -> JSON:
    """What stands at the steps; UNSET if nothing does."""
    value = raw
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, dict):
                return msgspec.UNSET
            value = value.get(step, msgspec.UNSET)
        elif isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return msgspec.UNSET
    return value


def _put(tree: dict[Any, Any], steps: Steps, value: JSON) -> None:
    """Write a value; arrays are kept as objects of their indexes until all is written."""
    for step in steps[:-1]:
        tree = tree.setdefault(step, {})
    tree[steps[-1]] = value


def _with_lists(node: Any) -> Any:
    if type(node) is not dict or not node:
        return node
    if type(next(iter(node))) is int:
        return [_with_lists(node[index]) for index in sorted(node)]
    return {name: _with_lists(value) for name, value in node.items()}
