"""The published samples, and schemas that they must fit: standard groups and a tenant's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.notation import CORE
from onefold.domain.xdm.schema import (
    EVENT_CLASS,
    IDENTITY_MAP_GROUP,
    PROFILE_CLASS,
    field_group_document,
    schema_document,
)
from onefold.domain.xdm.standard.loader import load
from onefold.domain.xdm.types import Field

FIXTURES = Path(__file__).parents[3] / "fixtures"
CAMPAIGN_GROUP = "https://ns.adobe.com/experience/campaign/experienceevent-profile-work-details"
TENANT_EVENT_GROUP = "https://ns.adobe.com/experienceplatform/mixins/" + "a" * 32
TENANT_PROFILE_GROUP = "https://ns.adobe.com/experienceplatform/mixins/" + "b" * 32

IDENTIFICATION = {
    "core": {
        "ecid": "string",
        "email": "string",
        "phoneNumber": "string",
        "crmId": "string",
        "loyaltyId": "string",
    }
}


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text())


def seed_events() -> list[Any]:
    return [child["entity"] for child in fixture("seed_events_response.json")["children"]]


def seed_profile() -> Any:
    (answer,) = fixture("seed_profile_response.json").values()
    return answer["entity"]


def seed_streamed_record() -> Any:
    return fixture("seed_streaming_single.json")["body"]["xdmEntity"]


def seed_streamed_event() -> Any:
    return fixture("seed_streaming_batch.json")["messages"][0]["body"]["xdmEntity"]


def groups_for(class_id: str, resources: dict[str, Any]) -> list[str]:
    return [
        resource_id
        for resource_id, document in resources.items()
        if class_id in document.get("meta:intendedToExtend", ())
    ]


def resources() -> dict[str, Any]:
    """The standard set and the tenant's two groups."""
    product = {"core": {"mainCategory": "string", "productURL": "string", "imageURL": "string"}}
    event_group = field_group_document(
        "Demo event details",
        [EVENT_CLASS],
        "experienceplatform",
        {
            "interactionDetails": {"core": {"channel": "string"}},
            "demoEnvironment": {"brandName": "string"},
            "identification": IDENTIFICATION,
        },
        extending={"productListItems": [{"_experienceplatform": product}]},
    )
    profile_group = field_group_document(
        "Demo profile details",
        [PROFILE_CLASS],
        "experienceplatform",
        {
            "individualCharacteristics": {"favouriteColour": "string"},
            "loyaltyDetails": {"level": "string", "points": "int"},
            "identification": IDENTIFICATION,
        },
    )
    return {
        **load(),
        TENANT_EVENT_GROUP: event_group,
        TENANT_PROFILE_GROUP: profile_group,
    }


def event_schema() -> Field:
    """The largest event schema there is: every standard event group and the tenant's."""
    known = resources()
    return composed(schema_document("Events", EVENT_CLASS, groups_for(EVENT_CLASS, known)), known)


def profile_schema() -> Field:
    known = resources()
    groups = [*groups_for(PROFILE_CLASS, known), IDENTITY_MAP_GROUP]
    return composed(schema_document("Profiles", PROFILE_CLASS, groups), known)


def standard(short: str) -> str:
    return CORE + short
