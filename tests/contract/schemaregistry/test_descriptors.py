"""Descriptors: every form of the list, and identities that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.testing.app import App
from tests.contract.schemaregistry.desk import (
    FULL,
    JSON,
    ask,
    group_of,
    made,
    one,
    refused,
    schema_of,
)

PATH = "/tenant/descriptors"
TEXT = {"type": "string"}
V2 = "application/vnd.adobe.xdm-v2+json"


def schema_with(app: App, **fields: JSON) -> str:
    group = made(app, "fieldgroups", group_of(app, **fields))
    schema_id: str = made(app, "schemas", schema_of(group["$id"]))["$id"]
    return schema_id


def identity(app: App, schema_id: str, field: str = "mail", /, **changed: Any) -> JSON:
    return {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": schema_id,
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": f"/{app.tenant}/{field}",
        "xdm:namespace": "Email",
        "xdm:property": "xdm:code",
        **changed,
    }


def test_a_descriptor_from_birth_to_end(app: App) -> None:
    schema_id = schema_with(app, mail=TEXT)
    answer = ask(app, "POST", PATH, identity(app, schema_id))
    assert answer.status_code == 201
    descriptor = answer.json()
    assert len(descriptor["@id"]) == 40
    assert descriptor["meta:containerId"] == "tenant"
    assert descriptor["version"] == "1"
    assert descriptor["imsOrg"] == app.org_id
    path = f"{PATH}/{descriptor['@id']}"
    assert ask(app, "GET", path, accept="text/html").json() == descriptor
    replaced = ask(app, "PUT", path, identity(app, schema_id, **{"xdm:isPrimary": True}))
    assert replaced.status_code == 200
    assert replaced.json() == {**descriptor, "xdm:isPrimary": True}
    assert ask(app, "DELETE", path).status_code == 204
    for method, body in (("GET", None), ("DELETE", None), ("PUT", identity(app, schema_id))):
        refused(ask(app, method, path, body), 404, "XDM-1012-404")


def test_the_forms_of_the_list(shared: App) -> None:
    grouped = ask(shared, "GET", PATH, accept="application/vnd.adobe.xdm+json").json()
    (kind, found), *others = grouped.items()
    assert kind == "xdm:descriptorIdentity"
    assert not others
    assert len(found) == 10
    ids = ask(shared, "GET", PATH, accept="application/vnd.adobe.xdm-id+json").json()[kind]
    assert ids == [descriptor["@id"] for descriptor in found]
    links = ask(shared, "GET", PATH, accept="application/vnd.adobe.xdm-link+json").json()[kind]
    assert links == [f"/tenant/descriptors/{id_}" for id_ in ids]
    listed = ask(shared, "GET", PATH, accept=V2).json()
    assert listed["results"] == found
    assert listed["_page"]["next"] is None
    assert listed["_page"]["count"] == 10
    v2_ids = ask(shared, "GET", PATH, accept="application/vnd.adobe.xdm-v2-id+json").json()
    assert v2_ids["results"] == ids
    source = found[0]["xdm:sourceSchema"]
    query = f"?property=@type=={kind},xdm:sourceSchema=={source}"
    assert ask(shared, "GET", PATH + query, accept=V2).json()["_page"]["count"] == 5


def test_other_types_are_kept_as_they_were_sent(app: App) -> None:
    schema_id = schema_with(app, mail=TEXT)
    document = {
        "@type": "xdm:descriptorDeprecated",
        "xdm:sourceSchema": schema_id,
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": f"/{app.tenant}/mail",
        "own": {"word": [1]},
    }
    kept = ask(app, "POST", PATH, document).json()
    assert document.items() <= kept.items()
    for odd in ("no pointer", [1]):
        sent = {**document, "xdm:sourceProperty": odd}
        assert ask(app, "POST", PATH, sent).status_code == 201
    full = FULL.replace("full", "full-deprecatefield")
    field = ask(app, "GET", one("schemas", schema_id), accept=full).json()
    assert field["properties"][app.tenant]["properties"]["mail"]["meta:status"] == "deprecated"


def test_descriptors_that_are_refused(app: App) -> None:
    schema_id = schema_with(
        app, mail=TEXT, second=TEXT, mails={"type": "array", "items": TEXT}, age={"type": "integer"}
    )
    primary = {"xdm:isPrimary": True}
    assert ask(app, "POST", PATH, identity(app, schema_id, **primary)).status_code == 201
    before = ask(app, "GET", PATH, accept=V2).json()
    cases: list[tuple[Any, int, str]] = [
        ([], 400, "API-1003-400"),
        ({"xdm:sourceSchema": schema_id}, 400, "CTL-1008-400"),
        ({"@type": "xdm:odd"}, 400, "CTL-1008-400"),
        ({"@type": "xdm:odd", "xdm:sourceSchema": "odd"}, 404, "XDM-1012-404"),
        (identity(app, "odd"), 404, "XDM-1012-404"),
        (identity(app, schema_id), 409, "CTL-1006-409"),
        (identity(app, schema_id, "second", **primary), 400, "CTL-1008-400"),
        (identity(app, schema_id, "mails"), 400, "CTL-1008-400"),
        (identity(app, schema_id, "mails/*"), 400, "CTL-1008-400"),
        (identity(app, schema_id, "age"), 400, "CTL-1008-400"),
        (identity(app, schema_id, "nothing"), 400, "CTL-1008-400"),
        (identity(app, schema_id, "second/"), 400, "CTL-1008-400"),
        (identity(app, schema_id, "second", **{"xdm:namespace": "Odd"}), 404, "XDM-1012-404"),
    ]
    for document, status, fault in cases:
        refused(ask(app, "POST", PATH, document), status, fault)
    assert ask(app, "GET", PATH, accept=V2).json() == before


def test_a_field_with_an_identity_stays(app: App) -> None:
    schema_id = schema_with(app, mail=TEXT)
    ask(app, "POST", PATH, identity(app, schema_id))
    answer = ask(app, "PUT", one("schemas", schema_id), schema_of())
    refused(answer, 400, "CTL-1008-400")


@pytest.mark.parametrize("query", ["property=a=b", "property=@type~(a%2B)%2B"])
def test_a_wrong_filter_is_refused(shared: App, query: str) -> None:
    refused(ask(shared, "GET", f"{PATH}?{query}"), 400, "CTL-1008-400")
