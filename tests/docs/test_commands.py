"""What README and tutorial tell a reader to type works, and prints what they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.commands import REPOSITORY, blocks, matches, run

PAGES = (
    "README.md",
    "docs/tutorial.md",
    "docs/operating.md",
    "docs/how-to/point-aepp-here.md",
    "docs/how-to/load-a-file.md",
    "docs/how-to/export-profiles.md",
    "docs/how-to/why-and-undo.md",
    "docs/how-to/follow-changes.md",
    "docs/how-to/personalise-a-page.md",
    "docs/how-to/move-from-intilery.md",
    "docs/how-to/move-from-segment.md",
    "docs/how-to/one-customer-two-doors.md",
)
_VARYING = re.compile(r"[0-9A-F]{24}(?=@)|[0-9a-f]{32}|[0-9]+")


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page_work(page: str, tmp_path: Path) -> None:
    for result in run(REPOSITORY / page, tmp_path):
        assert result.status == 0, f"{result.block.command}\n{result.printed}"
        if result.block.shown is not None:
            assert matches(result.block.shown, result.printed), (
                f"{result.block.command}\nprints\n{result.printed}"
            )


def test_readme_shows_what_the_demo_prints() -> None:
    """But for numbers, which differ from run to run."""
    done = subprocess.run(
        [sys.executable, "-m", "onefold", "demo", "--exit"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert done.returncode == 0, done.stderr
    shown = next(b.shown for b in blocks(REPOSITORY / "README.md") if b.kind == "demo")
    assert shown is not None
    assert matches(_VARYING.sub("0", shown), _VARYING.sub("0", done.stdout)), done.stdout
