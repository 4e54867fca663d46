"""Laws of the selectors of projections."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.profile.project import projection_selector, selected, selector, united
from tests.properties import strategies as any_

names = st.sampled_from(("a", "b", "c", "name", "list"))
paths = st.lists(names, min_size=1, max_size=3).map(".".join)
items = st.recursive(
    paths,
    lambda below: st.builds(
        lambda path, inner: f"{path}({','.join(inner)})",
        paths,
        st.lists(below, min_size=1, max_size=3),
    ),
    max_leaves=6,
)
lists_of_items = st.lists(items, min_size=1, max_size=4)


def opened(item: str) -> list[str]:
    """The paths of an item, by a second way: parentheses removed from the inside."""
    if "(" not in item:
        return [item]
    head, _, rest = item.partition("(")
    parts, depth, part = [], 0, ""
    for char in rest[:-1]:
        if char == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            depth += {"(": 1, ")": -1}.get(char, 0)
            part += char
    return [f"{head}.{path}" for one in (*parts, part) for path in opened(one)]


@given(any_.objects, lists_of_items)
def test_selecting_twice_is_selecting_once(entity, chosen):
    what = projection_selector(",".join(chosen))
    once = selected(entity, what)
    assert selected(once, what) == once


@given(any_.objects, lists_of_items, st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(entity, chosen, random):
    shuffled = random.sample(chosen, len(chosen))
    assert selected(entity, projection_selector(",".join(chosen))) == selected(
        entity, projection_selector(",".join(shuffled))
    )


@given(lists_of_items)
def test_parentheses_say_what_the_long_form_says(chosen):
    long = [path for item in chosen for path in opened(item)]
    assert projection_selector(",".join(chosen)) == selector(long)


@given(any_.objects, lists_of_items, lists_of_items)
def test_selecting_from_a_union_is_selecting_from_the_whole(entity, one, other):
    first, second = (projection_selector(",".join(chosen)) for chosen in (one, other))
    assert selected(selected(entity, united([first, second])), first) == selected(entity, first)
