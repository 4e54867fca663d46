"""Whom requests are aimed at that nobody should send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.intilery.bytes_sent import Target, attacked


@pytest.fixture(scope="module")
def target(fresh: Callable[[], Path]) -> Iterator[Target]:
    """One target for all tests of a module."""
    with attacked(fresh()) as made:
        yield made
