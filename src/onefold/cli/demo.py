"""`onefold demo`: a server, a story told to it over HTTP, and what it believes afterwards.

Only the installation is made from the inside, as `onefold init` does it. Everything else is what a
user could send with any HTTP client.
"""

from __future__ import annotations

import http.client
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec
from rich.console import Console

from onefold.cli import show, story
from onefold.control import installation
from onefold.control.installation import Installed
from onefold.effects import SystemClock, SystemIds
from onefold.wire import JSON, decode_json, encode_json

ORGANISATION = "Northlight"
START_SECONDS = 30
STOP_SECONDS = 30
VISIBLE_SECONDS = 30
REQUEST_SECONDS = 30
TIMED_LOOKUPS = 50
ENTITIES = "/data/core/ups/access/entities"
ASKED = (("ECID", story.TABLET), ("Phone", story.PHONE), ("Email", story.EMAIL))
"""The three ways in: none of them was ever in one record with all others."""


class Failed(Exception):
    """The demo cannot go on; the message says why."""


class Reply(NamedTuple):
    """Status and decoded body of an answer, and how long it took."""

    status: int
    body: JSON
    seconds: float


class Client:
    """One connection to the server, with the headers that the platform asks for."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=REQUEST_SECONDS
        )
        self._clock = SystemClock()
        self.headers: dict[str, str] = {}

    def get(self, path: str, query: Mapping[str, str]) -> Reply:
        """GET with the query percent-encoded: the `+` of a phone number becomes %2B."""
        return self._send("GET", f"{path}?{urlencode(query)}", None, {})

    def post(self, path: str, body: JSON) -> Reply:
        return self._send("POST", path, encode_json(body), {"content-type": "application/json"})

    def post_form(self, path: str, fields: Mapping[str, str]) -> Reply:
        form = {"content-type": "application/x-www-form-urlencoded"}
        return self._send("POST", path, urlencode(fields).encode(), form)

    def close(self) -> None:
        self._connection.close()

    def _send(self, method: str, path: str, body: bytes | None, more: Mapping[str, str]) -> Reply:
        started = self._clock.monotonic_s()
        try:
            self._connection.request(method, path, body, {**self.headers, **more})
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as broken:
            raise Failed(f"{method} {path}: the server did not answer ({broken!r})") from broken
        seconds = self._clock.monotonic_s() - started
        try:
            return Reply(answer.status, decode_json(content), seconds)
        except msgspec.DecodeError as bad:
            raise Failed(f"{method} {path}: {answer.status}, and no JSON") from bad


def demo(*, data: Path | None, port: int, leave: bool) -> int:
    """Tell the story and show what became of it; answer the exit status.

    data: where the installation is made and kept; None for a directory that is removed at the end.
    leave: stop the server at the end, instead of serving until Ctrl-C. Raises PlatformError as
    `installation.create` does.
    """
    console = Console(highlight=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    scratch = Path(tempfile.mkdtemp(prefix="onefold-demo-"))
    try:
        _play(console, data or scratch / "data", scratch / "server.log", port=port, leave=leave)
    except Failed as failure:
        return _ended(str(failure))
    except KeyboardInterrupt:
        return _ended("interrupted")
    except (LookupError, TypeError, ValueError) as odd:
        return _ended(f"an answer of the server was not as expected ({odd!r})")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def _ended(reason: str) -> int:
    Console(stderr=True).print(f"onefold: {reason}", markup=False, highlight=False, soft_wrap=True)
    return 1


def _play(console: Console, data: Path, log: Path, *, port: int, leave: bool) -> None:
    made = installation.create(data, SystemClock(), SystemIds(), org_name=ORGANISATION)
    show.step(console, "onefold init", f"organisation {made.organisation.id}, sandbox prod")
    with _server(data, log, port) as (server, url):
        show.step(console, "onefold serve", url)
        client = Client(url)
        try:
            _told(console, client, made)
            found = _looked_up(console, client)
        finally:
            client.close()
        show.profile(console, found[0])
        show.timeline(console, found[0])
        show.graph(console, found[0])
        show.lookups(console, found)
        show.other(console, _person(client, "Email", story.OTHER_EMAIL))
        show.address(console, url, made, data)
        if leave:
            show.end(console, serving=False)
        else:
            _serve_on(console, server, log)


@contextmanager
def _server(data: Path, log: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own process, for as long as the block lasts, and its URL."""
    command = [sys.executable, "-m", "onefold", "serve"]
    command += ["--data", str(data), "--port", str(port)]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as server,
    ):
        try:
            yield server, _url(server, log)
        finally:
            _stop(server)


def _serve_on(console: Console, server: subprocess.Popen[str], log: Path) -> None:
    """Return when the user has had enough."""
    try:
        show.end(console, serving=True)
        status = server.wait()
    except KeyboardInterrupt:
        return
    raise Failed(f"the server ended with status {status}; {_last_line(log)}")


