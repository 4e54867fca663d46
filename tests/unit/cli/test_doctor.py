"""`onefold doctor` beside a server that goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from onefold.control.starter import EVENTS
from onefold.lake.lake import Figures, Lake
from onefold.testing.app import App
from tests.contract.people import ecid, event
from tests.unit.cli.running import run


@pytest.fixture
def landed(data: Path) -> Path:
    """An installation whose lake has a record."""
    app = App(data)
    app.ingest(EVENTS, event("e-1", ("ECID", ecid(1))))
    app.drain()
    app.land()
    app.close()
    return data


@pytest.mark.parametrize(("torn", "status"), [(1, 0), (1000, 1)])
def test_the_lake_is_wrong_when_it_is_so_at_a_second_look(
    landed: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    torn: int,
    status: int,
) -> None:
    """A removal takes rows away while they are counted."""
    looks = 0
    real = Lake.figures

    def figures(lake: Lake) -> Figures:
        nonlocal looks
        looks += 1
        found = real(lake)
        return replace(found, rows=dict.fromkeys(found.rows, 0)) if looks <= torn else found

    monkeypatch.setattr(Lake, "figures", figures)
    capsys.readouterr()
    assert run("doctor", "--data", landed) == status
    said = capsys.readouterr().out
    assert ("WRONG" in said) is bool(status)
    assert "the lake has the rows it counts" in said
