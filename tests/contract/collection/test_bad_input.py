"""Whatever is sent, the answer is a documented 4xx or the record is accounted for; never a 5xx.

Documented at an inlet: 400 (form), 413 (size), 415 (media type or coding), 408 (slow).
"""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.message import MESSAGES_MAX
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import ENTITIES, App
from onefold.testing.smile_encoder import encode as smile
from tests.contract.people import ecid, event, record

JSON = Any
ADA = (("ECID", ecid(1)), ("Email", "ada@example.com"))
QUICK_SECONDS = 10.0
"""Far more than any request here takes, far less than a stalled worker would."""


@pytest.fixture(scope="module")
def module_app(fresh: Callable[[], Path]) -> Iterator[App]:
    app = App(fresh(), sync_validations_per_minute=1_000_000)
    yield app
    app.drain()
    assert app.faults() == []
    assert not [one for one in app.failed() if one.fault.code == "REC-9001"]
    app.close()


@pytest.fixture
def app(module_app: App) -> Iterator[App]:
    """The application, which must take a good message at once after each test."""
    yield module_app
    started = time.perf_counter()
    assert module_app.collect(module_app.message(EVENTS, event("good", *ADA))).status_code == 200
    assert time.perf_counter() - started < QUICK_SECONDS


def _status(app: App, content: bytes, *, path: str = "", **headers: str) -> int:
    """The status of a body sent to the open inlet; the answer has the problem's shape."""
    sent = {"content-type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"/collection/{path}{app.inlet}"
    started = time.perf_counter()
    answer = app.request("POST", url, content=content, headers=sent)
    assert time.perf_counter() - started < QUICK_SECONDS
    if answer.status_code not in (200, 207):
        body = answer.json()
        assert body.keys() == {"type", "status", "title", "report"}
        assert body["status"] == answer.status_code
    return answer.status_code


def _raw(app: App, value: bytes, *, dataset: str = REGISTRATIONS) -> bytes:
    """A valid message, with `value` written into the entity as it is."""
    entity = event("e", *ADA) if dataset == EVENTS else record(*ADA)
    content = json.dumps(app.message(dataset, entity | {"placeholder": 0})).encode()
    return content.replace(b'"placeholder": 0', value)


# Documents that are no documents


def test_truncated_message_is_a_400_wherever_it_ends(app: App) -> None:
    content = json.dumps(app.message(REGISTRATIONS, record(*ADA))).encode()
    assert {_status(app, content[:end]) for end in range(0, len(content), 9)} == {400}
    assert {_status(app, content[:-1], path=path) for path in ("", "batch/")} == {400}


NOT_JSON = [
    b"",
    b" ",
    b"{}{}",
    b"{'a':1}",
    b'{"a":1,}',
    b"{a:1}",
    b"/**/{}",
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1e400}',
    b'{"a":-1e400}',
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"a":01}',
    b'{"a":+1}',
    b'{"a":.5}',
    b'{"a":1.}',
    b'{"a":0x10}',
    b'{"a":"\xff"}',
    b'{"\xc0\xaf":1}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\\ud800"}',
    b'{"\\udfff":1}',
    b'{"a":"\\ud800\\u0041"}',
    b'{"a":"\x00"}',
    b'{"a":"\x1f"}',
    b'{"a":"\\x"}',
    b"\xef\xbb\xbf{}",
    '{"a":1}'.encode("utf-16"),
    '{"a":1}'.encode("utf-32-be"),
    b"\x00" * 1000,
    bytes(range(256)),
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'[{"a":' * 50_000 + b"1" + b"}]" * 50_000,
]


@pytest.mark.parametrize("path", ["", "batch/"])
@pytest.mark.parametrize("number", range(len(NOT_JSON)))
def test_body_that_is_not_json_is_a_400(app: App, path: str, number: int) -> None:
    assert _status(app, NOT_JSON[number], path=path) == 400


@pytest.mark.parametrize("path", ["", "batch/"])
@pytest.mark.parametrize("content", [b"null", b"[]", b"5", b'"x"', b"true", b"{}", b"[{}]"])
def test_body_that_is_no_message_is_a_400(app: App, path: str, content: bytes) -> None:
    assert _status(app, content, path=path) == 400


@pytest.mark.parametrize("number", range(len(NOT_JSON)))
def test_broken_json_in_a_field_that_nobody_reads_is_a_400_too(app: App, number: int) -> None:
    fragment = NOT_JSON[number]
    if fragment[:5] != b'{"a":' or number >= len(NOT_JSON) - 4:
        fragment = b'{"a":' + fragment + b"}"
    if not fragment.strip():
        return
    content = json.dumps(app.message(REGISTRATIONS, record(*ADA))).encode()
    content = content[:-1] + b', "unknown": ' + fragment + b"}"
    assert _status(app, content) == 400
    assert _status(app, b'{"messages":[' + content + b"]}", path="batch/") == 400


