"""Lists, lookups and their forms; creating, replacing, patching and deleting resources."""

from __future__ import annotations

import re
from typing import Any

import pytest

from onefold.domain.xdm.schema import EVENT_CLASS, PROFILE_CLASS
from onefold.testing.app import App
from tests.contract.schemaregistry.desk import (
    FULL,
    UNION,
    XED,
    ask,
    group_of,
    made,
    one,
    refused,
    schema_of,
)

TEXT = {"type": "string"}
XED_ID = "application/vnd.adobe.xed-id+json"


def test_stats_tell_the_tenant(shared: App) -> None:
    stats = ask(shared, "GET", "/stats/").json()
    assert f"_{stats['tenantId']}" == shared.tenant
    assert stats["imsOrg"] == shared.org_id
    assert stats["counts"] == {
        "schemas": 2,
        "mixins": 2,
        "datatypes": 0,
        "classes": 0,
        "unions": 2,
    }
    assert len(stats["recentlyCreatedResources"]) == 4
    assert set(stats["classUsage"]) == {PROFILE_CLASS, EVENT_CLASS}


@pytest.mark.parametrize(
    "kind", ["schemas", "classes", "fieldgroups", "mixins", "datatypes", "behaviors"]
)
def test_the_global_container_has_every_kind(shared: App, kind: str) -> None:
    body = ask(shared, "GET", f"/global/{kind}", accept=XED_ID).json()
    assert set(body) == {"results", "_page", "_links"}
    assert body["_page"] == {"orderby": "title", "next": None, "count": len(body["results"])}
    assert bool(body["results"]) == (kind != "schemas")
    assert all(set(r) == {"title", "$id", "meta:altId", "version"} for r in body["results"])


def test_pages_follow_next(shared: App) -> None:
    first = ask(shared, "GET", "/global/datatypes?orderby=-title&limit=3").json()
    assert first["_page"]["count"] == 3
    assert "start=3" in first["_links"]["next"]["href"]
    start = first["_page"]["next"]
    second = ask(shared, "GET", f"/global/datatypes?orderby=-title&limit=3&start={start}").json()
    titles = [r["title"] for r in (*first["results"], *second["results"])]
    assert titles == sorted(titles, reverse=True)
    assert len(set(titles)) == 6


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("property=meta:immutableTags==union", 2),
        (f"property=meta:class=={PROFILE_CLASS}", 1),
        (f"property=meta:extends!={PROFILE_CLASS}", 1),
        (f"property=title~events,meta:class=={EVENT_CLASS}", 1),
        ("property=title==Customer&property=version==1.0", 1),
        ("property=meta:registryMetadata", 2),
        ("property=nothing", 0),
        ("property=meta:registryMetadata.repo:createdDate>0", 2),
    ],
)
def test_properties_filter(shared: App, query: str, found: int) -> None:
    body = ask(shared, "GET", f"/tenant/schemas?{query}").json()
    assert len(body["results"]) == found
    assert body["_links"]["global_schemas"]["href"].endswith("/global/schemas")


@pytest.mark.parametrize(
    "query", ["limit=501", "limit=x", "start=-1", "property=title=x", "property=title~(a%2B)%2B"]
)
def test_a_wrong_list_parameter_is_refused(shared: App, query: str) -> None:
    refused(ask(shared, "GET", f"/tenant/schemas?{query}"), 400, "CTL-1008-400")


