"""One installation is made for all tests; each test gets a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onefold.testing.app import App, install


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory as `onefold init` leaves it; to be copied."""
    data = tmp_path_factory.mktemp("installed")
    install(data)
    return data


@pytest.fixture(scope="session")
def fresh(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes fresh installations: for fixtures that last longer than a test, and for second ones."""

    def made() -> Path:
        return Path(shutil.copytree(installed, tmp_path_factory.mktemp("fresh") / "data"))

    return made


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
def shared(fresh: Callable[[], Path]) -> Iterator[App]:
    """One application for all tests of a module that disturb none of the others."""
    app = App(fresh(), sync_validations_per_minute=1_000_000)
    yield app
    app.close()
