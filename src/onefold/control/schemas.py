"""The tenant container of the schema registry: field groups and schemas, made from parts.

Whatever is created here has been composed once, so that a document that cannot be used is refused
before it is kept. Source: platform contract, sections 6.1, 6.3 and 6.4. Documents as the
registry's clients send them: `registry.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onefold.control import auditlog
from onefold.control.auditlog import Author
from onefold.control.etags import etag_of
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.schema import (
    Kind,
    alt_id,
    behaviour,
    field_group_document,
    references,
    schema_document,
    tenant_resource_id,
)
from onefold.domain.xdm.standard.loader import load
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Defect, Malformed, NotFound
from onefold.store.engine import Engine, Reader, Transaction
from onefold.store.tables import organisations, resources
from onefold.store.tables.generation import change
from onefold.store.tables.resources import Resource
from onefold.wire import JSON

RESOURCE_ID_BYTES = 24
UNION_TAG = "union"
TAGS = "meta:immutableTags"
METADATA = "meta:registryMetadata"
TITLE_LENGTH_MAX = 1000
"""Characters of a resource's title."""
NOBODY = Author()


def create_field_group(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    *,
    title: str,
    classes: Sequence[str],
    fields: dict[str, JSON],
    extending: dict[str, JSON] | None = None,
    description: str = "",
) -> Resource:
    """Make a field group with the tenant's own fields, in compact notation (`xdm/notation.py`).

    classes: `$id`s it is meant for. extending: fields of the tenant inside standard ones.
    Raises Malformed XDM-*, CTL-1008 (title), Conflict CTL-1006 (title taken).
    """
    with change(engine) as transaction:
        tenant = tenant_of(transaction, sandbox)
        document = field_group_document(title, classes, tenant, fields, extending=extending)
        document["description"] = description
        return kept(transaction, clock, ids, sandbox, "mixins", document)


def create_schema(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    *,
    title: str,
    class_id: str,
    groups: Sequence[str] = (),
    description: str = "",
    for_profile: bool = False,
) -> Resource:
    """Make a schema of a class and field groups (`$id`s). for_profile: in the union at once.

    Raises NotFound XDM-1001 for an unknown part, Malformed XDM-*, CTL-1008 (title), Conflict
    CTL-1006 (title taken).
    """
    document = schema_document(title, class_id, groups)
    document["description"] = description
    if for_profile:
        document[TAGS] = [UNION_TAG]
    with change(engine) as transaction:
        return kept(transaction, clock, ids, sandbox, "schemas", document)


def enable_for_profile(engine: Engine, clock: Clock, sandbox: Sandbox, schema_id: str) -> Resource:
    """Let a schema join the union of its class, for ever. Raises NotFound CTL-1007."""
    with change(engine) as transaction:
        schema = got(transaction, sandbox, schema_id)
        if schema.kind != "schemas":
            raise NotFound("CTL-1007", f"No schema has the id {schema_id}")
        if UNION_TAG in schema.document.get(TAGS, ()):
            return schema
        tags = [*schema.document.get(TAGS, ()), UNION_TAG]
        now_ms = clock.now_ms()
        document = changed({**schema.document, TAGS: tags}, now_ms)
        enabled = Resource(schema.id, schema.kind, schema.title, document)
        resources.replace(transaction, sandbox.id, enabled)
        auditlog.record(transaction, sandbox, schema, enabled, NOBODY, now_ms=now_ms)
        return enabled


def got(reader: Reader, sandbox: Sandbox, resource_id: str) -> Resource:
    """The tenant resource with this `$id`. Raises NotFound CTL-1007."""
    resource = resources.by_id(reader, sandbox.id, resource_id)
    if resource is None:
        raise NotFound("CTL-1007", f"No resource has the id {resource_id}")
    return resource


def listed(reader: Reader, sandbox: Sandbox, kind: Kind) -> list[Resource]:
    """The sandbox's own resources of a kind, in the order of creation."""
    return [r for r in resources.of_sandbox(reader, sandbox.id) if r.kind == kind]


