"""Computed traits: what follows of a customer from its events, by definitions of the account.

A definition takes a value, or nothing, of each event by itself; the trait follows from the values
taken of all events of the customer, in whatever order they came. So an event that comes late, goes
to another customer or is deleted changes what it has to, and nothing has to be counted back.
Source: Intilery contract, 16.1.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec

from onefold.domain.calls import times
from onefold.domain.calls.names import action_of_name
from onefold.domain.calls.properties import value_at
from onefold.errors import Malformed

TRAITS_MAX: Final = 25
"""Computed traits of an account."""
EVENTS_MAX: Final = 20
"""Names of events of one computed trait."""
CONDITIONS_MAX: Final = 20
"""Conditions of one computed trait."""
NAME_CHARS_MAX: Final = 256
"""Longest name of a trait, an event or a property, and longest text of a condition."""
VALUE_BYTES_MAX: Final = 512
"""Longest value that is taken of an event, in bytes of JSON; a longer one is passed over."""
LISTED_MAX: Final = 1_000
"""Values that a unique list is shown with."""

Kind = Literal[
    "event_counter",
    "sum",
    "average",
    "minimum",
    "maximum",
    "most_frequent",
    "first",
    "last",
    "unique_list",
    "unique_list_count",
]
KINDS: Final = frozenset(get_args(Kind))
_OF_NUMBERS: Final = frozenset(("sum", "average", "minimum", "maximum"))
ENDS: Final = frozenset(("first", "last"))
"""Kinds that depend on one event alone."""

_UNCOUNTED: Final = frozenset(("identify", "screen", "group", "alias"))
"""Actions of calls that are neither track nor page."""
_WAITING: Final = frozenset(("within_last", "within_next", "before_last", "after_next"))
_NAMED: Final = ("name", "kind", "events", "property", "conditions")

JSON = Any


class Condition(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a property of an event has to say. value: None for `exists` and `not_exists`."""

    property: str
    operator: str
    value: JSON = None


class ComputedTrait(msgspec.Struct, frozen=True, omit_defaults=True):
    """One definition. events: actions. property: by name or dotted path; empty of counters. id:
    tells this definition, for as long as it stands, from all others; its name is not in it."""

    name: str
    kind: Kind
    events: tuple[str, ...]
    property: str = ""
    conditions: tuple[Condition, ...] = ()
    id: str = ""


class Group(NamedTuple):
    """One value that a trait took of some events. value: its JSON. number: of these events.
    first_ms, last_ms: the times of the first and the last one."""

    value: str
    number: int
    first_ms: int
    last_ms: int


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode


def checked(
    said: Any, known: Iterable[ComputedTrait] = (), number: int = 0
) -> tuple[ComputedTrait, ...]:
    """The definitions that a list of JSON objects says, by name.

    known: those that stood before; one that says the same keeps its id, under whatever name.
    number: of this change of the account's definitions; new ones get ids that no other number
    gives, so that one that was away for a while is told from what it was before.
    Raises Malformed CTL-1008, with a JSON pointer into the list.
    """
    if type(said) is not list:
        raise _malformed("Computed traits are a list of objects", "")
    if len(said) > TRAITS_MAX:
        raise _malformed(f"An account has {TRAITS_MAX} computed traits at most", "")
    ids = {_said_by(one): one.id for one in known}
    found: dict[str, ComputedTrait] = {}
    for place, one in enumerate(said):
        trait = _trait(one, f"/{place}")
        if trait.name in found:
            raise _malformed(f"Two computed traits are called {trait.name}", f"/{place}/name")
        told = _said_by(trait)
        id_ = ids.get(told) or hashlib.sha256(b"%d %s" % (number, told)).hexdigest()[:16]
        found[trait.name] = msgspec.structs.replace(trait, id=id_)
    return tuple([found[name] for name in sorted(found)])


def taken(
    traits: Iterable[ComputedTrait], message: Mapping[str, Any] | None, action: str
) -> tuple[tuple[str, str], ...]:
    """What definitions take of an event: (id, JSON of the value), of counters null.

    message: of the call that the event came of; None for events of other doors, of which nothing is
    taken. Cost: some 0.2 µs for each definition of other events, 2 µs for one of this.
    """
    if message is None:
        return ()
    found: dict[str, str] = {}
    for trait in traits:
        if action in trait.events:
            value = _taken(trait, message.get("properties"))
            if value is not None:
                found[trait.id] = value
    return tuple(found.items())