def _url(server: subprocess.Popen[str], log: Path) -> str:
    assert server.stdout is not None
    ready, _, _ = select.select([server.stdout], [], [], START_SECONDS)
    line = server.stdout.readline() if ready else ""
    if not line.startswith("onefold ready "):
        raise Failed(f"the server did not start; {_last_line(log)}")
    return line.split()[-1]


def _stop(server: subprocess.Popen[str]) -> None:
    """End the server in an orderly way, whatever the user presses meanwhile."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()


def _last_line(log: Path) -> str:
    lines = log.read_text().splitlines()
    return f"it said: {lines[-1]}" if lines else "it said nothing"


def _told(console: Console, client: Client, made: Installed) -> None:
    """Get a token, then send every chapter."""
    answer = client.post_form(
        "/ims/token/v3",
        {
            "grant_type": "client_credentials",
            "client_id": made.client_id,
            "client_secret": made.client_secret,
            "scope": "openid,session,AdobeID,read_organizations",
        },
    )
    _expect(answer, 200, "POST /ims/token/v3")
    client.headers = {
        "authorization": f"Bearer {answer.body['access_token']}",
        "x-api-key": made.client_id,
        "x-gw-ims-org-id": made.organisation.id,
        "x-sandbox-name": made.sandbox.name,
    }
    show.step(console, "POST /ims/token/v3", "an access token for 24 hours")
    assert made.starter is not None
    for chapter in story.chapters(f"_{made.organisation.tenant_id}", SystemClock().now_ms()):
        dataset_id, schema_id = made.starter.datasets[chapter.dataset]
        messages = [
            story.message(made.organisation.id, dataset_id, schema_id, entity)
            for entity in chapter.entities
        ]
        door = "/collection/batch" if chapter.batch else "/collection"
        path = f"{door}/{made.starter.inlet_id}"
        answer = client.post(path, {"messages": messages} if chapter.batch else messages[0])
        _expect(answer, 207 if chapter.batch else 200, f"POST {door}")
        if chapter.batch and not all("xactionId" in one for one in answer.body["responses"]):
            raise Failed(f"POST {door}: a message was refused: {answer.body['responses']}")
        show.told(console, f"POST {door}/{{inlet}}", chapter)


def _looked_up(console: Console, client: Client) -> list[show.Person]:
    """Wait until the whole story is visible; answer the person by each of the three ways in."""
    clock = SystemClock()
    started = clock.monotonic_s()
    events = {story.EMAIL: 10, story.OTHER_EMAIL: 3}
    with console.status("waiting until every event can be looked up") as status:
        for email, expected in events.items():
            while (seen := _events_seen(client, email)) < expected:
                waited = clock.monotonic_s() - started
                if waited > VISIBLE_SECONDS:
                    raise Failed(
                        f"after {waited:.0f} s only {seen} of {expected} events of {email}"
                        " can be looked up"
                    )
                status.update(f"waiting: {seen} of {expected} events of {email} are visible")
                time.sleep(0.01)
    show.step(
        console, "GET " + ENTITIES, f"all visible after {clock.monotonic_s() - started:.3f} s"
    )
    people = [_person(client, namespace, value) for namespace, value in ASKED]
    first = people[0]
    for person in people[1:]:
        if (person.entity, person.events) != (first.entity, first.events):
            raise Failed(f"{person.namespace} and {first.namespace} lead to different answers")
    return people


def _events_seen(client: Client, email: str) -> int:
    return len(_expect(_ask_events(client, "Email", email), 200, "GET events").body["children"])


def _person(client: Client, namespace: str, value: str) -> show.Person:
    """Profile and timeline behind one identity, with the median time of a lookup."""
    query = {
        "schema.name": "_xdm.context.profile",
        "entityId": value,
        "entityIdNS": namespace.lower(),
    }
    answers = [client.get(ENTITIES, query) for _ in range(TIMED_LOOKUPS)]
    for answer in answers:
        _expect(answer, 200, f"GET {ENTITIES} by {namespace}")
    seconds = sorted(answer.seconds for answer in answers)
    ((_, found),) = answers[0].body.items()
    page = _expect(_ask_events(client, namespace, value), 200, "GET events").body
    return show.Person(
        namespace,
        value,
        found["entity"],
        found["identityGraph"],
        [child["entity"] for child in page["children"]],
        seconds[len(seconds) // 2],
    )


def _ask_events(client: Client, namespace: str, value: str) -> Reply:
    return client.get(
        ENTITIES,
        {
            "schema.name": "_xdm.context.experienceevent",
            "relatedSchema.name": "_xdm.context.profile",
            "relatedEntityId": value,
            "relatedEntityIdNS": namespace.lower(),
        },
    )


def _expect(answer: Reply, status: int, what: str) -> Reply:
    if answer.status != status:
        body = encode_json(answer.body).decode()
        raise Failed(f"{what}: status {answer.status} instead of {status}: {body}")
    return answer
