"""The standard set, and the compact notation that it is written in."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.xdm import notation, schema
from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.standard.loader import load, title_of
from onefold.domain.xdm.validate import compiled
from onefold.errors import Malformed
from tests.unit.domain.xdm import samples

REQUIRED = [
    "data/record",
    "data/time-series",
    "data/adhoc",
    "context/profile",
    "context/experienceevent",
    "common/auditable",
    "common/extensible",
    "context/identitymap",
    "context/identityitem",
    "context/namespace",
    "context/profile-person-details",
    "context/profile-personal-details",
    "context/profile-work-details",
    "context/profile-preferences-details",
    "context/profile-test-profile",
    "mixins/profile/profile-loyalty-details",
    "mixins/profile-consents",
    "common/external-source-system-audit-details",
    "context/experienceevent-environment-details",
    "context/experienceevent-commerce",
    "context/experienceevent-web",
    "context/experienceevent-channel",
    "context/experienceevent-implementation-details",
    "context/experienceevent-application",
]


def test_everything_that_must_be_preloaded_is_there() -> None:
    known = load()
    assert {samples.standard(short) for short in REQUIRED} | {samples.CAMPAIGN_GROUP} <= set(known)


def test_every_resource_composes_and_compiles() -> None:
    known = load()
    for resource_id, document in known.items():
        compiled(composed(document, known))
        assert document["$id"] == resource_id == schema.resource_id(document["meta:altId"])
        assert document["meta:containerId"] == "global"


def test_resources_are_shown_in_compatibility_mode() -> None:
    known = load()
    person = known[samples.standard("context/person")]
    assert person["meta:resourceType"] == "datatypes"
    birth_date = person["definitions"]["person"]["properties"]["birthDate"]
    assert birth_date == {
        "type": "string",
        "format": "date",
        "meta:xdmType": "date",
        "title": "Birth date",
        "meta:xdmField": "xdm:birthDate",
    }
    group = known[samples.standard("context/profile-person-details")]
    assert group["meta:intendedToExtend"] == [schema.PROFILE_CLASS]
    assert known[schema.EVENT_CLASS]["meta:extends"][0] == schema.TIME_SERIES


def test_names_keep_their_standard_notation() -> None:
    known = load()

    def field_of(short: str, *path: str) -> str | None:
        node = known[short if ":" in short else samples.standard(short)]["definitions"]
        node = node[short.rpartition("/")[2]]
        for step in path:
            node = node["properties"][step]
        found: str | None = node.get("meta:xdmField")
        return found

    assert field_of("data/record", "_id") == "@id"
    assert field_of("common/auditable", "_repo", "createDate") == "repo:createDate"
    assert field_of("common/auditable", "_repo") is None
    campaign = "https://ns.adobe.com/experience/campaign"
    found = field_of(samples.CAMPAIGN_GROUP, "_experience", "campaign", "message")
    assert found == f"{campaign}/message"


def test_the_callers_copy_is_its_own() -> None:
    load()[schema.PROFILE_CLASS]["title"] = "Changed"
    assert load()[schema.PROFILE_CLASS]["title"] == "XDM Individual Profile"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("homeAddress", "Home address"),
        ("dmaID", "Dma ID"),
        ("ipV4", "Ip V4"),
        ("_id", "Id"),
        ("SKU", "SKU"),
    ],
)
def test_titles_are_made_from_names(name: str, title: str) -> None:
    assert title_of(name) == title


@pytest.mark.parametrize(
    ("compact", "node"),
    [
        ("@context/person", {"$ref": "https://ns.adobe.com/xdm/context/person"}),
        ("@urn:x", {"$ref": "urn:x"}),
        ("enum a|b c", {"type": "string", "meta:xdmType": "string", "enum": ["a", "b c"]}),
        ("string /^a b$/", {"type": "string", "meta:xdmType": "string", "pattern": "^a b$"}),
        (
            "string 1..3",
            {"type": "string", "meta:xdmType": "string", "minLength": 1, "maxLength": 3},
        ),
        ("uri", {"type": "string", "format": "uri", "meta:xdmType": "string"}),
        ("byte <=9", {"type": "integer", "meta:xdmType": "byte", "minimum": -128, "maximum": 9}),
        ("number >=-1", {"type": "number", "meta:xdmType": "number", "minimum": -1}),
        ("boolean", {"type": "boolean", "meta:xdmType": "boolean"}),
    ],
)
def test_the_compact_notation(compact: Any, node: dict[str, Any]) -> None:
    assert notation.node(compact) == node


@pytest.mark.parametrize(
    "compact",
    [
        "",
        "text",
        "date x",
        "boolean x",
        "int x",
        "int 1..",
        "enum",
        "enum ",
        "uri x",
        "string x",
        1,
        None,
        [],
        ["string", "string"],
        {"a": "text"},
    ],
)
def test_what_is_not_the_notation_is_refused(compact: Any) -> None:
    with pytest.raises(Malformed, match="XDM-1005"):
        notation.node(compact)
