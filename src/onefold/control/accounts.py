"""Accounts: the sandboxes that take calls. A client is an organisation, its account a sandbox.

An account is made by naming it. What it needs and has not is made, in steps each of which is a
transaction; the row that makes the sandbox an account comes last, so that whatever was cut short is
completed by the next attempt. Source: Intilery contract, sections 2, 11.1 and 16.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from onefold.control import datasets, identity_settings, namespaces, sandboxes, schemas
from onefold.control.installation import tenant_of_name
from onefold.domain.calls.computed import checked
from onefold.domain.calls.names import action_of_name
from onefold.domain.calls.namespaces import ANONYMOUS, DEVICE, EMAIL, GROUP, USER
from onefold.domain.identity.namespace import GraphClass
from onefold.domain.lifecycle import State
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.schema import EVENT_CLASS, PROFILE_CLASS, schema_document
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.engine import Engine, Reader
from onefold.store.tables import accounts, clients, organisations
from onefold.store.tables import identity_settings as stored_settings
from onefold.store.tables import sandboxes as stored_sandboxes
from onefold.store.tables.accounts import Account
from onefold.store.tables.generation import change
from onefold.store.tables.organisations import Organisation
from onefold.wire import JSON

NAME_LENGTH_MAX = 64
"""Characters of the name of a client, an account or a brand."""
PROTECTED_MAX = 300
PLAN_MAX = 10_000
"""Names of a plan, events and traits each."""
TRAIT_LENGTH_MAX = 256
ATTEMPTS = 5
"""To make an account, while others make the same."""
CALLS, TRAITS, GROUPS = "Calls", "Traits", "Groups"
"""Titles of the schemas, and names of the datasets."""

_CORE = "https://ns.adobe.com/xdm/"
_ACCOUNT_CLASS = _CORE + "context/account"
_SCHEMAS = {
    CALLS: (EVENT_CLASS, ("context/experienceevent-web", "mixins/onefold/call")),
    TRAITS: (
        PROFILE_CLASS,
        (
            "context/identitymap",
            "context/profile-person-details",
            "context/profile-personal-details",
            "mixins/onefold/traits",
        ),
    ),
    GROUPS: (_ACCOUNT_CLASS, ("context/identitymap", "mixins/onefold/traits")),
}
_OF_PROFILE = {datasets.PROFILE_TAG: [datasets.ENABLED]}
_OF_BOTH = {**_OF_PROFILE, datasets.IDENTITY_TAG: [datasets.ENABLED]}
_NAMESPACES = (
    (USER, "User id", "CROSS_DEVICE", GraphClass.PERSON),
    (ANONYMOUS, "Anonymous id", "COOKIE", GraphClass.COOKIE),
    (DEVICE, "Device id", "DEVICE", GraphClass.DEVICE),
    (GROUP, "Group id", "NON_PEOPLE", GraphClass.NONE),
)
_PRIORITY = ((USER, True), (EMAIL, False), (DEVICE, False), (ANONYMOUS, False))
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_BRAND = re.compile(r"[A-Z0-9][A-Z0-9-]*")


def create(
    engine: Engine, clock: Clock, ids: Ids, *, client: str, account: str
) -> tuple[Organisation, Sandbox]:
    """Answer the account of a client, after making of it what is not there yet.

    A client that is not known becomes the name of the first organisation, if that has none, else a
    new organisation. An account that is not known becomes the sandbox of this name, a new one or
    one that is there already. A sandbox in which nothing was defined gets identity settings, too;
    every other keeps what it has. client, account: in any case.

    Raises Malformed CTL-1008 for a name, Conflict CTL-1006 when a namespace of one of the names
    means something else, CTL-1010 when the sandbox is being deleted.
    """
    client, account = canonical(client, "client"), canonical(account, "account")
    for _ in range(ATTEMPTS - 1):
        try:
            return _created(engine, clock, ids, client, account)
        except Conflict as taken:
            # Somebody may be making the same account: what they have made is found next time.
            if taken.code != "CTL-1006":
                raise
    return _created(engine, clock, ids, client, account)


def _created(
    engine: Engine, clock: Clock, ids: Ids, client: str, account: str
) -> tuple[Organisation, Sandbox]:
    organisation = _organisation(engine, clock, ids, client)
    _namespaces(engine, clock, organisation)
    sandbox = _sandbox(engine, clock, ids, organisation, account)
    known = accounts.of_sandbox(engine, sandbox.id)
    if known is not None and _is_whole(engine, sandbox, known):
        return organisation, sandbox
    if _is_empty(engine, sandbox):
        identity_settings.save(engine, sandbox, _PRIORITY, lookup_only=(EMAIL,))
    made = {
        title: _dataset(
            engine, clock, ids, sandbox, title, _schema(engine, clock, ids, sandbox, title)
        )
        for title in _SCHEMAS
    }
    before = known or Account(client=client, account=account, calls="", traits="", groups="")
    with change(engine) as transaction:
        now = replace(before, calls=made[CALLS], traits=made[TRAITS], groups=made[GROUPS])
        accounts.put(transaction, sandbox.id, now)
    return organisation, sandbox


def canonical(name: str, what: str) -> str:
    """The name of a client, an account or a brand as it is compared, in lower case. Raises
    Malformed CTL-1008."""
    folded = name.lower()
    if len(folded) > NAME_LENGTH_MAX or _NAME.fullmatch(folded) is None:
        raise Malformed(
            "CTL-1008",
            f"The name of a {what} has letters, digits and hyphens, {NAME_LENGTH_MAX} at most",
            at=what,
        )
    return folded


def is_brand(name: str) -> bool:
    """Whether a brand can have this name, in upper case. Brands are not made: events name them."""
    return len(name) <= NAME_LENGTH_MAX and _BRAND.fullmatch(name) is not None


def organisation_of(reader: Reader, client: str) -> Organisation:
    """The organisation that a client is. Raises NotFound CTL-1007."""
    org_id = clients.every(reader).get(client)
    found = organisations.by_id(reader, org_id) if org_id is not None else None
    if found is None:
        raise NotFound("CTL-1007", f"No client has the name {client}", at="client")
    return found


def got(reader: Reader, *, client: str, account: str) -> tuple[Sandbox, Account]:
    """An account and its sandbox. Raises NotFound CTL-1007, Malformed CTL-1008."""
    client, account = canonical(client, "client"), canonical(account, "account")
    for sandbox in stored_sandboxes.of_organisation(reader, organisation_of(reader, client).id):
        known = accounts.of_sandbox(reader, sandbox.id)
        if known is not None and known.account == account:
            return sandbox, known
    raise NotFound("CTL-1007", f"{client} has no account {account}", at="account")


def set_rules(
    engine: Engine,
    *,
    client: str,
    account: str,
    protected: Iterable[str] | None = None,
    strict: bool | None = None,
    plan_events: Iterable[str] | None = None,
    plan_traits: Iterable[str] | None = None,
    merges_users: bool | None = None,
    computed: JSON = None,
) -> Account:
    """Say of an account what calls may set and do; what is not given stays as it is.

    protected: traits that calls with a write key do not set. strict: what the plan does not name is
    refused, and not only counted. plan_events: names of events; plan_traits: of traits.
    merges_users: whether an alias may make one customer of two users. It holds from the next call
    on. computed: a list of all computed traits (domain/calls/computed.py), which are then of all
    events that there are. Raises NotFound CTL-1007, Malformed CTL-1008.
    """
    actions = None if plan_events is None else [action_of_name(name) for name in plan_events]
    with change(engine) as transaction:
        sandbox, known = got(transaction, client=client, account=account)
        now = replace(
            known,
            protected=_names(protected, known.protected, "protect", PROTECTED_MAX),
            strict=known.strict if strict is None else strict,
            plan_events=_names(actions, known.plan_events, "plan.events", PLAN_MAX),
            plan_traits=_names(plan_traits, known.plan_traits, "plan.traits", PLAN_MAX),
            merges_users=known.merges_users if merges_users is None else merges_users,
        )
        if computed is not None:
            number = known.computed_number + 1
            traits = checked(computed, known.computed, number)
            now = replace(now, computed=traits, computed_number=number)
        accounts.put(transaction, sandbox.id, now)
    return now


def _names(
    sent: Iterable[str] | None, before: tuple[str, ...], at: str, most: int
) -> tuple[str, ...]:
    if sent is None:
        return before
    names = tuple(sorted(set(sent)))
    if len(names) > most:
        raise Malformed("CTL-1008", f"At most {most} names stand there", at=at)
    if not all(name.strip() and len(name) <= TRAIT_LENGTH_MAX for name in names):
        raise Malformed("CTL-1008", f"A name has 1 to {TRAIT_LENGTH_MAX} characters", at=at)
    return names


def _organisation(engine: Engine, clock: Clock, ids: Ids, client: str) -> Organisation:
    with change(engine) as transaction:
        named = clients.every(transaction)
        every = organisations.every(transaction)
        for organisation in every:
            if named.get(client) == organisation.id:
                return organisation
        if every and every[0].id not in named.values():
            owner = every[0]
        else:
            owner = Organisation(
                id=f"{ids.hex(bytes_=12).upper()}@AdobeOrg",
                name=client,
                tenant_id=_tenant(client, [one.tenant_id for one in every]),
                created_ms=clock.now_ms(),
            )
            organisations.insert(transaction, owner)
        clients.insert(transaction, owner.id, client)
    return owner


def _tenant(client: str, taken: Sequence[str]) -> str:
    return _free(tenant_of_name(client), taken, "")


def _free(name: str, taken: Sequence[str], between: str) -> str:
    """The name, with a number if it is taken."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}{between}{number}"
    return found


