"""Definitions: always of the newest generation, compiled once, and one cannot take others down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from onefold.control import (
    connections,
    credentials,
    datasets,
    merge_policies,
    namespaces,
    sandboxes,
    schemas,
    starter,
)
from onefold.control.descriptors import add_identity
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.schema import EVENT_CLASS, PROFILE_CLASS
from onefold.errors import NotFound
from onefold.store.engine import Engine
from onefold.store.migrate import opened
from onefold.store.snapshot import Definitions
from onefold.store.tables import descriptors, organisations, resources
from onefold.store.tables.descriptors import Descriptor
from onefold.store.tables.generation import change, current
from onefold.store.tables.organisations import Organisation
from onefold.store.tables.resources import Resource
from onefold.testing.clock import SimClock, SimIds

ORG = "0123456789ABCDEF01234567@AdobeOrg"
PROFILE_TAG = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled: true"]}


class World:
    """A control database with one organisation and one sandbox."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine: Engine = opened(path, "control")
        self.clock, self.ids = SimClock(), SimIds(1)
        with change(self.engine) as transaction:
            organisations.insert(transaction, Organisation(ORG, "Acme", "acme", 0))
        self.sandbox = self.new_sandbox("prod")
        self.definitions = Definitions(self.engine)

    def new_sandbox(self, name: str) -> Sandbox:
        return sandboxes.create(
            self.engine, self.clock, self.ids, org_id=ORG, name=name, title=name
        )

    def group(self, title: str, **fields: str) -> Resource:
        return schemas.create_field_group(
            self.engine,
            self.clock,
            self.ids,
            self.sandbox,
            title=title,
            classes=[PROFILE_CLASS],
            fields=dict(fields),
        )

    def schema(
        self, title: str, *groups: str, class_id: str = PROFILE_CLASS, union: bool = False
    ) -> str:
        return schemas.create_schema(
            self.engine,
            self.clock,
            self.ids,
            self.sandbox,
            title=title,
            class_id=class_id,
            groups=groups,
            for_profile=union,
        ).id

    def dataset(self, name: str, schema_id: str, **tags: list[str]) -> str:
        return datasets.create(
            self.engine,
            self.clock,
            self.ids,
            self.sandbox,
            name=name,
            schema_id=schema_id,
            tags=tags,
        ).id


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "control.db")
    yield world
    world.engine.close()


def test_what_another_process_defines_is_seen_at_once(world: World) -> None:
    before = world.definitions.snapshot(world.sandbox.id)
    other = opened(world.path, "control")
    namespaces.create(
        other, world.clock, org_id=ORG, code="Card", name="Card", id_type="CROSS_DEVICE"
    )
    after = world.definitions.snapshot(world.sandbox.id)
    assert before.namespaces.by_code("card") is None
    assert after.namespaces.by_code("card") is not None
    assert after.generation == before.generation + 1 == world.definitions.generation()
    other.close()


def test_without_a_change_the_same_value_is_answered(world: World) -> None:
    first = world.definitions.snapshot(world.sandbox.id)
    assert world.definitions.snapshot(world.sandbox.id) is first
    assert world.definitions.installation() is world.definitions.installation()


def test_a_schema_is_compiled_again_only_when_it_changed(world: World) -> None:
    group = world.group("Card fields", card="string")
    touched, untouched = world.schema("A", group.id), world.schema("B")
    first = world.definitions.snapshot(world.sandbox.id).schemas
    world.group("Unused fields", other="string")
    second = world.definitions.snapshot(world.sandbox.id).schemas
    assert second[touched] is first[touched]
    add_identity(
        world.engine,
        world.ids,
        world.sandbox,
        touched,
        property="/_acme/card",
        namespace="Email",
        primary=True,
    )
    third = world.definitions.snapshot(world.sandbox.id).schemas
    assert third[touched] is not first[touched]
    assert third[untouched] is first[untouched]
    assert third[touched].identities[0].is_primary
    assert not third[touched].compiled.accepts(b'{"_id":"1"}')


