"""Making an installation: all of it or nothing, and never over another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onefold.control import credentials, installation, starter
from onefold.control.installation import Installed
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.migrate import opened
from onefold.store.snapshot import Definitions
from onefold.testing.clock import SimClock, SimIds


def create(data: Path, org_name: str = "Acme Stores") -> Installed:
    return installation.create(data, SimClock(), SimIds(1), org_name=org_name)


def files(data: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(data)): path.read_bytes()
        for path in sorted(data.rglob("*"))
        if path.is_file()
    }


def test_an_installation_is_complete_and_private(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    made = create(data)
    assert made.organisation.id.endswith("@AdobeOrg")
    assert len(made.organisation.id) == 24 + len("@AdobeOrg")
    assert made.organisation.tenant_id == "acmestores"
    assert made.private_key == data / "private.key"
    assert set(files(data)) == {"control.db", "keys/ims.pem", "private.key"}
    assert data.stat().st_mode & 0o777 == 0o700
    for name in ("keys/ims.pem", "private.key"):
        assert (data / name).stat().st_mode & 0o777 == 0o600
    assert installation.signing_key(data).key_size == 2048
    engine = opened(data / "control.db", "control")
    known = Definitions(engine).installation()
    assert [s.name for s in known.sandboxes] == ["prod"]
    assert known.sandboxes[0].is_default
    assert credentials.is_secret(known.credentials[made.client_id], made.client_secret)
    assert made.starter is not None
    assert set(made.starter.datasets) == {starter.REGISTRATIONS, starter.LOGINS, starter.EVENTS}
    engine.close()


def test_a_second_one_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    create(tmp_path / "data")
    before = files(tmp_path / "data")
    with pytest.raises(Conflict, match="CTL-1001"):
        create(tmp_path / "data", "Other")
    assert files(tmp_path / "data") == before


def test_an_empty_directory_may_exist_as_a_mount_point_does(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    create(tmp_path)
    assert (tmp_path / "control.db").exists()


def test_a_directory_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    mode = tmp_path.stat().st_mode
    with pytest.raises(Malformed, match="CTL-1008"):
        create(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.txt"]
    assert tmp_path.stat().st_mode == mode
    with pytest.raises(Malformed, match="CTL-1008"):
        create(tmp_path / "thesis.txt")


def test_a_name_without_letters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="CTL-1008"):
        create(tmp_path / "data", "!?")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("step", ["sandboxes", "credentials", "starter", "_moved"])
def test_an_attempt_that_fails_leaves_no_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if step == "_moved":
            patched.setattr(installation, step, fail)
        else:
            name = "furnish" if step == "starter" else "create"
            patched.setattr(getattr(installation, step), name, fail)
        with pytest.raises(OSError, match="No space"):
            create(tmp_path)
    assert files(tmp_path) == {}
    create(tmp_path)


def test_what_a_killed_attempt_left_does_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".init-0011").mkdir()
    (tmp_path / ".init-0011" / "control.db").write_text("half")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ims.pem").write_text("old")
    (tmp_path / "private.key").write_text("old")
    create(tmp_path)
    assert set(files(tmp_path)) == {"control.db", "keys/ims.pem", "private.key"}
    assert installation.signing_key(tmp_path)


def test_the_signing_key_must_be_there_and_rsa(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="CTL-1002"):
        installation.require(tmp_path)
    create(tmp_path)
    pem = tmp_path / "keys" / "ims.pem"
    for content in (b"rubbish", ED25519):
        pem.write_bytes(content)
        with pytest.raises(NotFound, match="CTL-1002"):
            installation.signing_key(tmp_path)
    pem.unlink()
    with pytest.raises(NotFound, match="CTL-1002"):
        installation.signing_key(tmp_path)


ED25519 = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
"""
