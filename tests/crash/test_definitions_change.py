"""Definitions change as a whole, seen from several processes under load.

A schema and its identity descriptor are turned from one form to another and back, in one
transaction each, while events stream in. In form A only events of side A fit, and an email is their
identity; in form B only those of side B, and a phone number is. So an event of side A that is found
under a phone number was judged by one generation's schema and another one's descriptor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from onefold.control import datasets, descriptors, schemas
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.schema import EVENT_CLASS
from onefold.effects import SystemClock, SystemIds
from onefold.store.engine import Engine
from onefold.store.packing import Packing
from onefold.store.places import Places
from onefold.store.snapshot import Definitions
from onefold.store.tables import descriptors as descriptor_rows
from onefold.store.tables import failed_records, resources
from onefold.store.tables.descriptors import Descriptor
from onefold.store.tables.generation import change
from onefold.store.tables.resources import Resource
from tests.crash.serving import Server, wait_until
from tests.crash.writers import email

WORKERS = 2
SECONDS = 4.0
TURN_SECONDS = 0.015
BATCH = 4
FORMS = {"A": ("email", "Email"), "B": ("phone", "Phone")}
"""What marks the identity in each form: a field and its namespace."""


class Turning:
    """A schema in one of two forms, its dataset, and who turns it."""

    def __init__(self, places: Places, sandbox: Sandbox) -> None:
        engine, clock, ids = places.control(), SystemClock(), SystemIds()
        fields = {"side": "enum A", "email": "string", "phone": "string"}
        self.group = schemas.create_field_group(
            engine, clock, ids, sandbox, title="Sides", classes=[EVENT_CLASS], fields=fields
        )
        self.schema = schemas.create_schema(
            engine,
            clock,
            ids,
            sandbox,
            title="Sides",
            class_id=EVENT_CLASS,
            groups=[self.group.id],
            for_profile=True,
        )
        self.tenant: str = self.schema.document["meta:tenantNamespace"]
        self.descriptor = descriptors.add_identity(
            engine,
            ids,
            sandbox,
            self.schema.id,
            property=f"/{self.tenant}/email",
            namespace="Email",
            primary=True,
        )
        tags = {"unifiedProfile": ["enabled:true"]}
        self.dataset = datasets.create(
            engine, clock, ids, sandbox, name="Sides", schema_id=self.schema.id, tags=tags
        )
        self._sandbox = sandbox

    def turn(self, engine: Engine, form: str) -> None:
        """Give the schema and its descriptor another form, together."""
        field, namespace = FORMS[form]
        with change(engine) as transaction:
            group = schemas.got(transaction, self._sandbox, self.group.id)
            document = schemas.changed(group.document, 0)
            own = document["definitions"]["customFields"]["properties"][self.tenant]
            own["properties"]["side"]["enum"] = [form]
            turned = Resource(group.id, group.kind, group.title, document)
            resources.replace(transaction, self._sandbox.id, turned)
            said = {
                **self.descriptor.document,
                "xdm:sourceProperty": f"/{self.tenant}/{field}",
                "xdm:namespace": namespace,
            }
            mark = Descriptor(self.descriptor.id, self.schema.id, self.descriptor.type, said)
            descriptor_rows.replace(transaction, self._sandbox.id, mark)

    def message(self, number: int) -> dict[str, Any]:
        """An event of one side that has both fields."""
        reference = {
            "id": self.schema.id,
            "contentType": "application/vnd.adobe.xed+json;version=1",
        }
        own = {"side": side_of(number), "email": email(number), "phone": phone(number)}
        entity = {
            "_id": f"event-{number}",
            "timestamp": "2026-01-01T00:00:00Z",
            self.tenant: own,
        }
        return {
            "header": {"schemaRef": reference, "datasetId": self.dataset.id},
            "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
        }


def side_of(number: int) -> str:
    return "AB"[number % 2]


def phone(number: int) -> str:
    return f"+49{number:08}"


class Unrest:
    """Threads that turn the schema, rename the default merge policy and look somebody up, while the
    block runs."""

    def __init__(self, server: Server, turning: Turning, engine: Engine) -> None:
        self.turns = 0
        self._server = server
        self._turning = turning
        self._engine = engine
        self._stopping = threading.Event()
        self._faults: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guarded, args=(act,)) for act in (self._turn, self._look)
        ]

    def __enter__(self) -> Unrest:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        assert not self._faults, self._faults

    def _turn(self) -> None:
        while not self._stopping.is_set():
            self.turns += 1
            self._turning.turn(self._engine, "BA"[self.turns % 2])
            self._stopping.wait(TURN_SECONDS)

    def _look(self) -> None:
        server, path = self._server, "/data/core/ups/config/mergePolicies"
        with httpx.Client(base_url=server.url, headers=server.headers, timeout=10) as client:
            policy = client.get(path).json()["children"][0]
            while not self._stopping.is_set():
                policy["name"] = f"Policy {self.turns}"
                answer = client.put(f"{path}/{policy['id']}", json=policy)
                assert answer.status_code == 200, answer.text
                assert found(client, email(0), "Email") <= {"event-0"}

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as fault:  # noqa: BLE001 - told to the test at the end of the block
            self._faults.append(fault)


def test_each_event_is_judged_by_one_generation(server: Server) -> None:
    places = Places(server.data)
    definitions = Definitions(places.control())
    sandbox = definitions.sandboxes()[0]
    turning = Turning(places, sandbox)
    with Unrest(server, turning, places.control()) as unrest:
        sent = streamed(server, turning)
    with httpx.Client(base_url=server.url, headers=server.headers, timeout=10) as client:
        wait_until(lambda: drained(client), "everything is applied")
        under = {
            (number, code): found(client, value, code)
            for number in range(sent)
            for value, code in ((email(number), "Email"), (phone(number), "Phone"))
        }
    store = places.profile(sandbox.id)
    refused = failed_records.listed(store, Packing(store), after=0, limit=10**6)
    applied = {number for (number, _), events in under.items() if events}
    for (number, code), events in under.items():
        expected = FORMS[side_of(number)][1]
        assert events == ({f"event-{number}"} if number in applied and code == expected else set())
    assert {one.fault.code for one in refused} == {"REC-1001"}
    assert len(applied) + len(refused) == sent
    sides = {side_of(number) for number in applied}
    print(f"{unrest.turns} turns, {sent} events, {len(refused)} refused")
    assert sides == {"A", "B"}
    assert unrest.turns > 50
    assert not definitions.snapshot(sandbox.id).broken
    places.close()


def streamed(server: Server, turning: Turning) -> int:
    """Send small batches for a while; answer how many events were taken."""
    sent = 0
    url = f"{server.url}/collection/batch/{server.facts['inlet_id']}"
    deadline = time.monotonic() + SECONDS
    with httpx.Client(timeout=10) as client:
        while time.monotonic() < deadline:
            messages = [turning.message(sent + n) for n in range(BATCH)]
            answer = client.post(url, json={"messages": messages})
            assert answer.status_code == 207, answer.text
            assert all("xactionId" in one for one in answer.json()["responses"]), answer.text
            sent += BATCH
    return sent


def drained(client: httpx.Client) -> bool:
    backlog = client.get("/health/ready").json()["backlog"]
    return all(one["records"] == 0 for one in backlog.values())


def found(client: httpx.Client, value: str, code: str) -> set[str]:
    """The ids of the events of an identity; none when nobody knows it."""
    query = {
        "schema.name": "_xdm.context.experienceevent",
        "relatedSchema.name": "_xdm.context.profile",
        "relatedEntityId": value,
        "relatedEntityIdNS": code,
    }
    answer = client.get("/data/core/ups/access/entities", params=query)
    assert answer.status_code in (200, 404), answer.text
    if answer.status_code == 404:
        return set()
    return {child["entity"]["_id"] for child in answer.json()["children"]}
