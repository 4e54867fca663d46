"""Datasets: create, get, list, change, delete. Source: platform contract, section 7."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace as with_changes

from onefold.control import etags, schemas, unions
from onefold.control.json_patch import patched
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.keywords import require_shallow
from onefold.domain.xdm.schema import PROFILE_CLASS, PROFILE_UNION
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.engine import Engine, Reader, Transaction
from onefold.store.tables import accounts, datasets, flow_resources, resources
from onefold.store.tables.datasets import Hand, StoredDataset
from onefold.store.tables.generation import change
from onefold.wire import JSON, encode_json

ID_BYTES = 12
PROFILE_TAG = "unifiedProfile"
IDENTITY_TAG = "unifiedIdentity"
TABLE_TAG = "adobe/pqs/table"
ENABLED = "enabled:true"
SCHEMA_CONTENT_TYPE = "application/vnd.adobe.xed+json;version=1"
NAME_LENGTH_MAX = 256
DETAILS_BYTES_MAX = 20_000
_ID = re.compile(r"[0-9a-f]{24}")
_DETAILS: dict[str, type] = {
    "enableErrorDiagnostics": bool,
    "extensions": dict,
    "fileDescription": dict,
    "systemLabels": list,
    "unifiedTags": list,
}
"""What clients may say of a dataset that is kept and shown, and has no effect, with its type."""
_CONTENT_TYPE = "contentType"
_FORM = re.compile(r"application/vnd\.adobe\.(?:xed|xdm)[a-z-]*\+json; ?version=1(?:\.[0-9]+)?")
NOBODY = Hand()


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
    details: Mapping[str, JSON] | None = None,
    by: Hand = NOBODY,
) -> StoredDataset:
    """Make a dataset of an existing schema, or of the union of people, into which only exports
    write.

    tags: values are lists of texts; `enabled: true` counts as `enabled:true`. The table's name is
    added when no tag names it. id: 24 hexadecimal digits; a new one when not given. details: what
    is kept and shown without effect. by: whose project asks.
    Raises Malformed CTL-1008 for a wrong value, NotFound CTL-1007 when the schema does not exist,
    Conflict CTL-1006 when name or id are taken.
    """
    _check_name(name)
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
        view_id=ids.hex(bytes_=ID_BYTES),
        created_by=by,
        updated_by=by,
        details=details or {},
    )
    with change(engine) as transaction:
        _require_schema(transaction, sandbox, schema_id)
        _check_tags(dataset)
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
    """Set tags of a dataset; those that are not named stay. Raises NotFound CTL-1007, Malformed
    CTL-1008 for tags that a dataset of exports cannot have."""
    with change(engine) as transaction:
        dataset = got(transaction, sandbox, dataset_id)
        changed = with_changes(
            dataset,
            tags={**dataset.tags, **normalised(tags)},
            updated_ms=clock.now_ms(),
            version=dataset.version + 1,
        )
        _check_tags(changed)
        datasets.replace(transaction, sandbox.id, changed)
    return changed


def create_from(
    engine: Engine, clock: Clock, ids: Ids, sandbox: Sandbox, sent: JSON, *, by: Hand = NOBODY
) -> StoredDataset:
    """Make a dataset of what the catalogue's clients send. Words that nobody knows are passed over.

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
        details=_details(sent),
        by=by,
    )


def patch(
    engine: Engine,
    clock: Clock,
    sandbox: Sandbox,
    dataset_id: str,
    sent: JSON,
    *,
    deep: bool = False,
    by: Hand = NOBODY,
    if_match: Collection[str] | None = None,
) -> StoredDataset:
    """Change a dataset: an array is a JSON Patch of it as it is shown, an object names what
    changes; tags that it does not name stay.

    deep: objects are merged at every level, and null removes. if_match: the etags that will do.
    Raises NotFound CTL-1007, Conflict CTL-1006 when the name is taken and CAT-1002 when the etag is
    another, Malformed API-1003, CTL-1008 for a wrong value or another schema, and as
    `json_patch.patched`.
    """
    with change(engine) as transaction:
        dataset = got(transaction, sandbox, dataset_id)
        etags.require(if_match, etag(dataset, sandbox), "CAT-1002")
        shown = document(dataset, sandbox)
        if isinstance(sent, list):
            wanted = patched(shown, sent)
        elif deep:
            require_shallow(_object(sent))
            wanted = _merged(shown, sent)
        else:
            tags = {**shown["tags"], **_tags(sent)}
            wanted = {**shown, **sent, "tags": tags}
        return _replaced(transaction, clock, sandbox, dataset, wanted, by)


