"""One sandbox's definitions at one generation, as one immutable value, and how it stays fresh.

`Definitions` answers from memory. Each question first reads one number, the generation; only when
it has changed are the tables read again. What is compiled from a schema is kept as long as neither
the schema, nor a resource that it reaches, nor its descriptors have changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from onefold.domain.graph.settings import CLUSTER_LIMIT, LinkingRules
from onefold.domain.identity.namespace import STANDARD, NamespaceBook
from onefold.domain.identity.records import DescriptorPath
from onefold.domain.mapping import Mapping as FieldMapping
from onefold.domain.mapping import compiled as compiled_mapping
from onefold.domain.permissions import allowed
from onefold.domain.profile.business import class_name
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.projection import Edge, edges
from onefold.domain.sandbox import Sandbox, SandboxId
from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.descriptors import IDENTITY_DESCRIPTOR, identity_descriptor
from onefold.domain.xdm.schema import PROFILE_UNION, Behaviour, behaviour, class_of, every_ref
from onefold.domain.xdm.standard.loader import load
from onefold.domain.xdm.types import Field
from onefold.domain.xdm.validate import CompiledSchema, compiled
from onefold.errors import NotFound, PlatformError
from onefold.store.accounts import linking
from onefold.store.engine import Engine, Reader
from onefold.store.tables import (
    accounts,
    api_keys,
    clients,
    credentials,
    datasets,
    descriptors,
    flow_resources,
    generation,
    identity_settings,
    mapping_sets,
    merge_policies,
    namespaces,
    organisations,
    projections,
    resources,
    sandboxes,
)
from onefold.store.tables.accounts import Account
from onefold.store.tables.api_keys import ApiKey
from onefold.store.tables.credentials import Credential
from onefold.store.tables.datasets import StoredDataset
from onefold.store.tables.descriptors import Descriptor
from onefold.store.tables.organisations import Organisation
from onefold.store.union import Union, UnionMaker, is_of_people
from onefold.wire import JSON, encode_json

PROFILE_CLASS = "_xdm.context.profile"
"""The class of people, as merge policies name it."""


class Dataset(msgspec.Struct, frozen=True):
    """What ingest and lookup need of a dataset. It feeds the profile when it is tagged so and its
    schema is enabled for the union. upserts: a record of it changes only the fields that it has.
    business: the name of the class, of accounts and opportunities only."""

    id: str
    name: str
    schema_id: str
    behaviour: Behaviour
    profile_enabled: bool
    identity_enabled: bool
    validation_disabled: bool
    upserts: bool = False
    business: str = ""


class Schema(msgspec.Struct, frozen=True):
    """One schema, resolved and compiled. version: as the registry shows it, `1.0`."""

    id: str
    title: str
    version: str
    behaviour: Behaviour
    union_enabled: bool
    root: Field
    compiled: CompiledSchema
    identities: tuple[DescriptorPath, ...]


class Inlet(msgspec.Struct, frozen=True):
    """Where records come in. `id` is the 64 hexadecimal digits that senders put into the URL."""

    id: str
    org_id: str
    sandbox_id: SandboxId
    source_name: str
    authentication_required: bool
    data_type: str
    enabled: bool = True


class Flow(msgspec.Struct, frozen=True):
    """From an inlet to a dataset. mapping: what makes raw data XDM; None for flows of XDM, and when
    the mapping set does not fit the schema any more."""

    id: str
    inlet_id: str
    dataset_id: str
    enabled: bool
    mapping: FieldMapping | None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is defined in one sandbox, at one generation.

    rules: of linking; None unless settings are saved or it is an account. account: what it is to
    those who send calls; None when it takes none. default_policy: of the profile class.
    event_datasets: ids of the time-series datasets. inlets: by inlet id. broken: schemas and
    descriptors that cannot be used, id to the reason. edges: projection destinations by id. union:
    of people's schemas; None unless a dataset is of it, and when they do not go together.
    fills_names: whether who has no trait `name` is shown one (a setting of the process).
    """

    generation: int
    sandbox: Sandbox
    org_id: str
    tenant_id: str
    namespaces: NamespaceBook
    rules: LinkingRules | None
    datasets: Mapping[str, Dataset]
    schemas: Mapping[str, Schema]
    policies: Mapping[str, MergePolicy]
    default_policy: MergePolicy | None
    event_datasets: frozenset[str]
    inlets: Mapping[str, Inlet]
    flows: Mapping[str, Flow]
    broken: Mapping[str, str]
    edges: Mapping[str, Edge] = msgspec.field(default_factory=dict)
    union: Union | None = None
    account: Account | None = None
    fills_names: bool = False

    @property
    def lookup_only(self) -> frozenset[int]:
        """The ids of namespaces whose identities find somebody and link nobody."""
        return frozenset() if self.rules is None else self.rules.lookup_only

    @property
    def cluster_limit(self) -> int:
        """Most identities of one cluster."""
        return CLUSTER_LIMIT if self.rules is None else self.rules.limit

    def business_datasets(self) -> frozenset[str]:
        """The ids of the datasets of accounts and opportunities."""
        return frozenset(dataset.id for dataset in self.datasets.values() if dataset.business)

    def form_of(self, dataset_id: str) -> Schema | Union | None:
        """What rows of a dataset are like; None when there is none, or its schema is broken."""
        dataset = self.datasets.get(dataset_id)
        if dataset is None:
            return None
        if dataset.schema_id == PROFILE_UNION:
            return self.union
        return self.schemas.get(dataset.schema_id)


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """Who may call and what there is to call, at one generation; without what is in the sandboxes.

    sandboxes: active ones and others. sandboxes_by_name: by (organisation, name). credentials: by
    client id, without revoked ones. permissions: what a client may do in a sandbox, as
    `permission:action`, by (client id, sandbox id). inlets: by inlet id and by connection id.
    clients: ids of organisations by what callers call them. keys: API keys by id, without revoked
    ones; whether one has expired is for who uses it. accounts: by (client, account).
    """

    generation: int
    organisations: Mapping[str, Organisation]
    sandboxes: tuple[Sandbox, ...]
    sandboxes_by_name: Mapping[tuple[str, str], Sandbox]
    credentials: Mapping[str, Credential]
    permissions: Mapping[tuple[str, SandboxId], frozenset[str]]
    inlets: Mapping[str, Inlet]
    clients: Mapping[str, str] = msgspec.field(default_factory=dict)
    keys: Mapping[str, ApiKey] = msgspec.field(default_factory=dict)
    accounts: Mapping[tuple[str, str], SandboxId] = msgspec.field(default_factory=dict)


