"""Every code has a status, and the statuses are those of the contract."""

from __future__ import annotations

from onefold.api.problem import STATUS
from onefold.errors import CODES


def test_every_code_has_exactly_one_status() -> None:
    assert set(STATUS) == set(CODES)
