"""Datasets: create, get, list, tag. Source: platform contract, section 7."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.engine import Engine, Reader
from onefold.store.tables import datasets, resources
from onefold.store.tables.datasets import StoredDataset
from onefold.store.tables.generation import change

ID_BYTES = 12
PROFILE_TAG = "unifiedProfile"
IDENTITY_TAG = "unifiedIdentity"
TABLE_TAG = "adobe/pqs/table"
ENABLED = "enabled:true"
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
        if isinstance(values, str) or not all(isinstance(value, str) for value in values):
            raise Malformed("CTL-1008", "A tag's value is a list of texts", at=f"tags.{name}")
        if name in (PROFILE_TAG, IDENTITY_TAG):
            answer[name] = tuple("".join(value.split()) for value in values)
        else:
            answer[name] = tuple(value.strip() for value in values)
    return answer


def _table(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "dataset"
