"""API keys: what they may do, how long, and what is kept of them. Source: Intilery contract, 3."""

from __future__ import annotations

from pathlib import Path

import pytest

from onefold.control import accounts, keys, sandboxes
from onefold.control.keys import NewKey, holder_of_token, holder_of_write_key
from onefold.errors import Malformed, NotFound
from onefold.store.snapshot import Definitions, Installation
from tests.unit.control.conftest import ORG, Desk

READ, WRITE = frozenset(("read",)), frozenset(("write",))


def create(desk: Desk, **said: object) -> NewKey:
    wanted = {"client": "acme", "account": "shop", **said}
    return keys.create(desk.engine, desk.clock, desk.ids, **wanted)  # type: ignore[arg-type]


def installation(desk: Desk) -> Installation:
    return Definitions(desk.engine).installation()


def test_secrets_are_shown_once_and_never_kept(desk: Desk, tmp_path: Path) -> None:
    new = create(desk, name="Till")
    assert new.write_key is not None
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("control.db*"))
    for secret in (new.auth_token, new.write_key):
        key_id, _, random = secret.partition("-")
        assert key_id == new.key.key_id
        assert len(random) == 43
        assert random.encode() not in stored
    assert new.key.token_hash in stored
    assert new.auth_token not in repr(new.key)
    assert keys.listed(desk.engine) == [new.key]


def test_each_secret_is_good_for_its_own_purpose_only(desk: Desk) -> None:
    new = create(desk)
    known, now_ms = installation(desk), desk.clock.now_ms()
    assert holder_of_token(known, new.auth_token, now_ms) == new.key
    assert holder_of_write_key(known, str(new.write_key), now_ms) == new.key
    assert holder_of_token(known, str(new.write_key), now_ms) is None
    assert holder_of_write_key(known, new.auth_token, now_ms) is None


def test_only_the_whole_secret_counts(desk: Desk) -> None:
    new, other = create(desk), create(desk)
    known, now_ms = installation(desk), desk.clock.now_ms()
    id_, _, random = new.auth_token.partition("-")
    swapped = f"{other.key.key_id}-{random}"
    for wrong in ("", "-", id_, f"{id_}-", new.auth_token[:-1], f"{new.auth_token}x", swapped):
        assert holder_of_token(known, wrong, now_ms) is None
        assert holder_of_write_key(known, wrong, now_ms) is None
    assert holder_of_token(known, "\udcff-é", now_ms) is None


def test_a_key_without_a_write_key_is_found_by_none(desk: Desk) -> None:
    new = create(desk, writes=False)
    assert new.write_key is None
    assert new.key.target() is None
    for wrong in ("", new.key.key_id, f"{new.key.key_id}-", new.auth_token):
        assert holder_of_write_key(installation(desk), wrong, desk.clock.now_ms()) is None


def test_a_revoked_key_holds_no_more(desk: Desk) -> None:
    new = create(desk)
    keys.revoke(desk.engine, desk.clock, new.key.key_id)
    assert holder_of_token(installation(desk), new.auth_token, desk.clock.now_ms()) is None
    assert [key.revoked_ms for key in keys.listed(desk.engine)] == [desk.clock.now_ms()]
    for unknown in (new.key.key_id, "nobody"):
        with pytest.raises(NotFound, match="CTL-1007"):
            keys.revoke(desk.engine, desk.clock, unknown)
    with pytest.raises(NotFound) as refused:
        keys.revoke(desk.engine, desk.clock, new.auth_token)
    assert new.auth_token not in str(refused.value)


def test_a_key_expires_at_its_time(desk: Desk) -> None:
    now_ms = desk.clock.now_ms()
    new = create(desk, expires_ms=now_ms + 1000)
    known = installation(desk)
    assert holder_of_token(known, new.auth_token, now_ms + 999) == new.key
    assert holder_of_token(known, new.auth_token, now_ms + 1000) is None
    assert holder_of_write_key(known, str(new.write_key), now_ms + 1000) is None
    with pytest.raises(Malformed, match="CTL-1008"):
        create(desk, expires_ms=now_ms)


def test_two_keys_may_be_for_the_same(desk: Desk) -> None:
    old, new = create(desk), create(desk)
    known, now_ms = installation(desk), desk.clock.now_ms()
    assert holder_of_token(known, old.auth_token, now_ms) == old.key
    assert holder_of_token(known, new.auth_token, now_ms) == new.key
    keys.revoke(desk.engine, desk.clock, old.key.key_id)
    assert holder_of_token(installation(desk), new.auth_token, now_ms) == new.key


def test_a_key_is_of_one_client_and_account(desk: Desk) -> None:
    key = create(desk).key
    assert key.grant("acme", "shop", "SHOP") == key.grant("acme", "shop", "KIDS") == READ | WRITE
    assert key.grant("acme", "other", "SHOP") == key.grant("beta", "shop", "SHOP") == frozenset()
    assert key.brands("acme", "shop") is None
    assert key.brands("acme", "other") == key.brands("beta", "shop") == frozenset()
    assert key.target() == ("shop", "SHOP")


def test_a_key_may_be_of_one_brand(desk: Desk) -> None:
    key = create(desk, brand="kids").key
    assert key.grant("acme", "shop", "KIDS") == READ | WRITE
    assert key.grant("acme", "shop", "SHOP") == frozenset()
    assert key.brands("acme", "shop") == frozenset(("KIDS",))
    assert key.target() == ("shop", "KIDS")


def test_a_key_may_only_read_or_only_write(desk: Desk) -> None:
    assert create(desk, writes=False).key.grant("acme", "shop", "SHOP") == READ
    write = create(desk, reads=False).key
    assert write.grant("acme", "shop", "SHOP") == WRITE
    assert write.brands("acme", "shop") == frozenset()
    with pytest.raises(Malformed, match="CTL-1008"):
        create(desk, reads=False, writes=False)


def test_a_key_of_every_account_makes_none_and_has_no_write_key(desk: Desk) -> None:
    with pytest.raises(NotFound, match="CTL-1007"):
        create(desk, account="*")
    accounts.create(desk.engine, desk.clock, desk.ids, client="acme", account="shop")
    before = sandboxes.listed(desk.engine, ORG)
    new = create(desk, client="Acme", account="*")
    assert (new.sandbox, new.write_key, new.key.target()) == (None, None, None)
    assert sandboxes.listed(desk.engine, ORG) == before
    assert new.key.grant("acme", "anything", "ANY") == READ | WRITE
    assert new.key.grant("beta", "anything", "ANY") == frozenset()


def test_keys_outlive_a_reset_of_their_account(desk: Desk) -> None:
    new = create(desk)
    sandboxes.reset(desk.engine, desk.clock, desk.ids, org_id=ORG, name="shop")
    known = installation(desk)
    assert holder_of_token(known, new.auth_token, desk.clock.now_ms()) == new.key
    assert known.accounts == {}
    create(desk)
    assert set(installation(desk).accounts) == {("acme", "shop")}


@pytest.mark.parametrize(
    "said",
    [
        {"name": "x" * 65},
        {"name": "a\x1b[2J"},
        {"rate": 0},
        {"rate": 1_000_001},
        {"burst": -1},
        {"brand": "a b"},
        {"brand": ""},
        {"client": ""},
        {"account": "a.b"},
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(desk: Desk, said: dict[str, object]) -> None:
    with pytest.raises(Malformed, match="CTL-1008"):
        create(desk, **said)
    assert keys.listed(desk.engine) == []
    assert len(sandboxes.listed(desk.engine, ORG)) == 1