@pytest.mark.parametrize("number", range(len(NOT_JSON)))
def test_bulk_lookup_of_a_broken_body_is_a_400(app: App, number: int) -> None:
    fragment = NOT_JSON[number]
    whole = {
        "schema": {"name": "_xdm.context.experienceevent"},
        "identities": [{"relatedEntityId": ecid(1), "relatedEntityIdNS": {"code": "ecid"}}],
        "limit": 1,
    }
    content = json.dumps(whole).encode()[:-1] + b', "unknown": [' + fragment + b",1]}"
    headers = app.headers(content_type="application/json")
    for body in (fragment, content):
        answer = app.request("POST", ENTITIES, content=body, headers=headers)
        assert answer.status_code == 400, answer.text
        assert answer.json()["statusCode"] == "400"


# Documents that are, with odd contents


@pytest.mark.parametrize("depth", [90, 101, 900, 100_000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_a_400_or_a_failed_record(
    app: App, depth: int, brackets: tuple[bytes, bytes]
) -> None:
    deep = brackets[0] * depth + b"1" + brackets[1] * depth
    content = _raw(app, b'"unknown":' + deep)
    assert _status(app, content) == (200 if depth < 100 else 400)
    app.drain()


@pytest.mark.parametrize(
    "value",
    [
        b'"loyalty":{"points":' + b"9" * 300 + b"}",
        b'"loyalty":{"points":-' + b"9" * 300 + b"}",
        b'"loyalty":{"points":18446744073709551616}',
        b'"loyalty":{"points":-9223372036854775809}',
        b'"loyalty":{"points":1e308}',
        b'"loyalty":{"points":1e-400}',
        b'"loyalty":{"points":-0.0}',
        b'"loyalty":{"points":1.' + b"9" * 5000 + b"}",
        b'"homeAddress":{"dmaID":2147483648}',
        b'"homeAddress":{"dmaID":9223372036854775808}',
        b'"homeAddress":{"dmaID":1e2}',
        b'"homeAddress":{"dmaID":' + b"9" * 300 + b"}",
        b'"unknown":' + b"9" * 300,
        b'"testProfile":true,"testProfile":false',
        b'"identityMap":{"ECID":[{"id":"' + b"1" * 38 + b'"}]}',
        b'"identityMap":{"Email":[{"id":"\\u0000"}]}',
        b'"identityMap":{"Email":[{"id":"a\\u0000b"}]}',
        b'"identityMap":{"Email":[{"id":"\\ud83d\\ude00"}]}',
        b'"identityMap":{"\\u0000":[{"id":"x"}]}',
        b'"identityMap":{"Email":[' + b",".join([b'{"id":"x"}'] * 5000) + b"]}",
        b'"identityMap":{"Email":[{"id":"' + b"\\u0000" * 1024 + b'"}]}',
        b'"personID":"\\u0000\\u001f\\uffff"',
        b'"\\u0000":1',
        b'"":{"":{"":1}}',
        b'"__proto__":{},"constructor":1',
    ],
)
@pytest.mark.parametrize("query", ["", "?syncValidation=true"])
def test_odd_value_is_refused_or_ends_in_exactly_one_way(
    app: App, value: bytes, query: str
) -> None:
    app.drain()
    before = sum(app.ended().values())
    answer = app.request(
        "POST",
        f"/collection/{app.inlet}{query}",
        content=_raw(app, value),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code in (200, 400), answer.text
    app.drain()
    assert sum(app.ended().values()) == before + (answer.status_code == 200)


def _places(value: JSON, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _places(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _places(below, (*path, index))


def _with(value: JSON, path: tuple[Any, ...], new: JSON) -> JSON:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], new)
    return copy


WRONG: list[JSON] = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "\x00",
    "é" * 2000,
    [],
    {},
    [[]],
    [None],
    {"": {}},
]


@pytest.mark.parametrize("dataset", [REGISTRATIONS, EVENTS])
@pytest.mark.parametrize("query", ["", "?syncValidation=true"])
def test_wrong_type_at_any_place_is_a_400_or_ends_in_exactly_one_way(
    app: App, dataset: str, query: str
) -> None:
    entity = event("e", *ADA, eventType="x") if dataset == EVENTS else record(*ADA)
    message = app.message(dataset, entity, source={"name": "x"}, createdAt="1", flowId="x")
    app.drain()
    before = sum(app.ended().values())
    accepted = 0
    for path in _places(message):
        for wrong in WRONG:
            answer = app.collect(_with(message, path, wrong), query)
            assert answer.status_code in (200, 400), (path, wrong)
            accepted += answer.status_code == 200
    app.drain()
    assert sum(app.ended().values()) == before + accepted


def test_messages_of_a_batch_are_judged_each_for_itself(app: App) -> None:
    message = app.message(EVENTS, event("e", *ADA))
    messages = [_with(message, path, 5) for path in _places(message)]
    answer = app.request("POST", f"/collection/batch/{app.inlet}", json={"messages": messages})
    assert answer.status_code == 207
    assert len(answer.json()["responses"]) == len(messages)


# Compressed bodies


def _bomb() -> bytes:
    """A gzip stream of about a gigabyte of zeros, in less than the limit of a body."""
    stream = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = stream.compress(bytes(1_000_000)) + stream.flush(zlib.Z_FULL_FLUSH)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    return header + block * ((990_000 - len(header)) // len(block))


def test_body_that_unpacks_to_a_gigabyte_is_a_413_at_once(app: App) -> None:
    bomb = _bomb()
    assert len(bomb) > 900_000
    assert _status(app, bomb, content_encoding="gzip") == 413
    assert _status(app, bomb[10:], content_encoding="deflate") == 413
    many = gzip.compress(bytes(900_000)) * 500
    assert _status(app, many, content_encoding="gzip", path="batch/") == 413


def test_smile_that_unpacks_to_too_much_is_a_413(app: App) -> None:
    value = "v" * 64
    content = smile([value] * 400_000, share_values=True)
    assert len(content) < 1_000_000
    assert _status(app, content, content_type="application/x-jackson-smile") == 413


def test_smile_that_nests_too_deep_is_a_413(app: App) -> None:
    for opening in (b"\xf8", b"\xfa\x80a"):
        content = b":)\n\x01" + opening * 100_000
        assert _status(app, content, content_type="application/x-jackson-smile") == 413


def test_broken_compression_is_a_400(app: App) -> None:
    whole = gzip.compress(json.dumps(app.message(REGISTRATIONS, record(*ADA))).encode())
    broken = [whole[:end] for end in range(1, len(whole), 23)]
    broken += [whole[:-1], whole + b"x", whole + b"\x00", b"\x1f\x8b", b"{}", whole[10:]]
    broken += [whole[:-8] + b"\x00" * 8, bytes(100)]
    for content in broken:
        assert _status(app, content, content_encoding="gzip") == 400
        assert _status(app, content, content_encoding="deflate") == 400


CODINGS = ["br", "zstd", "compress", "gzip, gzip", "gzip;q=1", "é", "x" * 99]


@pytest.mark.parametrize("coding", CODINGS)
def test_unknown_content_coding_is_a_415(app: App, coding: str) -> None:
    answer = app.request(
        "POST",
        f"/collection/{app.inlet}",
        content=b"{}",
        headers={b"content-type": b"application/json", b"content-encoding": coding.encode()},
    )
    assert answer.status_code == 415


# Size and time


def test_too_large_a_body_in_parts_is_a_413_before_it_is_complete(app: App) -> None:
    taken = 0

    async def parts() -> Any:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b" " * 10_000

    answer = app.request(
        "POST",
        f"/collection/{app.inlet}",
        content=parts(),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 413
    assert taken <= 102


def _call(app: App, receive: Any) -> list[MutableMapping[str, Any]]:
    """Hand a request to the application, whose body `receive` gives; answer what was sent back."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    path = f"/collection/{app.inlet}"
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    asyncio.run(app.asgi(scope, receive, send))
    return sent


@pytest.mark.parametrize("message", [b"1", b"{}", b'""', b"[]"])
def test_more_messages_than_a_body_can_hold_are_a_413_at_once(app: App, message: bytes) -> None:
    for count, status in ((MESSAGES_MAX, 207), (MESSAGES_MAX + 1, 413), (320_000, 413)):
        content = b'{"messages":[' + b",".join([message] * count) + b"]}"
        assert _status(app, content, path="batch/") == status


def test_body_that_does_not_arrive_in_time_is_a_408_that_ends_the_connection(data: Path) -> None:
    app = App(data, body_seconds_max=0)

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.get_running_loop().create_future()  # for ever
        raise AssertionError

    start, body = _call(app, receive)
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    assert json.loads(body["body"])["status"] == 408
    app.close()


def test_client_that_goes_away_gets_no_answer(app: App) -> None:
    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    assert _call(app, receive) == []


# Anything


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from([ecid(1), "2026-01-01T00:00:00Z", "ada@example.com", "Email", "ECID"]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.text(max_size=6), st.sampled_from(["id", "primary", "ECID", "_id"])),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)


@given(data=st.data())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_mutated_message_is_refused_or_ends_in_exactly_one_way(
    app: App, data: st.DataObject
) -> None:
    dataset = data.draw(st.sampled_from([REGISTRATIONS, EVENTS]))
    entity = event("e", *ADA, web={}) if dataset == EVENTS else record(*ADA, organizations=["x"])
    message: JSON = app.message(dataset, entity)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(_places(message))))
        message = _with(message, path, data.draw(_VALUES))
    content = json.dumps(message).encode()
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(content)))
        content = content[:at] + data.draw(st.binary(max_size=3)) + content[at:]
    app.drain()
    before = app.ended()
    status = _status(app, content)
    assert status in (200, 400)
    app.drain()
    after = app.ended()
    assert sum(after.values()) == sum(before.values()) + (status == 200)
    assert all(after[outcome] >= before[outcome] for outcome in Outcome)
