"""Processes of jobs that are killed in the midst of their work, and those that come after them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from onefold import server
from onefold.testing.app import App


class Killed(BaseException):
    """Stands for `kill -9`."""


def jobs_of(app: App) -> server.Jobs:
    """The jobs as a new process has them."""
    return server.Jobs(app.settings, places=app.places, bell=app.bell, clock=app.clock)


@contextmanager
def killed_behind(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, at: int
) -> Iterator[None]:
    """A block that ends as if its process were killed behind a call of `name` of the owner, when
    that is done and nobody knows of it. at: which call, counted from 0; may never come."""
    calls = 0
    real = getattr(owner, name)

    def dying(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        result = real(*given, **named)
        if calls == at + 1:
            raise Killed
        return result

    with monkeypatch.context() as patched, suppress(Killed):
        patched.setattr(owner, name, dying)
        yield