def _namespaces(engine: Engine, clock: Clock, organisation: Organisation) -> None:
    known = {n.code.lower(): n for n in namespaces.listed(engine, organisation.id)}
    for code, name, id_type, graph_class in _NAMESPACES:
        before = known.get(code.lower())
        if before is None:
            namespaces.create(
                engine, clock, org_id=organisation.id, code=code, name=name, id_type=id_type
            )
        elif before.code != code or before.graph_class is not graph_class:
            raise Conflict(
                "CTL-1006", f"The namespace {before.code} is not the {code} of an account", at=code
            )


def _sandbox(
    engine: Engine, clock: Clock, ids: Ids, organisation: Organisation, account: str
) -> Sandbox:
    for sandbox in stored_sandboxes.of_organisation(engine, organisation.id):
        if sandbox.name == account:
            if sandbox.state is State.DELETED:
                raise Conflict("CTL-1010", f"The sandbox {account} is being deleted", at="account")
            return sandbox
    return sandboxes.create(engine, clock, ids, org_id=organisation.id, name=account, title=account)


def _is_whole(reader: Reader, sandbox: Sandbox, account: Account) -> bool:
    there = {dataset.id for dataset in datasets.listed(reader, sandbox)}
    return there.issuperset((account.calls, account.traits, account.groups))


