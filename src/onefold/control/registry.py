"""Resources of the schema registry as its clients send them: create, replace, patch, delete, find.

Read, decide, write, in one transaction: whatever a change reaches is composed with it, and a change
after which anything would not hold is refused as a whole. What may change in a schema that holds
records: `domain/xdm/evolve.py`. Source: platform contract, sections 6.1, 6.3 and 6.4.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from onefold.control import auditlog, etags, schemas, unions
from onefold.control.auditlog import Author
from onefold.control.json_patch import patched
from onefold.control.schemas import TAGS, UNION_TAG
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm import shown
from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.descriptors import IDENTITY_DESCRIPTOR, identity_descriptor
from onefold.domain.xdm.evolve import require_additive
from onefold.domain.xdm.keywords import inside, require_shallow
from onefold.domain.xdm.schema import (
    Kind,
    behaviour,
    class_of,
    every_ref,
    references,
    resource_id,
)
from onefold.domain.xdm.standard.loader import load
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.engine import Engine, Reader, Transaction
from onefold.store.tables import datasets, descriptors, resources
from onefold.store.tables.generation import change
from onefold.store.tables.resources import Resource
from onefold.wire import JSON, decode_json, encode_json

RECENT_MAX = 10
GlobalKind = Literal["schemas", "classes", "mixins", "datatypes", "behaviors"]

ASSIGNED = frozenset(
    (
        "$id",
        "imsOrg",
        "meta:abstract",
        "meta:altId",
        "meta:class",
        "meta:containerId",
        "meta:extends",
        "meta:extensible",
        "meta:registryMetadata",
        "meta:resourceType",
        "meta:sandboxId",
        "meta:sandboxType",
        "meta:tenantNamespace",
        "version",
    )
)
"""What the registry gives a resource; what clients say about it does not count."""
_IDENTITY = (
    "$id",
    "imsOrg",
    "meta:altId",
    "meta:containerId",
    "meta:resourceType",
    "meta:sandboxId",
    "meta:tenantNamespace",
)
"""What a patch may not touch. A PUT passes over it, since clients send what they were shown."""
_INNER = frozenset(("properties", "items", "allOf", "additionalProperties"))


def create(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    kind: Kind,
    document: JSON,
    *,
    author: Author,
) -> Resource:
    """Make a resource of a document. author: who sent it.

    Raises Malformed API-1003 when it is no object, CTL-1008 for what a resource of its kind lacks
    or may not have, XDM-1002, 1004, 1005, NotFound XDM-1001, OverLimit XDM-1003 when it does not
    compose, Conflict CTL-1006 when the title is taken.
    """
    with change(engine) as transaction:
        known = schemas.library(transaction, sandbox)
        tenant = schemas.tenant_of(transaction, sandbox)
        own = prepared(document, kind, tenant, known)
        made = schemas.kept(transaction, clock, ids, sandbox, kind, own, author=author)
        check_union(made, {**known, made.id: made.document})
    return made


def replace(
    engine: Engine,
    clock: Clock,
    sandbox: Sandbox,
    kind: Kind,
    name: str,
    document: JSON,
    *,
    author: Author,
    ingested: Collection[str],
    if_match: Collection[str] | None = None,
) -> Resource:
    """Put a whole document in place of a resource's.

    name: `$id` or `meta:altId`. ingested: ids of the datasets that hold records. if_match: the
    etags that will do.
    Raises as `create`; NotFound CTL-1007; Conflict REG-1007 when the etag is another; Malformed
    REG-1005 when the resource is part of a schema that is enabled for Profile or holds records, and
    the change does more than add; Malformed XDM-1006 when an identity descriptor would lose its
    field.
    """
    with change(engine) as transaction:
        before = got(transaction, sandbox, kind, name)
        etags.require(if_match, schemas.etag(before), "REG-1007")
        return _replaced(transaction, clock, sandbox, before, document, author, ingested)


def patch(
    engine: Engine,
    clock: Clock,
    sandbox: Sandbox,
    kind: Kind,
    name: str,
    operations: JSON,
    *,
    author: Author,
    ingested: Collection[str],
    if_match: Collection[str] | None = None,
) -> Resource:
    """Apply a JSON Patch to a resource.

    Raises as `replace` and as `json_patch.patched`; Malformed CTL-1008 when it would change what
    makes the resource this one (its ids, kind, container, organisation or sandbox).
    """
    with change(engine) as transaction:
        before = got(transaction, sandbox, kind, name)
        etags.require(if_match, schemas.etag(before), "REG-1007")
        after = patched(before.document, operations)
        for word in _IDENTITY if isinstance(after, dict) else ():
            if after.get(word) != before.document[word]:
                raise Malformed("CTL-1008", f"A resource keeps its {word}", at=f"/{word}")
        return _replaced(transaction, clock, sandbox, before, after, author, ingested)


def delete(
    engine: Engine,
    clock: Clock,
    sandbox: Sandbox,
    kind: Kind,
    name: str,
    *,
    author: Author,
    if_match: Collection[str] | None = None,
) -> None:
    """Remove a resource with its descriptors.

    Raises NotFound CTL-1007, Conflict REG-1007 when the etag is another, REG-1006 when another
    resource or a dataset names it, or when it is a schema in a union.
    """
    with change(engine) as transaction:
        resource = got(transaction, sandbox, kind, name)
        etags.require(if_match, schemas.etag(resource), "REG-1007")
        for other in resources.of_sandbox(transaction, sandbox.id):
            if other.id != resource.id and resource.id in every_ref(other.document):
                raise Conflict("REG-1006", f"The {other.kind} resource {other.id} names it")
        for dataset in datasets.of_sandbox(transaction, sandbox.id):
            if dataset.schema_id == resource.id:
                raise Conflict("REG-1006", f"The dataset {dataset.id} is of this schema")
        if kind == "schemas" and unions.is_enabled(resource.document):
            raise Conflict("REG-1006", "A schema that is enabled for Profile stays")
        resources.delete(transaction, sandbox.id, resource.id)
        auditlog.record(transaction, sandbox, resource, None, author, now_ms=clock.now_ms())


def got(reader: Reader, sandbox: Sandbox, kind: Kind, name: str) -> Resource:
    """The tenant resource of a kind. name: `$id` or `meta:altId`. Raises NotFound CTL-1007."""
    resource = resources.by_id(reader, sandbox.id, _id(name))
    if resource is None or resource.kind != kind:
        raise NotFound("CTL-1007", f"No resource of {kind} has the id {name[:256]}")
    return resource


def standard(kind: GlobalKind) -> list[dict[str, JSON]]:
    """The documents of the global container of a kind."""
    return [document for document in load().values() if document["meta:resourceType"] == kind]


def standard_one(kind: GlobalKind, name: str) -> dict[str, JSON]:
    """One document of the global container. Raises NotFound CTL-1007."""
    document: dict[str, JSON] | None = load().get(_id(name))
    if document is None or document["meta:resourceType"] != kind:
        raise NotFound("CTL-1007", f"No resource of {kind} has the id {name[:256]}")
    return document


def stats(reader: Reader, sandbox: Sandbox) -> dict[str, JSON]:
    """What there is in the sandbox: counts, the latest resources, and which classes are used.

    Source: platform contract, 6.3, `GET /stats`.
    """
    own = resources.of_sandbox(reader, sandbox.id)
    counts: dict[str, JSON] = {
        kind: sum(resource.kind == kind for resource in own)
        for kind in ("schemas", "mixins", "datatypes", "classes")
    }
    usage: dict[str, list[JSON]] = {}
    for resource in own:
        if resource.kind == "schemas":
            usage.setdefault(resource.document["meta:class"], []).append(_brief(resource))
    return {
        "imsOrg": sandbox.org_id,
        "tenantId": schemas.tenant_of(reader, sandbox),
        "counts": {**counts, "unions": len(unions.listed(reader, sandbox))},
        "recentlyCreatedResources": _latest(own, "repo:createdDate"),
        "recentlyUpdatedResources": _latest(own, "repo:lastModifiedDate"),
        "classUsage": usage,
    }


def _latest(own: list[Resource], date: str) -> list[JSON]:
    def at_ms(resource: Resource) -> int:
        return int(resource.document[schemas.METADATA][date])

    newest_first = sorted(own, key=at_ms, reverse=True)
    return [_brief(resource) for resource in newest_first[:RECENT_MAX]]


def _brief(resource: Resource) -> JSON:
    words = ("title", "description", "$id", "meta:altId", "meta:resourceType", "version")
    return {word: resource.document[word] for word in words if word in resource.document}


def _id(name: str) -> str:
    try:
        return resource_id(name)
    except Malformed:
        return ""  # no resource has it


def _replaced(
    transaction: Transaction,
    clock: Clock,
    sandbox: Sandbox,
    before: Resource,
    document: JSON,
    author: Author,
    ingested: Collection[str],
) -> Resource:
    known = schemas.library(transaction, sandbox)
    own = prepared(document, before.kind, schemas.tenant_of(transaction, sandbox), known)
    title = own["title"]
    taken = resources.has_title(transaction, sandbox.id, before.kind, title)
    if title != before.title and taken:
        raise Conflict("CTL-1006", f"A resource has the title {title}", at="title")
    if unions.is_enabled(before.document) and not unions.is_enabled(own):
        raise Malformed("REG-1005", f"The tag {UNION_TAG} stays for ever.", at=f"/{TAGS}")
    if own.get("meta:class") != before.document.get("meta:class"):
        raise Malformed("REG-1005", "A schema keeps its class.", at="/allOf")
    given = {word: before.document[word] for word in ASSIGNED if word in before.document}
    complete = {**given, **own, "meta:extends": list(references(own, known))}
    now_ms = clock.now_ms()
    complete = schemas.changed(complete, now_ms, author.client_id)
    after = Resource(before.id, before.kind, title, complete)
    _check_reach(transaction, sandbox, after, known, ingested)
    resources.replace(transaction, sandbox.id, after)
    auditlog.record(transaction, sandbox, before, after, author, now_ms=now_ms)
    return after


def prepared(document: JSON, kind: Kind, tenant: str, known: Mapping[str, JSON]) -> dict[str, JSON]:
    """What a client says in a document, without what the registry assigns, once it composes.

    tenant: without `_`. known: what it may name, `$id` to document. Raises as `create`, but for the
    title that is taken.
    """
    if not isinstance(document, dict):
        raise Malformed("API-1003", "A resource is a JSON object")
    require_shallow(document)
    own = {word: value for word, value in document.items() if word not in ASSIGNED}
    own.setdefault("type", "object")
    own.setdefault("meta:xdmType", "object")
    schemas.titled(own)
    if not isinstance(own.get("description", ""), str):
        raise Malformed("CTL-1008", "A description is text", at="description")
    tags = own.get(TAGS, [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise Malformed("CTL-1008", f"{TAGS} is a list of texts", at=f"/{TAGS}")
    composed(own, known)
    if kind in ("schemas", "classes"):
        behaviour(own, known)
    if kind == "schemas":
        own["meta:class"] = class_of(own, known)
    if kind == "mixins":
        classes = own.get("meta:intendedToExtend")
        if not isinstance(classes, list) or not classes:
            raise Malformed(
                "CTL-1008", "A field group names its classes", at="/meta:intendedToExtend"
            )
    if kind in ("mixins", "classes"):
        _check_tenant(own, tenant)
    return shown.with_types(decode_json(encode_json(own)))


def _check_tenant(document: dict[str, JSON], tenant: str) -> None:
    """Whether all fields that a document itself describes are below the tenant's name.

    The document has been composed, so what can be reached in it is well-formed and finite.
    """
    todo: list[tuple[JSON, str]] = [(document, "")]
    while todo:
        node, at = todo.pop()
        if "$ref" in node:
            if node["$ref"].startswith("#"):
                todo.append((inside(document, node["$ref"][1:], at), at))
            continue
        todo += [(part, at) for part in node.get("allOf", ())]
        word = shown.followed(node)
        if word is not None and word != "properties":
            todo.append((node[word], at))
        for name, child in node["properties"].items() if word == "properties" else ():
            if name == f"_{tenant}":
                continue
            below = f"{at}/{name}"
            if not _INNER & child.keys() and not child.get("$ref", "").startswith("#"):
                raise Malformed("CTL-1008", f"Own fields stand below _{tenant}", at=below)
            todo.append((child, below))


def _check_reach(
    reader: Reader,
    sandbox: Sandbox,
    after: Resource,
    known: Mapping[str, JSON],
    ingested: Collection[str],
) -> None:
    """Whether everything that a changed resource is part of still holds."""
    fresh = {**known, after.id: after.document}
    stored = datasets.of_sandbox(reader, sandbox.id)
    holding = {dataset.schema_id for dataset in stored if dataset.id in ingested}
    for resource in resources.of_sandbox(reader, sandbox.id):
        if after.id not in (resource.id, *_reached(resource.id, fresh)):
            continue
        document, old = fresh[resource.id], known[resource.id]
        root = composed(document, fresh)
        if resource.kind != "schemas":
            continue
        if resource.id in holding or unions.is_enabled(old):
            require_additive(composed(old, known), root)
        if unions.is_enabled(document):
            _check_union(document, fresh)
        for descriptor in descriptors.of_schema(reader, sandbox.id, resource.id):
            if descriptor.type == IDENTITY_DESCRIPTOR:
                identity_descriptor(descriptor.document, root)


def check_union(resource: Resource, known: Mapping[str, JSON]) -> None:
    """Whether the union that a resource joins holds. Raises as `unions.require_union`."""
    if resource.kind == "schemas" and unions.is_enabled(resource.document):
        _check_union(resource.document, known)


def _check_union(document: JSON, known: Mapping[str, JSON]) -> None:
    unions.require_union(unions.enabled_of(class_of(document, known), known), known)


def _reached(resource_id: str, known: Mapping[str, JSON]) -> set[str]:
    """The ids behind all `$ref`s of a resource, and of those, and so on."""
    reached: set[str] = set()
    todo = [resource_id]
    while todo:
        for ref in every_ref(known.get(todo.pop())):
            if ref not in reached:
                reached.add(ref)
                todo.append(ref)
    return reached
