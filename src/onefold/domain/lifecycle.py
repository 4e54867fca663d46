"""Lifecycle: the states of sandboxes and of batches, and which may follow which.

Of sandboxes only an active one answers. A new one is active with the transaction that makes it, so
`creating` is said and never stored. One that is reset or deleted waits in between until its old
store is gone from the disk; it has failed when that cannot be done, and waits on. Source: platform
contract, section 4.
"""

from __future__ import annotations

from enum import StrEnum

from onefold.errors import Conflict


class State(StrEnum):
    """Of a sandbox, as the API names them."""

    CREATING = "creating"
    ACTIVE = "active"
    RESETTING = "resetting"
    DELETED = "deleted"
    FAILED = "failed"


MOVES: dict[State, frozenset[State]] = {
    State.CREATING: frozenset((State.ACTIVE, State.FAILED)),
    State.ACTIVE: frozenset((State.RESETTING, State.DELETED)),
    State.RESETTING: frozenset((State.ACTIVE, State.FAILED)),
    State.FAILED: frozenset((State.ACTIVE, State.RESETTING, State.DELETED)),
    State.DELETED: frozenset(),
}
"""State -> the states that may follow."""


def moved(before: State, after: State) -> State:
    """`after`, if it may follow. Raises Conflict CTL-1010."""
    if after not in MOVES[before]:
        raise Conflict("CTL-1010", f"A sandbox that is {before} cannot become {after}", at="state")
    return after


class BatchState(StrEnum):
    """Of a batch, as the API names them. Source: ingestion contract, 7.5."""

    LOADING = "loading"
    LOADED = "loaded"
    STAGING = "staging"
    STAGED = "staged"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILED = "failed"
    ABORTED = "aborted"
    ABANDONED = "abandoned"
    INACTIVE = "inactive"
    DELETED = "deleted"


BATCH_MOVES: dict[BatchState, frozenset[BatchState]] = {
    BatchState.LOADING: frozenset(
        (BatchState.LOADED, BatchState.ABORTED, BatchState.ABANDONED, BatchState.FAILED)
    ),
    BatchState.LOADED: frozenset((BatchState.STAGING, BatchState.FAILED)),
    BatchState.STAGING: frozenset((BatchState.STAGED, BatchState.FAILED)),
    BatchState.STAGED: frozenset((BatchState.PROCESSING, BatchState.FAILED)),
    BatchState.PROCESSING: frozenset((BatchState.SUCCESS, BatchState.FAILED)),
    BatchState.SUCCESS: frozenset((BatchState.INACTIVE,)),
    BatchState.INACTIVE: frozenset((BatchState.DELETED,)),
    BatchState.FAILED: frozenset(),
    BatchState.ABORTED: frozenset(),
    BatchState.ABANDONED: frozenset(),
    BatchState.DELETED: frozenset(),
}
"""State -> the states that may follow. Files come while it is loading; the rest is work of jobs,
which may also find a state that they have set before they were stopped."""


def batch_moved(before: BatchState, after: BatchState) -> BatchState:
    """`after`, if it may follow. Raises Conflict BAT-1002."""
    if after not in BATCH_MOVES[before]:
        raise Conflict("BAT-1002", f"A batch that is {before} cannot become {after}", at="status")
    return after
