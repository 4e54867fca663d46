"""What nobody should send to the doors of calls and customers, and what is answered: a documented
4xx, never a 5xx; and no key is told to anybody. Bodies are test_abused_bodies.py.

Source: Intilery contract, 2.11, 3, 4 and 17.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from onefold.control import keys
from onefold.testing.app import basic
from tests.contract.intilery.bytes_sent import (
    GOOD,
    HERE,
    JSON_TYPE,
    SPACE,
    SPACE_VIEWS,
    VIEWS,
    Answer,
    HeaderBytes,
    Target,
    sent,
)

# Paths

KEYS = [
    *(b"u-1", b"userId", b"userId:", b":", b"::", b":u-1", b"%3A", b"userId%3A", b"fooId:1"),
    *(b"userId:%20", b"userId:%E3%80%80", b"email:%20%09", b"id:", b"ECID:1", b"constructor:1"),
    *(b"userId:%FF", b"userId:\xff", b"userId:%C3", b"userId:%C0%AE", b"userId:%C0%AE%C0%AE%2F"),
    *(b"userId:%ED%A0%80", b"userId:%ED%B0%80", b"userId:%F4%90%80%80", b"userId:%F8%88%80%80%80"),
    *(b"userId:%E0%80%AF", b"%FFserId:1", b"\xf0\x9f\x98\x80:1", b"userId:" + b"x" * 513),
    *(b"userId:" + b"%C3%BC" * 257, b"email:" + b"x" * 5_000, b"userId:" + b"%20" * 600),
]
"""Of customers, that are none."""
NOBODY = [
    *(b"userId:%00", b"userId:u-1%00", b"userId:%00u-1", b"id:%00", b"email:%00@x", b"email:@"),
    *(b"userId:%2e%2e%2f%2e%2e%2fetc", b"userId:../../u-1", b"userId:..%2f..%2fu-1", b"id:../.."),
    *(b"userId:%0d%0aset-cookie:x", b"userId:%", b"userId:%zz", b"userId:%u0075-1", b"userId:U-1"),
    *(b"userId:u-1%20", b"userId:%252575-1", b"id:" + b"0" * 36, b"email:'%20OR%201=1--"),
    *(b"userId:%EF%BB%BFu-1", b"userId:u-1%E2%80%8B", b"userId:" + b"x" * 512, b"email:%25"),
    *(b"anonymousId:%E2%80%AE", b"userId:\x01\x7f", b"userId:" + b":" * 100, b"email:kim%40"),
    *(b"userId:" + b"%C3%BC" * 256, b"userId:*", b"userId:%5Cu-1", b"email:kim@example.org%00"),
]
"""Keys that are well-formed and lead to nobody."""


@pytest.mark.parametrize("view", VIEWS)
def test_a_malformed_key_of_a_customer_is_a_400(target: Target, view: str) -> None:
    for key in KEYS:
        answer = target.read(b"/profiles/%b/%b" % (key, view.encode()))
        assert (answer.status, answer.said["error"]["code"]) == (400, "validation_error"), key
        assert answer.said["error"]["message"].startswith(
            "ProfileID must be in format of id_type:id"
        )


@pytest.mark.parametrize("view", VIEWS)
def test_a_key_with_tricks_leads_to_nobody(target: Target, view: str) -> None:
    for key in NOBODY:
        answer = target.read(b"/profiles/%b/%b" % (key, view.encode()))
        assert (answer.status, answer.said["error"]["code"]) == (404, "not_found"), key


@pytest.mark.parametrize("view", SPACE_VIEWS)
def test_keys_of_a_space_are_judged_likewise(target: Target, view: str) -> None:
    for keys_, status in ((KEYS, 400), (NOBODY, 404)):
        for key in keys_:
            if key.startswith(b"ECID"):
                continue  # of a namespace, which a space may be asked for
            answer = target.space(b"/%b/%b" % (key, view.encode()))
            assert answer.status == status, key
            assert set(answer.said["error"]) == {"code", "message"}


@pytest.mark.parametrize(
    "path",
    [
        *(b"/track/../../etc/passwd/v1/profiles", b"/track/acme/acme/ACME/v1/../../../../etc"),
        *(b"/track/acme/acme/ACME/v1/profiles/..", b"/track/acme/acme/ACME/v1/profiles;x=1"),
        *(b"/track/acme/acme/ACME/V1/profiles", b"/track/acme/acme/v1/profiles", b"/track/\\acme"),
        *(b"/track/acme/acme/ACME/v1/profiles%2FuserId:u-1/traits", b"/track/"),
        *(
            b"/cdp/../track/acme/acme/ACME/v1/profiles",
            b"/v1/spaces/../acme/collections",
            b"/v1/%00",
        ),
        *(b"/v1/projects//settings", b"/track/" + b"a/" * 5_000, b"/v1/" + b"\xff" * 1_000),
        *(b"/track/acme/acme/ACME/v1/profiles/userId:u-1/traits%00", HERE + b"/profiles/traits"),
        *(HERE + b"/events/" + b"a" * 4_000, HERE + b"/events/..", HERE + b"/events/%00"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_404(target: Target, path: bytes) -> None:
    for method in ("GET", "POST"):
        answer = sent(target.app, method, path, headers=[target.token], body=GOOD)
        assert answer.status in (404, 405)
    assert sent(target.app, "GET", path, headers=[target.token]).status == 404


@pytest.mark.parametrize(
    "tenant",
    [
        *(b"*/*/*", b"acme/*/ACME", b"*/acme/ACME", b"acme/%FF/ACME", b"acme/..%2f../ACME"),
        *(b"acme/acme%00/ACME", b"%00/%00/%00", b"acme/acme%20/ACME", b"acme%2Facme/x/ACME"),
        *(b"acme/" + b"a" * 5_000 + b"/ACME", b"\xff/\xff/\xff", b"acme/acme%0d%0a/ACME"),
    ],
)
def test_a_tenant_that_is_none_cannot_be_told_from_one_of_others(
    target: Target, tenant: bytes
) -> None:
    path = b"/track/%b/v1" % tenant
    read = sent(target.app, "GET", path + b"/profiles", headers=[target.token])
    assert (read.status, read.said["error"]["code"]) == (403, "authentication_error")
    wrote = sent(target.app, "POST", path + b"/track", headers=[target.token], body=GOOD)
    assert (wrote.status, wrote.said["success"]) == (403, False)


@pytest.mark.parametrize(
    "brand",
    [b"*", b"%00", b"A%0D%0AB", b"A%2FB", b"A%20B", b"%E2%80%8B", b"\xc4\xb0", b"..", b"B" * 65],
)
def test_a_brand_that_is_none_is_no_tenant(target: Target, brand: bytes) -> None:
    path = b"/track/acme/acme/%b/v1" % brand
    before = target.accepted()
    wrote = sent(target.app, "POST", path + b"/track", headers=[target.token], body=GOOD)
    assert (wrote.status, wrote.said["code"]) == (403, "authentication_error")
    read = sent(target.app, "GET", path + b"/profiles", headers=[target.token])
    assert (read.status, read.said["error"]["code"]) == (403, "authentication_error")
    assert target.accepted() == before


# Keys

TOKENS = [
    *(
        b"",
        b" ",
        b"\t",
        b"\x00",
        b"\xff\xfe",
        b"-",
        b"--",
        b"*",
        b"null",
        b"undefined",
        b"Bearer x",
    ),
    *(b"x\r\nauth-token: y", b"\r\n", b"a" * 100_000, b"0" * 16 + b"-" + b"0" * 43, "ü-ü".encode()),
]


def test_a_token_that_is_none_opens_nothing(target: Target) -> None:
    own = target.key.auth_token.encode()
    near = [
        *(own[:-1], own + b"x", own.swapcase(), own.partition(b"-")[0], b"\xe2\x80\x8b" + own),
        *(own.partition(b"-")[0] + b"-", own.replace(b"-", b"", 1), b"Bearer " + own),
        *(target.write_key.encode(), own + b"," + own, b'"' + own + b'"'),
    ]
    for token in (*TOKENS, *near):
        header: HeaderBytes = (b"auth-token", token)
        read = sent(target.app, "GET", HERE + b"/profiles/u-1/traits", headers=[header])
        assert (read.status, read.said["error"]["code"]) == (401, "authentication_error"), token
        wrote = sent(target.app, "POST", HERE + b"/track", headers=[header], body=b"{")
        assert (wrote.status, wrote.said["code"]) == (403, "authentication_error"), token


@pytest.mark.parametrize(
    "name", [b"auth-token", b"AUTH_TOKEN", b"authToken", b"%61uth-token", b"auth%2Dtoken"]
)
def test_a_key_in_a_url_is_refused_beside_a_good_header(target: Target, name: bytes) -> None:
    query = b"size=1&%b=%b" % (name, target.key.auth_token.encode())
    assert target.read(b"/events", query).status == 401
    headers = [target.token, JSON_TYPE]
    answer = sent(target.app, "POST", HERE + b"/track", query=query, headers=headers, body=GOOD)
    assert answer.status == 403


def test_a_basic_header_that_is_none_opens_nothing(target: Target) -> None:
    own = target.key.auth_token.encode()

    def coded(text: bytes) -> bytes:
        return b"Basic " + base64.b64encode(text)

    before = target.accepted()
    for header in (
        *(b"", b"Basic", b"Basic ", b"Basic !!!", b"Basic " + own, b"Bearer " + own, b"\xff"),
        *(
            coded(b"\xff\xff"),
            coded(b""),
            coded(b":" + own),
            coded(own + b":password"),
            b"Digest x",
        ),
        *(coded(b"\0" * 50), coded(own + b"x:"), b"Basic " + b"A" * 100_001, b"Basic " + b"=" * 9),
    ):
        given: HeaderBytes = (b"authorization", header)
        read = sent(target.app, "GET", SPACE + b"/user_id:u-1/traits", headers=[given])
        assert (read.status, read.said["error"]["code"]) == (401, "authentication_error"), header
        wrote = sent(target.app, "POST", b"/v1/track", headers=[given], body=GOOD)
        assert (wrote.status, wrote.said["code"]) == (401, "invalid_write_key"), header
    assert target.accepted() == before


@pytest.mark.parametrize(
    "write_key",
    [
        None,
        "",
        " ",
        7,
        True,
        {},
        [],
        "\0",
        "-",
        "a-b",
        "x" * 5_000,
        "\U0001f600",
        {"writeKey": "x"},
    ],
)
def test_a_write_key_that_is_none_sends_nothing(target: Target, write_key: Any) -> None:
    before = target.accepted()
    call = {"writeKey": write_key, "type": "track", "userId": "u", "event": "x"}
    for path, body in (
        ("/v1/track", call),
        ("/v1/batch", {"batch": [call]}),
        ("/v1/batch", {"batch": [call | {"writeKey": None}], "writeKey": write_key}),
        ("/cdp/events/segment/t", call),
        ("/cdp/events/segment/mobile/batch", {"batch": [call]}),
    ):
        answer = sent(target.app, "POST", path.encode(), body=json.dumps(body).encode())
        assert (answer.status, answer.said["code"]) == (401, "invalid_write_key")
    assert target.accepted() == before


def test_whether_a_secret_is_right_is_decided_in_constant_time(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []
    decides = {"same": False}

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return decides["same"]

    installation = target.app.rooms.definitions.installation()
    now_ms = target.app.clock.now_ms()
    own = target.key.auth_token
    wrong = f"{own.partition('-')[0]}-wrong"
    with monkeypatch.context() as patched:
        patched.setattr("onefold.control.keys.hmac.compare_digest", compare)
        assert keys.holder_of_token(installation, own, now_ms) is None
        assert keys.holder_of_write_key(installation, target.write_key, now_ms) is None
        decides["same"] = True
        for holder_of in (keys.holder_of_token, keys.holder_of_write_key):
            assert holder_of(installation, wrong, now_ms) == target.key.key
            assert holder_of(installation, "nobody-knows", now_ms) is None
    # Hashes of one length are compared, for a key that nobody has, too.
    assert compared == [(32, 32)] * 6


# Questions

ASKED = [
    *(b"min_as_of=99999999999999999999999", b"min_as_of=-1", b"min_as_of=%00", b"min_as_of=\xb2"),
    *(b"size=%D9%A1", b"size=1&size=1", b"scrollId=%00", b"scrollId=" + b"A" * 20_000),
    *(b"%FF=%FF", b"a" * 60_000, b"&".join([b"a=1"] * 2_000), b"include=" + b"a," * 200),
    *(b"include=%00", b"start=0000-01-01", b"start=9999-12-31", b"sort=%C4%B1", b"known=maybe"),
    *(b"end=9999-12-31T23:59:59.999999999-23:59", b"start=2026-01-01T00:00:00%2B99:99"),
    *(b"properties..=1", b"properties.%00=%00", b"properties.a.b..c=1", b"from=" + b"0" * 99),
    *(b"limit=0", b"limit=x", b"next=zz", b"next=" + b"A" * 20_000, b"class=x", b"verbose=7"),
    *(b"orderBy=%00", b"size=1e2", b"size=-0", b"from=9223372036854775808", b"start=\xff\xfe"),
]


@pytest.mark.parametrize("query", ASKED)
def test_an_odd_question_is_answered_or_refused(target: Target, query: bytes) -> None:
    for view in (*VIEWS, "profiles", "account events"):
        path = {"profiles": b"/profiles", "account events": b"/events"}.get(
            view, b"/profiles/userId:u-1/" + view.encode()
        )
        answer = target.read(path, query)
        assert answer.status in (200, 400)
        if answer.status == 400:
            assert answer.said["error"]["code"] == "invalid_request_error"
    for view in SPACE_VIEWS:
        answer = target.space(b"/user_id:u-1/" + view.encode(), query)
        assert answer.status in (200, 400)


@pytest.mark.parametrize(
    "id_",
    [
        *(b"x", b"%00", b"%FF", b"..", b"%2e%2e%2f", b"a" * 3_000, b"*", b"%0d%0a", b"%3D%3D%3D"),
        *map(
            base64.b64encode, (b"a:b:c", b":::", b"acme:acme:u-1", b"acme:acme:", b"\xff:\xff:\xff")
        ),
        b"00000000-0000-0000-0000-000000000000",
    ],
)
def test_a_subscription_id_that_is_none_is_a_404(target: Target, id_: bytes) -> None:
    before = target.accepted()
    path = b"/cdp/marketing-preferences/" + id_.replace(b"/", b"%2F")
    for method in ("GET", "POST"):
        answer = sent(target.app, method, path, body=b'{"unsubscribeAll":true}')
        assert (answer.status, answer.said["code"]) == (404, "not_found")
    assert target.accepted() == before


# Secrets


def test_no_key_stands_in_a_log_or_an_answer(target: Target) -> None:
    """V40: with logs at their most talkative, whatever went wrong."""
    app, key = target.app, target.key
    token, write_key = key.auth_token, target.write_key
    own, of_write = token.encode(), write_key.encode()
    call = {"writeKey": write_key, "userId": "u-1", "event": "x", "auth-token": token}
    told = json.dumps(call).encode()
    answers: list[Answer] = []
    with capture_logs() as logs:
        for method in ("GET", "POST", "PUT", "OPTIONS"):
            for path in (
                HERE + b"/profiles/userId:u-1/traits",
                HERE + b"/profiles/" + own + b"/traits",
                HERE + b"/nowhere/" + own,
                HERE + b"/track",
                b"/track/" + own + b"/acme/ACME/v1/track",
                b"/v1/track",
                b"/v1/batch",
                b"/v1/" + of_write,
                b"/cdp/events/segment/t",
                b"/cdp/marketing-preferences/" + own,
            ):
                for query in (b"", b"auth-token=" + own, b"writeKey=" + of_write):
                    answers += [
                        sent(app, method, path, query=query, headers=headers, body=told)
                        for headers in (
                            [(b"auth-token", own)],
                            [(b"auth-token", own + b"x")],
                            [(b"authorization", basic(token).encode())],
                            [(b"authorization", basic(write_key).encode())],
                            [(b"authorization", b"Bearer " + own)],
                        )
                    ]
        for body in (told, told[:-1], b'{"batch":[%b,7]}' % told, b'{"batch":%b}' % told):
            answers += [
                target.write("track", body),
                target.write("batch", body),
                target.library("/v1/track", body),
                target.library("/v1/batch", body),
                target.library("/v1/import", body),
                target.library("/cdp/events/segment/mobile/batch", body),
            ]
        app.drain()
    assert len(logs) >= len(answers)
    assert max(answer.status for answer in answers) < 500
    said = json.dumps(logs, default=repr)
    answered = b"".join(
        b"%b %b" % (answer.body, b" ".join(answer.headers.values())) for answer in answers
    ).decode()
    read = target.read(b"/profiles/userId:u-1/events").body.decode()
    secrets = [part for secret in (token, write_key) for part in (secret, secret.split("-", 1)[1])]
    coded = [basic(secret).split()[1] for secret in (token, write_key)]
    for secret in (*secrets, *coded):
        assert secret not in said
        assert secret not in answered
        assert secret not in read
