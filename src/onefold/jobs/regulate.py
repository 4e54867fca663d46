"""The job that does what takes longer of regulations, one regulation after the other.

What keeps somebody out, or lets them in, was ordered with the request (inlet/regulations.py). Here
it is seen to that it holds: identities that calls on their way have added are kept out, too, and of
requests that came at the same time the last one counts. Then deletions and archives begin, which
are jobs of their own; and who it was about is forgotten. Source: Intilery contract, 16.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from onefold.control import privacy
from onefold.domain.calls.namespaces import USER
from onefold.domain.deletion import Deletion, Person, State
from onefold.domain.deletion import Kind as Deleted
from onefold.domain.regulation import (
    DELETING,
    USERS_MAX,
    Kind,
    Regulation,
    Subject,
    counting,
)
from onefold.domain.suppression import Keys
from onefold.inlet.deletions import DELETE_PEOPLE, GRACE_MS
from onefold.inlet.regulations import Wanted, Whom, have_job, people
from onefold.jobs.delete_people import ordered
from onefold.jobs.orders import applied, order
from onefold.jobs.workshop import Workshop
from onefold.store.engine import Engine
from onefold.store.snapshot import Snapshot
from onefold.store.tables import deletions, jobs, regulations
from onefold.store.tables.jobs import Job
from onefold.wire import JSON

PAGE = 100
"""People of one step."""
ROUNDS = 3
"""How often it is looked whether calls on their way have added identities."""


def regulate(_: Job, shop: Workshop) -> Iterator[JSON]:
    """Do every regulation that is open. What is done stands in their rows."""
    work = shop.places.work(shop.sandbox.id)
    while (one := regulations.first_open(work)) is not None:
        if one.position < 0:
            now_ms, due_ms = shop.clock.now_ms(), one.created_ms + GRACE_MS
            if now_ms < due_ms:  # the process that took it may be about to order it
                with work.transaction() as transaction:
                    have_job(transaction, shop.ids, due_ms=due_ms, now_ms=now_ms)
                return
            one = _ordered(one, shop, work)
            yield None
        yield from applied(shop, one.position)
        while subjects := regulations.open_subjects(work, one.number, limit=PAGE):
            yield from _settled(one, subjects, shop, work)
            yield from _begun(one, subjects, shop, work)
            with work.transaction() as transaction:
                regulations.done(transaction, one.number, subjects)
            yield None
        with work.transaction() as transaction:
            now_ms = shop.clock.now_ms()
            regulations.close(transaction, one.number, now_ms=now_ms)
            if one.kind in DELETING:
                deleting = Job(
                    id=shop.ids.uuid(), kind=DELETE_PEOPLE, created_ms=now_ms, updated_ms=now_ms
                )
                jobs.have(transaction, deleting, due_ms=now_ms)
        yield None


def _ordered(one: Regulation, shop: Workshop, work: Engine) -> Regulation:
    """Order what the process did that took the regulation, which died before it said that it had;
    to order it twice does no harm."""
    subjects = regulations.open_subjects(work, one.number, limit=USERS_MAX)
    for what in _wanted(one, subjects, shop, work).orders(one.id):
        order(shop, one.id, what)
    end = shop.journal.end()
    one = replace(one, position=end.position, records=end.records, updated_ms=shop.clock.now_ms())
    with work.transaction() as transaction:
        regulations.ordered(transaction, one)
    return one


def _settled(
    one: Regulation, subjects: Sequence[Subject], shop: Workshop, work: Engine
) -> Iterator[JSON]:
    """Order what does not hold yet, as the people are now."""
    for _ in range(ROUNDS):
        wanted = _wanted(one, subjects, shop, work)
        missing = wanted.missing(shop.places.profile(shop.sandbox.id))
        orders = missing.orders(one.id)
        if not orders:
            return
        with work.transaction() as transaction:
            known = {
                subject.key: sorted({*subject.keys, *wanted.keys.get(subject.key, ())})
                for subject in subjects
            }
            subjects = [replace(subject, keys=known[subject.key]) for subject in subjects]
            regulations.note_keys(transaction, one.number, subjects)
        position = 0
        for what in orders:
            position = order(shop, one.id, what)
        yield None
        yield from applied(shop, position)


def _wanted(one: Regulation, subjects: Sequence[Subject], shop: Workshop, work: Engine) -> Wanted:
    """What the regulation wants for those of whom no later one says otherwise."""
    with shop.places.profile(shop.sandbox.id).reading() as reader:
        whom = people(reader, _snapshot(shop), [subject.user_id for subject in subjects])
        wanted = Wanted.of(one.kind, shop.sandbox.id, whom, reader, work, before=one.number)
    keys = [subject.key for subject in subjects]
    last = regulations.last(work, keys, counting(one.kind))
    return wanted.of_users({key for key, (number, *_) in last.items() if number == one.number})


def _begun(
    one: Regulation, subjects: Sequence[Subject], shop: Workshop, work: Engine
) -> Iterator[JSON]:
    """Begin the deletions or archives; those that were begun before a stop stay as they are. Each
    step leaves less to do, also for who comes after a stop."""
    if one.kind in DELETING:
        whom = people(
            shop.places.profile(shop.sandbox.id),
            _snapshot(shop),
            [subject.user_id for subject in subjects],
        )
        with work.transaction() as transaction:
            begun = []
            for subject in subjects:
                known = deletions.get(transaction, subject.work)
                if known is None:
                    known = _deletion(one, subject, whom[subject.user_id], shop)
                    deletions.add(transaction, known)
                begun.append(known)
        yield from ordered(begun, shop, work)
    elif one.kind is Kind.ACCESS:
        with work.transaction() as transaction:
            for subject in subjects:
                jobs.add(transaction, _archive(one, subject, shop))


def _deletion(one: Regulation, subject: Subject, whom: Whom, shop: Workshop) -> Deletion:
    """Of everything that had come when it was asked for."""
    keys, now_ms = Keys(shop.sandbox.id), shop.clock.now_ms()
    return Deletion(
        id=subject.work,
        kind=Deleted.PERSON,
        state=State.PROCESSING,
        person=Person(whom, sorted(keys.identity(xid) for xid, _, _ in whom)),
        number=one.records + 1,
        started_ms=now_ms,
        created_ms=one.created_ms,
        updated_ms=now_ms,
    )


def _archive(one: Regulation, subject: Subject, shop: Workshop) -> Job:
    """The privacy job that gathers what is held under all identities of a person."""
    namespace = _snapshot(shop).namespaces.by_key(USER)
    assert namespace is not None
    now_ms = shop.clock.now_ms()
    named = {
        "namespace": namespace.code,
        "value": subject.user_id,
        "type": "custom",
        "namespaceId": namespace.id,
        "isDeletedClientSide": False,
    }
    return Job(
        id=subject.work,
        kind=privacy.KIND,
        argument={
            "requestId": one.id,
            "userKey": subject.key,
            "action": "access",
            "userIds": [named],
            "include": list(privacy.PRODUCTS.values()),
            "regulation": "access",
            "expandIds": True,
            "submittedBy": one.client_id,
        },
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def _snapshot(shop: Workshop) -> Snapshot:
    return shop.definitions.snapshot(shop.sandbox.id)
