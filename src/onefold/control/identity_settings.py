"""Identity settings: save, read, take away. Source: identity contract, 7.1.

Whatever is saved holds from the next batch of records on, whole. Graphs that exist change when a
record next links something in them; events that are stored keep their primary identity.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from onefold.control import namespaces
from onefold.domain.graph.settings import IdentitySettings, checked
from onefold.domain.identity.namespace import NamespaceBook
from onefold.domain.sandbox import Sandbox
from onefold.errors import NotFound
from onefold.store.engine import Engine, Reader
from onefold.store.tables import identity_settings
from onefold.store.tables.generation import change


def save(
    engine: Engine,
    sandbox: Sandbox,
    named: Sequence[tuple[str, bool]],
    lookup_only: Collection[str] = (),
) -> IdentitySettings:
    """Save settings in the place of those before.

    named: codes of namespaces, the highest priority first, and whether each is unique per graph.
    lookup_only: those of them that find somebody and link nobody. Raises Malformed CTL-1008 as
    `domain.graph.settings.checked` does.
    """
    with change(engine) as transaction:
        book = NamespaceBook(namespaces.listed(transaction, sandbox.org_id))
        settings = checked(named, book, lookup_only)
        identity_settings.put(transaction, sandbox.id, settings)
    return settings


def got(reader: Reader, sandbox: Sandbox) -> IdentitySettings:
    """The settings that are saved. Raises NotFound CTL-1007 when there are none."""
    settings = identity_settings.of_sandbox(reader, sandbox.id)
    if settings is None:
        raise NotFound("CTL-1007", "No identity settings are saved: linking rules are off")
    return settings


def delete(engine: Engine, sandbox: Sandbox) -> None:
    """Switch linking rules off. Raises NotFound CTL-1007 when they are."""
    with change(engine) as transaction:
        got(transaction, sandbox)
        identity_settings.delete(transaction, sandbox.id)