def value(trait: ComputedTrait, groups: Sequence[Group]) -> JSON | None:
    """What the trait is, by what it took of all events of a customer; None for no value.

    groups: of different values, in any order; of `first` and `last` the one value that it took of
    that event. Whole numbers stay whole, and no sum or average depends on an order. Cost: some
    1 µs for each group.
    """
    if not groups:
        return None
    if trait.kind == "event_counter":
        return sum(one.number for one in groups)
    if trait.kind in ENDS:
        return _decode(groups[0].value)
    if trait.kind in _OF_NUMBERS:
        return _figure(trait.kind, [(_decode(one.value), one.number) for one in groups])
    counts, first_ms = _elements(groups)
    if trait.kind == "most_frequent":
        most = max(counts.values(), default=0)
        often = [text for text, count in counts.items() if count == most]
        return _decode(min(often, key=_alphabetical)) if most > 1 else None
    if trait.kind == "unique_list_count":
        return len(counts) or None
    ranked = sorted(counts, key=lambda text: (first_ms[text], _alphabetical(text)))
    return [_decode(text) for text in ranked[:LISTED_MAX]] or None


def _said_by(trait: ComputedTrait) -> bytes:
    """What a definition says, but for its name."""
    return msgspec.json.encode((trait.kind, trait.events, trait.property, trait.conditions))


def _taken(trait: ComputedTrait, properties: Any) -> str | None:
    """The JSON of what a definition takes of the properties of one of its events."""
    if not all(_holds(one, properties) for one in trait.conditions):
        return None
    if trait.kind == "event_counter":
        return "null"
    said = value_at(properties, trait.property)
    if said is None or (trait.kind in _OF_NUMBERS and not _is_number(said)):
        return None
    encoded = _encode(said)
    return encoded.decode() if len(encoded) <= VALUE_BYTES_MAX else None


