"""Sandboxes of an organisation."""

from __future__ import annotations

from onefold.domain.sandbox import Sandbox, SandboxId
from onefold.store.engine import Reader, Row, Transaction


def insert(transaction: Transaction, sandbox: Sandbox) -> None:
    transaction.write(
        "INSERT INTO sandboxes (org_id, sandbox_id, name, title, type, is_default, created_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            sandbox.org_id,
            sandbox.id,
            sandbox.name,
            sandbox.title,
            sandbox.type,
            int(sandbox.is_default),
            sandbox.created_ms,
        ),
    )


def set_title(transaction: Transaction, sandbox: Sandbox, title: str) -> None:
    transaction.write(
        "UPDATE sandboxes SET title = ? WHERE org_id = ? AND sandbox_id = ?",
        (title, sandbox.org_id, sandbox.id),
    )


def every(reader: Reader) -> list[Sandbox]:
    """All sandboxes of all organisations, the oldest first."""
    rows = reader.read(
        "SELECT org_id, sandbox_id, name, title, type, is_default, created_ms"
        " FROM sandboxes ORDER BY created_ms, sandbox_id"
    )
    return [_sandbox(row) for row in rows]


def of_organisation(reader: Reader, org_id: str) -> list[Sandbox]:
    """The sandboxes of one organisation, the oldest first."""
    rows = reader.read(
        "SELECT org_id, sandbox_id, name, title, type, is_default, created_ms"
        " FROM sandboxes WHERE org_id = ? ORDER BY created_ms, sandbox_id",
        (org_id,),
    )
    return [_sandbox(row) for row in rows]


def _sandbox(row: Row) -> Sandbox:
    org_id, sandbox_id, name, title, type_, is_default, created_ms = row
    return Sandbox(
        id=SandboxId(sandbox_id),
        org_id=org_id,
        name=name,
        title=title,
        type=type_,
        is_default=bool(is_default),
        created_ms=created_ms,
    )
