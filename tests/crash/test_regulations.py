"""kill -9 of each process while users are suppressed, deleted and let in again: whoever was deleted
is nowhere, no call of somebody suppressed gets in, and everybody else is everywhere."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import httpx
import pytest

from tests.crash.serving import Server, answer, doctor, wait_until

USERS = 24
CREATED = ("SUPPRESS_WITH_DELETE", "SUPPRESS_ONLY", "NO_TRACK")
"""What is demanded of users 0, 1 and 2, of 4, 5 and 6, and so on. The users 3, 7, 11, … are left
alone, and 4, 5, 12, 13, 20, 21, … are let in again."""
LIFTED = {"SUPPRESS_WITH_DELETE": "UNSUPPRESS", "SUPPRESS_ONLY": "UNSUPPRESS"}
ACCOUNT = ("--client", "acme", "--account", "acme")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_regulations_survive_kills(server: Server) -> None:
    where = ("--data", str(server.data), *ACCOUNT)
    token = json.loads(answer("key", "create", *where, "--rate", "9999"))["auth_token"]
    door = Door(server, token)
    for user in range(USERS):
        door.call("identify", {"userId": f"u-{user}", "anonymousId": f"a-{user}"})
        door.call("track", {"userId": f"u-{user}", "event": "Before"})
    wait_until(partial(door.shows, USERS - 1), "everybody is applied")
    asked = []
    for user in range(USERS):
        if user % 4 == 3:
            continue
        kind = CREATED[user % 4]
        wanted = [kind, LIFTED[kind]] if user % 8 in (4, 5) else [kind]
        for one in wanted:
            more = ("--kind", one, "--user-id", f"u-{user}")
            asked.append(json.loads(answer("regulation", "create", *where, *more))["id"])
        if user % 9 == 0:
            server.kill_child(user // 9)  # the pipeline, the jobs, the worker, and once more
        if user == 20:
            server.kill_parent()
    for one in asked:
        wait_until(partial(is_completed, where, one), "every regulation is completed")
    for user in range(USERS):
        door.call("track", {"userId": f"u-{user}", "event": "After"})
    door.call("identify", {"userId": "last"})
    wait_until(lambda: door.status("userId:last") == 200, "everything is applied")
    for user in range(USERS):
        assert door.events(user) == expected(user), user
    assert server.stop() == 0
    examined = doctor(server.data)
    assert examined.returncode == 0, examined.stdout
    assert "u-" not in server.log()


def expected(user: int) -> list[str] | None:
    """The events of a user at the end; None when nobody is found."""
    kind = "" if user % 4 == 3 else CREATED[user % 4]
    is_lifted = user % 8 in (4, 5)
    if kind == "SUPPRESS_WITH_DELETE":
        return ["after"] if is_lifted else None
    if kind == "SUPPRESS_ONLY":
        return ["after", "before", "identify"] if is_lifted else None
    return ["before", "identify"] if kind else ["after", "before", "identify"]


def is_completed(where: tuple[str, ...], regulation: str) -> bool:
    shown: Any = json.loads(answer("regulation", "show", regulation, *where))
    assert shown["state"] != "error"
    return bool(shown["state"] == "completed")


class Door:
    """The doors of the account, with the key of a server."""

    def __init__(self, server: Server, token: str) -> None:
        self._server = server
        self._token = token

    def call(self, kind: str, body: dict[str, str]) -> None:
        """A call that is sent until it is taken."""

        def is_taken() -> bool:
            try:
                return self._asked("POST", f"/{kind}", body).status_code == 200
            except httpx.TransportError:
                return False

        wait_until(is_taken, kind)

    def status(self, key: str) -> int:
        return self._asked("GET", f"/profiles/{key}/traits").status_code

    def shows(self, user: int) -> bool:
        return self.status(f"userId:u-{user}") == 200

    def events(self, user: int) -> list[str] | None:
        found = self._asked("GET", f"/profiles/userId:u-{user}/events")
        assert found.status_code == self.status(f"userId:u-{user}")
        if found.status_code == 404:
            return None
        return sorted(one["eventAction"] for one in found.json()["data"])

    def _asked(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.request(
            method,
            f"{self._server.url}/track/acme/acme/ACME/v1{path}",
            headers={"auth-token": self._token},
            json=body,
            timeout=30,
        )
