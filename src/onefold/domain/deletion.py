"""Deletions from profiles: what can be asked for, and the states that such a request goes through.

Source: profile contract, 3.7 and 7.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from onefold.domain.identity.identity import Identity, Xid


class Kind(Enum):
    """What is deleted: everything of a dataset, the events of a batch, or a person."""

    DATASET = "dataset"
    BATCH = "batch"
    PERSON = "person"


REQUEST_TYPES = {
    Kind.DATASET: "TRUNCATE_DATASET",
    Kind.BATCH: "DELETE_EE_BATCH",
    Kind.PERSON: "DELETE_ENTITY",
}
"""What callers call them."""


class State(Enum):
    """new → processing → completed or error. A person's deletion begins as processing, since its
    first part stands in the journal before anybody is told."""

    NEW = "new"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"


class Person(msgspec.Struct, frozen=True):
    """Who is deleted. whom: (xid, namespace id, value) of each identity, all that were reachable
    when it was asked for; empty when they are gone. keys: keyed hashes of the same."""

    whom: list[tuple[Xid, int, str]] = []
    keys: list[str] = []

    def identities(self) -> dict[Xid, Identity]:
        """Every identity by its XID."""
        return {xid: Identity(namespace_id, value) for xid, namespace_id, value in self.whom}


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """One request. position, number: how far the journal had come when it was asked for: what has a
    number below `number`, a record's, is deleted. Of a person's that was not ordered yet, position
    is 0. job: the one that has taken it up. records: how many were removed. receipt: JSON of what
    was done, when it was. dismissed: its asker has removed it from the list."""

    id: str
    kind: Kind
    state: State
    dataset: str = ""
    batch: str = ""
    person: Person = Person()
    job: str = ""
    position: int = 0
    number: int = 0
    records: int = 0
    started_ms: int | None = None
    receipt: str | None = None
    dismissed: bool = False
    created_ms: int
    updated_ms: int
