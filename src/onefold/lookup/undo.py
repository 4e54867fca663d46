"""Undo, before it is ordered: whether what a profile record replaced or changed is still known."""

from __future__ import annotations

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.history import is_known_without
from onefold.store.engine import Reader
from onefold.store.tables import superseded


def restorable(reader: Reader, owner: Xid, dataset: str, seq: int) -> bool:
    """Whether the profile record `seq` of an owner and dataset can be undone: what stands without
    it does not rest on records that are not kept any more. Events always can.

    reader: of the profile store. Of a record that is not there (any more), and is none of those not
    kept, the answer is True: there is nothing to do.
    """
    return is_known_without(superseded.outline(reader, (owner, dataset)), seq)
