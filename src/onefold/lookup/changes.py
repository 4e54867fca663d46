"""Changes: what happened to the people of a sandbox, for those who follow it."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from onefold.domain.graph.regrouping import Kind
from onefold.domain.sandbox import SandboxId
from onefold.errors import Conflict
from onefold.store.engine import Engine
from onefold.store.places import Places
from onefold.store.tables import changes
from onefold.store.tables.changes import Change
from onefold.store.tables.progress import progress

LOOKED_MAX = 10_000
"""Changes that one page passes over when it is asked for some kinds only."""


class Page(msgspec.Struct, frozen=True):
    """Some changes. upto: where to go on; there may be some behind it if it is not the newest.
    position: of the journal, which the profiles know of at that moment."""

    changes: list[Change]
    upto: int
    newest: int
    position: int


class Log:
    """The changes of one sandbox's store. It stays with that store, whatever becomes of it."""

    def __init__(self, store: Engine) -> None:
        self._store = store

    def newest(self) -> int:
        """The number of the newest change, 0 when there is none."""
        return changes.bounds(self._store)[1]

    def page(self, after: int, *, limit: int, kinds: Collection[Kind] = tuple(Kind)) -> Page:
        """Up to `limit` changes of these kinds behind a number, the oldest first. A page may have
        fewer, or none, and there is more behind it all the same.

        Raises Conflict CHG-1001 when the log has lost changes behind that number, or has never come
        to it.
        """
        with self._store.reading() as reader:
            oldest, newest = changes.bounds(reader)
            if not max(oldest - 1, 0) <= after <= newest:
                raise Conflict("CHG-1001", f"The log has the changes from {oldest} to {newest}")
            to = min(newest, after + LOOKED_MAX)
            if to == after:
                return Page([], after, newest, 0)
            found = changes.after(reader, after, limit=limit, to=to, kinds=kinds)
            upto = found[-1].number if len(found) == limit else to
            return Page(found, upto, newest, progress(reader).position)


class Changes:
    """The logs of all sandboxes. Safe to share between threads."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def log(self, sandbox: SandboxId) -> Log:
        """The log of one sandbox."""
        return Log(self._places.profile(sandbox))
