"""Datasets: create, get, list, change, delete. Source: platform contract, section 7."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace as with_changes

from onefold.control.json_patch import patched
from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.engine import Engine, Reader, Transaction
from onefold.store.tables import datasets, resources
from onefold.store.tables.datasets import StoredDataset
from onefold.store.tables.generation import change
from onefold.wire import JSON

ID_BYTES = 12
PROFILE_TAG = "unifiedProfile"
IDENTITY_TAG = "unifiedIdentity"
TABLE_TAG = "adobe/pqs/table"
ENABLED = "enabled:true"
SCHEMA_CONTENT_TYPE = "application/vnd.adobe.xed+json;version=1"
_ID = re.compile(r"[0-9a-f]{24}")


def create(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    *,
    name: str,
    schema_id: str,
    description: str = "",
    tags: Mapping[str, Sequence[str]] | None = None,
    id: str | None = None,
) -> StoredDataset:
    """Make a dataset of an existing schema.

    tags: values are lists of texts; `enabled: true` counts as `enabled:true`. The table's name is
    added when no tag names it. id: 24 hexadecimal digits; a new one when not given.
    Raises Malformed CTL-1008 for a wrong value, NotFound CTL-1007 when the schema does not exist,
    Conflict CTL-1006 when name or id are taken.
    """
    if not name.strip():
        raise Malformed("CTL-1008", "A dataset needs a name", at="name")
    if id is not None and _ID.fullmatch(id) is None:
        raise Malformed("CTL-1008", "A dataset's id has 24 hexadecimal digits", at="id")
    now_ms = clock.now_ms()
    dataset = StoredDataset(
        id=id or ids.hex(bytes_=ID_BYTES),
        name=name,
        description=description,
        schema_id=schema_id,
        tags={TABLE_TAG: (_table(name),), **normalised(tags or {})},
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    with change(engine) as transaction:
        schema = resources.by_id(transaction, sandbox.id, schema_id)
        if schema is None or schema.kind != "schemas":
            raise NotFound("CTL-1007", f"No schema has the id {schema_id}", at="schemaRef.id")
        for other in datasets.of_sandbox(transaction, sandbox.id):
            if other.name == name:
                raise Conflict("CTL-1006", f"A dataset {name} exists", at="name")
            if other.id == dataset.id:
                raise Conflict("CTL-1006", f"A dataset with the id {id} exists", at="id")
        datasets.insert(transaction, sandbox.id, dataset)
    return dataset


def tag(
    engine: Engine,
    clock: Clock,
    sandbox: Sandbox,
    dataset_id: str,
    tags: Mapping[str, Sequence[str]],
) -> StoredDataset:
    """Set tags of a dataset; those that are not named stay. Raises NotFound CTL-1007."""
    with change(engine) as transaction:
        dataset = got(transaction, sandbox, dataset_id)
        merged = {**dataset.tags, **normalised(tags)}
        datasets.set_tags(transaction, sandbox.id, dataset.id, merged, now_ms=clock.now_ms())
        return got(transaction, sandbox, dataset_id)


def create_from(
    engine: Engine, clock: Clock, ids: Ids, sandbox: Sandbox, sent: JSON
) -> StoredDataset:
    """Make a dataset of what the catalogue's clients send. What has no meaning here, such as
    `fileDescription`, is passed over.

    Raises Malformed API-1003 for what is no object, else as `create`.
    """
    return create(
        engine,
        clock,
        ids,
        sandbox,
        name=_text(sent, "name"),
        schema_id=_schema_id(sent),
        description=_text(sent, "description"),
        tags=_tags(sent),
    )


def patch(
    engine: Engine, clock: Clock, sandbox: Sandbox, dataset_id: str, sent: JSON
) -> StoredDataset:
    """Change name, description and tags: an array is a JSON Patch of the dataset as it is shown, an
    object names what changes; tags that it does not name stay.

    Raises NotFound CTL-1007, Conflict CTL-1006 when the name is taken, Malformed API-1003, CTL-1008
    for a wrong value or another schema, and as `json_patch.patched`.
    """
    with change(engine) as transaction:
        dataset = got(transaction, sandbox, dataset_id)
        shown = document(dataset, sandbox)
        if isinstance(sent, list):
            wanted = patched(shown, sent)
        else:
            tags = {**shown["tags"], **_tags(sent)}
            wanted = {**shown, **sent, "tags": tags}
        return _replaced(transaction, clock, sandbox, dataset, wanted)


def put(
    engine: Engine, clock: Clock, sandbox: Sandbox, dataset_id: str, sent: JSON
) -> StoredDataset:
    """Replace name, description and tags; the table's name stays unless it is given. Raises as
    `patch`."""
    with change(engine) as transaction:
        dataset = got(transaction, sandbox, dataset_id)
        return _replaced(transaction, clock, sandbox, dataset, sent)


def delete(engine: Engine, sandbox: Sandbox, dataset_id: str, ingested: Collection[str]) -> None:
    """Remove a dataset that holds no records. ingested: ids of those that do.

    Raises NotFound CTL-1007, Conflict CAT-1001: what was ingested would be left without an origin.
    """
    with change(engine) as transaction:
        dataset = got(transaction, sandbox, dataset_id)
        if dataset.id in ingested:
            raise Conflict("CAT-1001", "Records of the dataset were applied to profiles")
        datasets.delete(transaction, sandbox.id, dataset.id)


def document(dataset: StoredDataset, sandbox: Sandbox) -> dict[str, JSON]:
    """A dataset as the catalogue shows it."""
    return {
        "name": dataset.name,
        "description": dataset.description,
        "imsOrg": sandbox.org_id,
        "sandboxId": sandbox.id,
        "tags": {name: list(values) for name, values in dataset.tags.items()},
        "created": dataset.created_ms,
        "updated": dataset.updated_ms,
        "schemaRef": {"id": dataset.schema_id, "contentType": SCHEMA_CONTENT_TYPE},
    }


def _replaced(
    transaction: Transaction, clock: Clock, sandbox: Sandbox, before: StoredDataset, wanted: JSON
) -> StoredDataset:
    name = _text(wanted, "name")
    if not name.strip():
        raise Malformed("CTL-1008", "A dataset needs a name", at="name")
    if _schema_id(wanted) != before.schema_id:
        raise Malformed("CTL-1008", "A dataset keeps its schema", at="schemaRef.id")
    stored = datasets.of_sandbox(transaction, sandbox.id)
    if any(other.name == name and other.id != before.id for other in stored):
        raise Conflict("CTL-1006", f"A dataset {name} exists", at="name")
    table = before.tags.get(TABLE_TAG, (_table(name),))
    after = with_changes(
        before,
        name=name,
        description=_text(wanted, "description"),
        tags={TABLE_TAG: table, **normalised(_tags(wanted))},
        updated_ms=clock.now_ms(),
    )
    datasets.replace(transaction, sandbox.id, after)
    return after


def _text(sent: JSON, name: str) -> str:
    value = _object(sent).get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed("CTL-1008", f"The {name} is text", at=name)
    return value


def _schema_id(sent: JSON) -> str:
    reference = _object(sent).get("schemaRef")
    schema_id = reference.get("id") if isinstance(reference, dict) else None
    if not isinstance(schema_id, str):
        raise Malformed("CTL-1008", "A dataset needs schemaRef.id", at="schemaRef.id")
    return schema_id


def _tags(sent: JSON) -> dict[str, JSON]:
    tags = _object(sent).get("tags")
    if tags is None:
        return {}
    if not isinstance(tags, dict):
        raise Malformed("CTL-1008", "Tags are an object", at="tags")
    return tags


def _object(sent: JSON) -> dict[str, JSON]:
    if not isinstance(sent, dict):
        raise Malformed("API-1003", "A dataset is a JSON object")
    return sent


def got(reader: Reader, sandbox: Sandbox, dataset_id: str) -> StoredDataset:
    """The sandbox's dataset of this id. Raises NotFound CTL-1007."""
    dataset = datasets.by_id(reader, sandbox.id, dataset_id)
    if dataset is None:
        raise NotFound("CTL-1007", f"No dataset has the id {dataset_id}")
    return dataset


def listed(reader: Reader, sandbox: Sandbox) -> list[StoredDataset]:
    """The sandbox's datasets, the oldest first."""
    return datasets.of_sandbox(reader, sandbox.id)


def normalised(tags: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Tags without the white space that official samples write. Raises Malformed CTL-1008."""
    answer: dict[str, tuple[str, ...]] = {}
    for name, values in tags.items():
        listed = isinstance(values, list | tuple)
        if not listed or not all(isinstance(value, str) for value in values):
            raise Malformed("CTL-1008", "A tag's value is a list of texts", at=f"tags.{name}")
        if name in (PROFILE_TAG, IDENTITY_TAG):
            answer[name] = tuple("".join(value.split()) for value in values)
        else:
            answer[name] = tuple(value.strip() for value in values)
    return answer


def _table(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "dataset"
