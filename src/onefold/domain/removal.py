"""What is to be taken out of the profile store, and nothing else: a removal names every row by its
key and by the number of the record that wrote it, so that what came later stays.

Removals go through the journal, in order with the records, since only the pipeline writes profiles.
"""

from __future__ import annotations

import msgspec

from onefold.domain.identity.identity import Xid

ROWS_MAX = 1_000
"""Rows of one removal. More are split, so that no transaction holds up ingestion for long."""


class Removal(msgspec.Struct, frozen=True, array_like=True):
    """Rows to take out.

    events: (owner, event id, record number). fragments: (owner, dataset, record number).
    identities: they lose all their links, and are forgotten when they own nothing any more.
    failed: numbers of failed records that keep their place in the counts and lose what was sent.
    """

    events: list[tuple[Xid, str, int]] = []
    fragments: list[tuple[Xid, str, int]] = []
    identities: list[Xid] = []
    failed: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.events or self.fragments or self.identities or self.failed)


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Removal).decode
