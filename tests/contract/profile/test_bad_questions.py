"""Whatever stands in the query, the answer is a documented status and never a 5xx.

Documented for lookups: 200, 400 (parameters), 404 (unknown identity), 422 (graph too large).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.control.starter import EVENTS
from onefold.domain.identity.xid import encode
from onefold.testing.app import ENTITIES, App
from tests.contract.people import RECORD, TIMELINE, ecid, event


def _asked(app: App, url: str) -> int:
    """The status of a question; a refusal has the family's shape."""
    answer = app.get(url)
    if answer.status_code == 404:
        assert answer.json() == {"statusCode": "404"}
    elif answer.status_code != 200:
        assert answer.json().keys() == {"message", "cause", "statusCode"}
        assert answer.json()["statusCode"] == str(answer.status_code)
    return answer.status_code


ODD = {
    "invalid escape": "%zz",
    "cut escape": "%4",
    "bare percent": "%",
    "nul": "%00",
    "nul inside": "a%00b",
    "not utf-8": "%ff%fe",
    "overlong": "%c0%af",
    "surrogate": "%ed%a0%80",
    "beyond unicode": "%f5%80%80%80",
    "encoded twice": "%2541",
    "line break": "a%0d%0aSet-Cookie:%20a=b",
    "semicolon": "a;b=c",
    "equals": "a=b=c",
    "emoji": "%f0%9f%98%80",
    "quote": "'%22%27--",
    "dots": "..%2f..%2fetc%2fpasswd",
    "spaces": "++++",
    "2000 characters": "a" * 2000,
    "1024 emoji": "%f0%9f%98%80" * 1024,
    "50,000 characters": "a" * 50_000,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_id_is_an_unknown_identity_or_a_400(shared: App, name: str) -> None:
    value = ODD[name]
    assert _asked(shared, f"{RECORD}&entityId={value}") == 400
    for code in ("email", "ecid"):
        assert _asked(shared, f"{RECORD}&entityId={value}&entityIdNS={code}") in (400, 404)
        assert _asked(shared, f"{TIMELINE}&entityId={value}&entityIdNS={code}") in (200, 400)
    assert _asked(shared, f"{RECORD}&entityId=1&entityIdNS={value}") == 400
    assert _asked(shared, f"{RECORD}&entityId={encode(4, ecid(1))}&mergePolicyId={value}") == 404


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(
    "parameter", ["fields", "start", "offsets", "limit", "orderby", "property"]
)
def test_odd_parameter_is_taken_literally_or_a_400(shared: App, name: str, parameter: str) -> None:
    person = f"{TIMELINE}&relatedEntityId={ecid(1)}&relatedEntityIdNS=ecid"
    shared.ingest(EVENTS, event("e", ("ECID", ecid(1))))
    expected = (200, 400) if parameter in ("fields", "property", "orderby") else (400,)
    if (parameter, name) == ("orderby", "spaces"):
        expected = (400,)
    assert _asked(shared, f"{person}&{parameter}={ODD[name]}") in expected


def test_id_is_decoded_once(app: App) -> None:
    for value, sent in (("a%41", "a%2541"), ("a+b", "a%2Bb"), ("a b", "a+b"), ("é", "%C3%A9")):
        app.ingest(EVENTS, event(f"e-{value}", ("Email", value)))
        xid = encode(6, value)
        answer = app.get(f"{RECORD}&entityId={sent}&entityIdNS=email")
        assert list(answer.json()) == [xid]


def test_many_parameters_do_no_harm(shared: App) -> None:
    for padding in ("&a=b" * 5000, "&" * 20_000, "&entityIdNS=email" * 2000):
        url = f"{RECORD}&entityId=1&entityIdNS=email{padding}"
        assert _asked(shared, url) in (400, 404)


@pytest.mark.parametrize(
    "query", ["?", "?&", "?=", "?==&&=", "?schema.name", "?%00=%00", "?schema.name=%ff"]
)
def test_query_without_sense_is_a_400(shared: App, query: str) -> None:
    assert _asked(shared, ENTITIES + query) == 400


_NAMES = st.sampled_from(
    [
        *("schema.name", "entityId", "entityIdNS", "relatedEntityId", "relatedEntityIdNS"),
        *("relatedSchema.name", "fields", "mergePolicyId", "startTime", "endTime", "limit"),
        *("orderby", "property", "start", "offsets", "withCA"),
    ]
)
_VALUES = st.one_of(
    st.sampled_from(
        ["_xdm.context.profile", "_xdm.context.experienceevent", "ecid", ecid(1), "1", "-1", "a=b"]
    ),
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
)


@given(query=st.lists(st.tuples(_NAMES, _VALUES), max_size=6), is_event=st.booleans())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_query_has_a_documented_answer(
    shared: App, query: list[tuple[str, str]], is_event: bool
) -> None:
    encoded = urlencode(query, errors="surrogatepass")
    kind: Any = TIMELINE if is_event else RECORD
    assert _asked(shared, f"{kind}&{encoded}") in (200, 400, 404)
