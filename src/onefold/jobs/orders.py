"""Orders: what jobs have the pipeline take out of the profile store, and waiting until it has."""

from __future__ import annotations

from collections.abc import Iterator

from onefold.domain import removal
from onefold.domain.removal import Removal
from onefold.jobs.workshop import WAIT, Workshop
from onefold.journal import Accepted
from onefold.store.tables.progress import progress
from onefold.wire import JSON


def order(shop: Workshop, trace: str, what: Removal) -> int:
    """Append the order; answer its position, 0 when there is nothing to order."""
    if not what:
        return 0
    now_ms = shop.clock.now_ms()
    message = removal.encode(what)
    return shop.journal.append([Accepted(trace, now_ms, "", "", message, removal=True)])


def applied(shop: Workshop, position: int | None = None) -> Iterator[JSON]:
    """Steps until the pipeline has passed a position, by default the journal's end as it is now."""
    profile = shop.places.profile(shop.sandbox.id)
    end = shop.journal.end().position if position is None else position
    while progress(profile).position < end:
        yield WAIT
