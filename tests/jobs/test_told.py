"""Names in messages: found however they are escaped, and however many are looked for."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from onefold.jobs.told import told

_TEXTS = st.text(max_size=6)


@given(st.lists(_TEXTS, max_size=8), st.lists(_TEXTS, max_size=4), st.booleans())
def test_many_names_are_found_as_few_are(
    said: list[str], wanted: list[str], ascii_only: bool
) -> None:
    message = json.dumps({"a": said}, ensure_ascii=ascii_only).encode()
    others = [f"nobody-{number}" for number in range(20)]
    expected = set(wanted) & {*said, "a"}
    assert told(wanted)(message) == expected
    assert told([*wanted, *others])(message) == expected


def test_a_message_that_is_no_json_is_searched_as_it_is() -> None:
    assert told(["ada"])(b'{"broken\\": "ada"') == {"ada"}


@given(st.integers(1, 10**9), st.sampled_from(["userId", "user_id", "anonymousId", "previousId"]))
def test_calls_name_people_by_numbers_and_with_spaces_around(number: int, field: str) -> None:
    """As the pipeline reads them; messages of other inlets are read as they are."""
    wanted = [str(number), "kim@example.org"]
    spoken = {"message": {field: number, "traits": {"email": " Kim@Example.org "}}}
    spaced = {"message": {field: f" {number} "}}
    assert told(wanted)(json.dumps(spoken).encode(), "calls") == set(wanted)
    assert told(wanted)(json.dumps(spaced).encode(), "calls") == {str(number)}
    assert told(wanted)(json.dumps(spoken).encode(), "other") == set()
    assert told(wanted)(b'{"broken', "calls") == set()
