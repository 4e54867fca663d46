"""Reset and deletion of sandboxes: what is gone, when, and what stays.

Source: platform contract, section 4.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from onefold.control.discarded import LATE_MS, RETRY_MS
from onefold.store.tables import sandboxes as rows
from onefold.testing.app import App
from tests.contract.asking import send
from tests.contract.people import RECORD, record, second_sandbox

SANDBOXES = "/data/foundation/sandbox-management/sandboxes"
POLICIES = "/data/core/ups/config/mergePolicies"
ADA = f"{RECORD}&entityId=ada@example.com&entityIdNS=email"
RESET = {"action": "reset"}


def reset(app: App, name: str = "prod") -> dict[str, Any]:
    answer = send(app, "PUT", f"{SANDBOXES}/{name}", RESET)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


def state(app: App, name: str = "prod") -> str:
    return str(app.get(f"{SANDBOXES}/{name}").json()["state"])


def knows_ada(app: App) -> None:
    app.ingest("Customer registrations", record(("Email", "ada@example.com")))
    assert app.get(ADA).status_code == 200


def stores(app: App) -> set[str]:
    return {path.name for path in (app.settings.data / "sandboxes").iterdir()}


def test_reset_answers_at_once_and_is_done_by_the_pipeline(app: App) -> None:
    knows_ada(app)
    before = app.get(f"{SANDBOXES}/prod").json()
    answer = reset(app)
    assert answer == before | {"state": "resetting", "eTag": answer["eTag"]}
    assert state(app) == "resetting"
    app.drain()
    assert state(app) == "active"


def test_a_reset_sandbox_has_what_a_new_one_has_and_nothing_else(app: App) -> None:
    knows_ada(app)
    old = app.sandbox.id
    reset(app)
    app.drain()
    assert app.get(ADA).json() == {"statusCode": "404"}
    assert app.get("/data/foundation/catalog/dataSets").json() == {}
    schemas = app.get(
        "/data/foundation/schemaregistry/tenant/schemas", accept="application/vnd.adobe.xed-id+json"
    )
    assert schemas.json()["results"] == []
    (policy,) = app.get(POLICIES).json()["children"]
    assert (policy["default"], policy["sandbox"]["sandboxId"]) == (True, old)
    assert app.collect({"header": {}}).status_code == 404  # its inlets are gone too
    assert old not in stores(app)


def test_what_is_accepted_and_not_applied_is_gone_with_the_rest(app: App) -> None:
    message = app.message("Customer registrations", record(("Email", "ada@example.com")))
    assert app.collect(message).status_code == 200
    reset(app)
    app.drain()
    assert app.get(ADA).status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_while_it_lasts_requests_into_the_sandbox_are_a_409(app: App, method: str) -> None:
    reset(app)
    for url in (ADA, POLICIES, "/data/core/identity/identity?nsId=6&id=x"):
        answer = send(app, method, url, {} if method == "POST" else None)
        if answer.status_code == 405:
            continue
        assert answer.status_code == 409
        assert answer.json() == {
            "type": "http://ns.adobe.com/aep/errors/AUT-1010-409",
            "title": "Sandbox not active",
            "status": 409,
            "detail": "The sandbox prod is resetting",
        }


def test_other_sandboxes_go_on_meanwhile(app: App) -> None:
    sandbox, message, inlet = second_sandbox(app)
    message["body"]["xdmEntity"] = record(("Email", "ada@example.com"))
    assert app.request("POST", f"/collection/{inlet}", json=message).status_code == 200
    reset(app)
    app.drain()
    assert app.get(ADA, x_sandbox_name=sandbox.name).status_code == 200


def test_a_reset_sandbox_can_be_filled_again(app: App) -> None:
    _, _, inlet = second_sandbox(app)
    reset(app, "other")
    assert app.request("POST", f"/collection/{inlet}", json={}).status_code == 404
    app.drain()
    made = app.post(
        "/data/foundation/schemaregistry/tenant/schemas",
        {
            "title": "People",
            "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/profile"}],
        },
        x_sandbox_name="other",
    )
    assert made.status_code == 201, made.text


@pytest.mark.parametrize("body", [{}, {"action": "melt"}, {"action": 1}, []])
def test_other_actions_are_a_400(app: App, body: Any) -> None:
    assert send(app, "PUT", f"{SANDBOXES}/prod", body).status_code == 400
    assert state(app) == "active"


def test_a_sandbox_is_reset_once_at_a_time(app: App) -> None:
    reset(app)
    answer = send(app, "PUT", f"{SANDBOXES}/prod", RESET)
    assert answer.status_code == 409
    assert answer.json()["type"] == "http://ns.adobe.com/aep/errors/CTL-1010-409"
    app.drain()
    reset(app)


def test_unknown_sandboxes_are_a_404(app: App) -> None:
    assert send(app, "PUT", f"{SANDBOXES}/nowhere", RESET).status_code == 404
    assert send(app, "DELETE", f"{SANDBOXES}/nowhere").status_code == 404


def test_a_deleted_sandbox_is_listed_until_it_is_gone_and_its_name_is_free_then(app: App) -> None:
    sandbox, _, _ = second_sandbox(app)
    app.drain()
    answer = send(app, "DELETE", f"{SANDBOXES}/other")
    assert (answer.status_code, answer.json()["state"]) == (202, "deleted")
    new = {"name": "other", "title": "T", "type": "development"}
    assert app.post(SANDBOXES, new).status_code == 409
    assert app.get(POLICIES, x_sandbox_name="other").status_code == 409
    assert send(app, "DELETE", f"{SANDBOXES}/other").status_code == 409
    app.drain()
    assert app.get(f"{SANDBOXES}/other").status_code == 404
    assert app.get(POLICIES, x_sandbox_name="other").status_code == 404
    assert sandbox.id not in stores(app)
    assert app.post(SANDBOXES, new).json()["id"] != sandbox.id


def test_the_default_sandbox_cannot_be_deleted(app: App) -> None:
    answer = send(app, "DELETE", f"{SANDBOXES}/prod")
    assert answer.status_code == 409
    assert answer.json() == {
        "type": "http://ns.adobe.com/aep/errors/CTL-1009-409",
        "title": "The default sandbox cannot be deleted",
        "status": 409,
        "detail": "prod is the default sandbox",
        "report": {"at": "name"},
    }


@pytest.mark.parametrize("half", ["whole", "taken out of the way"])
def test_what_a_killed_pipeline_left_is_removed_by_the_next(data: Path, half: str) -> None:
    app = App(data)
    app.clock.advance(ms=1000)  # so that it is listed after the first one
    old = second_sandbox(app)[0].id
    app.drain()
    reset(app, "other")
    app.close()
    if half != "whole":
        (data / "sandboxes" / old).rename(data / "sandboxes" / f".discarded-{old}")
    app = App(data)
    assert state(app, "other") == "resetting"
    app.drain()
    assert state(app, "other") == "active"
    assert [name for name in stores(app) if old in name] == []
    app.close()


def test_a_store_that_a_late_request_made_anew_is_removed_too(app: App) -> None:
    old = app.sandbox.id
    reset(app)
    app.drain()
    app.places.journal(old)
    assert old in stores(app)
    app.clock.advance(ms=LATE_MS + 2)
    app.places.forget(old)
    app.drain()
    assert old not in stores(app)
    assert rows.discarded(app.places.control()) == []


def test_a_store_that_cannot_be_removed_is_a_failed_reset_until_it_can(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.drain()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", os.fspath(path))

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", refuse)
        reset(app)
        app.drain()
        assert state(app) == "failed"
        assert app.get(POLICIES).status_code == 409
        reset(app)  # tried once more
        app.drain()
        assert state(app) == "failed"
    app.clock.advance(ms=RETRY_MS)
    app.drain()
    assert state(app) == "active"


def test_nothing_of_a_sandbox_keeps_its_files_open(app: App) -> None:
    knows_ada(app)
    old = app.sandbox.id
    reset(app)
    app.drain()
    assert app.get(POLICIES).status_code == 200  # this process notices
    held = [os.readlink(f"/proc/self/fd/{fd}") for fd in _open_files()]
    assert [path for path in held if old in path] == []


def _open_files() -> list[str]:
    return [fd for fd in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{fd}")]