def library(reader: Reader, sandbox: Sandbox) -> dict[str, JSON]:
    """All resources that a schema can name, standard and own: `$id` to document."""
    own = {r.id: r.document for r in resources.of_sandbox(reader, sandbox.id)}
    return {**load(), **own}


def kept(
    transaction: Transaction,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    kind: Kind,
    document: dict[str, JSON],
    *,
    author: Author = NOBODY,
    id_: str | None = None,
) -> Resource:
    """Check a new document, complete it as the registry shows it, and write it.

    author: who sent it. id_: its `$id`; a new one when not given. Raises Malformed XDM-*, CTL-1008
    (title), NotFound XDM-1001, OverLimit XDM-1003, Conflict CTL-1006 (title taken).
    """
    title = titled(document)
    if resources.has_title(transaction, sandbox.id, kind, title):
        raise Conflict("CTL-1006", f"A resource has the title {title}", at="title")
    known = library(transaction, sandbox)
    composed(document, known)
    if kind == "schemas":
        behaviour(document, known)
    tenant = tenant_of(transaction, sandbox)
    resource_id = id_ or tenant_resource_id(tenant, kind, ids.hex(bytes_=RESOURCE_ID_BYTES))
    now_ms = clock.now_ms()
    complete = {
        "$id": resource_id,
        "meta:altId": alt_id(resource_id),
        "meta:resourceType": kind,
        "version": "1.0",
        **document,
        "imsOrg": sandbox.org_id,
        "meta:extensible": kind != "schemas",
        "meta:abstract": kind != "schemas",
        "meta:extends": list(references(document, known)),
        "meta:containerId": "tenant",
        "meta:sandboxId": sandbox.public_id,
        "meta:sandboxType": sandbox.type,
        "meta:tenantNamespace": f"_{tenant}",
        METADATA: _metadata(document, now_ms, author.client_id),
    }
    resource = Resource(resource_id, kind, title, complete)
    resources.insert(transaction, sandbox.id, resource)
    auditlog.record(transaction, sandbox, None, resource, author, now_ms=now_ms)
    return resource


def titled(document: Mapping[str, JSON]) -> str:
    """The title of a document. Raises Malformed CTL-1008 for none, or one that is too long."""
    title = document.get("title")
    if not isinstance(title, str) or not title.strip():
        raise Malformed("CTL-1008", "A resource needs a title", at="title")
    if len(title) > TITLE_LENGTH_MAX:
        raise Malformed(
            "CTL-1008", f"A title has at most {TITLE_LENGTH_MAX} characters", at="title"
        )
    return title


def etag(resource: Resource) -> str:
    """The etag of a resource as it is now."""
    found: str = resource.document[METADATA]["eTag"]
    return found


def _metadata(document: JSON, now_ms: int, client_id: str) -> dict[str, JSON]:
    by = {"xdm:createdClientId": client_id, "xdm:lastModifiedClientId": client_id}
    return {
        "repo:createdDate": now_ms,
        "repo:lastModifiedDate": now_ms,
        **(by if client_id else {}),
        "eTag": etag_of(document),
        "meta:globalLibVersion": "1.0",
    }


def changed(document: dict[str, JSON], now_ms: int, client_id: str = "") -> dict[str, JSON]:
    """The document with its version one minor step on."""
    major, _, minor = document["version"].partition(".")
    metadata = {
        **document[METADATA],
        "repo:lastModifiedDate": now_ms,
        **({"xdm:lastModifiedClientId": client_id} if client_id else {}),
        "eTag": etag_of(document),
    }
    return {**document, "version": f"{major}.{int(minor) + 1}", METADATA: metadata}


def tenant_of(reader: Reader, sandbox: Sandbox) -> str:
    """The tenant id of the sandbox's organisation, without underscore."""
    organisation = organisations.by_id(reader, sandbox.org_id)
    if organisation is None:
        raise Defect("A sandbox has no organisation")
    return organisation.tenant_id
