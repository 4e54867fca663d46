"""People of set shapes: how many identities, how many fragments, how many events each of them has.

A person's identities are ECIDs; the first one owns everything. A fragment is a record in a dataset
of its own, about 0.8 KB. Everything follows from shape and number, so readers need not be told.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks.population import Messages, Person, person
from benchmarks.server import Installation
from onefold.wire import iso_seconds

IDENTITIES = (1, 3, 10, 50)
FRAGMENTS = (1, 5, 20)
EVENTS = (10, 1_000, 10_000)
PEOPLE_EACH = 20
BULK_PEOPLE = 100
NAMED_AT_ONCE = 20
"""A record that names more links none."""
_STRIDE = 64
_START_MS = 1_735_689_600_000
_EVENT_EVERY_MS = 3_600_000
_TIMESTAMP = re.compile(rb'"timestamp":"[^"]+"')
_PLATFORM = "application/vnd.adobe.xed-full+json;version=1.0"


class Shape(NamedTuple):
    """How large a person is. events: none, unless they are what is measured."""

    identities: int
    fragments: int
    events: int = 0


GRID = tuple(Shape(i, f) for i in IDENTITIES for f in FRAGMENTS)
TIMELINES = tuple(Shape(3, 1, events) for events in EVENTS)
TYPICAL = Shape(3, 5)
"""Of a hundred at once."""


def people(shape: Shape, *, few: bool) -> int:
    """How many people of a shape there are. few: of a small run, with the longest timelines."""
    if shape == TYPICAL:
        return BULK_PEOPLE
    if shape.events >= EVENTS[-1]:
        return 1 if few else 3
    return PEOPLE_EACH


def ecid(shape: Shape, number: int, index: int = 0) -> str:
    """Identity `index` of a person."""
    kind = (GRID + TIMELINES).index(shape)
    return person(((kind + 1) * 1_000 + number) * _STRIDE + index).ecid


class Desk:
    """What a loader and a reader say to one server."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._port = port
        self._headers = {**headers, "content-type": "application/json"}

    def told(self, method: str, path: str, body: object = None) -> Any:
        """The JSON that answers a call that must succeed."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, self._headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status not in (200, 201):
            raise RuntimeError(f"{method} {path} answered {response.status}: {text[:300]!r}")
        return json.loads(text)


def datasets(desk: Desk, installation: Installation) -> list[str]:
    """Ids of new datasets of records, one for each fragment that a person can have."""
    schema = installation.datasets["Customer registrations"].schema
    made = []
    for number in range(max(FRAGMENTS)):
        body = {
            "name": f"Source {number}",
            "schemaRef": {"id": schema, "contentType": "application/vnd.adobe.xed+json;version=1"},
            "tags": {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]},
        }
        answer = desk.told("POST", "/data/foundation/catalog/dataSets", body)
        made.append(str(answer[0]).removeprefix("@/dataSets/"))
    return made


def everything(installation: Installation, sources: list[str], *, few: bool) -> Iterator[bytes]:
    """All messages: links and fragments first, then events by turns of their people."""
    for shape in GRID + TIMELINES:
        for number in range(people(shape, few=few)):
            yield from _records(installation, sources, shape, number)
    messages = Messages(installation)
    for shape in TIMELINES:
        own = [
            Person(number, ecid(shape, number), f"of.{number}@example.com", "")
            for number in range(people(shape, few=few))
        ]
        for round_ in range(shape.events):
            stamp = b'"timestamp":"%b"' % iso_seconds(_START_MS + round_ * _EVENT_EVERY_MS).encode()
            for who in own:  # round 1 is one of those that name nobody else
                message = messages.event(who, 1, f"shapes/{round_}/")
                yield _TIMESTAMP.sub(stamp, message, count=1)


def _records(
    installation: Installation, sources: list[str], shape: Shape, number: int
) -> Iterator[bytes]:
    own = [ecid(shape, number, index) for index in range(shape.identities)]
    others = own[1:]
    step = NAMED_AT_ONCE - 1
    for first in range(0, max(len(others), 1), step):
        yield _record(installation, sources[0], own[0], others[first : first + step], 0)
    for rank in range(1, shape.fragments):
        yield _record(installation, sources[rank], own[0], [], rank)


def _record(
    installation: Installation, source: str, owner: str, others: list[str], rank: int
) -> bytes:
    reference = {
        "id": installation.datasets["Customer registrations"].schema,
        "contentType": _PLATFORM,
    }
    named = [{"id": owner, "primary": True}, *({"id": one} for one in others)]
    entity = {
        "identityMap": {"ECID": named},
        "person": {
            "name": {"firstName": f"First {rank}", "lastName": f"Last {rank}"},
            "birthDate": f"{1940 + rank}-03-14",
        },
        "personalEmail": {"address": f"someone.{rank}.{owner[:8]}@example.com"},
        "homeAddress": {
            "street1": f"{rank} Harbour Road",
            "city": "Oslo",
            "postalCode": f"{rank + 1000}",
        },
        "workAddress": {"street1": f"{rank} High Street", "city": "Bergen", "postalCode": "5003"},
        "mobilePhone": {"number": f"+4790{rank:06d}"},
        "preferredLanguage": "en-GB",
        "timeZone": "Europe/Oslo",
        "consents": {"collect": {"val": "y"}, "share": {"val": "n" if rank % 2 else "y"}},
        "testProfile": True,
        f"_{installation.tenant_id}": {"loyaltyDetails": {"level": "Basic", "points": rank}},
    }
    message = {
        "header": {"schemaRef": reference, "imsOrgId": installation.org_id, "datasetId": source},
        "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
    }
    return json.dumps(message).encode()
