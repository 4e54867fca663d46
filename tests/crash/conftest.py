"""One server of processes for each test that kills some of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.serving import Server, served


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A running server with as many HTTP workers as the module's WORKERS says; one without it."""
    with served(tmp_path / "data", workers=getattr(request.module, "WORKERS", 1)) as running:
        yield running
