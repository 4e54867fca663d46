"""The tests of clients for Node are left out where there is no Node, and for no other reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients import scripts

NODE_OF_NOW = "echo v99.0.0"


@pytest.fixture
def bin_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory with commands, empty; nothing is installed yet."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setattr(scripts, "INSTALLED", tmp_path / "installed")
    return directory


def put(bin_: Path, name: str, script: str) -> None:
    command = bin_ / name
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


def test_without_node_they_are_skipped(bin_: Path) -> None:
    put(bin_, "npm", "exit 0")
    with pytest.raises(pytest.skip.Exception, match="Node is not installed"):
        scripts.installed(18)


@pytest.mark.parametrize(
    ("node", "npm", "said"),
    [
        ("echo v17.9.1", "exit 0", "needs Node 18 or newer; there is v17.9.1"),
        (NODE_OF_NOW, None, "no npm"),
        (NODE_OF_NOW, "echo no such registry >&2; exit 1", "npm ci failed .*no such registry"),
        (NODE_OF_NOW, "while :; do :; done", "not done after 0.2 s"),
    ],
)
def test_what_cannot_be_installed_fails_them(
    bin_: Path, monkeypatch: pytest.MonkeyPatch, node: str, npm: str | None, said: str
) -> None:
    monkeypatch.setattr(scripts, "INSTALL_SECONDS", 0.2)
    put(bin_, "node", node)
    if npm is not None:
        put(bin_, "npm", npm)
    for _ in range(2):  # nothing that failed counts as done
        with pytest.raises(pytest.fail.Exception, match=said):
            scripts.installed(18)


def test_modules_are_installed_once_for_a_lock(bin_: Path) -> None:
    put(bin_, "node", NODE_OF_NOW)
    put(bin_, "npm", 'echo "$@" >> told')
    assert {scripts.installed(18) for _ in range(3)} == {scripts.INSTALLED / "node_modules"}
    assert (scripts.INSTALLED / "told").read_text() == "ci\n"
