"""Accounts that libraries send to."""

from __future__ import annotations

import pytest

from onefold.testing.app import App
from tests.contract.segment.arrivals import Source


@pytest.fixture
def source(app: App) -> Source:
    """An account of the test's own."""
    return Source(app)


@pytest.fixture(scope="module")
def known(shared: App) -> Source:
    """One account for all tests of a module that disturb none of the others."""
    return Source(shared)