def put(
    engine: Engine,
    clock: Clock,
    sandbox: Sandbox,
    dataset_id: str,
    sent: JSON,
    *,
    by: Hand = NOBODY,
    if_match: Collection[str] | None = None,
) -> StoredDataset:
    """Replace what a dataset says of itself; the table's name stays unless it is given. Raises as
    `patch`."""
    with change(engine) as transaction:
        dataset = got(transaction, sandbox, dataset_id)
        etags.require(if_match, etag(dataset, sandbox), "CAT-1002")
        return _replaced(transaction, clock, sandbox, dataset, sent, by)


def delete(
    engine: Engine,
    sandbox: Sandbox,
    dataset_id: str,
    ingested: Collection[str],
    *,
    if_match: Collection[str] | None = None,
) -> None:
    """Remove a dataset that holds no records, that no target connection names and that no calls go
    to. ingested: ids of those that hold some, exported ones included.

    Raises NotFound CTL-1007, Conflict CAT-1002 when the etag is another, CAT-1001: what was
    ingested would be left without an origin, and CAT-1003: what flows into it would fail.
    """
    with change(engine) as transaction:
        dataset = got(transaction, sandbox, dataset_id)
        etags.require(if_match, etag(dataset, sandbox), "CAT-1002")
        if dataset.id in ingested:
            raise Conflict("CAT-1001", "The dataset holds records")
        _require_no_target(transaction, sandbox, dataset_id)
        _require_no_calls(transaction, sandbox, dataset_id)
        datasets.delete(transaction, sandbox.id, dataset.id)


def document(dataset: StoredDataset, sandbox: Sandbox) -> dict[str, JSON]:
    """A dataset as the catalogue shows it."""
    return {
        "name": dataset.name,
        "description": dataset.description,
        "imsOrg": sandbox.org_id,
        "sandboxId": sandbox.public_id,
        "tags": {name: list(values) for name, values in dataset.tags.items()},
        "version": f"1.0.{dataset.version}",
        "created": dataset.created_ms,
        "updated": dataset.updated_ms,
        "createdClient": dataset.created_by.client_id,
        "createdUser": dataset.created_by.user_id,
        "updatedUser": dataset.updated_by.user_id,
        "viewId": dataset.view_id,
        "files": f"@/dataSets/{dataset.id}/views/{dataset.view_id}/files",
        "schemaRef": {
            "id": dataset.schema_id,
            "contentType": dataset.details.get(_CONTENT_TYPE, SCHEMA_CONTENT_TYPE),
        },
        "enableErrorDiagnostics": False,
        **{word: value for word, value in dataset.details.items() if word in _DETAILS},
    }


def etag(dataset: StoredDataset, sandbox: Sandbox) -> str:
    """The etag of a dataset as it is now."""
    return etags.etag_of(document(dataset, sandbox))


def view(dataset: StoredDataset, sandbox: Sandbox) -> dict[str, JSON]:
    """The one view of a dataset as the catalogue shows it."""
    shown = document(dataset, sandbox)
    words = ("imsOrg", "sandboxId", "version", "created", "updated", "createdClient", "files")
    return {"dataSetId": dataset.id, **{word: shown[word] for word in words}}