def _is_empty(reader: Reader, sandbox: Sandbox) -> bool:
    """Whether nothing says yet how its people are to be linked."""
    return (
        stored_settings.of_sandbox(reader, sandbox.id) is None
        and not schemas.listed(reader, sandbox, "schemas")
        and not datasets.listed(reader, sandbox)
    )


def _schema(engine: Engine, clock: Clock, ids: Ids, sandbox: Sandbox, title: str) -> str:
    """The id of the schema, which a sandbox keeps when its account is made again."""
    class_id, groups = _SCHEMAS[title][0], [_CORE + group for group in _SCHEMAS[title][1]]
    wanted = schema_document(title, class_id, groups)["allOf"]
    known = schemas.listed(engine, sandbox, "schemas")
    for schema in known:
        if schema.document["allOf"] == wanted and schemas.UNION_TAG in schema.document.get(
            schemas.TAGS, ()
        ):
            return schema.id
    return schemas.create_schema(
        engine,
        clock,
        ids,
        sandbox,
        title=_free(title, [schema.title for schema in known], " "),
        class_id=class_id,
        groups=groups,
        for_profile=True,
    ).id


def _dataset(
    engine: Engine, clock: Clock, ids: Ids, sandbox: Sandbox, title: str, schema_id: str
) -> str:
    tags = _OF_PROFILE if title == GROUPS else _OF_BOTH
    known = datasets.listed(engine, sandbox)
    for dataset in known:
        if dataset.schema_id == schema_id and dataset.name.startswith(title):
            return datasets.tag(engine, clock, sandbox, dataset.id, tags).id
    name = _free(title, [dataset.name for dataset in known], " ")
    return datasets.create(
        engine, clock, ids, sandbox, name=name, schema_id=schema_id, tags=tags
    ).id
