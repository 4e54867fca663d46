"""Sandboxes of an organisation, and the stores that they have left behind."""

from __future__ import annotations

import msgspec

from onefold.domain.lifecycle import State
from onefold.domain.sandbox import Sandbox, SandboxId
from onefold.store.engine import Reader, Row, Transaction

DEFINED = (
    "DELETE FROM accounts WHERE sandbox_id = ?",
    "DELETE FROM resources WHERE sandbox_id = ?",
    "DELETE FROM resource_changes WHERE sandbox_id = ?",
    "DELETE FROM descriptors WHERE sandbox_id = ?",
    "DELETE FROM datasets WHERE sandbox_id = ?",
    "DELETE FROM flow_resources WHERE sandbox_id = ?",
    "DELETE FROM mapping_sets WHERE sandbox_id = ?",
    "DELETE FROM identity_settings WHERE sandbox_id = ?",
    "DELETE FROM merge_policies WHERE sandbox_id = ?",
    "DELETE FROM destinations WHERE sandbox_id = ?",
    "DELETE FROM projections WHERE sandbox_id = ?",
)
"""One statement for every table of definitions; a test compares them with the schema."""


class Discarded(msgspec.Struct, frozen=True):
    """A store that no sandbox has any more. name: of the sandbox that waits until it is gone.
    removed: it is, but a request that was on its way may still make it anew."""

    org_id: str
    id: SandboxId
    name: str
    discarded_ms: int
    removed: bool


def insert(transaction: Transaction, sandbox: Sandbox) -> None:
    transaction.write(
        "INSERT INTO sandboxes"
        " (org_id, sandbox_id, public_id, name, title, type, is_default, created_ms, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sandbox.org_id,
            sandbox.id,
            sandbox.public_id,
            sandbox.name,
            sandbox.title,
            sandbox.type,
            int(sandbox.is_default),
            sandbox.created_ms,
            sandbox.state.value,
        ),
    )


def set_title(transaction: Transaction, sandbox: Sandbox, title: str) -> None:
    transaction.write(
        "UPDATE sandboxes SET title = ? WHERE org_id = ? AND sandbox_id = ?",
        (title, sandbox.org_id, sandbox.id),
    )


def set_state(transaction: Transaction, sandbox: Sandbox, state: State) -> None:
    transaction.write(
        "UPDATE sandboxes SET state = ? WHERE org_id = ? AND sandbox_id = ?",
        (state.value, sandbox.org_id, sandbox.id),
    )


def wipe(transaction: Transaction, sandbox: Sandbox, *, now_ms: int) -> None:
    """Delete the sandbox's row with all its definitions, and have its store discarded."""
    for statement in DEFINED:
        transaction.write(statement, (sandbox.id,))
    remove(transaction, sandbox)
    transaction.write(
        "INSERT INTO discarded_stores (org_id, sandbox_id, name, discarded_ms, removed)"
        " VALUES (?, ?, ?, ?, 0)",
        (sandbox.org_id, sandbox.id, sandbox.name, now_ms),
    )


def remove(transaction: Transaction, sandbox: Sandbox) -> None:
    """Delete the sandbox's row."""
    transaction.write(
        "DELETE FROM sandboxes WHERE org_id = ? AND sandbox_id = ?", (sandbox.org_id, sandbox.id)
    )


def discarded(reader: Reader) -> list[Discarded]:
    """Every store that is to be removed, or that might still get a late write."""
    rows = reader.read(
        "SELECT org_id, sandbox_id, name, discarded_ms, removed FROM discarded_stores"
        " ORDER BY discarded_ms, sandbox_id"
    )
    return [Discarded(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]


def set_removed(transaction: Transaction, store: Discarded) -> None:
    transaction.write(
        "UPDATE discarded_stores SET removed = 1 WHERE org_id = ? AND sandbox_id = ?",
        (store.org_id, store.id),
    )


def forget_discarded(transaction: Transaction, store: Discarded) -> None:
    """The store is gone for good."""
    transaction.write(
        "DELETE FROM discarded_stores WHERE org_id = ? AND sandbox_id = ?", (store.org_id, store.id)
    )


def every(reader: Reader) -> list[Sandbox]:
    """All sandboxes of all organisations, the oldest first."""
    rows = reader.read(
        "SELECT org_id, sandbox_id, public_id, name, title, type, is_default, created_ms, state"
        " FROM sandboxes ORDER BY created_ms, sandbox_id"
    )
    return [_sandbox(row) for row in rows]


def of_organisation(reader: Reader, org_id: str) -> list[Sandbox]:
    """The sandboxes of one organisation, the oldest first."""
    rows = reader.read(
        "SELECT org_id, sandbox_id, public_id, name, title, type, is_default, created_ms, state"
        " FROM sandboxes WHERE org_id = ? ORDER BY created_ms, sandbox_id",
        (org_id,),
    )
    return [_sandbox(row) for row in rows]


def _sandbox(row: Row) -> Sandbox:
    org_id, sandbox_id, public_id, name, title, type_, is_default, created_ms, state = row
    return Sandbox(
        id=SandboxId(sandbox_id),
        public_id=public_id,
        org_id=org_id,
        name=name,
        title=title,
        type=type_,
        is_default=bool(is_default),
        created_ms=created_ms,
        state=State(state),
    )