class Definitions:
    """The definitions of all sandboxes. Thread-safe; every answer is of the newest generation."""

    def __init__(self, engine: Engine, *, fills_names: bool = False) -> None:
        """fills_names: as of snapshots."""
        self._engine = engine
        self._fills_names = fills_names
        self._turn = threading.Lock()
        self._known: tuple[bytes | None, int] = (None, 0)
        self._installation: Installation | None = None
        self._snapshots: dict[str, Snapshot] = {}
        self._assemblies: dict[str, _Assembly] = {}
        self._leaving: list[Callable[[SandboxId], None]] = []

    def when_gone(self, tell: Callable[[SandboxId], None]) -> None:
        """Have `tell` called with the id of every sandbox that is there no more, as soon as the
        change is noticed: whoever keeps something of a sandbox lets go of it."""
        self._leaving.append(tell)

    def generation(self) -> int:
        """The number of the last control-plane change; a query only when there may be a new one."""
        version = self._engine.version()
        known = self._known
        if version is not None and version == known[0]:
            return known[1]
        number = generation.current(self._engine)
        self._known = (version, number)
        return number

    def installation(self) -> Installation:
        """Who may call, now. One tiny SELECT when nothing has changed."""
        known = self._installation
        if known is None or known.generation != self.generation():
            with self._turn, self._engine.reading() as reader:
                known = self._newest(reader)
        return known

    def snapshot(self, sandbox_id: str, generation_number: int | None = None) -> Snapshot:
        """What is defined in a sandbox, now. Raises NotFound AUT-1008.

        generation_number: the current one, when the caller has just read it. The first snapshot of
        a sandbox compiles all of its schemas; later ones what has changed.
        """
        snapshot = self._snapshots.get(sandbox_id)
        now = self.generation() if generation_number is None else generation_number
        if snapshot is not None and snapshot.generation == now:
            return snapshot
        with self._turn, self._engine.reading() as reader:
            installation = self._newest(reader)
            snapshot = self._snapshots.get(sandbox_id)
            if snapshot is None or snapshot.generation != installation.generation:
                assembly = self._assemblies.setdefault(
                    sandbox_id, _Assembly(fills_names=self._fills_names)
                )
                snapshot = assembly.snapshot(reader, sandbox_id, installation)
                self._snapshots[sandbox_id] = snapshot
        return snapshot

    def sandbox(self, org_id: str, name: str) -> Sandbox | None:
        """The organisation's sandbox of this name."""
        return self.installation().sandboxes_by_name.get((org_id, name))

    def sandboxes(self) -> list[Sandbox]:
        """All active sandboxes of all organisations, the oldest first."""
        return [sandbox for sandbox in self.installation().sandboxes if sandbox.active]

    def inlet(self, inlet_id: str) -> Inlet | None:
        """The inlet with this id, or of the connection with this id."""
        return self.installation().inlets.get(inlet_id)

    def credential(self, client_id: str) -> Credential | None:
        """The credential with this client id, unless it was revoked."""
        return self.installation().credentials.get(client_id)

    def _newest(self, reader: Reader) -> Installation:
        """The installation at the generation that `reader` sees; the caller has its turn."""
        number = generation.current(reader)
        known = self._installation
        if known is None or known.generation != number:
            before = known.sandboxes if known is not None else ()
            known = self._installation = _installation(reader, number)
            self._part({sandbox.id for sandbox in before} - {s.id for s in known.sandboxes})
        return known

    def _part(self, gone: Iterable[SandboxId]) -> None:
        for sandbox_id in gone:
            self._snapshots.pop(sandbox_id, None)
            self._assemblies.pop(sandbox_id, None)
            for tell in self._leaving:
                tell(sandbox_id)


