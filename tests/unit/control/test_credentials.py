"""Credentials: what is kept of a secret, and what is not."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from onefold.control import credentials
from onefold.errors import Malformed, NotFound
from tests.unit.control.conftest import ORG, Desk


def test_secret_and_private_key_are_shown_once_and_never_kept(desk: Desk) -> None:
    new = credentials.create(desk.engine, desk.clock, desk.ids, org_id=ORG, name="Till")
    made = new.credential
    assert len(made.client_id) == 32
    assert new.client_secret.startswith("p8-")
    assert made.technical_account.endswith("@techacct.adobe.com")
    assert credentials.listed(desk.engine, ORG) == [made]
    everything = str(desk.engine.read("SELECT * FROM credentials"))
    assert new.client_secret not in everything
    assert "PRIVATE KEY" not in everything
    assert new.private_key.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_the_certificate_belongs_to_the_private_key(desk: Desk) -> None:
    new = credentials.create(desk.engine, desk.clock, desk.ids, org_id=ORG, name="Till")
    certificate = x509.load_pem_x509_certificate(new.credential.certificate.encode())
    key = load_pem_private_key(new.private_key, password=None)
    assert certificate.public_key() == key.public_key()


def test_only_the_whole_secret_counts(desk: Desk) -> None:
    new = credentials.create(desk.engine, desk.clock, desk.ids, org_id=ORG, name="Till")
    assert credentials.is_secret(new.credential, new.client_secret)
    for wrong in ("", new.client_secret[:-1], new.client_secret + "x", "\udcff"):
        assert not credentials.is_secret(new.credential, wrong)


def test_names_and_revocations_are_checked(desk: Desk) -> None:
    for name in ("", " ", "x" * 65):
        with pytest.raises(Malformed, match="CTL-1008"):
            credentials.create(desk.engine, desk.clock, desk.ids, org_id=ORG, name=name)
    with pytest.raises(NotFound, match="CTL-1007"):
        credentials.revoke(desk.engine, desk.clock, org_id=ORG, client_id="0")
