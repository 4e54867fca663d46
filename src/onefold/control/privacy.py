"""Privacy requests: access to and deletion of what is known about a person, one job a user and act.

A request is taken apart into jobs of the sandbox; `jobs/privacy.py` does them. Source: platform
contract, 12.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from onefold.domain.identity.namespace import Namespace, NamespaceBook
from onefold.effects import Clock, Ids
from onefold.errors import Malformed, NotFound
from onefold.store.engine import Engine, Reader
from onefold.store.tables import jobs
from onefold.store.tables.jobs import Job, State
from onefold.wire import JSON

KIND = "privacy"
PRODUCTS = {
    "profileservice": "profileService",
    "identity": "identity",
    "aepdatalake": "aepDataLake",
}
"""What a request can include, by its name in lower case."""
ACTIONS = ("access", "delete")
IDENTITIES_MAX = 1_000
"""Identities of one request. Source: platform contract, 12."""
KEY_LENGTH_MAX = 255
REGULATION = re.compile(r"[a-z0-9]{2,16}(_[a-z0-9]{2,8}){0,2}")
"""Codes such as `gdpr` and `cpra_ca_usa`; kept and answered, and the same work for each."""
STATUS = {
    State.QUEUED: "submitted",
    State.RUNNING: "processing",
    State.DONE: "complete",
    State.FAILED: "error",
}


class UserId(msgspec.Struct, frozen=True):
    """One identity of a request. type: says what `namespace` is: `standard`, `custom` and
    `integrationCode` a code, `namespaceId` a number."""

    namespace: str | int
    value: str
    type: str = "standard"


class User(msgspec.Struct, frozen=True, rename="camel"):
    """One person of a request. key: what the sender calls them, to tell answers apart."""

    key: str
    action: list[str]
    user_ids: list[UserId] = msgspec.field(name="userIDs")


class CompanyContext(msgspec.Struct, frozen=True):
    """Whose data it is about: namespace `imsOrgID`, value the organisation."""

    namespace: str
    value: str


class Demand(msgspec.Struct, frozen=True, rename="camel"):
    """A request as it is sent. expand_ids: all identities of the person's cluster are meant."""

    company_contexts: list[CompanyContext]
    users: list[User]
    include: list[str]
    regulation: str
    expand_ids: bool = False
    priority: str = "normal"


def create(
    work: Engine,
    clock: Clock,
    ids: Ids,
    book: NamespaceBook,
    demand: Demand,
    *,
    org_id: str,
    client_id: str,
) -> tuple[str, list[Job]]:
    """Ask for the jobs of a request; answer its id and them. All are asked for, or none.

    Raises Malformed CTL-1008 for values that are not allowed: another organisation, no user, an
    unknown namespace, type, action or product, more than IDENTITIES_MAX identities.
    """
    _check(demand, org_id)
    request_id = ids.uuid()
    now_ms = clock.now_ms()
    include = _products(demand.include)
    made = [
        Job(
            id=ids.uuid(),
            kind=KIND,
            argument={
                "requestId": request_id,
                "userKey": user.key,
                "action": action,
                "userIds": _identities(user, book),
                "include": include,
                "regulation": demand.regulation,
                "expandIds": demand.expand_ids,
                "submittedBy": client_id,
            },
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        for user in demand.users
        for action in dict.fromkeys(user.action)
    ]
    with work.transaction() as transaction:
        for job in made:
            jobs.add(transaction, job)
    return request_id, made


def got(work: Reader, job_id: str) -> Job:
    """The privacy job with this id. Raises NotFound CTL-1007."""
    job = jobs.get(work, job_id)
    if job is None or job.kind != KIND:
        raise NotFound("CTL-1007", "No privacy job has this id")
    return job


def listed(
    work: Reader,
    *,
    regulation: str = "",
    status: str = "",
    from_ms: int | None = None,
    before_ms: int | None = None,
) -> list[Job]:
    """The privacy jobs that fit, the newest first. Raises Malformed CTL-1008 for an unknown
    status."""
    if status and status not in STATUS.values():
        raise Malformed("CTL-1008", f"status is one of {', '.join(STATUS.values())}", at="status")
    return [
        job
        for job in jobs.listed(work, KIND)
        if regulation in ("", "*", job.argument["regulation"])
        and status in ("", STATUS[job.state])
        and (from_ms is None or job.created_ms >= from_ms)
        and (before_ms is None or job.created_ms < before_ms)
    ]


def _check(demand: Demand, org_id: str) -> None:
    if not any(c.namespace.lower() == "imsorgid" for c in demand.company_contexts):
        raise _wrong("companyContexts needs the namespace imsOrgID", "companyContexts")
    for context in demand.company_contexts:
        if context.namespace.lower() == "imsorgid" and context.value != org_id:
            raise _wrong("The imsOrgID is not the caller's organisation", "companyContexts")
    if not demand.users:
        raise _wrong("At least one user is needed", "users")
    for user in demand.users:
        if not 0 < len(user.key) <= KEY_LENGTH_MAX:
            raise _wrong(f"A key has 1 to {KEY_LENGTH_MAX} characters", "users.key")
        if not user.action or not set(user.action) <= set(ACTIONS):
            raise _wrong(f"action holds one or more of {', '.join(ACTIONS)}", "users.action")
        if not user.user_ids:
            raise _wrong("A user needs at least one identity", "users.userIDs")
    if sum(len(user.user_ids) for user in demand.users) > IDENTITIES_MAX:
        raise _wrong(f"A request has at most {IDENTITIES_MAX} identities", "users.userIDs")
    if not REGULATION.fullmatch(demand.regulation):
        raise _wrong("regulation is a code such as gdpr or ccpa", "regulation")


def _products(include: Sequence[str]) -> list[str]:
    names = [PRODUCTS.get(name.lower(), "") for name in include]
    if not names or "" in names:
        raise _wrong(f"include holds one or more of {', '.join(PRODUCTS.values())}", "include")
    return list(dict.fromkeys(names))


def _identities(user: User, book: NamespaceBook) -> list[JSON]:
    """The identities as a job keeps them and answers tell them; repeated ones once."""
    found = {}
    for named in user.user_ids:
        namespace = _namespace(named, book)
        if not named.value.strip() or len(named.value) > 1024:
            raise _wrong("An identity's value has 1 to 1024 characters", "users.userIDs.value")
        found[namespace.id, named.value] = {
            "namespace": namespace.code,
            "value": named.value,
            "type": named.type,
            "namespaceId": namespace.id,
            "isDeletedClientSide": False,
        }
    return list(found.values())


def _namespace(named: UserId, book: NamespaceBook) -> Namespace:
    text = str(named.namespace)
    if named.type == "namespaceId":
        found = book.by_id(int(text)) if text.isascii() and text.isdigit() else None
    elif named.type in ("standard", "custom", "integrationCode"):
        found = book.by_code(text)
    else:
        raise _wrong(
            "type is one of standard, custom, integrationCode, namespaceId", "users.userIDs.type"
        )
    if found is None:
        raise _wrong("The namespace does not exist", "users.userIDs.namespace")
    return found


def _wrong(detail: str, at: str) -> Malformed:
    return Malformed("CTL-1008", detail, at=at)