def test_a_changed_field_group_changes_the_schemas_that_use_it(world: World) -> None:
    group = world.group("Card fields", card="string")
    schema_id = world.schema("A", group.id)
    first = world.definitions.snapshot(world.sandbox.id).schemas[schema_id]
    fields = group.document["definitions"]["customFields"]["properties"]["_acme"]["properties"]
    fields["more"] = {"type": "string"}
    with change(world.engine) as transaction:
        document = {**group.document, "version": "1.1"}
        resources.replace(
            transaction, world.sandbox.id, Resource(group.id, "mixins", group.title, document)
        )
    second = world.definitions.snapshot(world.sandbox.id).schemas[schema_id]
    assert "more" not in first.root.properties["_acme"].properties
    assert "more" in second.root.properties["_acme"].properties


def test_a_schema_that_cannot_be_used_leaves_the_others_alone(world: World) -> None:
    good = world.schema("Good")
    bad = "https://ns.adobe.com/acme/schemas/" + "0" * 32
    document = {
        "$id": bad,
        "meta:resourceType": "schemas",
        "version": "1.0",
        "allOf": [{"$ref": PROFILE_CLASS}, {"$ref": "https://ns.adobe.com/acme/mixins/gone"}],
    }
    with change(world.engine) as transaction:
        resources.insert(transaction, world.sandbox.id, Resource(bad, "schemas", "Bad", document))
    dataset = world.dataset("Bad data", bad, **PROFILE_TAG)
    for _ in range(2):
        snapshot = world.definitions.snapshot(world.sandbox.id)
        assert set(snapshot.schemas) == {good}
        assert "XDM-1001" in snapshot.broken[bad]
        assert snapshot.datasets[dataset].behaviour == "record"
        assert not snapshot.datasets[dataset].profile_enabled
        world.group(f"Fields {snapshot.generation}", x="string")


def test_a_descriptor_that_cannot_be_used_is_left_out(world: World) -> None:
    schema_id = world.schema("A", world.group("Card fields", card="string").id)
    base = {"@type": "xdm:descriptorIdentity", "xdm:sourceSchema": schema_id}
    gone = {**base, "xdm:sourceProperty": "/_acme/gone", "xdm:namespace": "Email"}
    unknown = {**base, "xdm:sourceProperty": "/_acme/card", "xdm:namespace": "Nowhere"}
    with change(world.engine) as transaction:
        for id_, document in (("1", gone), ("2", unknown)):
            descriptors.insert(
                transaction, world.sandbox.id, Descriptor(id_, schema_id, base["@type"], document)
            )
        descriptors.insert(
            transaction, world.sandbox.id, Descriptor("3", schema_id, "xdm:other", {})
        )
    snapshot = world.definitions.snapshot(world.sandbox.id)
    assert snapshot.schemas[schema_id].identities == ()
    assert set(snapshot.broken) == {"1", "2"}


def test_a_dataset_feeds_the_profile_when_its_schema_is_in_the_union(world: World) -> None:
    plain, union = world.schema("Plain"), world.schema("Union", union=True)
    first = world.dataset("First", plain, **PROFILE_TAG)
    second = world.dataset("Second", union, **PROFILE_TAG)
    third = world.dataset("Third", union, acp_validationContext=["disabled"])
    known = world.definitions.snapshot(world.sandbox.id).datasets
    assert not known[first].profile_enabled
    assert known[second].profile_enabled
    assert known[second].identity_enabled
    assert not known[third].profile_enabled
    assert known[third].validation_disabled
    schemas.enable_for_profile(world.engine, world.clock, world.sandbox, plain)
    snapshot = world.definitions.snapshot(world.sandbox.id)
    assert snapshot.datasets[first].profile_enabled
    assert snapshot.schemas[plain].version == "1.1"
    assert snapshot.schemas[plain].union_enabled


def test_the_behaviour_follows_the_class(world: World) -> None:
    events = world.schema("Events", class_id=EVENT_CLASS)
    dataset = world.dataset("Clicks", events)
    snapshot = world.definitions.snapshot(world.sandbox.id)
    assert snapshot.schemas[events].behaviour == "time-series"
    assert snapshot.event_datasets == {dataset}


