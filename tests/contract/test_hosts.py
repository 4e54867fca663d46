"""Doors that have a host name of their own. Source: Intilery contract, section 1 (D1)."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from onefold.api.app import Application
from onefold.api.hosts import DOORS
from onefold.api.routes import ROUTES
from onefold.errors import PlatformError
from onefold.testing.app import App, basic, json_of

OWN: dict[str, Any] = {
    "profiles_host": "track.example.org",
    "events_host": "events.example.org",
    "segment_host": "api.example.org",
    "segment_profiles_host": "spaces.example.org",
}
ELSEWHERE = "onefold.test"
PATHS = sorted({route.path for route in ROUTES})
PLAIN = {"/", "/docs", "/openapi.json", "/health/live", "/health/ready", "/metrics"}
EXAMPLES = {
    "profiles_host": ("GET", "/track/acme/acme/ACME/v1/profiles/userId:u-1/traits"),
    "events_host": ("POST", "/cdp/events/segment/t"),
    "segment_host": ("POST", "/v1/batch"),
    "segment_profiles_host": ("GET", "/v1/spaces/acme/collections/users/profiles/user_id:u/traits"),
}


@pytest.fixture(scope="module")
def parted(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Every door has a host."""
    data = tmp_path_factory.mktemp("parted") / "data"
    shutil.copytree(installed, data)
    app = App(data, default_tenant="acme/acme", **OWN)
    yield app
    app.close()


def at(app: App, host: str, method: str, path: str, **given: Any) -> httpx.Response:
    return app.request(method, f"http://{host}{path}", **given)


def known(app: App, host: str, path: str) -> bool:
    """Whether a route's path is found: a method that no route has is refused there, not unknown."""
    answer = at(app, host, "PURGE", re.sub(r"\{\w+\}", "x", path))
    assert answer.status_code in (404, 405)
    return answer.status_code == 405


def setting_of(path: str) -> str | None:
    """The setting of the door that a path belongs to, told from the table of the contract."""
    if path.startswith("/track/"):
        return "profiles_host"
    if path.startswith("/cdp/"):
        return "events_host"
    if path.startswith("/v1/"):
        return "segment_profiles_host" if path.startswith("/v1/spaces/") else "segment_host"
    return None


def unknown(answer: httpx.Response, path: str) -> None:
    """The answer is that to an unknown path of the dialects."""
    assert answer.status_code == 404
    uuid.UUID(answer.headers["x-amzn-requestid"])
    assert ("request-id" in answer.headers) == path.startswith("/v1/")
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    if answer.request.method == "POST":
        assert answer.json().keys() == {"success", "message", "code"}
        assert answer.json()["code"] == "not_found"
    elif answer.request.method != "HEAD":
        assert answer.json()["error"]["code"] == "not_found"


def told(answer: httpx.Response) -> tuple[int, str, set[str]]:
    return answer.status_code, answer.text, set(answer.headers)


def sent(app: App, method: str, path: str, *hosts: bytes) -> int:
    """The status of a request with so many Host headers, none or several."""
    statuses = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", host) for host in hosts],
        "client": ("127.0.0.1", 1),
    }
    app._runner.run(app.asgi(scope, receive, send))
    return int(statuses[0])


def test_without_a_setting_every_door_answers_at_every_host(shared: App) -> None:
    assert isinstance(shared.asgi, Application)  # nothing stands before it
    for path in PATHS:
        assert all(known(shared, host, path) for host in (*OWN.values(), ELSEWHERE))
    assert sent(shared, "PURGE", "/v1/track") == 405


@pytest.mark.parametrize("path", PATHS)
def test_a_door_with_a_host_is_found_there_only_and_nothing_else_is(parted: App, path: str) -> None:
    setting = setting_of(path)
    for name, host in (*OWN.items(), (None, ELSEWHERE), (None, "127.0.0.1")):
        assert known(parted, host, path) == (path in PLAIN or name == setting), host


def test_every_door_has_a_setting() -> None:
    assert {setting for _, setting in DOORS} == set(OWN)
    assert {setting_of(beginning) for beginning, _ in DOORS} == set(OWN)


@pytest.mark.parametrize("setting", OWN)
def test_a_door_without_a_host_answers_at_all_but_those_of_others(data: Path, setting: str) -> None:
    app = App(data, **{setting: OWN[setting]})
    for method, path in EXAMPLES.values():
        of_door = setting_of(path) == setting
        for host in (ELSEWHERE, "localhost"):
            assert (at(app, host, method, path).status_code == 404) == of_door
        assert (at(app, OWN[setting], method, path).status_code == 404) != of_door
    assert app.get("/data/core/idnamespace/identities").status_code == 200
    app.close()


@pytest.mark.parametrize("setting", OWN)
def test_at_another_host_a_door_is_an_unknown_path_in_its_dialect(
    parted: App, setting: str
) -> None:
    _, path = EXAMPLES[setting]
    key = parted.account()
    headers = {"auth-token": key.auth_token, "authorization": basic(key.write_key or "")}
    for host in {*OWN.values(), ELSEWHERE} - {OWN[setting]}:
        for method in ("GET", "HEAD", "POST", "OPTIONS", "PUT"):
            answer = at(parted, host, method, path, headers=headers)
            unknown(answer, path)
            nowhere = at(parted, host, method, f"/{path.split('/')[1]}/nowhere", headers=headers)
            assert told(answer) == told(nowhere)


def test_adobes_paths_are_unknown_at_the_host_of_a_door(parted: App) -> None:
    for host in OWN.values():
        answer = at(
            parted, host, "GET", "/data/core/idnamespace/identities", headers=parted.headers()
        )
        assert answer.status_code == 404
        assert answer.json() == {"error_code": "404000", "message": "Resource not found"}
        assert "x-request-id" in answer.headers
    assert parted.get("/data/core/idnamespace/identities").status_code == 200


