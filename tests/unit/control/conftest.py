"""A control database with one organisation and one sandbox, and seeded ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from onefold.control import sandboxes
from onefold.domain.sandbox import Sandbox
from onefold.store.engine import Engine
from onefold.store.migrate import opened
from onefold.store.tables import organisations
from onefold.store.tables.generation import change
from onefold.store.tables.organisations import Organisation
from onefold.testing.clock import SimClock, SimIds

ORG = "0123456789ABCDEF01234567@AdobeOrg"


class Desk(NamedTuple):
    """What every function of the control plane asks for."""

    engine: Engine
    clock: SimClock
    ids: SimIds
    sandbox: Sandbox


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    engine = opened(tmp_path / "control.db", "control")
    clock, ids = SimClock(), SimIds(1)
    with change(engine) as transaction:
        organisations.insert(transaction, Organisation(ORG, "Acme", "acme", 0))
    sandbox = sandboxes.create(engine, clock, ids, org_id=ORG, name="prod", title="")
    yield Desk(engine, clock, ids, sandbox)
    engine.close()
