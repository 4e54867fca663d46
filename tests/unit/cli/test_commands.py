"""init, token and project: what they print, write and refuse."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509

from tests.unit.cli.running import run


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_init_prints_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--data", tmp_path / "data", "--org-name", "Acme") == 0
    made = printed(capsys)
    assert set(made) == {
        "org_id",
        "tenant_id",
        "client_id",
        "client_secret",
        "technical_account_id",
        "private_key",
        "sandbox",
        "inlet_id",
        "authenticated_inlet_id",
        "datasets",
    }
    assert made["sandbox"] == "prod"
    assert made["tenant_id"] == "acme"
    assert Path(made["private_key"]).read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert Path(made["private_key"]).stat().st_mode & 0o777 == 0o600
    assert {frozenset(one) for one in made["datasets"].values()} == {frozenset({"id", "schema"})}


def test_a_second_init_says_so_in_one_line(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("init", "--data", installed) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"onefold: {installed} holds an installation already - Choose another.\n"


def test_token_prints_a_token(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("token", "--data", installed) == 0
    token = capsys.readouterr().out.strip()
    assert jwt.get_unverified_header(token)["alg"] == "RS256"


def test_token_needs_an_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("token", "--data", tmp_path) == 1
    assert "Run `onefold init` first." in capsys.readouterr().err


def test_project_create_writes_what_a_developer_downloads(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "project"
    capsys.readouterr()
    assert run("project", "create", "Call centre", "--data", installed, "--out", out) == 0
    made = printed(capsys)
    for name in ("config.zip", "service.postman_environment.json"):
        assert (out / name).stat().st_mode & 0o777 == 0o600
    archive = zipfile.ZipFile(io.BytesIO((out / "config.zip").read_bytes()))
    assert archive.namelist() == ["certificate_pub.crt", "private.key"]
    assert x509.load_pem_x509_certificate(archive.read("certificate_pub.crt"))
    assert archive.read("private.key").startswith(b"-----BEGIN PRIVATE KEY-----")
    environment = json.loads((out / "service.postman_environment.json").read_text())
    values = {value["key"]: value["value"] for value in environment["values"]}
    assert values["API_KEY"] == made["client_id"]
    assert values["IMS_ORG"] == made["org_id"]
    assert values["TECHNICAL_ACCOUNT_ID"] == made["technical_account_id"]
    assert values["IMS"] == "127.0.0.1:8080"
    assert values["META_SCOPE"] == "ent_dataservices_sdk"
    empty = {key for key, value in values.items() if not value}
    assert empty == {"PRIVATE_KEY", "JWT_TOKEN", "ACCESS_TOKEN"}


def test_project_create_overwrites_nothing(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.zip").write_text("mine")
    assert run("project", "create", "P", "--data", installed, "--out", tmp_path) == 1
    assert (tmp_path / "config.zip").read_text() == "mine"
    assert "config.zip exists" in capsys.readouterr().err


def test_trouble_with_files_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run("init", "--data", tmp_path / "file" / "data") == 1
    assert capsys.readouterr().err.startswith("onefold: Not a directory: ")


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("init",),
        ("serve",),
        ("token",),
        ("doctor",),
        ("project", "create"),
        ("project", "permissions"),
    ],
)
def test_every_command_has_help_with_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command, "--help") == 0
    assert not command or "Example:" in capsys.readouterr().out
