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
