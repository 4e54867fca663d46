"""An installation that a command has made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.running import run


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests of a module, of the organisation Acme."""
    data = tmp_path_factory.mktemp("cli") / "data"
    assert run("init", "--data", data, "--org-name", "Acme") == 0
    return data
