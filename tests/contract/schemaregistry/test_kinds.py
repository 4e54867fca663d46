"""Every kind of resource under each of its names. Source: platform contract, 6 and 6.3."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from onefold.testing.app import App
from tests.contract.schemaregistry.desk import FULL, XED, ask, group_of, made, one

TEXT = {"type": "string"}


@pytest.mark.parametrize("kind", ["classes", "fieldgroups", "mixins", "datatypes", "behaviors"])
@pytest.mark.parametrize("accept", [XED, FULL, None])
def test_every_standard_resource_is_found_by_both_of_its_ids(
    shared: App, kind: str, accept: str | None
) -> None:
    for known in ask(shared, "GET", f"/global/{kind}").json()["results"]:
        for name in (quote(known["$id"], safe=""), known["meta:altId"]):
            answer = ask(shared, "GET", f"/global/{kind}/{name}", accept=accept)
            assert answer.status_code == 200, answer.text
            assert answer.json()["$id"] == known["$id"]


def test_field_groups_answer_to_their_old_name(app: App) -> None:
    group = made(app, "mixins", group_of(app, level=TEXT))
    here = one("mixins", group["$id"])
    assert ask(app, "GET", here).json() == ask(app, "GET", one("fieldgroups", group["$id"])).json()
    titled = [{"op": "replace", "path": "/title", "value": "Cards"}]
    assert ask(app, "PATCH", here, titled).json()["title"] == "Cards"
    replaced = ask(app, "PUT", here, group_of(app, "Cards again", level=TEXT, number=TEXT))
    assert (replaced.status_code, replaced.json()["title"]) == (200, "Cards again")
    assert ask(app, "DELETE", here).status_code == 204
    assert ask(app, "GET", one("fieldgroups", group["$id"])).status_code == 404