def test_the_default_policy_is_the_profile_classes(world: World) -> None:
    born = world.definitions.snapshot(world.sandbox.id).default_policy
    assert born is not None
    assert born.name == "Default Timebased"
    new = merge_policies.create(
        world.engine,
        world.clock,
        world.ids,
        world.sandbox,
        name="New",
        schema_name="_xdm.context.profile",
        identity_graph="none",
        attribute_merge="timestampOrdered",
        default=True,
    )
    snapshot = world.definitions.snapshot(world.sandbox.id)
    assert snapshot.default_policy == new
    assert not snapshot.policies[born.id].default


def test_inlets_are_found_by_either_id_and_belong_to_one_sandbox(world: World) -> None:
    other = world.new_sandbox("dev")
    made = connections.create(world.engine, world.clock, world.ids, other, name="Till")
    inlet = world.definitions.inlet(made.inlet_id)
    assert inlet is not None
    assert inlet == world.definitions.inlet(made.id)
    assert (inlet.sandbox_id, inlet.org_id, inlet.source_name) == (other.id, ORG, "Till")
    assert world.definitions.inlet("0" * 64) is None
    assert list(world.definitions.snapshot(other.id).inlets) == [made.inlet_id]
    assert world.definitions.snapshot(world.sandbox.id).inlets == {}


def test_sandboxes_do_not_see_each_other(world: World) -> None:
    other = world.new_sandbox("dev")
    world.dataset("Here", world.schema("Here"))
    assert world.definitions.snapshot(other.id).datasets == {}
    assert world.definitions.snapshot(other.id).schemas == {}


def test_sandboxes_are_found_by_name_in_their_organisation(world: World) -> None:
    assert world.definitions.sandbox(ORG, "prod") == world.sandbox
    assert world.definitions.sandbox(ORG, "dev") is None
    assert world.definitions.sandbox("F" * 24 + "@AdobeOrg", "prod") is None
    assert world.definitions.sandboxes() == [world.sandbox]
    with pytest.raises(NotFound, match="AUT-1008"):
        world.definitions.snapshot("nowhere")


def test_revoked_credentials_are_gone(world: World) -> None:
    made = credentials.create(world.engine, world.clock, world.ids, org_id=ORG, name="Till")
    client_id = made.credential.client_id
    assert world.definitions.credential(client_id) == made.credential
    credentials.revoke(world.engine, world.clock, org_id=ORG, client_id=client_id)
    assert world.definitions.credential(client_id) is None


def test_a_failed_change_makes_no_generation(world: World) -> None:
    before = current(world.engine)

    def fail() -> None:
        with change(world.engine) as transaction:
            transaction.write("DELETE FROM sandboxes")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert current(world.engine) == before
    assert world.definitions.sandboxes() == [world.sandbox]


def test_threads_see_every_change_that_was_finished_before_they_asked(world: World) -> None:
    """Readers hammer the definitions while a writer adds sandboxes; none may ever go back."""
    failures: list[str] = []
    finished = threading.Event()

    def read() -> None:
        known = 0
        while not finished.is_set():
            certain = len(names)
            snapshot = world.definitions.snapshot(world.sandbox.id)
            seen = len(world.definitions.sandboxes())
            if seen < max(known, certain) or snapshot.sandbox != world.sandbox:
                failures.append(f"saw {seen} after {known}, {certain} were finished")
            known = seen

    names: list[str] = ["prod"]
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for name in (f"s{number}" for number in range(20)):
        world.new_sandbox(name)
        names.append(name)
    finished.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_starting_set_is_usable(world: World) -> None:
    made = starter.furnish(world.engine, world.clock, world.ids, world.sandbox)
    snapshot = world.definitions.snapshot(world.sandbox.id)
    assert snapshot.broken == {}
    assert {d.name for d in snapshot.datasets.values()} == set(made.datasets)
    assert all(d.profile_enabled and d.identity_enabled for d in snapshot.datasets.values())