def _figure(kind: str, numbers: Sequence[tuple[int | float, int]]) -> int | float | None:
    """Sum, average, minimum or maximum of numbers, each with how often it came; None for what no
    float can say."""
    if kind in ("minimum", "maximum"):
        choose = min if kind == "minimum" else max
        # 1 and 1.0 are equal: the text decides, so that it is always the same one.
        return choose([number for number, _ in numbers], key=lambda one: (one, repr(one)))
    # Exact, so that neither the order nor what was taken away again leaves a trace. Denominators
    # are powers of two, so that the largest one is of them all.
    ratios = [(*number.as_integer_ratio(), count) for number, count in numbers]
    common = max(denominator for _, denominator, _ in ratios)
    total = Fraction(sum(n * (common // d) * count for n, d, count in ratios), common)
    if kind == "average":
        total /= sum(count for _, count in numbers)
    if total.denominator == 1 and all(type(number) is int for number, _ in numbers):
        return total.numerator
    try:
        return float(total)
    except OverflowError:
        return None


def _elements(groups: Iterable[Group]) -> tuple[Counter[str], dict[str, int]]:
    """How often each value came, and when first, by its JSON; of lists, each element."""
    counts: Counter[str] = Counter()
    first_ms: dict[str, int] = {}
    for one in groups:
        said = [one.value]
        if one.value.startswith("["):
            said = [_encode(each).decode() for each in _decode(one.value) if each is not None]
        for text in said:
            counts[text] += one.number
            first_ms[text] = min(one.first_ms, first_ms.get(text, one.first_ms))
    return counts, first_ms


def _alphabetical(encoded: str) -> tuple[str, str]:
    """By code point of a text itself, and of the JSON of all else."""
    return (_decode(encoded), "") if encoded.startswith('"') else (encoded, encoded)


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


# Conditions


def _holds(condition: Condition, properties: Any) -> bool:
    """Whether an event's properties are so. Of a list it is enough that one element is; a negation
    holds when the opposite does not, so also of what is not there."""
    said = value_at(properties, condition.property)
    operator = condition.operator
    if operator in ("exists", "not_exists"):
        return (said is not None) is (operator == "exists")
    positive = _NEGATIONS.get(operator)
    compare = _OPERATORS[positive or operator]
    values = said if type(said) is list else [said]
    return any(compare(one, condition.value) for one in values) is (positive is None)


def _equals(said: Any, value: Any) -> bool:
    if _is_number(said) and _is_number(value):
        return bool(said == value)
    return type(said) is type(value) and said == value


def _of_numbers(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda said, value: _is_number(said) and compare(said, value)


def _of_texts(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda said, value: type(said) is str and compare(said, value)


def _of_dates(compare: Callable[[int, int], bool]) -> Callable[[Any, Any], bool]:
    def holds(said: Any, value: Any) -> bool:
        at_ms, bound_ms = times.read(said), times.read(value)
        return at_ms is not None and bound_ms is not None and compare(at_ms, bound_ms)

    return holds


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": _equals,
    "less": _of_numbers(lambda said, value: said < value),
    "less_or_equal": _of_numbers(lambda said, value: said <= value),
    "greater": _of_numbers(lambda said, value: said > value),
    "greater_or_equal": _of_numbers(lambda said, value: said >= value),
    "contains": _of_texts(lambda said, value: value in said),
    "starts_with": _of_texts(str.startswith),
    "ends_with": _of_texts(str.endswith),
    "before_date": _of_dates(lambda at_ms, bound_ms: at_ms < bound_ms),
    "after_date": _of_dates(lambda at_ms, bound_ms: at_ms > bound_ms),
}
_NEGATIONS: Final[Mapping[str, str]] = {"not_equals": "equals", "not_contains": "contains"}
OPERATORS: Final = (*_OPERATORS, *_NEGATIONS, "exists", "not_exists")


# Definitions as they are sent


def _trait(said: Any, at: str) -> ComputedTrait:
    _require_object(said, _NAMED, "A computed trait", at)
    kind = said.get("kind")
    if type(kind) is not str or kind not in KINDS:
        raise _malformed(f"The kinds are {', '.join(get_args(Kind))}", f"{at}/kind")
    property_ = said.get("property", "")
    if kind != "event_counter":
        property_ = _text(property_, "A property", f"{at}/property")
    elif property_ != "":
        raise _malformed("A counter counts events, of which it takes nothing", f"{at}/property")
    conditions = _list(said.get("conditions", []), CONDITIONS_MAX, "conditions", at)
    return ComputedTrait(
        _text(said.get("name"), "A name", f"{at}/name"),
        kind,  # type: ignore[arg-type]  # it is one of KINDS
        _actions(said.get("events"), at),
        property_,
        tuple([_condition(one, f"{at}/conditions/{n}") for n, one in enumerate(conditions)]),
    )


def _actions(said: Any, at: str) -> tuple[str, ...]:
    names = _list(said, EVENTS_MAX, "events", at)
    if not names:
        raise _malformed("A computed trait names the events that it is of", f"{at}/events")
    actions = set()
    for place, name in enumerate(names):
        text = _text(name, "A name", f"{at}/events/{place}")
        action = action_of_name(text)
        if action in _UNCOUNTED:
            raise _malformed(
                f"Computed traits are of track and page calls, not of {action}",
                f"{at}/events/{place}",
            )
        actions.add(action)
    return tuple(sorted(actions))


def _condition(said: Any, at: str) -> Condition:
    _require_object(said, ("property", "operator", "value"), "A condition", at)
    operator, compared = said.get("operator"), said.get("value")
    if type(operator) is str and operator in _WAITING:
        raise _malformed(
            f"{operator} moves with the clock: it waits for windowed aggregates", f"{at}/operator"
        )
    if type(operator) is not str or operator not in OPERATORS:
        raise _malformed(f"The operators are {', '.join(OPERATORS)}", f"{at}/operator")
    fits, wanted = _wanted(_NEGATIONS.get(operator, operator))
    if not fits(compared):
        raise _malformed(f"{operator} is of {wanted}", f"{at}/value")
    return Condition(
        _text(said.get("property"), "A property", f"{at}/property"), operator, compared
    )


def _wanted(operator: str) -> tuple[Callable[[Any], bool], str]:
    """(what tells whether an operator can have a value, such values in words)."""
    if operator in ("exists", "not_exists"):
        return (lambda value: value is None), "no value"
    if operator == "equals":
        return _is_scalar, f"a number, a truth value or a text of {NAME_CHARS_MAX} characters"
    if operator in ("before_date", "after_date"):
        return (lambda value: times.read(value) is not None), "a date"
    if operator in ("contains", "starts_with", "ends_with"):
        return _is_text, f"a text of 1 to {NAME_CHARS_MAX} characters"
    return _is_number, "a number"


def _is_text(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= NAME_CHARS_MAX


def _is_scalar(value: Any) -> bool:
    return _is_number(value) or type(value) is bool or value == "" or _is_text(value)


def _require_object(said: Any, names: Sequence[str], what: str, at: str) -> None:
    if type(said) is not dict:
        raise _malformed(f"{what} is an object", at)
    if "window" in said:
        raise _malformed("A window moves with the clock: it waits for windowed aggregates", at)
    unknown = sorted(set(said) - set(names))
    if unknown:
        raise _malformed(f"{what} has {', '.join(names)}, and no {unknown[0]}", at)


def _list(said: Any, most: int, name: str, at: str) -> list[Any]:
    if type(said) is not list or len(said) > most:
        raise _malformed(f"{name} is a list of {most} at most", f"{at}/{name}")
    return said


def _text(said: Any, what: str, at: str) -> str:
    if type(said) is not str or said.isspace() or not _is_text(said):
        raise _malformed(f"{what} has 1 to {NAME_CHARS_MAX} characters", at)
    return said


def _malformed(detail: str, at: str) -> Malformed:
    return Malformed("CTL-1008", detail, at=at)
