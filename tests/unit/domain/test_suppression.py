"""Suppressions: keys tell the same things apart in every process, and name nobody."""

from __future__ import annotations

from onefold.domain.identity.identity import Xid
from onefold.domain.sandbox import SandboxId
from onefold.domain.suppression import EVER, Keys, of_event, of_identity, of_record

A, B = Xid("A"), Xid("B")
KEYS = Keys(SandboxId("one"))


def test_equal_things_have_equal_keys_in_one_store_only() -> None:
    assert KEYS.identity(A) == Keys(SandboxId("one")).identity(A)
    assert KEYS.identity(A) != Keys(SandboxId("two")).identity(A)


def test_different_things_have_different_keys() -> None:
    keys = [
        KEYS.identity(A),
        KEYS.identity(B),
        KEYS.event(A, "B"),
        KEYS.event(B, "A"),
        KEYS.event(Xid("AB"), ""),
        KEYS.record(A, "ds", b'{"a":1}'),
        KEYS.record(A, "ds", b'{"a":2}'),
        KEYS.record(A, "other", b'{"a":1}'),
        KEYS.record(A, "ds", b'{"a":1}', "merge"),
    ]
    assert len(set(keys)) == len(keys)


def test_the_order_of_fields_is_not_content() -> None:
    one = KEYS.record(A, "ds", b'{"a":{"x":1,"y":2},"b":1}')
    assert one == KEYS.record(A, "ds", b'{"b": 1, "a": {"y": 2, "x": 1}}')


def test_what_is_undone_is_kept_out_for_ever() -> None:
    assert of_event(KEYS, A, "e-1", dataset="ds", request="r").until_ms == EVER
    assert of_record(KEYS, A, "ds", b"{}").key == KEYS.record(A, "ds", b"{}")
    assert of_identity(KEYS, A, until_ms=7).until_ms == 7
