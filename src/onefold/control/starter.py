"""The starting set: schemas, namespaces, datasets and inlets that the sandbox of a new installation
can be used with at once. Sandboxes made later begin without it. The fields are those of the
walk-through in platform contract, section 5, last paragraph.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from onefold.control import connections, datasets, descriptors, namespaces, schemas
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.schema import EVENT_CLASS, PROFILE_CLASS
from onefold.effects import Clock, Ids
from onefold.store.engine import Engine
from onefold.wire import JSON

_CORE = "https://ns.adobe.com/xdm/"
PROFILE_GROUPS = tuple(
    _CORE + path
    for path in (
        "context/identitymap",
        "context/profile-person-details",
        "context/profile-personal-details",
        "context/profile-work-details",
        "context/profile-preferences-details",
        "context/profile-test-profile",
        "mixins/profile/profile-loyalty-details",
        "mixins/profile-consents",
        "common/external-source-system-audit-details",
    )
)
EVENT_GROUPS = tuple(
    _CORE + path
    for path in (
        "context/identitymap",
        "context/experienceevent-environment-details",
        "context/experienceevent-commerce",
        "context/experienceevent-web",
        "context/experienceevent-channel",
        "context/experienceevent-implementation-details",
        "context/experienceevent-application",
        "context/experienceevent-enduserids",
    )
)
IDENTITIES = {
    "ecid": "ECID",
    "email": "Email",
    "phoneNumber": "Phone",
    "crmId": "CRMID",
    "loyaltyId": "LoyaltyId",
}
"""Fields below `identification.core`, and the namespaces of their values."""
_IDENTIFICATION: dict[str, JSON] = {"identification": {"core": dict.fromkeys(IDENTITIES, "string")}}
_FOR_PROFILE = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}

REGISTRATIONS = "Customer registrations"
LOGINS = "Customer app logins"
EVENTS = "Customer events"


class Starter(msgspec.Struct, frozen=True):
    """What was made. datasets: name to (dataset id, schema `$id`)."""

    inlet_id: str
    authenticated_inlet_id: str
    datasets: Mapping[str, tuple[str, str]]


def furnish(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    *,
    dataset_ids: Mapping[str, str] | None = None,
    namespace_ids: Mapping[str, int] | None = None,
) -> Starter:
    """Make the starting set in an empty sandbox.

    dataset_ids: by name; namespace_ids: by code; new ones for those that are not given.
    """
    given = namespace_ids or {}
    _namespaces(engine, clock, sandbox, given)
    profile = _profile_schema(engine, clock, ids, sandbox)
    event = _event_schema(engine, clock, ids, sandbox)
    made: dict[str, tuple[str, str]] = {}
    for name, schema_id in ((REGISTRATIONS, profile), (LOGINS, profile), (EVENTS, event)):
        dataset = datasets.create(
            engine,
            clock,
            ids,
            sandbox,
            name=name,
            schema_id=schema_id,
            tags=_FOR_PROFILE,
            id=(dataset_ids or {}).get(name),
        )
        made[name] = (dataset.id, schema_id)
    open_inlet = connections.create(engine, clock, ids, sandbox, name="Open inlet")
    closed_inlet = connections.create(
        engine, clock, ids, sandbox, name="Authenticated inlet", authentication_required=True
    )
    return Starter(open_inlet.inlet_id, closed_inlet.inlet_id, made)


def _namespaces(engine: Engine, clock: Clock, sandbox: Sandbox, given: Mapping[str, int]) -> None:
    known = {namespace.code for namespace in namespaces.listed(engine, sandbox.org_id)}
    for code, name in (("CRMID", "Customer number"), ("LoyaltyId", "Loyalty member")):
        if code in known:
            continue  # an earlier sandbox of the organisation made it
        namespaces.create(
            engine,
            clock,
            org_id=sandbox.org_id,
            code=code,
            name=name,
            id_type="CROSS_DEVICE",
            id=given.get(code),
        )


def _profile_schema(engine: Engine, clock: Clock, ids: Ids, sandbox: Sandbox) -> str:
    group = schemas.create_field_group(
        engine,
        clock,
        ids,
        sandbox,
        title="Customer fields",
        classes=[PROFILE_CLASS],
        fields={
            **_IDENTIFICATION,
            "individualCharacteristics": {},
            "loyaltyDetails": {"level": "string", "points": "int"},
        },
    )
    return _schema(engine, clock, ids, sandbox, "Customer", PROFILE_CLASS, group.id)


def _event_schema(engine: Engine, clock: Clock, ids: Ids, sandbox: Sandbox) -> str:
    tenant = schemas.tenant_of(engine, sandbox)
    product = {"core": {"imageURL": "string", "mainCategory": "string", "productURL": "string"}}
    group = schemas.create_field_group(
        engine,
        clock,
        ids,
        sandbox,
        title="Customer event fields",
        classes=[EVENT_CLASS],
        fields={
            **_IDENTIFICATION,
            "interactionDetails": {"core": {"channel": "string"}},
            "demoEnvironment": {"brandName": "string"},
        },
        extending={"productListItems": [{f"_{tenant}": product}]},
    )
    return _schema(engine, clock, ids, sandbox, "Customer events", EVENT_CLASS, group.id)


def _schema(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    title: str,
    class_id: str,
    group_id: str,
) -> str:
    standard = PROFILE_GROUPS if class_id == PROFILE_CLASS else EVENT_GROUPS
    schema = schemas.create_schema(
        engine,
        clock,
        ids,
        sandbox,
        title=title,
        class_id=class_id,
        groups=(*standard, group_id),
        for_profile=True,
    )
    tenant = schema.document["meta:tenantNamespace"]
    for field, namespace in IDENTITIES.items():
        descriptors.add_identity(
            engine,
            ids,
            sandbox,
            schema.id,
            property=f"/{tenant}/identification/core/{field}",
            namespace=namespace,
        )
    return schema.id