def tags_of(reader: Reader, sandbox: Sandbox, namespace: str) -> dict[str, list[str]]:
    """The tags of this name, or below it (`adobe` has `adobe/pqs/table`), that datasets carry, and
    their values, sorted."""
    found: dict[str, set[str]] = {}
    for dataset in datasets.of_sandbox(reader, sandbox.id):
        for name, values in dataset.tags.items():
            if name == namespace or name.startswith(f"{namespace}/"):
                found.setdefault(name, set()).update(values)
    return {name: sorted(found[name]) for name in sorted(found)}


def _replaced(
    transaction: Transaction,
    clock: Clock,
    sandbox: Sandbox,
    before: StoredDataset,
    wanted: JSON,
    by: Hand,
) -> StoredDataset:
    name = _text(wanted, "name")
    _check_name(name)
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
        version=before.version + 1,
        updated_by=by,
        details=_details(wanted),
    )
    _check_tags(after)
    datasets.replace(transaction, sandbox.id, after)
    return after


def _require_schema(reader: Reader, sandbox: Sandbox, schema_id: str) -> None:
    """Raises NotFound CTL-1007. The union is there as long as a schema of people is enabled."""
    if schema_id == PROFILE_UNION:
        exists = bool(unions.enabled_of(PROFILE_CLASS, schemas.library(reader, sandbox)))
    else:
        schema = resources.by_id(reader, sandbox.id, schema_id)
        exists = schema is not None and schema.kind == "schemas"
    if not exists:
        raise NotFound("CTL-1007", f"No schema has the id {schema_id}", at="schemaRef.id")


def _check_tags(dataset: StoredDataset) -> None:
    """What is exported must not come back as if somebody had said it."""
    if dataset.schema_id != PROFILE_UNION:
        return
    for name in (PROFILE_TAG, IDENTITY_TAG):
        if any(value.lower() != "enabled:false" for value in dataset.tags.get(name, ())):
            raise Malformed("CTL-1008", "A dataset of exports feeds no profiles", at=f"tags.{name}")


def _require_no_target(reader: Reader, sandbox: Sandbox, dataset_id: str) -> None:
    for other in flow_resources.of_sandbox(reader, sandbox.id):
        names = other.kind == "targetConnections" and other.document["params"].get("dataSetId")
        if names == dataset_id:
            raise Conflict("CAT-1003", f"The target connection {other.id} names the dataset")


def _require_no_calls(reader: Reader, sandbox: Sandbox, dataset_id: str) -> None:
    account = accounts.of_sandbox(reader, sandbox.id)
    if account is not None and dataset_id in (account.calls, account.traits, account.groups):
        raise Conflict("CAT-1003", f"Calls of the account {account.account} go into the dataset")


def _merged(before: JSON, change: JSON) -> JSON:
    """A JSON merge patch. Source: RFC 7396."""
    if not isinstance(change, dict):
        return change
    merged = dict(before) if isinstance(before, dict) else {}
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


def _check_name(name: str) -> None:
    if not name.strip():
        raise Malformed("CTL-1008", "A dataset needs a name", at="name")
    if len(name) > NAME_LENGTH_MAX:
        raise Malformed("CTL-1008", f"A name has at most {NAME_LENGTH_MAX} characters", at="name")


def _details(sent: JSON) -> dict[str, JSON]:
    """What is kept and shown without effect."""
    require_shallow(_object(sent))
    found: dict[str, JSON] = {}
    for word, kind in _DETAILS.items():
        value = sent.get(word)
        if value is None:
            continue
        if not isinstance(value, kind):
            raise Malformed("CTL-1008", f"The {word} is of another type", at=word)
        found[word] = value
    reference = sent.get("schemaRef")
    content_type = reference.get(_CONTENT_TYPE) if isinstance(reference, dict) else None
    if content_type is not None:
        if not isinstance(content_type, str) or not _FORM.fullmatch(content_type):
            raise Malformed(
                "CTL-1008", "The contentType is a form of XDM", at=f"schemaRef.{_CONTENT_TYPE}"
            )
        found[_CONTENT_TYPE] = content_type
    if len(encode_json(found)) > DETAILS_BYTES_MAX:
        raise Malformed("CTL-1008", f"More than {DETAILS_BYTES_MAX} bytes of details")
    return found


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
