"""Token buckets: what they give and when, and that processes share them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.api import limiter as module
from onefold.api.limiter import PLACES, SETS, Limiter

RATE, BURST = 100, 500


@pytest.fixture
def limiter() -> Limiter:
    return Limiter()


def drained(limiter: Limiter, name: bytes, now_s: float, burst: int = BURST) -> int:
    """How many tokens the bucket gave before it refused."""
    given = 0
    while limiter.take(name, RATE, burst, now_s).allowed:
        given += 1
    return given


def test_full_bucket_gives_its_burst_and_then_none(limiter: Limiter) -> None:
    assert drained(limiter, b"a", 7.0) == BURST
    refused = limiter.take(b"a", RATE, BURST, 7.0)
    assert refused == (False, BURST, 0, 1, 5)


def test_what_is_left_is_told(limiter: Limiter) -> None:
    assert limiter.take(b"a", RATE, BURST, 0.0) == (True, BURST, 499, 0, 1)
    for _ in range(398):
        limiter.take(b"a", RATE, BURST, 0.0)
    assert limiter.take(b"a", RATE, BURST, 0.0) == (True, BURST, 100, 0, 4)


def test_waiting_as_long_as_was_told_gives_a_token(limiter: Limiter) -> None:
    while (taken := limiter.take(b"a", 1, 3, 10.0)).allowed:
        pass
    assert taken.retry_after_s == 1
    assert not limiter.take(b"a", 1, 3, 10.9).allowed
    assert limiter.take(b"a", 1, 3, 10.0 + taken.retry_after_s).allowed


def test_buckets_fill_as_the_clock_goes_on_and_no_further_than_their_burst(
    limiter: Limiter,
) -> None:
    drained(limiter, b"a", 0.0)
    assert drained(limiter, b"a", 1.5) == 150
    assert drained(limiter, b"a", 3600.0) == BURST


def test_buckets_do_not_touch_each_other(limiter: Limiter) -> None:
    drained(limiter, b"a", 0.0)
    assert drained(limiter, b"b", 0.0) == BURST


def test_a_rate_that_was_lowered_holds_at_once_and_forgets_older_debts(limiter: Limiter) -> None:
    while limiter.take(b"a", 1, 1000, 0.0).allowed:
        pass
    assert limiter.take(b"a", RATE, BURST, 0.0).reset_s == 5  # not the thousand seconds of before
    assert limiter.take(b"a", RATE, BURST, 0.01).allowed


def test_a_clock_that_begins_anew_locks_nobody_out(limiter: Limiter) -> None:
    """As after a start of the machine, if the memory could outlive that."""
    drained(limiter, b"a", 1_000_000.0)
    assert limiter.take(b"a", RATE, BURST, 5.0).retry_after_s == 1


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30)), max_size=30),
    st.integers(1, 50),
    st.integers(1, 40),
)
def test_a_bucket_never_gives_more_than_its_burst_and_what_came_since(
    steps: list[tuple[int, int]], rate: int, burst: int
) -> None:
    limiter, now_s, given_at = Limiter(), 0.0, []
    for wait, asked in steps:
        now_s += wait / 100
        taken = [limiter.take(b"a", rate, burst, now_s) for _ in range(asked)]
        given_at += [now_s for one in taken if one.allowed]
    for first, since in enumerate(given_at):
        for last in range(first, len(given_at)):
            assert last - first + 1 <= burst + (given_at[last] - since) * rate + 1e-6
    # Nor less: who asks for a full bucket's tokens at once gets them.
    assert sum(
        limiter.take(b"a", rate, burst, now_s + burst + 1).allowed for _ in range(99)
    ) >= min(burst, 99)


def test_more_buckets_than_there_is_room_for_push_out_the_fullest(
    limiter: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "hash", lambda name: int(name) * SETS + 3, raising=False)
    for number in range(1, PLACES + 1):
        for _ in range(number + 1):
            limiter.take(b"%d" % number, RATE, BURST, 0.0)
    limiter.take(b"99", RATE, BURST, 0.0)
    assert limiter.take(b"2", RATE, BURST, 0.0).remaining == BURST - 4  # still there
    assert limiter.take(b"1", RATE, BURST, 0.0).remaining == BURST - 1  # it was the fullest


def test_threads_share_a_bucket(limiter: Limiter) -> None:
    with ThreadPoolExecutor(8) as pool:
        given = sum(pool.map(lambda _: drained(limiter, b"a", 0.0), range(8)))
    assert given == BURST


def test_processes_share_a_bucket_and_leave_others_alone(limiter: Limiter) -> None:
    """Each child says through its end how many it got."""
    children = [forked(lambda: drained(limiter, b"a", 0.0, burst=200)) for _ in range(4)]
    assert sum(ended(child) for child in children) == 200
    assert not limiter.take(b"a", RATE, 200, 0.0).allowed
    assert drained(limiter, b"b", 0.0) == BURST


def test_a_process_that_is_killed_holds_up_nobody(limiter: Limiter) -> None:
    """It is killed while it holds the lock of the bucket's set."""
    reader, writer = os.pipe()

    def hold() -> int:
        def taken(*_: object) -> None:
            os.write(writer, b"x")
            time.sleep(600)

        limiter._taken = taken  # type: ignore[method-assign,assignment]  # stops with the lock
        limiter.take(b"a", RATE, BURST, 0.0)
        return 0

    child = forked(hold)
    os.read(reader, 1)
    waiting = threading.Thread(target=limiter.take, args=(b"a", RATE, BURST, 0.0), daemon=True)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    os.kill(child, signal.SIGKILL)
    waiting.join(5)
    assert not waiting.is_alive()
    os.waitpid(child, 0)
    for end in (reader, writer):
        os.close(end)
    assert limiter.take(b"a", RATE, BURST, 0.0).remaining == BURST - 2


def forked(run: Callable[[], int]) -> int:
    pid = os.fork()
    if pid == 0:
        status = 255
        try:
            status = run()
        finally:
            sys.stdout.flush()
            os._exit(status)
    return pid


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
