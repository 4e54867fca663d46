"""Merge policies over HTTP. Source: profile contract, 4.1 to 4.6, and 15."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.asking import other_organisation, send
from tests.contract.people import RECORD, ecid, record, second_sandbox

URL = "/data/core/ups/config/mergePolicies"
JSON = dict[str, Any]
NEW: JSON = {
    "name": "Ours",
    "schema": {"name": "_xdm.context.profile"},
    "identityGraph": {"type": "pdg"},
    "attributeMerge": {"type": "timestampOrdered"},
}
RANKED: JSON = {"attributeMerge": {"type": "dataSetPrecedence", "order": ["d1", "d2"]}}


def make(app: App, **fields: Any) -> JSON:
    answer = app.post(URL, NEW | fields)
    assert answer.status_code == 200, answer.text
    policy: JSON = answer.json()
    return policy


def change(app: App, policy: JSON, *operations: JSON) -> JSON:
    answer = send(app, "PATCH", f"{URL}/{policy['id']}", list(operations))
    assert answer.status_code == 200, answer.text
    changed: JSON = answer.json()
    return changed


def put(path: str, value: Any) -> JSON:
    return {"op": "replace", "path": path, "value": value}


def listed(app: App, query: str = "") -> JSON:
    answer = app.get(f"{URL}?{query}")
    assert answer.status_code == 200, answer.text
    body: JSON = answer.json()
    return body


def names(app: App, query: str = "") -> list[str]:
    return [policy["name"] for policy in listed(app, query)["children"]]


def born(app: App) -> JSON:
    """The policy that the sandbox was born with."""
    (policy,) = listed(app, "attributeMerge.type=timestampOrdered&start=0")["children"]
    return policy  # type: ignore[no-any-return]  # of a JSON body


def refused(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body.keys() == {"message", "cause", "statusCode"}
    assert body["statusCode"] == str(status)
    assert body["cause"].startswith(f"{code}: ")


# Objects


def test_every_sandbox_is_born_with_a_default_policy(app: App) -> None:
    policy = born(app)
    assert policy == {
        "id": policy["id"],
        "name": "Default Timebased",
        "imsOrgId": app.org_id,
        "sandbox": {
            "sandboxId": app.sandbox.id,
            "sandboxName": "prod",
            "type": "production",
            "default": True,
        },
        "schema": {"name": "_xdm.context.profile"},
        "version": 1,
        "identityGraph": {"type": "pdg"},
        "attributeMerge": {"type": "timestampOrdered"},
        "default": True,
        "isActiveOnEdge": True,
        "updateEpoch": START_MS // 1000,
    }


def test_new_policy_is_there_at_once(app: App) -> None:
    made = make(app, **RANKED, id="mine", version=7, imsOrgId="x", updateEpoch=1, unknown={})
    assert made == born(app) | {
        "id": made["id"],
        "name": "Ours",
        "attributeMerge": RANKED["attributeMerge"],
        "default": False,
        "isActiveOnEdge": False,
    }
    for slash in ("", "/"):
        assert app.get(f"{URL}/{made['id']}{slash}").json() == made


def test_name_is_optional_and_older_words_are_read(app: App) -> None:
    bare = {field: value for field, value in NEW.items() if field != "name"}
    body = bare | {
        "identityGraph": {"type": "Private Graph"},
        "attributeMerge": {"type": "dataSetPrecedence", "data": {"order": ["d"]}},
    }
    made = app.post(URL, body).json()
    assert (made["name"], made["identityGraph"]) == ("", {"type": "pdg"})
    assert made["attributeMerge"] == {"type": "dataSetPrecedence", "order": ["d"]}


def test_order_without_precedence_is_ignored(app: App) -> None:
    made = make(app, attributeMerge={"type": "timestampOrdered", "order": ["string"]})
    assert made["attributeMerge"] == {"type": "timestampOrdered"}


def test_name_of_a_class_is_kept_in_lower_case(app: App) -> None:
    made = make(app, schema={"name": "_XDM.context.Profile"}, default=True)
    assert made["schema"] == {"name": "_xdm.context.profile"}
    assert names(app, "default=true") == ["Ours"]
    assert names(app, "schema.name=_xdm.Context.PROFILE&orderBy=-name") == [
        "Ours",
        "Default Timebased",
    ]


def test_order_has_fifty_datasets_of_each_kind_at_most(app: App) -> None:
    events = [app.datasets[EVENTS].id] * 50
    records = [f"d{n}" for n in range(50)]
    most = {"type": "dataSetPrecedence", "order": records + events}
    assert make(app, attributeMerge=most)["attributeMerge"] == most
    for more in ("d50", events[0]):
        order = [*most["order"], more]
        body = NEW | {"attributeMerge": most | {"order": order}}
        refused(app.post(URL, body), 400, "CTL-1008")
        operations = [
            put("/attributeMerge.type", "dataSetPrecedence"),
            put("/attributeMerge.order", order),
        ]
        refused(send(app, "PATCH", f"{URL}/{born(app)['id']}", operations), 400, "CTL-1008")


BAD: list[Any] = [
    NEW | {"schema": {}},
    NEW | {"identityGraph": {"type": "star"}},
    NEW | {"attributeMerge": {"type": "coinToss"}},
    NEW | {"attributeMerge": {"type": "dataSetPrecedence"}},
    NEW | {"attributeMerge": {"type": "dataSetPrecedence", "order": []}},
    NEW | {"attributeMerge": {"type": "dataSetPrecedence", "order": ["d"] * 101}},
    NEW | {"default": "perhaps"},
    NEW | {"isActiveOnEdge": 1},
    *({k: v for k, v in NEW.items() if k != missing} for missing in NEW if missing != "name"),
]
FORMLESS: list[Any] = [NEW | {"schema": "x"}, NEW | {"name": 1}, [], "text", None]


@pytest.mark.parametrize("body", BAD)
def test_bad_policies_are_a_400(app: App, body: Any) -> None:
    known = born(app)
    refused(send(app, "POST", URL, body), 400, "CTL-1008")
    refused(send(app, "PUT", f"{URL}/{known['id']}", body), 400, "CTL-1008")
    assert listed(app)["children"] == [known]


@pytest.mark.parametrize("body", FORMLESS)
def test_bodies_of_another_form_are_a_400(app: App, body: Any) -> None:
    refused(send(app, "POST", URL, body), 400, "API-1003")
    refused(send(app, "PUT", f"{URL}/{born(app)['id']}", body), 400, "API-1003")


def test_sixth_policy_is_a_400(app: App) -> None:
    for _ in range(4):
        make(app)
    refused(app.post(URL, NEW), 400, "CTL-1008")
    assert listed(app)["_page"]["totalCount"] == 5


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_unknown_policy_is_a_404(app: App, method: str) -> None:
    bodies = {"PUT": NEW, "PATCH": [put("/name", "x")]}
    refused(send(app, method, f"{URL}/nothing", bodies.get(method)), 404, "PRO-1005")


# Defaults and the edge


def test_new_default_takes_the_place_of_the_old(app: App) -> None:
    old = born(app)
    other_class = make(app, schema={"name": "_xdm.context.account"}, default=True)
    new = make(app, default=True, isActiveOnEdge=True)
    assert (new["default"], new["isActiveOnEdge"]) == (True, True)
    old = app.get(f"{URL}/{old['id']}").json()
    assert (old["default"], old["isActiveOnEdge"], old["version"]) == (False, False, 1)
    assert app.get(f"{URL}/{other_class['id']}").json()["default"]
    changed = change(app, old, put("/default", "true"), put("/isActiveOnEdge", "TRUE"))
    assert (changed["default"], changed["isActiveOnEdge"], changed["version"]) == (True, True, 2)
    new = app.get(f"{URL}/{new['id']}").json()
    assert (new["default"], new["isActiveOnEdge"]) == (False, False)


def test_lookup_follows_the_default_at_once(app: App) -> None:
    app.ingest(REGISTRATIONS, record(("ECID", ecid(1)), ("Email", "ada@example.com")))
    url = f"{RECORD}&entityId={ecid(1)}&entityIdNS=ecid"
    (stitched,) = app.get(url).json().values()
    assert len(stitched["identityGraph"]) == 2
    new = make(app, identityGraph={"type": "none"}, default=True)
    (alone,) = app.get(url).json().values()
    assert (alone["mergePolicy"], len(alone["identityGraph"])) == ({"id": new["id"]}, 1)
    change(app, new, put("/identityGraph.type", "pdg"))
    (again,) = app.get(url).json().values()
    assert len(again["identityGraph"]) == 2
    assert send(app, "DELETE", f"{URL}/{new['id']}").status_code == 200
    assert app.get(url).status_code == 422
    assert app.get(f"{url}&mergePolicyId={new['id']}").status_code == 404


# PUT, PATCH and DELETE


def test_put_takes_the_place_of_the_whole(app: App) -> None:
    made = make(app, **RANKED)
    app.clock.advance(ms=2000)
    body = made | {"name": "New", "attributeMerge": {"type": "timestampOrdered"}, "version": 9}
    answer = send(app, "PUT", f"{URL}/{made['id']}/", body)
    assert answer.status_code == 200
    assert answer.json() == made | {
        "name": "New",
        "attributeMerge": {"type": "timestampOrdered"},
        "version": 2,
        "updateEpoch": START_MS // 1000 + 2,
    }
    nameless = {field: value for field, value in NEW.items() if field != "name"}
    assert send(app, "PUT", f"{URL}/{made['id']}", nameless).json()["name"] == ""


@pytest.mark.parametrize("op", ["add", "replace"])
@pytest.mark.parametrize(
    ("path", "value", "changed"),
    [
        ("/name", "New", {"name": "New"}),
        ("/identityGraph.type", "none", {"identityGraph": {"type": "none"}}),
        ("/identityGraph/type", "auto", {"identityGraph": {"type": "pdg"}}),
        ("/schema.name", "_xdm.context.x", {"schema": {"name": "_xdm.context.x"}}),
        ("/attributeMerge.type", "timestampOrdered", {"attributeMerge": NEW["attributeMerge"]}),
        (
            "/attributeMerge.order",
            ["d3"],
            {"attributeMerge": {"type": "dataSetPrecedence", "order": ["d3"]}},
        ),
        (
            "/attributeMerge/data/order",
            ["d3"],
            {"attributeMerge": {"type": "dataSetPrecedence", "order": ["d3"]}},
        ),
        ("/default", True, {"default": True}),
        ("/isActiveOnEdge", "true", {"isActiveOnEdge": True}),
        ("/idActiveOnEdge", "false", {"isActiveOnEdge": False}),
        ("/version", 9, {}),
    ],
)
def test_patch_changes_one_field(app: App, op: str, path: str, value: Any, changed: JSON) -> None:
    made = make(app, **RANKED)
    operation = {"op": op, "path": path, "value": value}
    url = f"{URL}/{made['id']}"
    first = send(app, "PATCH", url, operation)
    assert first.status_code == 200, first.text
    assert first.json() == made | changed | {"version": 2}
    assert send(app, "PATCH", url, [operation]).json()["version"] == 3
    assert app.get(url).json() == made | changed | {"version": 3}


def test_patch_is_judged_as_a_whole(app: App) -> None:
    made = make(app)
    url = f"{URL}/{made['id']}"
    type_ = put("/attributeMerge.type", "dataSetPrecedence")
    refused(send(app, "PATCH", url, [put("/name", "New"), type_]), 400, "CTL-1008")
    assert app.get(url).json() == made
    changed = change(app, made, type_, put("/attributeMerge/order", ["d"]))
    assert changed["attributeMerge"] == {"type": "dataSetPrecedence", "order": ["d"]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([{"op": "remove", "path": "/name"}], "CTL-1008"),
        ([put("/id", "x")], "CTL-1008"),
        ([put("name", "x")], "CTL-1008"),
        ([put("/name", 1)], "CTL-1008"),
        ([put("/name", None)], "CTL-1008"),
        ([put("/default", "maybe")], "CTL-1008"),
        ([put("/default", 1)], "CTL-1008"),
        ([put("/attributeMerge.order", "d")], "CTL-1008"),
        ([put("/attributeMerge.order", [1])], "CTL-1008"),
        ([put("/attributeMerge.type", "x")], "CTL-1008"),
        ([put("/identityGraph.type", "x")], "CTL-1008"),
        ([put("/schema.name", "")], "CTL-1008"),
        ([], "API-1003"),
        ([1], "API-1003"),
        ({"op": "add"}, "API-1003"),
        (None, "API-1003"),
    ],
)
def test_bad_patches_are_a_400(app: App, body: Any, code: str) -> None:
    known = born(app)
    refused(send(app, "PATCH", f"{URL}/{known['id']}", body), 400, code)
    assert born(app) == known


def test_deleted_policy_is_gone(app: App) -> None:
    made = make(app)
    url = f"{URL}/{made['id']}"
    answer = send(app, "DELETE", url)
    assert (answer.status_code, answer.content) == (200, b"")
    refused(app.get(url), 404, "PRO-1005")
    refused(send(app, "DELETE", url), 404, "PRO-1005")


def test_policy_on_the_edge_is_not_deleted_before_it_is_switched_off(app: App) -> None:
    known = born(app)
    refused(send(app, "DELETE", f"{URL}/{known['id']}"), 400, "CTL-1008")
    change(app, known, put("/isActiveOnEdge", False))
    assert send(app, "DELETE", f"{URL}/{known['id']}").status_code == 200
    assert listed(app) == {
        "_page": {"totalCount": 0, "pageSize": 0, "count": 0, "next": ""},
        "children": [],
        "_links": {"next": {"href": ""}},
    }


# The list


def test_list_is_by_name_and_filtered(app: App) -> None:
    make(app, name="b", identityGraph={"type": "none"})
    make(app, name="a", **RANKED)
    make(app, name="c", schema={"name": "_xdm.context.x"}, default=True)
    assert names(app) == ["Default Timebased", "a", "b", "c"]
    assert names(app, "orderBy=-name") == ["c", "b", "a", "Default Timebased"]
    assert names(app, "orderby=+name&limit=1") == ["Default Timebased"]
    assert names(app, "default=true") == ["Default Timebased", "c"]
    assert names(app, "default=False&orderBy=identityGraph.type") == ["b", "a"]
    assert names(app, "isActiveOnEdge=true") == ["Default Timebased"]
    assert names(app, "schema.name=_xdm.context.x&default=true") == ["c"]
    assert names(app, "identityGraph.type=none") == ["b"]
    assert names(app, "attributeMerge.type=dataSetPrecedence") == ["a"]
    assert names(app, "version=1&unknown=1") == ["Default Timebased", "a", "b", "c"]
    assert names(app, "version=2") == []


@pytest.mark.parametrize("order", ["", "-name", "default", "-updateEpoch", "id", "+schema.name"])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_hold_every_policy_once(app: App, order: str, limit: int) -> None:
    for name in ("b", "b", "a", "å & ?"):
        make(app, name=name)
        app.clock.advance(ms=1000)
    query = f"orderBy={order}&limit={limit}&identityGraph.type=pdg"
    seen: list[JSON] = []
    while query:
        body = listed(app, query)
        page = body["_page"]
        seen += body["children"]
        assert page["pageSize"] == page["count"] == len(body["children"]) <= limit
        assert page["totalCount"] == 5
        href = body["_links"]["next"]["href"]
        assert bool(href) == bool(page["next"]) == (len(seen) < 5)
        if href:
            path, _, query = href.partition("?")
            assert path == "@/mergePolicies"
            assert query.startswith(f"start={page['next']}&orderBy=")
            query += f"&limit={limit}"  # a client says it again
        else:
            query = ""
    assert seen == listed(app, f"orderBy={order}")["children"]
    assert len({policy["id"] for policy in seen}) == 5


def test_page_goes_on_when_its_first_policy_is_gone(app: App) -> None:
    made = {name: make(app, name=name) for name in ("a", "b", "c")}
    query = listed(app, "limit=2")["_links"]["next"]["href"].partition("?")[2]
    send(app, "DELETE", f"{URL}/{made['b']['id']}")
    assert names(app, query) == ["c"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=x",
        "orderBy=size",
        "start=x",
        "start=W10",
        "start=WzEsIngiXQ",
        "default=maybe",
        "isActiveOnEdge=1",
    ],
)
def test_wrong_parameters_are_a_400(app: App, query: str) -> None:
    refused(app.get(f"{URL}?{query}"), 400, "PRO-1002")


# Many at once


def test_bulk_get_leaves_out_what_is_unknown(app: App) -> None:
    known, made = born(app), make(app)
    ids = [{"id": made["id"]}, {"id": "nothing"}, {"id": known["id"], "x": 1}, {"id": made["id"]}]
    answer = app.post(f"{URL}/bulk-get", {"ids": ids})
    assert answer.status_code == 207
    assert answer.json() == {"results": {known["id"]: known, made["id"]: made}}
    assert app.post(f"{URL}/bulk-get/", {"ids": []}).json() == {"results": {}}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "API-1003"),
        ({"ids": [{}]}, "API-1003"),
        ({"ids": ["x"]}, "API-1003"),
        (None, "API-1003"),
        ({"ids": [{"id": str(n)} for n in range(1001)]}, "PRO-1002"),
    ],
)
def test_bad_bulk_gets_are_a_400(app: App, body: Any, code: str) -> None:
    refused(send(app, "POST", f"{URL}/bulk-get", body), 400, code)


# Borders


def test_policies_of_other_sandboxes_are_not_there(app: App) -> None:
    sandbox, _, _ = second_sandbox(app)
    theirs = other_organisation(app)
    made = make(app)
    url = f"{URL}/{made['id']}"
    for headers in ({"x_sandbox_name": sandbox.name}, theirs):
        refused(app.get(url, **headers), 404, "PRO-1005")
        refused(send(app, "PUT", url, NEW, **headers), 404, "PRO-1005")
        refused(send(app, "PATCH", url, [put("/name", "x")], **headers), 404, "PRO-1005")
        refused(send(app, "DELETE", url, **headers), 404, "PRO-1005")
        bulk = send(app, "POST", f"{URL}/bulk-get", {"ids": [{"id": made["id"]}]}, **headers)
        assert bulk.json() == {"results": {}}
        for _ in range(4):  # a limit of each sandbox for itself
            assert send(app, "POST", URL, NEW, **headers).status_code == 200
    assert app.get(url).json() == made


def test_gateway_comes_first(app: App) -> None:
    assert app.get(URL, authorization=None).json()["error_code"] == "403010"
    headers = app.headers(content_type="text/plain")
    assert app.request("POST", URL, content=b"{}", headers=headers).status_code == 400
