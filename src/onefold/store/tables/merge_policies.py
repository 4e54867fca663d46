"""Merge policies of a sandbox."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from onefold.domain.profile.merge_policy import MergePolicy
from onefold.store.engine import Reader, Transaction
from onefold.wire import encode_json

_decode = msgspec.json.Decoder(MergePolicy).decode


def put(transaction: Transaction, sandbox_id: str, policies: Iterable[MergePolicy]) -> None:
    """Write policies; those whose id exists are replaced."""
    transaction.write_many(
        "INSERT INTO merge_policies (sandbox_id, policy_id, document) VALUES (?, ?, ?)"
        " ON CONFLICT (sandbox_id, policy_id) DO UPDATE SET document = excluded.document",
        [(sandbox_id, policy.id, encode_json(policy).decode()) for policy in policies],
    )


def delete(transaction: Transaction, sandbox_id: str, policy_id: str) -> None:
    transaction.write(
        "DELETE FROM merge_policies WHERE sandbox_id = ? AND policy_id = ?", (sandbox_id, policy_id)
    )


def of_sandbox(reader: Reader, sandbox_id: str) -> list[MergePolicy]:
    """Every policy of the sandbox, in the order of creation."""
    rows = reader.read(
        "SELECT document FROM merge_policies WHERE sandbox_id = ? ORDER BY rowid", (sandbox_id,)
    )
    return [_decode(document) for (document,) in rows]
