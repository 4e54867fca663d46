"""What `onefold demo` prints: steps, one profile, its timeline, its graph, and lines to paste."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from onefold.cli import story
from onefold.cli.story import Chapter
from onefold.control.installation import Installed
from onefold.wire import JSON

_STEP_WIDTH = 38
_LABEL_WIDTH = 48
_COLUMN_WIDTH = 9


class Person(msgspec.Struct, frozen=True):
    """What the server says of one identity. seconds: median time of a lookup of the profile."""

    namespace: str
    value: str
    entity: JSON
    graph: Sequence[str]
    events: Sequence[JSON]
    seconds: float


def step(console: Console, what: str, result: str) -> None:
    """One line: what was done, and what came of it."""
    console.print(Text.assemble((f"{what:<{_STEP_WIDTH}}", "cyan"), result), soft_wrap=True)


def told(console: Console, request: str, chapter: Chapter) -> None:
    """One line about a request of the story."""
    many = len(chapter.entities)
    kind = "event" if chapter.dataset == "Customer events" else "record"
    step(console, request, f"{chapter.title} ({many} {kind}{'s' if many > 1 else ''})")


def profile(console: Console, person: Person) -> None:
    """The merged profile, without the identityMap, which `graph` shows."""
    _title(console, f"The merged profile, asked for by {_asked(person)}")
    tree = Tree("", hide_root=True, guide_style="dim")
    _grow(tree, {key: value for key, value in person.entity.items() if key != "identityMap"})
    console.print(tree)


def timeline(console: Console, person: Person) -> None:
    """Every event, oldest first, with the device it came from."""
    _title(console, f"The timeline, asked for by {_asked(person)}")
    table = Table(box=None, pad_edge=False)
    for heading in ("when (UTC)", "what", "where", "device"):
        table.add_column(heading, no_wrap=True, header_style="dim")
    for event in person.events:
        page = event.get("web", {}).get("webPageDetails", {}).get("name", "")
        device = story.DEVICES[event["identityMap"]["ECID"][0]["id"]]
        table.add_row(event["timestamp"], event["eventType"].rpartition(".")[2], page, device)
    console.print(table)


def graph(console: Console, person: Person) -> None:
    """How the identities hang together: a line for each record that names several of them."""
    identities = person.entity["identityMap"]
    count = sum(len(items) for items in identities.values())
    _title(console, f"The graph: {count} identities, one person")
    codes = story.TIED[0][2]
    lines = [" " * _LABEL_WIDTH + "".join(f"{code:<{_COLUMN_WIDTH}}" for code in codes)]
    for number, (record, ecid, tied) in enumerate(story.TIED):
        if number:
            joints = "".join(f"{'│' if code in tied else '':<{_COLUMN_WIDTH}}" for code in codes)
            lines.append(" " * _LABEL_WIDTH + joints)
        label = f"  ECID {_short(ecid)}  {story.DEVICES[ecid]:<10}{record}"
        dots = "".join(f"{'●' if code in tied else '':─<{_COLUMN_WIDTH}}" for code in codes)
        lines.append(f"{label + ' ':─<{_LABEL_WIDTH}}{dots.rstrip('─')}")
    lines += ["", *(f"  {code:<11}{identities[code.lower()][0]['id']}" for code in codes)]
    for line in lines:
        console.print(Text(line.rstrip()), soft_wrap=True)


def lookups(console: Console, people: Sequence[Person]) -> None:
    """The same answer by every way in, and how long it took."""
    _title(console, "Three ways in, one answer")
    table = Table(box=None, pad_edge=False)
    for heading in ("asked for by", "answer", "events", "identities", "median"):
        table.add_column(heading, no_wrap=True, header_style="dim")
    for person in people:
        table.add_row(
            _asked(person),
            _name(person),
            str(len(person.events)),
            str(len(person.graph)),
            f"{person.seconds * 1000:.1f} ms",
        )
    console.print(table)


def other(console: Console, person: Person) -> None:
    """That the second person stayed separate."""
    ecids = ", ".join(_short(item["id"]) for item in person.entity["identityMap"]["ecid"])
    _title(console, "And Ilse, who visited the same pages, is somebody else")
    console.print(
        f"{person.value}: {len(person.events)} events, {len(person.graph)} identities"
        f" (ECID {ecids} and the e-mail address)",
        soft_wrap=True,
    )


def address(console: Console, url: str, made: Installed, data: Path) -> None:
    """Where the server is, and how to ask it."""
    command = Path(sys.executable).with_name("onefold")
    onefold = str(command) if command.exists() else f"{sys.executable} -m onefold"
    _title(console, f"The server is at {url}")
    ask = "schema.name=_xdm.context.profile&entityIdNS=phone&entityId=" + quote(story.PHONE)
    lines = (
        f"TOKEN=$({onefold} token --data {shlex.quote(str(data))})",
        "curl -s"
        ' -H "Authorization: Bearer $TOKEN"'
        f" -H 'x-api-key: {made.client_id}'"
        f" -H 'x-gw-ims-org-id: {made.organisation.id}'"
        f" -H 'x-sandbox-name: {made.sandbox.name}'"
        f" '{url}/data/core/ups/access/entities?{ask}'",
        f"curl -s {url}/health/ready",
    )
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def end(console: Console, *, serving: bool) -> None:
    """What happens to the server now."""
    console.print("\nServing until Ctrl-C." if serving else "\nStopping the server.")


def _title(console: Console, text: str) -> None:
    console.print(Text(f"\n{text}", "bold"), soft_wrap=True)


def _asked(person: Person) -> str:
    value = _short(person.value) if person.namespace == "ECID" else person.value
    return f"{person.namespace} {value}"


def _name(person: Person) -> str:
    name = person.entity["person"]["name"]
    return f"{name['firstName']} {name['lastName']}"


def _short(ecid: str) -> str:
    return f"{ecid[:4]}…{ecid[-4:]}"


def _grow(tree: Tree, value: JSON) -> None:
    """Branches for objects; objects of one field stand on one line with it."""
    for key, member in value.items():
        path = key
        while isinstance(member, dict) and len(member) == 1:
            ((inner, member),) = member.items()
            path += f".{inner}"
        if isinstance(member, dict):
            _grow(tree.add(Text(path, "cyan")), member)
        else:
            tree.add(Text.assemble((path, "cyan"), "  ", str(member)))
