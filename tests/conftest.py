"""One installation is made for all tests; each test gets a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from onefold.testing.app import App, install


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory as `onefold init` leaves it; to be copied."""
    data = tmp_path_factory.mktemp("installed")
    install(data)
    return data


@pytest.fixture
def data(installed: Path, tmp_path: Path) -> Path:
    """A fresh installation."""
    return Path(shutil.copytree(installed, tmp_path / "data"))


@pytest.fixture
def app(data: Path) -> Iterator[App]:
    """A fresh installation and the application over it."""
    app = App(data)
    yield app
    app.close()


@pytest.fixture(scope="module")
def shared(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One application for all tests of a module that disturb none of the others."""
    data = tmp_path_factory.mktemp("shared") / "data"
    shutil.copytree(installed, data)
    app = App(data, sync_validations_per_minute=1_000_000)
    yield app
    app.close()
