"""What the contract tests send: records and events of made-up people; and what they define."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onefold.control import connections, datasets, merge_policies, sandboxes, schemas
from onefold.control.starter import PROFILE_GROUPS
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.schema import PROFILE_CLASS
from onefold.effects import SystemIds
from onefold.testing.app import CONTENT_TYPE, ENTITIES, App
from onefold.testing.clock import START_MS
from onefold.wire import iso_seconds

JSON = dict[str, Any]

RECORD = f"{ENTITIES}?schema.name=_xdm.context.profile"
TIMELINE = f"{ENTITIES}?schema.name=_xdm.context.experienceevent"


def ecid(number: int) -> str:
    """An ECID: 38 digits."""
    return f"{number:038d}"


def iso(ms: int) -> str:
    """Date-time with milliseconds."""
    return f"{iso_seconds(ms)[:-1]}.{ms % 1000:03d}Z"


def identity_map(*named: tuple[str, str]) -> JSON:
    """An identityMap of (code, id) pairs; the first one is primary."""
    found: dict[str, list[JSON]] = {}
    for index, (code, value) in enumerate(named):
        item = {"id": value, "primary": True} if index == 0 else {"id": value}
        found.setdefault(code, []).append(item)
    return found


def record(*named: tuple[str, str], **fields: Any) -> JSON:
    """A record of the person who has these identities."""
    return {"identityMap": identity_map(*named), **fields}


def event(event_id: str, *named: tuple[str, str], at_ms: int = START_MS, **fields: Any) -> JSON:
    """An event of the person who has these identities."""
    return {
        "_id": event_id,
        "timestamp": iso(at_ms),
        "identityMap": identity_map(*named),
        **fields,
    }


def further_dataset(app: App, name: str, like: str, **tags: list[str]) -> str:
    """A dataset of the schema of a known one, with these tags; answers its id. The application's
    messages may name it."""
    made = datasets.create(
        app.places.control(),
        app.clock,
        SystemIds(),
        app.sandbox,
        name=name,
        schema_id=app.datasets[like].schema_id,
        tags=tags,
    )
    app.datasets[name] = app.rooms.definitions.snapshot(app.sandbox.id).datasets[made.id]
    return made.id


def further_policy(
    app: App, graph: str, merge: str, order: Sequence[str] = (), *, default: bool = False
) -> str:
    """A merge policy for people, in the API's words; order: names of datasets. Answers its id."""
    made = merge_policies.create(
        app.places.control(),
        app.clock,
        SystemIds(),
        app.sandbox,
        name=f"{graph} {merge}",
        schema_name="_xdm.context.profile",
        identity_graph=graph,
        attribute_merge=merge,
        order=[app.datasets[name].id for name in order],
        default=default,
    )
    return made.id


def second_sandbox(app: App, name: str = "other") -> tuple[Sandbox, JSON, str]:
    """A further sandbox with a schema, a dataset and an inlet. Answers the sandbox, a message to it
    without entity, and the inlet's id."""
    control, clock, ids = app.places.control(), app.clock, SystemIds()
    sandbox = sandboxes.create(control, clock, ids, org_id=app.org_id, name=name, title=name)
    schema = schemas.create_schema(
        control,
        clock,
        ids,
        sandbox,
        title="People",
        class_id=PROFILE_CLASS,
        groups=PROFILE_GROUPS,
        for_profile=True,
    )
    dataset = datasets.create(
        control,
        clock,
        ids,
        sandbox,
        name="People",
        schema_id=schema.id,
        tags={"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]},
    )
    inlet = connections.create(control, clock, ids, sandbox, name="Inlet")
    reference = {"id": schema.id, "contentType": CONTENT_TYPE}
    message = {
        "header": {"schemaRef": reference, "imsOrgId": app.org_id, "datasetId": dataset.id},
        "body": {"xdmMeta": {"schemaRef": reference}},
    }
    return sandbox, message, inlet.inlet_id