def _installation(reader: Reader, number: int) -> Installation:
    every_sandbox = sandboxes.every(reader)
    org_of = {sandbox.id: sandbox.org_id for sandbox in every_sandbox}
    inlets: dict[str, Inlet] = {}
    for connection in flow_resources.of_kind(reader, "connections"):
        sandbox_id = SandboxId(connection.sandbox_id)
        params = connection.document["auth"]["params"]
        inlets[params["inletId"]] = inlets[connection.id] = Inlet(
            id=params["inletId"],
            org_id=org_of[sandbox_id],
            sandbox_id=sandbox_id,
            source_name=params["sourceId"],
            authentication_required=params["authenticationRequired"],
            data_type=params["dataType"],
            enabled=connection.enabled,
        )
    known = {c.client_id: c for c in credentials.every(reader) if c.revoked_ms is None}
    return Installation(
        generation=number,
        organisations={o.id: o for o in organisations.every(reader)},
        sandboxes=tuple(every_sandbox),
        sandboxes_by_name={(s.org_id, s.name): s for s in every_sandbox},
        credentials=known,
        permissions={
            (credential.client_id, sandbox.id): allowed(credential.permissions, sandbox.name)
            for credential in known.values()
            for sandbox in every_sandbox
            if sandbox.org_id == credential.org_id
        },
        inlets=inlets,
        clients=clients.every(reader),
        keys={key.key_id: key for key in api_keys.every(reader) if key.revoked_ms is None},
        accounts={
            (account.client, account.account): SandboxId(sandbox_id)
            for sandbox_id, account in accounts.every(reader).items()
        },
    )


