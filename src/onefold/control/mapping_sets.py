"""Mapping sets: create, get, list, replace, delete. Source: ingestion contract, 4, step 5.

A flow uses a mapping set as it is now: once it is mended, records that failed by it can be sent
again. Newer clients write `source`, `destination` and `outputSchema` for what older ones call
`sourceAttribute`, `destinationXdmPath` and `xdmSchema`; both are taken, and kept as they were sent.
"""

from __future__ import annotations

from msgspec.structs import replace as with_changes

from onefold.control import schemas
from onefold.domain import mapping
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.keywords import require_shallow
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.engine import Engine, Reader
from onefold.store.tables import flow_resources, mapping_sets
from onefold.store.tables.generation import change
from onefold.store.tables.mapping_sets import MappingSet
from onefold.wire import JSON

Document = dict[str, JSON]
ID_BYTES = 16
XDM_VERSION = "1.0"


def create(
    engine: Engine, clock: Clock, ids: Ids, sandbox: Sandbox, sent: JSON, *, client_id: str = ""
) -> MappingSet:
    """Make a mapping set onto an existing schema.

    Raises Malformed API-1003 for what is no object, CTL-1008 for a path that is none, a destination
    that the schema does not have or an expression; NotFound CTL-1007 for an unknown schema.
    """
    now_ms = clock.now_ms()
    with change(engine) as transaction:
        schema_id, document = _checked(transaction, sandbox, ids, sent)
        made = MappingSet(
            id=ids.hex(bytes_=ID_BYTES),
            version=0,
            schema_id=schema_id,
            document=document,
            created_ms=now_ms,
            updated_ms=now_ms,
            created_client=client_id,
            updated_client=client_id,
        )
        mapping_sets.insert(transaction, sandbox.id, made)
    return made


def put(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    mapping_id: str,
    sent: JSON,
    *,
    client_id: str = "",
) -> MappingSet:
    """Replace a mapping set; its version rises by one. Flows use it from then on.

    Raises NotFound CTL-1007, Conflict FLW-1003 for another schema while flows use it, and as
    `create`.
    """
    with change(engine) as transaction:
        before = got(transaction, sandbox, mapping_id)
        schema_id, document = _checked(transaction, sandbox, ids, sent)
        if schema_id != before.schema_id:
            _require_unused(transaction, sandbox, mapping_id)
        after = with_changes(
            before,
            version=before.version + 1,
            schema_id=schema_id,
            document=document,
            updated_ms=clock.now_ms(),
            updated_client=client_id,
        )
        mapping_sets.replace(transaction, sandbox.id, after)
    return after


def delete(engine: Engine, sandbox: Sandbox, mapping_id: str) -> None:
    """Remove a mapping set that no flow uses. Raises NotFound CTL-1007, Conflict FLW-1003."""
    with change(engine) as transaction:
        got(transaction, sandbox, mapping_id)
        _require_unused(transaction, sandbox, mapping_id)
        mapping_sets.delete(transaction, sandbox.id, mapping_id)


def got(reader: Reader, sandbox: Sandbox, mapping_id: str) -> MappingSet:
    """The sandbox's mapping set of this id. Raises NotFound CTL-1007."""
    found = mapping_sets.by_id(reader, sandbox.id, mapping_id)
    if found is None:
        raise NotFound("CTL-1007", f"No mapping set has the id {mapping_id[:256]}")
    return found


def listed(reader: Reader, sandbox: Sandbox) -> list[MappingSet]:
    """The sandbox's mapping sets, the oldest first."""
    return mapping_sets.of_sandbox(reader, sandbox.id)


def answer(found: MappingSet) -> Document:
    """What creating and replacing answer. Times are epoch milliseconds."""
    return {
        "id": found.id,
        "version": found.version,
        "createdDate": found.created_ms,
        "modifiedDate": found.updated_ms,
        "createdBy": found.created_client,
        "modifiedBy": found.updated_client,
    }


