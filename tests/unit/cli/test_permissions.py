"""project create --permission, and project permissions: what they store, print and refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.running import printed, run


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_project_may_do_everything_unless_said_otherwise(
    installed: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("project", "create", "All", "--data", installed, "--out", out) == 0
    made = printed(capsys)
    assert made["permissions"] == {"*": ["*"]}
    assert run("project", "permissions", made["client_id"], "--data", installed) == 0
    assert printed(capsys) == {
        "name": "All",
        "client_id": made["client_id"],
        "permissions": {"*": ["*"]},
    }


def test_permissions_are_said_at_creation_and_anew(
    installed: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--permission", "view-profiles", "--permission", "manage-datasets:write")
    assert (
        run(
            "project", "create", "Few", "--data", installed, "--out", out, *few, "--sandbox", "prod"
        )
        == 0
    )
    made = printed(capsys)
    assert made["permissions"] == {"prod": ["view-profiles", "manage-datasets:write"]}
    show = ("project", "permissions", made["client_id"], "--data", installed)
    assert run(*show, "--add", "--permission", "view-schemas", "--permission", "view-profiles") == 0
    assert printed(capsys)["permissions"] == {
        "prod": ["view-profiles", "manage-datasets:write"],
        "*": ["view-schemas", "view-profiles"],
    }
    assert run(*show, "--sandbox", "prod") == 0
    assert printed(capsys)["permissions"] == {"prod": ["*"]}
    assert run(*show, "--permission", "view-schemas") == 0
    assert run(*show) == 0
    assert printed(capsys)["permissions"] == {"*": ["view-schemas"]}


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--permission", "fly"), "No permission 'fly'"),
        (("--permission", "view-schemas:write"), "view-schemas has the actions read"),
        (("--sandbox", "nowhere"), "No sandbox has the name nowhere"),
    ],
)
def test_unknown_names_are_refused_in_one_line(
    installed: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, str],
    fault: str,
) -> None:
    assert run("project", "create", "X", "--data", installed, "--out", out, *arguments) == 1
    assert fault in capsys.readouterr().err
    assert not list(out.iterdir())


def test_an_unknown_project_is_refused(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("project", "permissions", "nobody", "--data", installed) == 1
    assert "No project has the client id nobody" in capsys.readouterr().err