class _Assembly:
    """Makes the snapshots of one sandbox and keeps what is compiled between them."""

    def __init__(self, *, fills_names: bool) -> None:
        self._fills_names = fills_names
        self._standard = load()
        self._known: dict[bytes, tuple[Schema | None, dict[str, str]]] = {}
        self._unions = UnionMaker()

    def snapshot(self, reader: Reader, sandbox_id: str, installation: Installation) -> Snapshot:
        sandbox = next((s for s in installation.sandboxes if s.id == sandbox_id), None)
        if sandbox is None:
            raise NotFound("AUT-1008", f"No sandbox has the id {sandbox_id}")
        documents = {r.id: r.document for r in resources.of_sandbox(reader, sandbox.id)}
        library = _Library(self._standard, documents)
        custom = namespaces.of_organisation(reader, sandbox.org_id)
        book = NamespaceBook((*STANDARD, *custom))
        broken: dict[str, str] = {}
        schemas = self._schemas(library, descriptors.of_sandbox(reader, sandbox.id), book, broken)
        known = {
            stored.id: _dataset(stored, library, schemas)
            for stored in datasets.of_sandbox(reader, sandbox.id)
        }
        account = accounts.of_sandbox(reader, sandbox.id)
        saved = identity_settings.of_sandbox(reader, sandbox.id)
        policies = {p.id: p for p in merge_policies.of_sandbox(reader, sandbox.id)}
        default_policy = next(
            (p for p in policies.values() if p.default and p.schema_name == PROFILE_CLASS), None
        )
        union = self._union(known, library, schemas, broken)
        return Snapshot(
            generation=installation.generation,
            sandbox=sandbox,
            org_id=sandbox.org_id,
            tenant_id=installation.organisations[sandbox.org_id].tenant_id,
            namespaces=book,
            rules=linking(saved, book, is_account=account is not None),
            datasets=known,
            schemas=schemas,
            policies=policies,
            default_policy=default_policy,
            event_datasets=frozenset(d.id for d in known.values() if d.behaviour == "time-series"),
            inlets={i.id: i for i in installation.inlets.values() if i.sandbox_id == sandbox.id},
            flows=_flows(reader, sandbox.id, installation.inlets, schemas, broken),
            broken=broken,
            edges=edges(
                projections.destinations(reader, sandbox.id),
                projections.configurations(reader, sandbox.id),
                policies,
                default_policy,
            ),
            union=union,
            account=account,
            fills_names=self._fills_names,
        )

    def _union(
        self,
        known: Mapping[str, Dataset],
        library: _Library,
        schemas: Mapping[str, Schema],
        broken: dict[str, str],
    ) -> Union | None:
        """Made only where somebody exports, since it costs a composition."""
        if all(dataset.schema_id != PROFILE_UNION for dataset in known.values()):
            return None
        enabled = [
            (schema.root, schema.identities)
            for schema in schemas.values()
            if schema.union_enabled and is_of_people(library.own[schema.id], library.documents)
        ]
        made = self._unions.union(enabled, library.documents)
        if isinstance(made, str):
            broken[PROFILE_UNION] = made
            return None
        return made

    def _schemas(
        self,
        library: _Library,
        said: Iterable[Descriptor],
        book: NamespaceBook,
        broken: dict[str, str],
    ) -> dict[str, Schema]:
        identities: dict[str, list[Descriptor]] = {}
        for descriptor in said:
            if descriptor.type == IDENTITY_DESCRIPTOR:
                identities.setdefault(descriptor.schema_id, []).append(descriptor)
        known: dict[bytes, tuple[Schema | None, dict[str, str]]] = {}
        schemas: dict[str, Schema] = {}
        for schema_id, document in library.schemas():
            marks = identities.get(schema_id, [])
            key = library.fingerprint(schema_id, marks)
            known[key] = self._known.get(key) or _schema(document, library, marks, book)
            schema, faults = known[key]
            broken.update(faults)
            if schema is not None:
                schemas[schema_id] = schema
        self._known = known
        return schemas


class _Library:
    """The resources that schemas of one sandbox are made of: the standard ones and its own."""

    def __init__(self, standard: Mapping[str, JSON], own: Mapping[str, JSON]) -> None:
        self.own = own
        self.documents: dict[str, JSON] = {**standard, **own}

    def schemas(self) -> Iterator[tuple[str, JSON]]:
        """The tenant's schemas."""
        for id_, document in self.own.items():
            if document.get("meta:resourceType") == "schemas":
                yield id_, document

    def behaviour(self, schema_id: str) -> Behaviour:
        """Of a schema; `adhoc` when it has no class that tells."""
        if schema_id == PROFILE_UNION:
            return "record"
        try:
            return behaviour(self.documents.get(schema_id), self.documents)
        except PlatformError:
            return "adhoc"

    def class_of(self, schema_id: str) -> str:
        """The `$id` of a schema's class; empty when it has none."""
        try:
            return class_of(self.documents.get(schema_id), self.documents)
        except PlatformError:
            return ""

    def fingerprint(self, schema_id: str, marks: Iterable[Descriptor]) -> bytes:
        """Changes when anything changes that the compiled schema is made of."""
        own = sorted({schema_id, *self._reached(schema_id)} & self.own.keys())
        # The version alone does not tell: an import may bring back an id that was deleted.
        metadata = [self.own[id_].get("meta:registryMetadata") or {} for id_ in own]
        versions = [
            (id_, self.own[id_].get("version"), about.get("eTag"))
            for id_, about in zip(own, metadata, strict=True)
        ]
        return encode_json([schema_id, versions, [mark.document for mark in marks]])

    def _reached(self, resource_id: str) -> set[str]:
        """The ids behind all `$ref`s of a resource, and of those, and so on."""
        reached: set[str] = set()
        todo = [resource_id]
        while todo:
            for ref in every_ref(self.documents.get(todo.pop())):
                if ref not in reached:
                    reached.add(ref)
                    todo.append(ref)
        return reached


