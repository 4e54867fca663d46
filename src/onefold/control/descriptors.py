"""Descriptors of schemas: create, get, list, replace, delete.

Only identity descriptors have an effect here, and are checked as a whole; other types are kept and
shown as they were sent. Source: platform contract, section 6.6; identity contract, section 5.
"""

from __future__ import annotations

from collections.abc import Collection

from onefold.control import etags, schemas
from onefold.domain.identity.namespace import STANDARD, NamespaceBook
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.descriptors import IDENTITY_DESCRIPTOR, identity_descriptor
from onefold.domain.xdm.keywords import require_shallow
from onefold.effects import Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.engine import Engine, Reader
from onefold.store.tables import descriptors, namespaces
from onefold.store.tables.descriptors import Descriptor
from onefold.store.tables.generation import change
from onefold.wire import JSON

ID_BYTES = 20
_SOURCE = "xdm:sourceSchema"
_PROPERTY = "xdm:sourceProperty"
_ASSIGNED = frozenset(("@id", "imsOrg", "version", "meta:containerId"))


def add_identity(
    engine: Engine,
    ids: Ids,
    sandbox: Sandbox,
    schema_id: str,
    *,
    property: str,
    namespace: str,
    primary: bool = False,
) -> Descriptor:
    """Say that a field of a schema holds an identity.

    property: pointer without `properties`, `/_tenant/email`. namespace: a code. Raises as `create`.
    """
    document = {
        "@type": IDENTITY_DESCRIPTOR,
        _SOURCE: schema_id,
        _PROPERTY: property,
        "xdm:namespace": namespace,
        "xdm:property": "xdm:code",
        "xdm:isPrimary": primary,
    }
    return create(engine, ids, sandbox, document)


def create(engine: Engine, ids: Ids, sandbox: Sandbox, document: JSON) -> Descriptor:
    """Keep what a document says about a resource.

    Raises Malformed API-1003 when it is no object, CTL-1008 without `@type` or source, NotFound
    CTL-1007 for an unknown schema or namespace; for identities Malformed XDM-1006 when the field is
    not a string behind objects or the schema has a primary one, Conflict CTL-1006 when the field
    has one.
    """
    with change(engine) as transaction:
        descriptor = _checked(transaction, sandbox, ids.hex(bytes_=ID_BYTES), document)
        descriptors.insert(transaction, sandbox.id, descriptor)
    return descriptor


def replace(
    engine: Engine,
    sandbox: Sandbox,
    descriptor_id: str,
    document: JSON,
    *,
    if_match: Collection[str] | None = None,
) -> Descriptor:
    """Put a new document in place of a descriptor's. if_match: the etags that will do.

    Raises as `create`, NotFound CTL-1007, Conflict REG-1007 when the etag is another.
    """
    with change(engine) as transaction:
        before = got(transaction, sandbox, descriptor_id)
        etags.require(if_match, etag(before), "REG-1007")
        descriptor = _checked(transaction, sandbox, descriptor_id, document)
        descriptors.replace(transaction, sandbox.id, descriptor)
    return descriptor


def delete(
    engine: Engine,
    sandbox: Sandbox,
    descriptor_id: str,
    *,
    if_match: Collection[str] | None = None,
) -> None:
    """Forget a descriptor. Links that it made stay. Raises NotFound CTL-1007, Conflict REG-1007."""
    with change(engine) as transaction:
        before = got(transaction, sandbox, descriptor_id)
        etags.require(if_match, etag(before), "REG-1007")
        descriptors.delete(transaction, sandbox.id, descriptor_id)


def got(reader: Reader, sandbox: Sandbox, descriptor_id: str) -> Descriptor:
    """The sandbox's descriptor of this `@id`. Raises NotFound CTL-1007."""
    for descriptor in descriptors.of_sandbox(reader, sandbox.id):
        if descriptor.id == descriptor_id:
            return descriptor
    raise NotFound("CTL-1007", f"No descriptor has the id {descriptor_id[:256]}")


def etag(descriptor: Descriptor) -> str:
    """The etag of a descriptor as it is now."""
    return etags.etag_of(descriptor.document)


def listed(reader: Reader, sandbox: Sandbox) -> list[Descriptor]:
    """The sandbox's descriptors, in the order of creation."""
    return descriptors.of_sandbox(reader, sandbox.id)


def _checked(reader: Reader, sandbox: Sandbox, id_: str, document: JSON) -> Descriptor:
    """The descriptor as it is kept, once what it says holds."""
    if not isinstance(document, dict):
        raise Malformed("API-1003", "A descriptor is a JSON object")
    require_shallow(document)
    for word in ("@type", _SOURCE):
        if not isinstance(document.get(word), str) or not document[word]:
            raise Malformed("CTL-1008", f"A descriptor needs {word}", at=word)
    complete: dict[str, JSON] = {
        "@id": id_,
        "@type": document["@type"],
        _SOURCE: document[_SOURCE],
        "xdm:sourceVersion": 1,
        **{word: value for word, value in document.items() if word not in _ASSIGNED},
        "meta:containerId": "tenant",
        "imsOrg": sandbox.org_id,
        "version": "1",
    }
    descriptor = Descriptor(id_, document[_SOURCE], document["@type"], complete)
    if descriptor.type == IDENTITY_DESCRIPTOR:
        complete.setdefault("xdm:isPrimary", False)
        _check_identity(reader, sandbox, descriptor)
    elif descriptor.schema_id not in schemas.library(reader, sandbox):
        raise NotFound("CTL-1007", f"No resource has the id {descriptor.schema_id[:256]}")
    return descriptor


def _check_identity(reader: Reader, sandbox: Sandbox, descriptor: Descriptor) -> None:
    schema = schemas.got(reader, sandbox, descriptor.schema_id)
    root = composed(schema.document, schemas.library(reader, sandbox))
    found = identity_descriptor(descriptor.document, root)
    own = namespaces.of_organisation(reader, sandbox.org_id)
    if NamespaceBook((*STANDARD, *own)).by_key(found.namespace) is None:
        detail = f"No namespace has the code {found.namespace}"
        raise NotFound("CTL-1007", detail, at="xdm:namespace")
    written = descriptor.document[_PROPERTY]
    for other in descriptors.of_schema(reader, sandbox.id, schema.id):
        if other.type != IDENTITY_DESCRIPTOR or other.id == descriptor.id:
            continue
        if other.document[_PROPERTY] == written:
            raise Conflict("CTL-1006", "The field has an identity descriptor", at=written)
        if found.is_primary and other.document["xdm:isPrimary"]:
            raise Malformed("XDM-1006", "The schema has a primary identity", at=written)
