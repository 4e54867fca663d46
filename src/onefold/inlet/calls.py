"""Accept calls: what senders of the Intilery and Segment dialects say of people.

A call becomes one to three records of the same message, told apart by their datasets: the event,
what it says of the person, what it says of a group. All records that one request brings to one
account are one append. A call is judged here as the pipeline will judge it, so that a door can
answer the fault; which faults it answers, and which become failed records, is the door's affair.
Source: Intilery contract, 10, 12 and 13.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from onefold.domain.calls.batch import head_of, without_keys
from onefold.domain.calls.call import INLET, Call, encode, records, understood
from onefold.domain.calls.ids import event_id, fresh_event_id
from onefold.domain.sandbox import SandboxId
from onefold.effects import Clock, Ids
from onefold.errors import NotFound, OverLimit, Rejected
from onefold.inlet.accept import Inlets
from onefold.journal import Accepted
from onefold.store.snapshot import Definitions
from onefold.store.tables.accounts import Account

CONTEXTS_BYTES_MAX = 8_388_608
"""What contexts and integrations of one request's calls may have together. A batch says them once,
and the journal keeps them with each call: a small request must not become an endless append."""


class Sent(msgspec.Struct, frozen=True):
    """A call as it came, and the account that it is for. It has no event id yet."""

    sandbox: SandboxId
    call: Call


class Judged(msgspec.Struct, frozen=True):
    """What a call is. event_id: the same for every call of the account with this messageId. fault:
    why it cannot be applied. records: for the journal; with a fault, too, so that nothing is lost.
    """

    sandbox: SandboxId
    event_id: str
    fault: Rejected | None
    records: Sequence[Accepted]


class Calls:
    """Accepts calls. Safe to share between threads."""

    def __init__(
        self,
        *,
        inlets: Inlets,
        definitions: Definitions,
        clock: Clock,
        ids: Ids,
        context_traits: bool = False,
    ) -> None:
        """context_traits: whether those of track calls change their senders' traits."""
        self._context_traits = context_traits
        self._inlets = inlets
        self._definitions = definitions
        self._clock = clock
        self._ids = ids
        self._numbers = itertools.count()

    def judged(self, sent: Sequence[Sent]) -> list[Judged]:
        """What each call of one request is, in their order. Nothing is written.

        Raises NotFound AUT-1008 when an account has gone meanwhile, OverLimit CAL-2001 beyond
        CONTEXTS_BYTES_MAX. Cost: some 30 µs a call.
        """
        around = sum(len(one.call.context) + len(one.call.integrations) for one in sent)
        if around > CONTEXTS_BYTES_MAX:
            raise OverLimit("CAL-2001", "The context is too large for so many calls")
        received_ms = self._clock.now_ms()
        accounts = {id_: self._account(id_) for id_ in {one.sandbox for one in sent}}
        return [self._judged(one, accounts[one.sandbox], received_ms) for one in sent]

    def accept(self, calls: Sequence[Judged], *, body_bytes: int) -> dict[SandboxId, int]:
        """Make the calls of one request durable; answer where they stand in each account's journal.

        body_bytes: of the request. Raises Unavailable INL-1017 when too many records wait. Some
        accounts may have taken their part then; sent again, that is known there by its messageIds.
        """
        brought: dict[SandboxId, list[Judged]] = {}
        for call in calls:
            brought.setdefault(call.sandbox, []).append(call)
        positions = {}
        for sandbox, part in brought.items():
            every = [record for call in part for record in call.records]
            positions[sandbox] = self._inlets.append(sandbox, every)
            share = body_bytes * len(part) // len(calls)
            self.saw(sandbox, accepted=len(part), refused=0, body_bytes=share)
        return positions

    def saw(
        self, sandbox: SandboxId, *, accepted: int = 0, refused: int = 0, body_bytes: int
    ) -> None:
        """Have calls counted for observability."""
        self._inlets.tallies.saw(
            sandbox, INLET, accepted=accepted, refused=refused, body_bytes=body_bytes
        )

    def _account(self, sandbox: SandboxId) -> Account:
        account = self._definitions.snapshot(sandbox).account
        if account is None:
            raise NotFound("AUT-1008", "The account does not exist any more")
        return account

    def _judged(self, one: Sent, account: Account, received_ms: int) -> Judged:
        call, bare, fault = one.call, one.call.message, None
        if self._context_traits:
            call = msgspec.structs.replace(call, context_traits=True)
        datasets = [account.calls]
        try:
            what = understood(call, received_ms, frozenset(account.protected))
            message_id = what.message_id
            of = {"calls": account.calls, "traits": account.traits, "groups": account.groups}
            datasets = [of[kind] for kind in records(what)]
            if what.has_keys:
                bare = without_keys(bare)
        except Rejected as refusal:
            fault, message_id = refusal, head_of(bare).message_id
            bare = without_keys(bare)
        if message_id:
            id_ = event_id(one.sandbox, message_id)
        else:
            id_ = fresh_event_id(received_ms, next(self._numbers), self._ids.hex(bytes_=6))
        message = encode(msgspec.structs.replace(call, event_id=id_, message=bare))
        kept = [Accepted(id_, received_ms, INLET, dataset, message) for dataset in datasets]
        return Judged(one.sandbox, id_, fault, kept)