def _schema(
    document: JSON, library: _Library, marks: Iterable[Descriptor], book: NamespaceBook
) -> tuple[Schema | None, dict[str, str]]:
    """One schema, or None when it cannot be used, and what is wrong: id to the reason."""
    faults: dict[str, str] = {}
    try:
        root = composed(document, library.documents)
        identities = tuple(_identities(marks, root, book, faults))
        required = [identity.path for identity in identities if identity.is_primary]
        judge = compiled(root, required_paths=required)
    except PlatformError as fault:
        return None, {**faults, document["$id"]: str(fault)}
    schema = Schema(
        id=document["$id"],
        title=document.get("title", ""),
        version=document.get("version", "1.0"),
        behaviour=library.behaviour(document["$id"]),
        union_enabled="union" in document.get("meta:immutableTags", ()),
        root=root,
        compiled=judge,
        identities=identities,
    )
    return schema, faults


def _identities(
    marks: Iterable[Descriptor], root: Field, book: NamespaceBook, faults: dict[str, str]
) -> Iterator[DescriptorPath]:
    for mark in marks:
        try:
            found = identity_descriptor(mark.document, root)
        except PlatformError as fault:
            faults[mark.id] = str(fault)
            continue
        namespace = book.by_key(found.namespace)
        if namespace is None:
            faults[mark.id] = f"the namespace {found.namespace} does not exist"
        else:
            yield DescriptorPath(tuple(found.path), namespace.id, found.is_primary)


def _dataset(stored: StoredDataset, library: _Library, schemas: Mapping[str, Schema]) -> Dataset:
    schema = schemas.get(stored.schema_id)
    profile = "enabled:true" in stored.tags.get("unifiedProfile", ())
    return Dataset(
        id=stored.id,
        name=stored.name,
        schema_id=stored.schema_id,
        behaviour=schema.behaviour if schema else library.behaviour(stored.schema_id),
        profile_enabled=profile and schema is not None and schema.union_enabled,
        identity_enabled="enabled:true" in stored.tags.get("unifiedIdentity", ()),
        validation_disabled="disabled" in stored.tags.get("acp_validationContext", ()),
        upserts="isUpsert:true" in stored.tags.get("unifiedProfile", ())
        and (schema is not None and schema.behaviour == "record"),
        business=class_name(library.class_of(stored.schema_id)),
    )


def _flows(
    reader: Reader,
    sandbox_id: str,
    inlets: Mapping[str, Inlet],
    schemas: Mapping[str, Schema],
    broken: dict[str, str],
) -> dict[str, Flow]:
    """The sandbox's flows. inlets: also by connection id."""
    known = flow_resources.of_sandbox(reader, sandbox_id)
    documents = {resource.id: resource.document for resource in known}
    mappings: dict[str, FieldMapping] = {}
    for stored in mapping_sets.of_sandbox(reader, sandbox_id):
        schema = schemas.get(stored.schema_id)
        try:
            if schema is not None:
                mappings[stored.id] = compiled_mapping(schema.root, stored.pairs)
        except PlatformError as fault:
            broken[stored.id] = str(fault)
    flows: dict[str, Flow] = {}
    for resource in known:
        if resource.kind != "flows":
            continue
        flow = resource.document
        source, target = flow["sourceConnectionIds"][0], flow["targetConnectionIds"][0]
        ids = [one["params"]["mappingId"] for one in flow["transformations"]]
        flows[resource.id] = Flow(
            id=resource.id,
            inlet_id=inlets[documents[source]["baseConnectionId"]].id,
            dataset_id=documents[target]["params"]["dataSetId"],
            enabled=all(documents[id_]["state"] == "enabled" for id_ in (source, target))
            and resource.enabled,
            mapping=mappings.get(ids[0]) if ids else None,
        )
    return flows
