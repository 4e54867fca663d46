"""Datasets as the catalogue shows them: what each says of itself, and what the server knows of it.

What the server knows cannot be changed: a JSON Patch does not see it, and no `If-Match` waits for
it. Source: platform contract, section 7.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from onefold.api.catalog.batches import status_of
from onefold.api.context import Rooms
from onefold.control import datasets, etags
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm import shown
from onefold.lake.observed import observed
from onefold.store.tables import batches
from onefold.store.tables.datasets import StoredDataset
from onefold.wire import JSON

OBSERVABLE = "observableSchema"
_BETWEEN = "."
"""Parts an etag: how the dataset is defined, then what the server knows of it."""


def documents(
    rooms: Rooms, sandbox: Sandbox, found: Sequence[StoredDataset]
) -> dict[str, dict[str, JSON]]:
    """Datasets by id, in their order, without their observable schemas. Cost: one query for all
    batches, and one for each dataset into which a batch is being loaded."""
    known = known_of(rooms, sandbox, [dataset.id for dataset in found])
    return {d.id: {**datasets.document(d, sandbox), **known[d.id]} for d in found}


def known_of(rooms: Rooms, sandbox: Sandbox, ids: Collection[str]) -> dict[str, dict[str, JSON]]:
    """What the server knows of datasets, by id: what kind of data they hold, and their last
    batches as far as there are any."""
    work = rooms.places.work(sandbox.id)
    defined = rooms.definitions.snapshot(sandbox.id).datasets
    newest = batches.newest(work, ids)
    known: dict[str, dict[str, JSON]] = {id_: {} for id_ in ids}
    for id_, said in known.items():
        if id_ in defined:  # else it was deleted a moment ago
            behaviour = defined[id_].behaviour
            said["classification"] = {"dataBehavior": behaviour, "managedBy": "CUSTOMER"}
        last = newest.get(id_)
        if last is not None:
            said["lastBatchId"] = last.id
            said["lastBatchStatus"] = status_of(work, last.id, last.status)
            if last.successful is not None:
                said["lastSuccessfulBatch"] = last.successful
    return known


def etag(rooms: Rooms, sandbox: Sandbox, dataset: StoredDataset) -> str:
    """The etag of a dataset as it is shown now."""
    known = known_of(rooms, sandbox, [dataset.id])[dataset.id]
    return _BETWEEN.join((datasets.etag(dataset, sandbox), etags.etag_of(known)))


def definitions_in(wanted: Collection[str] | None) -> list[str] | None:
    """The parts of etags that changes are held against."""
    return None if wanted is None else [text.partition(_BETWEEN)[0] for text in wanted]


def observable_schemas(
    rooms: Rooms, sandbox: Sandbox, datasets: Collection[str]
) -> dict[str, dict[str, JSON]]:
    """The part of each dataset's schema whose fields hold data, by the dataset's id; empty when the
    lake has none of it.

    One whose schema cannot be used has no answer. Raises Unavailable API-9002 while records are
    being removed from the lake.
    """
    snapshot = rooms.definitions.snapshot(sandbox.id)
    forms = {id_: snapshot.form_of(id_) for id_ in datasets}
    usable = {id_: form for id_, form in forms.items() if form is not None}
    roots = {id_: schema.root for id_, schema in usable.items()}
    parts = observed(rooms.lakes.of(sandbox.id), roots)
    return {
        id_: {"$id": schema.id, "title": schema.title, **shown.of_field(parts[id_])}
        if id_ in parts
        else {}
        for id_, schema in usable.items()
    }
