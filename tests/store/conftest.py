"""The engines on which every table must do the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onefold.store.engine import Engine
from onefold.store.migrate import opened
from onefold.store.packing import Packing


@pytest.fixture(params=["sqlite-file"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty profile store."""
    engine = opened(tmp_path / "profile.db", "profile")
    yield engine
    engine.close()


@pytest.fixture
def packing(engine: Engine) -> Packing:
    """How bodies lie in that store."""
    return Packing(engine)