def document(found: MappingSet, sandbox: Sandbox) -> Document:
    """A mapping set as it is shown, in the words of older and newer clients."""
    content_type = "application/vnd.adobe.xed-full+json;version=1"
    return {
        **answer(found),
        "xdmSchema": found.schema_id,
        "xdmVersion": found.document["xdmVersion"],
        "outputSchema": {"schemaRef": {"id": found.schema_id, "contentType": content_type}},
        "name": found.document["name"],
        "imsOrgId": sandbox.org_id,
        "sandboxName": sandbox.name,
        "mappings": found.document["mappings"],
    }


def _checked(reader: Reader, sandbox: Sandbox, ids: Ids, sent: JSON) -> tuple[str, Document]:
    """The schema's id and what is kept of a mapping set."""
    if not isinstance(sent, dict):
        raise Malformed("API-1003", "A mapping set is a JSON object")
    require_shallow(sent)
    schema_id = _schema_id(sent)
    schema = schemas.got(reader, sandbox, schema_id)
    root = composed(schema.document, schemas.library(reader, sandbox))
    given = sent.get("mappings")
    if not isinstance(given, list):
        raise Malformed("CTL-1008", "A mapping set needs mappings, a list", at="/mappings")
    mappings = [_mapping(one, number, ids) for number, one in enumerate(given)]
    pairs = [(one["sourceAttribute"], one["destinationXdmPath"]) for one in mappings]
    mapping.compiled(root, pairs)
    version, name = sent.get("xdmVersion", XDM_VERSION), sent.get("name", "")
    if not isinstance(version, str) or not isinstance(name, str):
        raise Malformed("CTL-1008", "name and xdmVersion are texts", at="/name")
    return schema_id, {"name": name, "xdmVersion": version, "mappings": mappings}


def _schema_id(sent: Document) -> str:
    found = sent.get("xdmSchema")
    if found is None and isinstance(sent.get("outputSchema"), dict):
        reference = sent["outputSchema"].get("schemaRef")
        found = reference.get("id") if isinstance(reference, dict) else None
    if not isinstance(found, str):
        raise Malformed(
            "CTL-1008", "A mapping set needs xdmSchema, a schema's $id", at="/xdmSchema"
        )
    return found


def _mapping(one: JSON, number: int, ids: Ids) -> Document:
    """One mapping with its paths in the older words; what else was sent is kept beside them."""
    at = f"/mappings/{number}"
    if not isinstance(one, dict):
        raise Malformed("CTL-1008", "A mapping is an object", at=at)
    kind = one.get("sourceType", "ATTRIBUTE")
    if not isinstance(kind, str) or kind.upper() not in ("ATTRIBUTE", "TEXT/X.SCHEMA-PATH"):
        raise Malformed(
            "CTL-1008", "Only attributes are mapped, no expressions", at=f"{at}/sourceType"
        )
    source = one.get("sourceAttribute", one.get("source"))
    destination = one.get("destinationXdmPath", one.get("destination"))
    for name, value in (("sourceAttribute", source), ("destinationXdmPath", destination)):
        if not isinstance(value, str) or not value:
            raise Malformed("CTL-1008", f"A mapping needs {name}", at=f"{at}/{name}")
    return {
        "id": ids.hex(bytes_=ID_BYTES),
        "identity": False,
        "version": 0,
        **{name: value for name, value in one.items() if name != "id"},
        "sourceAttribute": source,
        "destinationXdmPath": destination,
    }


def _require_unused(reader: Reader, sandbox: Sandbox, mapping_id: str) -> None:
    for other in flow_resources.of_sandbox(reader, sandbox.id):
        for transformation in other.document.get("transformations", ()):
            if transformation["params"]["mappingId"] == mapping_id:
                raise Conflict("FLW-1003", f"The mapping set is used by the flow {other.id}")
