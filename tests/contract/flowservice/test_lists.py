"""Lists of the Flow Service: pages, filters, order; and what there is to connect."""

from __future__ import annotations

import pytest

from onefold.testing.app import App
from tests.contract.flowservice.desk import ROOT, ask, connection_of, item, made
from tests.contract.flowservice.test_resources import refused

KINDS = ("connections", "sourceConnections", "targetConnections", "flows", "runs")


def names(app: App, query: str) -> list[str]:
    """The names of the connections that a list shows."""
    answer = app.get(f"{ROOT}/connections?{query}")
    assert answer.status_code == 200, answer.text
    return [found["name"] for found in answer.json()["items"]]


def test_an_empty_list_keeps_its_envelope(app: App) -> None:
    for kind in KINDS[1:]:
        assert app.get(f"{ROOT}/{kind}").json() == {"items": [], "_links": {}}
    assert app.get(f"{ROOT}/runs?count=True").json() == {"items": [], "_links": {}, "count": 0}
    refused(app.get(f"{ROOT}/runs/x"), 404, "CTL-1007")


def test_pages_follow_their_links_to_the_end(app: App) -> None:
    for number in range(5):
        made(app, "connections", connection_of(f"Till {number}"))
    query = "limit=2&orderby=-name&property=name~^Till&count=True"
    seen: list[str] = []
    answer = app.get(f"{ROOT}/connections?{query}").json()
    while True:
        assert answer["count"] == 5
        seen += [found["name"] for found in answer["items"]]
        if "next" not in answer["_links"]:
            break
        link = answer["_links"]["next"]["href"]
        path, _, token = link.partition("=")
        assert path == "/connections?continuationToken"
        assert "=" not in token
        answer = app.get(ROOT + link).json()
    assert seen == [f"Till {number}" for number in (4, 3, 2, 1, 0)]


def test_lists_are_filtered_and_ordered(app: App) -> None:
    for name in ("b", "a", "c"):
        made(app, "connections", connection_of(name, sourceId=name * 2))
    mine = "property=name~^[abc]$"
    assert names(app, mine) == ["b", "a", "c"]
    assert names(app, f"{mine}&orderby=name") == ["a", "b", "c"]
    assert names(app, f"{mine}&orderby=desc:name") == ["c", "b", "a"]
    assert names(app, "property=auth.params.sourceId==aa") == ["a"]
    assert names(app, "property=name==a&property=name==b") == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "property=name=a",
        "continuationToken=x",
        "continuationToken=%E2%82%AC",
        "continuationToken=WzAsMCxbXSwiIixmYWxzZV0",
        f"orderby={'a,' * 11}",
    ],
)
def test_a_wrong_parameter_is_refused(shared: App, query: str) -> None:
    refused(shared.get(f"{ROOT}/connections?{query}"), 400, "CTL-1008")


def test_specs_are_found_by_the_names_that_clients_look_for(shared: App) -> None:
    specs = {one["name"]: one for one in shared.get(f"{ROOT}/connectionSpecs").json()["items"]}
    assert specs["Streaming Connection"]["providerId"] == "521eee4d-8cbe-4906-bb48-fb6bd4450033"
    assert specs["datalake"]["id"] == "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
    assert "8a9c3494-9708-43d7-ae3f-cda01e5030e1" in {one["id"] for one in specs.values()}
    for spec in specs.values():
        assert item(shared, "connectionSpecs", spec["id"]) == spec
    flow_specs = shared.get(f"{ROOT}/flowSpecs").json()["items"]
    assert [one["id"][:8] for one in flow_specs] == ["d8a6f005", "c1a19761"]
    for spec in flow_specs:
        assert item(shared, "flowSpecs", spec["id"]) == spec
    for kind in ("connectionSpecs", "flowSpecs"):
        refused(ask(shared, "GET", f"/{kind}/no"), 404, "CTL-1007")


@pytest.mark.parametrize("kind", KINDS[:4])
def test_what_is_not_there_is_not_found(shared: App, kind: str) -> None:
    refused(ask(shared, "GET", f"/{kind}/no"), 404, "CTL-1007")
    refused(ask(shared, "DELETE", f"/{kind}/no"), 404, "CTL-1007")
    refused(ask(shared, "PATCH", f"/{kind}/no", [], if_match="*"), 404, "CTL-1007")
