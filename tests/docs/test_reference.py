"""Every code, setting, metric, route and command is documented, and links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from onefold.api.routes import ROUTES
from onefold.config import SETTINGS
from onefold.errors import CODES
from onefold.observe.metrics import METRICS
from tests.docs.generate import REFERENCE, REPOSITORY, pages

COMMANDS = (
    "init",
    "serve",
    "demo",
    "token",
    "doctor",
    "project create",
    "project permissions",
    "explain profile",
    "explain link",
    "failed list",
    "failed show",
    "failed summary",
    "failed replay",
)
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_generated_page_is_fresh(path: Path) -> None:
    """`make docs` writes them."""
    assert path.read_text() == pages()[path]


def test_every_code_is_documented() -> None:
    text = (REFERENCE / "errors.md").read_text()
    assert [code for code in CODES if f"`{code}`" not in text] == []


def test_every_setting_is_documented() -> None:
    text = (REFERENCE / "settings.md").read_text()
    assert [s.name for s in SETTINGS if f"`ONEFOLD_{s.name.upper()}`" not in text] == []


def test_every_metric_is_documented() -> None:
    text = (REFERENCE / "metrics.md").read_text()
    assert [name for name, _ in METRICS.values() if f"`{name}" not in text] == []


def test_every_route_is_documented() -> None:
    """Each has a heading or stands under the heading of its twin."""
    text = (REFERENCE / "http.md").read_text()
    assert [r for r in (f"`{r.method} {r.path}`" for r in ROUTES) if r not in text] == []


def test_routes_that_are_documented_are_served() -> None:
    named = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`\s]*)`", _page("reference/http.md"))
    served = {f"{route.method} {route.path}" for route in ROUTES}
    assert set(named) - served == set()


def test_codes_that_pages_name_exist() -> None:
    families = "|".join({code.partition("-")[0] for code in CODES})
    for page in _pages():
        named = re.findall(rf"\b(?:{families})-\d{{4}}\b", page.read_text())
        assert set(named) - CODES.keys() == set(), page


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    printed = _help(*command.split())
    assert f"onefold {command}" in printed.partition("Example")[2]


def test_help_names_every_command() -> None:
    printed = _help()
    assert [c for c in COMMANDS if c.split()[0] not in printed] == []
    assert "Example" in printed


def test_every_command_is_documented() -> None:
    text = _page("operating.md")
    assert [command for command in COMMANDS if f"onefold {command}" not in text] == []


def test_links_lead_somewhere() -> None:
    dead = [
        f"{page.relative_to(REPOSITORY)}: {target}"
        for page in _pages()
        for target in _LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert dead == []


def _page(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text()


def _pages() -> list[Path]:
    return [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def _help(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "onefold", *command, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