def test_what_tells_of_the_server_is_found_at_every_host(parted: App) -> None:
    for host in (*OWN.values(), ELSEWHERE):
        for path in PLAIN:
            assert at(parted, host, "GET", path).status_code in (200, 307)


@pytest.mark.parametrize(
    "host",
    [b"API.Example.Org", b"api.example.org.", b"api.example.org:8443", b"API.example.org.:443"],
)
def test_case_port_and_a_dot_at_the_end_do_not_count(parted: App, host: bytes) -> None:
    assert sent(parted, "POST", "/v1/m", host) == 200
    assert sent(parted, "PURGE", "/cdp/events/segment/t", host) == 404


@pytest.mark.parametrize("set_as", ["API.Example.org", "api.example.org.", "api.example.org:8443"])
def test_they_do_not_count_in_the_setting_either(data: Path, set_as: str) -> None:
    app = App(data, segment_host=set_as)
    assert sent(app, "POST", "/v1/m", b"api.example.org") == 200
    assert sent(app, "POST", "/v1/m", b"onefold.test:8443") == 404
    app.close()


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        (b"",),
        (b".",),
        (b"api.example.org", b"api.example.org"),
        (b"xapi.example.org",),
        (b"api.example.org.evil.test",),
        (b"[::1]:8080",),
        (b"\xff\xfe",),
    ],
)
def test_who_names_no_host_or_several_names_none_of_a_doors(
    parted: App, hosts: tuple[bytes, ...]
) -> None:
    for method, path in EXAMPLES.values():
        assert sent(parted, method, path, *hosts) == 404
    assert sent(parted, "GET", "/health/live", *hosts) == 200
    assert sent(parted, "PURGE", "/collection/x", *hosts) == 405


def test_slashes_and_the_short_path_lead_to_no_other_host(parted: App) -> None:
    key = parted.account()
    token = {"auth-token": key.auth_token}
    for path in ("/track/v1/profiles", "//track//acme/acme/ACME/v1/profiles/"):
        assert at(parted, OWN["profiles_host"], "GET", path, headers=token).status_code == 200
        unknown(at(parted, OWN["segment_host"], "GET", path, headers=token), path)
    unknown(at(parted, OWN["profiles_host"], "POST", "//v1/m", content=b"{}"), "/v1/m")


def test_browsers_are_told_of_a_door_at_its_host_only(parted: App) -> None:
    for setting in ("events_host", "segment_host"):
        _, path = EXAMPLES[setting]
        answer = at(parted, OWN[setting], "OPTIONS", path)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        unknown(at(parted, ELSEWHERE, "OPTIONS", path), path)


def test_doors_may_share_a_host(data: Path) -> None:
    host = "customers.example.org"
    app = App(data, segment_host=host, segment_profiles_host=f"{host.upper()}:8080")
    for path in PATHS:
        of_host = setting_of(path) in ("segment_host", "segment_profiles_host")
        assert known(app, host, path) == (of_host or path in PLAIN)
        assert known(app, ELSEWHERE, path) != of_host
    app.close()


def test_what_comes_in_at_one_host_is_read_at_another(parted: App) -> None:
    key = parted.account()
    call = {"userId": "u-7", "traits": {"plan": "pro"}, "writeKey": key.write_key}
    answer = at(parted, OWN["events_host"], "POST", "/cdp/events/segment/i", json=call)
    assert answer.json() == {"success": True}
    parted.drain()
    path = "/profiles/userId:u-7/traits"
    token = {"auth-token": key.auth_token}
    read = at(parted, OWN["profiles_host"], "GET", parted.tenant_path + path, headers=token)
    assert read.json()["plan"] == "pro"


@pytest.mark.parametrize("host", ["api.example.org", "api.example.org:8443"])
def test_libraries_are_told_the_host_of_their_door(data: Path, host: str) -> None:
    app = App(data, public_url="https://onefold.example.org", segment_host=host)
    write_key = app.account().write_key
    answer = at(app, host, "GET", f"/v1/projects/{write_key}/settings")
    place = answer.json()["integrations"]["Segment.io"]
    assert place == {"apiKey": write_key, "apiHost": f"{host}/v1"}
    app.close()


def test_the_description_says_where_each_door_is(data: Path) -> None:
    own = OWN | {"events_host": ""}
    app = App(data, public_url="https://onefold.example.org", **own)
    said = json_of(at(app, ELSEWHERE, "GET", "/openapi.json"))
    assert said["servers"] == [{"url": "https://onefold.example.org"}]
    for path, methods in said["paths"].items():
        host = own.get(setting_of(path) or "")
        for operation in methods.values():
            where = [{"url": f"https://{host}"}] if host else None
            assert operation.get("servers") == where, path
    page = at(app, ELSEWHERE, "GET", "/docs").text
    assert "https://api.example.org/v1/track" in page
    assert "https://onefold.example.org/cdp/" in page
    app.close()


@pytest.mark.parametrize("setting", OWN)
@pytest.mark.parametrize(
    "host",
    ["https://a.example.org", "a.example.org/x", "a b", "a..b", "a:b", "a,b", ":80", "é.org"],
)
def test_what_is_no_host_ends_the_start(data: Path, setting: str, host: str) -> None:
    given: dict[str, Any] = {setting: host}
    with pytest.raises(PlatformError, match=f"ONEFOLD_{setting.upper()}") as refused:
        App(data, **given)
    assert refused.value.code == "CTL-1008"
