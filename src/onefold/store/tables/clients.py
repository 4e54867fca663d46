"""Clients: what organisations are called where calls come in. An organisation has one such name at
most, and for ever. Source: Intilery contract, section 2.
"""

from __future__ import annotations

from onefold.store.engine import Reader, Transaction


def insert(transaction: Transaction, org_id: str, client: str) -> None:
    transaction.write("INSERT INTO clients (org_id, client) VALUES (?, ?)", (org_id, client))


def every(reader: Reader) -> dict[str, str]:
    """The ids of the organisations that have a name, by the name."""
    rows = reader.read("SELECT client, org_id FROM clients ORDER BY client")
    return dict(rows)
