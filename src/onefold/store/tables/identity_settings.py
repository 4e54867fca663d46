"""Identity settings of a sandbox; none until somebody saves them."""

from __future__ import annotations

import msgspec

from onefold.domain.graph.settings import IdentitySettings
from onefold.store.engine import Reader, Transaction
from onefold.wire import encode_json

_decode = msgspec.json.Decoder(IdentitySettings).decode


def put(transaction: Transaction, sandbox_id: str, settings: IdentitySettings) -> None:
    """Write the settings in the place of those before."""
    transaction.write(
        "INSERT INTO identity_settings (sandbox_id, document) VALUES (?, ?)"
        " ON CONFLICT (sandbox_id) DO UPDATE SET document = excluded.document",
        (sandbox_id, encode_json(settings).decode()),
    )


def delete(transaction: Transaction, sandbox_id: str) -> None:
    transaction.write("DELETE FROM identity_settings WHERE sandbox_id = ?", (sandbox_id,))


def of_sandbox(reader: Reader, sandbox_id: str) -> IdentitySettings | None:
    """The settings that are saved now."""
    rows = reader.read("SELECT document FROM identity_settings WHERE sandbox_id = ?", (sandbox_id,))
    return _decode(rows[0][0]) if rows else None
