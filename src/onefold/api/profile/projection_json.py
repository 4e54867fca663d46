"""What destinations and projections have in common on the wire: vendor content types, versions, and
how a destination is shown.

Source: profile contract, 6.1 and 6.2.
"""

from __future__ import annotations

from typing import Any

from onefold.api.conditions import wanted
from onefold.api.context import Request, Rooms
from onefold.api.declared import JSON_TYPE, NUMBER, TEXT, TRUTH, Schema, array, record
from onefold.control.projections import Expected
from onefold.domain.profile.projection import Destination
from onefold.domain.sandbox import Sandbox
from onefold.errors import Rejected
from onefold.wire import JSON

DESTINATIONS = "/data/core/ups/config/destinations"
PROJECTIONS = "/data/core/ups/config/projections"
_VENDOR = "application/vnd.adobe.platform."


def sandbox_of(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


def require_type(request: Request, rooms: Rooms, name: str) -> None:
    """Refuse a body that is not sent as `application/vnd.adobe.platform.NAME+json`; its parameter
    `version`, when it is there, is 1. With the setting `lenient_content_types` plain JSON will do.

    Raises Rejected PRJ-1004.
    """
    essence, *parameters = request.headers.get("content-type", "").lower().split(";")
    pairs = dict(part.strip().partition("=")[::2] for part in parameters)
    vendor = essence.strip() == vendor_type(name).lower()
    if vendor and pairs.get("version", "1").strip().strip('"') == "1":
        return
    if essence.strip() == JSON_TYPE and rooms.settings.lenient_content_types:
        return
    raise Rejected("PRJ-1004", f"Send Content-Type: {vendor_type(name)}; version=1")


def vendor_type(name: str) -> str:
    """The content type of a kind of body, without its version."""
    return f"{_VENDOR}{name}+json"


def expected(request: Request, version: Any = None) -> Expected:
    """What the caller believes to change. version: `currentVersion` of its body."""
    return Expected(version, wanted(request))


def href(path: str) -> JSON:
    return {"href": path, "templated": False}


def destination_json(destination: Destination) -> dict[str, JSON]:
    """A destination without its link, which stands in different places."""
    said: dict[str, JSON] = {
        "id": destination.id,
        "type": destination.type,
        "ttl": destination.ttl,
        "dataCenters": list(destination.data_centers),
        "replicationPolicy": destination.replication,
        "version": destination.version,
    }
    if destination.topic:
        said["topic"] = destination.topic
    return said


def single(destination: Destination) -> dict[str, JSON]:
    """A destination with its link beside the other members; in lists it stands in `_links`."""
    return {"self": href(f"{DESTINATIONS}/{destination.id}"), **destination_json(destination)}


HREF = record(href=TEXT, templated=TRUTH)
LINKS: Schema = record(self=HREF)
PLAIN: dict[str, Schema] = {
    "id": TEXT,
    "type": TEXT,
    "ttl": NUMBER,
    "dataCenters": array(TEXT),
    "version": NUMBER,
}