@pytest.mark.parametrize(
    ("path", "accept", "status", "kind"),
    [
        ("/global/classes", "text/html", 400, "XDM-1006-400"),
        ("/global/classes/_xdm.context.profile", "text/html", 400, "XDM-1007-400"),
        ("/tenant/descriptors", "text/html", 400, "XDM-1008-400"),
        ("/global/classes/_xdm.context.profile", XED.replace("=1", "=2"), 406, "REG-1004-406"),
        ("/global/classes", "application/vnd.adobe.xed-odd+json", 406, "REG-1004-406"),
    ],
)
def test_accept_headers_that_are_not_served(
    shared: App, path: str, accept: str, status: int, kind: str
) -> None:
    body = refused(ask(shared, "GET", path, accept=accept), status, kind)
    assert body["title"] == "Accept header invalid"
    assert re.fullmatch(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d", body["report"]["timestamp"])


def test_the_forms_of_a_lookup(shared: App) -> None:
    path = "/global/classes/_xdm.context.profile"
    for accept in (None, XED, "application/vnd.adobe.xdm+json;version=1.0", "*/*"):
        raw = ask(shared, "GET", path, accept=accept).json()
        assert raw["$id"] == PROFILE_CLASS
        assert "allOf" in raw
    full = ask(shared, "GET", path, accept=FULL).json()
    assert "allOf" not in full
    assert {"_id", "_repo", "personID"} <= set(full["properties"])
    assert full["properties"]["personID"]["meta:xdmField"] == "xdm:personID"
    bare = ask(shared, "GET", path, accept=FULL.replace("full", "full-notext")).json()
    assert "title" not in bare
    assert "title" not in bare["properties"]["personID"]
    brief = ask(shared, "GET", path, accept=XED_ID).json()
    assert set(brief) == {"title", "$id", "meta:altId", "version"}


@pytest.mark.parametrize(
    ("kind", "id_"),
    [
        ("classes", PROFILE_CLASS),
        ("fieldgroups", "https://ns.adobe.com/xdm/context/profile-person-details"),
        ("mixins", "https://ns.adobe.com/xdm/context/identitymap"),
        ("datatypes", "https://ns.adobe.com/xdm/context/person"),
    ],
)
def test_a_standard_resource_is_looked_up_among_the_own_ones_too(
    shared: App, kind: str, id_: str
) -> None:
    for accept in (XED, FULL):
        own = ask(shared, "GET", one(kind, id_), accept=accept)
        assert own.status_code == 200, own.text
        standard = one(kind, id_).replace("tenant", "global")
        assert own.json() == ask(shared, "GET", standard, accept=accept).json()
    listed = ask(shared, "GET", f"/tenant/{kind}").json()["results"]
    assert id_ not in [document["$id"] for document in listed]
    for method, body in (("PUT", schema_of()), ("PATCH", []), ("DELETE", None)):
        refused(ask(shared, method, one(kind, id_), body), 404, "XDM-1012-404")


def test_what_extends_a_behaviour_says_so(shared: App) -> None:
    classes = ask(shared, "GET", "/global/classes").json()["results"]
    schemas = ask(shared, "GET", "/tenant/schemas").json()["results"]
    assert classes
    assert schemas
    for document in (*classes, *schemas):
        behaviours = [id_ for id_ in document["meta:extends"] if "/xdm/data/" in id_]
        assert len(behaviours) == 1, document["$id"]


def test_a_schema_is_looked_up_by_both_ids_and_with_descriptors(shared: App) -> None:
    schema = ask(shared, "GET", "/tenant/schemas?property=title==Customer").json()["results"][0]
    by_id = ask(shared, "GET", one("schemas", schema["$id"]) + "/", accept=XED).json()
    by_alt = ask(shared, "GET", one("schemas", schema["meta:altId"]), accept=XED).json()
    assert by_id == by_alt == schema
    described = ask(
        shared, "GET", one("schemas", schema["$id"]), accept=FULL.replace("full", "full-desc")
    ).json()
    assert len(described["meta:descriptors"]) == 5
    core = described["properties"][shared.tenant]["properties"]["identification"]["properties"]
    assert core["core"]["properties"]["email"]["meta:xdmType"] == "string"


@pytest.mark.parametrize("kind", ["schemas", "classes", "fieldgroups", "mixins", "datatypes"])
def test_what_does_not_exist_is_not_found(shared: App, kind: str) -> None:
    for path in (f"/global/{kind}/_xdm.nothing.here", f"/tenant/{kind}/odd"):
        refused(ask(shared, "GET", path), 404, "XDM-1012-404")
    for method, body in (("PUT", schema_of()), ("PATCH", []), ("DELETE", None)):
        refused(ask(shared, method, f"/tenant/{kind}/odd", body), 404, "XDM-1012-404")
    assert ask(shared, "POST", f"/global/{kind}", {}).status_code == 405


def test_resources_of_every_kind_are_made_and_removed(app: App) -> None:
    own = {app.tenant: {"properties": {"card": {"type": "integer", "maximum": 9}}}}
    datatype = made(app, "datatypes", {"title": "Card", "properties": {"number": TEXT}})
    owner = made(
        app,
        "classes",
        {
            "title": "Owner",
            "definitions": {"o": {"properties": own}},
            "allOf": [
                {"$ref": "https://ns.adobe.com/xdm/data/record"},
                {"$ref": "#/definitions/o"},
            ],
        },
    )
    group = made(app, "mixins", group_of(app, card={"$ref": datatype["$id"]}))
    assert "/mixins/" in group["$id"]
    assert group["meta:resourceType"] == "mixins"
    schema = made(app, "schemas", {**schema_of(group["$id"]), "description": "Who has a card"})
    assert schema["meta:class"] == PROFILE_CLASS
    assert group["$id"] in schema["meta:extends"]
    assert schema["meta:registryMetadata"]["xdm:createdClientId"] == app.client_id
    for kind, used in (("datatypes", datatype), ("fieldgroups", group)):
        refused(ask(app, "DELETE", one(kind, used["$id"])), 409, "REG-1006-409")
    for kind, done in (
        ("schemas", schema),
        ("fieldgroups", group),
        ("datatypes", datatype),
        ("classes", owner),
    ):
        assert ask(app, "GET", one(kind, done["$id"]), accept=XED).json() == done
        assert ask(app, "DELETE", one(kind, done["$id"])).status_code == 204
        refused(ask(app, "DELETE", one(kind, done["$id"])), 404, "XDM-1012-404")


def test_a_patch_counts_the_version_up_and_a_put_replaces(app: App) -> None:
    group = made(app, "fieldgroups", group_of(app, card=TEXT))
    schema = made(app, "schemas", schema_of())
    added = ask(
        app,
        "PATCH",
        one("schemas", schema["$id"]),
        [
            {"op": "add", "path": "/allOf/-", "value": {"$ref": group["$id"]}},
            {"op": "add", "path": "/meta:extends/-", "value": group["$id"]},
        ],
    )
    assert added.status_code == 200
    assert added.json()["version"] == "1.1"
    assert group["$id"] in added.json()["meta:extends"]
    replaced = ask(app, "PUT", one("schemas", schema["$id"]), schema_of(title="Holders"))
    assert replaced.status_code == 200
    assert replaced.json()["title"] == "Holders"
    assert replaced.json()["version"] == "1.2"
    assert group["$id"] not in replaced.json()["meta:extends"]
    assert replaced.json()["$id"] == schema["$id"]


def test_documents_that_are_refused(app: App) -> None:
    group = made(app, "fieldgroups", group_of(app, card=TEXT))
    outside = group_of(app, "Outside")
    outside["definitions"]["card"]["properties"]["card"] = TEXT
    other = made(app, "fieldgroups", group_of(app, "Other", card={"type": "boolean"}))
    many: dict[str, Any] = {"type": "object", "properties": {}}
    for _ in range(100):
        many = {"allOf": [many]}
    unknown = schema_of("https://ns.adobe.com/acme/mixins/" + "0" * 32)
    cases: list[tuple[str, Any, int, str]] = [
        ("schemas", [], 400, "API-1003-400"),
        ("schemas", b"{", 400, "API-1003-400"),
        ("schemas", {"allOf": [{"$ref": PROFILE_CLASS}]}, 400, "CTL-1008-400"),
        ("schemas", schema_of(title="Customer"), 409, "CTL-1006-409"),
        ("schemas", {"title": "No class", "allOf": []}, 400, "XDM-1005-400"),
        ("schemas", {**schema_of(), "description": 1}, 400, "CTL-1008-400"),
        ("schemas", {**schema_of(), "meta:immutableTags": "union"}, 400, "CTL-1008-400"),
        ("schemas", unknown, 404, "XDM-1001-404"),
        ("schemas", schema_of(group["$id"], other["$id"]), 400, "XDM-1004-400"),
        ("fieldgroups", outside, 400, "CTL-1008-400"),
        ("fieldgroups", {"title": "No class", "properties": {}}, 400, "CTL-1008-400"),
        ("datatypes", {"title": "Deep", **many}, 400, "XDM-1003-400"),
        ("datatypes", {"title": "Odd", "properties": {"a": {"type": "odd"}}}, 400, "XDM-1005-400"),
        ("datatypes", {"title": "Deep", "x": _nested(250)}, 400, "XDM-1003-400"),
        ("datatypes", _circle(), 400, "XDM-1002-400"),
        ("datatypes", b'{"allOf":[' * 1000 + b"]}" * 1000, 400, "API-1003-400"),
    ]
    before = ask(app, "GET", "/stats").json()
    for kind, document, status, fault in cases:
        refused(ask(app, "POST", f"/tenant/{kind}", document), status, fault)
    assert ask(app, "GET", "/stats").json() == before


def _nested(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


def _circle() -> dict[str, Any]:
    ring = {"properties": {"a": {"$ref": "#/definitions/ring"}}}
    return {
        "title": "Ring",
        "definitions": {"ring": ring},
        "allOf": [{"$ref": "#/definitions/ring"}],
    }


@pytest.mark.parametrize(
    ("patch", "fault"),
    [
        ({"title": "x"}, "API-1003-400"),
        ([{"op": "odd", "path": "/title"}], "API-1003-400"),
        ([{"op": "remove"}], "API-1003-400"),
        ([{"op": "remove", "path": "/nothing"}], "CTL-1008-400"),
        ([{"op": "remove", "path": "nothing"}], "CTL-1008-400"),
        ([{"op": "add", "path": "/title/a/b", "value": 1}], "CTL-1008-400"),
        ([{"op": "test", "path": "/title", "value": "x"}], "CTL-1008-400"),
        ([{"op": "remove", "path": "/title"}], "CTL-1008-400"),
        ([{"op": "replace", "path": "", "value": 1}], "API-1003-400"),
        ([{"op": "copy", "from": "/allOf", "path": "/allOf/-"}] * 40, "XDM-1003-400"),
        ([{"op": "test", "path": "/title", "value": "x"}] * 1001, "XDM-1003-400"),
    ],
)
def test_patches_that_are_refused(shared: App, patch: Any, fault: str) -> None:
    schema = ask(shared, "GET", "/tenant/schemas?property=title==Customer").json()["results"][0]
    refused(ask(shared, "PATCH", one("schemas", schema["$id"]), patch), 400, fault)
    assert ask(shared, "GET", one("schemas", schema["$id"])).json() == schema


def test_a_change_that_breaks_what_it_is_part_of_is_refused(app: App) -> None:
    group = made(app, "fieldgroups", group_of(app, card=TEXT))
    other = made(app, "fieldgroups", group_of(app, "Other", points={"type": "integer"}))
    made(app, "schemas", schema_of(group["$id"], other["$id"]))
    clash = group_of(app, points=TEXT)
    refused(ask(app, "PUT", one("fieldgroups", group["$id"]), clash), 400, "XDM-1004-400")
    ring = [{"op": "add", "path": "/allOf/-", "value": {"$ref": group["$id"]}}]
    refused(ask(app, "PATCH", one("fieldgroups", group["$id"]), ring), 400, "XDM-1002-400")
    assert ask(app, "GET", one("fieldgroups", group["$id"])).json() == group


def test_replacements_and_deletions_that_are_refused(app: App) -> None:
    schema = made(app, "schemas", schema_of())
    path = one("schemas", schema["$id"])
    refused(ask(app, "PUT", path, schema_of(title="Customer")), 409, "CTL-1006-409")
    events = {"title": "Events", "allOf": [{"$ref": EVENT_CLASS}]}
    refused(ask(app, "PUT", path, events), 400, "REG-1005-400")
    assert ask(app, "GET", path).json() == schema
    dataset = {"name": "Cards", "schemaRef": {"id": schema["$id"]}}
    assert app.post("/data/foundation/catalog/dataSets", dataset).status_code == 201
    refused(ask(app, "DELETE", path), 409, "REG-1006-409")


def test_too_many_filters_are_refused(shared: App) -> None:
    query = "&".join(["property=title"] * 51)
    refused(ask(shared, "GET", f"/tenant/schemas?{query}"), 400, "CTL-1008-400")


def test_an_enabled_schema_only_grows(app: App) -> None:
    group = made(app, "fieldgroups", group_of(app, card=TEXT))
    schema = made(app, "schemas", schema_of(group["$id"]))
    loose = ask(app, "PUT", one("fieldgroups", group["$id"]), group_of(app, number=TEXT))
    assert loose.status_code == 200
    enabled = ask(app, "PATCH", one("schemas", schema["$id"]), UNION).json()
    assert enabled["meta:immutableTags"] == ["union"]
    body = refused(
        ask(app, "PUT", one("fieldgroups", group["$id"]), group_of(app, card=TEXT)),
        400,
        "REG-1005-400",
    )
    assert f"/{app.tenant}/number" in body["detail"]
    grown = group_of(app, number=TEXT, card=TEXT)
    assert ask(app, "PUT", one("fieldgroups", group["$id"]), grown).status_code == 200
    for patch in (
        [{"op": "remove", "path": "/meta:immutableTags"}],
        [{"op": "remove", "path": "/allOf/1"}],
    ):
        refused(ask(app, "PATCH", one("schemas", schema["$id"]), patch), 400, "REG-1005-400")
    refused(ask(app, "DELETE", one("schemas", schema["$id"])), 409, "REG-1006-409")


def test_schemas_of_one_union_agree_about_types(app: App) -> None:
    fields = made(app, "fieldgroups", group_of(app, loyaltyDetails=TEXT))
    schema = made(app, "schemas", schema_of(fields["$id"]))
    refused(ask(app, "PATCH", one("schemas", schema["$id"]), UNION), 400, "XDM-1004-400")
    both = {**schema_of(fields["$id"], title="Again"), "meta:immutableTags": ["union"]}
    refused(ask(app, "POST", "/tenant/schemas", both), 400, "XDM-1004-400")


def test_unions_show_all_fields_of_the_enabled_schemas(shared: App) -> None:
    body = ask(shared, "GET", "/tenant/unions", accept=XED_ID).json()
    assert [r["meta:altId"] for r in body["results"]] == [
        "_xdm.context.experienceevent__union",
        "_xdm.context.profile__union",
    ]
    for path in (
        one("unions", f"{PROFILE_CLASS}__union"),
        "/tenant/schemas/_xdm.context.profile__union",
    ):
        raw = ask(shared, "GET", path, accept=XED).json()
        assert raw["meta:resourceType"] == "unions"
        assert len(raw["allOf"]) == 1
        bare = ask(shared, "GET", path, accept=FULL.replace("full", "full-notext")).json()
        assert "title" not in bare
        full = ask(shared, "GET", path, accept=FULL).json()
        assert {shared.tenant, "identityMap", "segmentMembership", "timeSeriesEvents"} <= set(
            full["properties"]
        )
    refused(ask(shared, "GET", "/tenant/unions/_xdm.odd__union"), 404, "XDM-1012-404")
