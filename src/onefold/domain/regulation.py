"""Regulations: what people demand of an account about themselves, named by their user ids.

Source: Intilery contract, 16.3.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

USERS_MAX = 5_000
"""Of one regulation. Source: Intilery contract, 16.3."""


class Kind(StrEnum):
    """What is demanded.

    SUPPRESS_WITH_DELETE, SUPPRESS_ONLY: nothing of the person is taken or answered any more;
    DELETE_ONLY: of somebody who is suppressed, everything is deleted; UNSUPPRESS: the person counts
    again. NO_TRACK, TRACK: the same of what the person does, not of what is known. ACCESS: an
    archive of everything that is held.
    """

    SUPPRESS_WITH_DELETE = "SUPPRESS_WITH_DELETE"
    SUPPRESS_ONLY = "SUPPRESS_ONLY"
    DELETE_ONLY = "DELETE_ONLY"
    UNSUPPRESS = "UNSUPPRESS"
    NO_TRACK = "NO_TRACK"
    TRACK = "TRACK"
    ACCESS = "ACCESS"


SUPPRESSING = frozenset((Kind.SUPPRESS_WITH_DELETE, Kind.SUPPRESS_ONLY, Kind.NO_TRACK))
"""They keep something out."""
LIFTING = frozenset((Kind.UNSUPPRESS, Kind.TRACK))
"""They let it in again."""
DELETING = frozenset((Kind.SUPPRESS_WITH_DELETE, Kind.DELETE_ONLY))
OF_PEOPLE = frozenset((Kind.SUPPRESS_WITH_DELETE, Kind.SUPPRESS_ONLY, Kind.UNSUPPRESS))
"""They say whether somebody is suppressed: the last one counts."""
OF_TRACKING = frozenset((Kind.NO_TRACK, Kind.TRACK))
"""They say whether somebody is tracked: the last one counts."""


def counting(kind: Kind) -> frozenset[Kind]:
    """The kinds of which the last one counts, when this is one of them; else none."""
    return next((some for some in (OF_PEOPLE, OF_TRACKING) if kind in some), frozenset())


class State(StrEnum):
    """How far a regulation, or it for one person, has come."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"


class Regulation(msgspec.Struct, frozen=True, kw_only=True):
    """One work order. number: its turn, 0 before it is stored. position: where its orders stand in
    the journal; -1 while that is not known. records: how many records the journal had then.
    client_id: the project that asked; empty: the command line. is_open: its job is not through with
    it."""

    id: str
    kind: Kind
    users: int
    number: int = 0
    position: int = -1
    records: int = 0
    client_id: str = ""
    is_open: bool = True
    created_ms: int
    updated_ms: int


class Subject(msgspec.Struct, frozen=True):
    """One person of a regulation. place: from 0, in the order of the request. key: the keyed hash
    of the user id. user_id: empty once the job is through. keys: of suppressions that it ordered or
    lifted. work: id of the deletion or privacy job that goes with it; else empty."""

    place: int
    key: str
    user_id: str
    keys: list[str] = []
    work: str = ""


class Told(msgspec.Struct, frozen=True):
    """What may be told of one person of a regulation."""

    place: int
    key: str
    state: State
    work: str
