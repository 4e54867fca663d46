"""Nothing of one sandbox shows in another, on any route that lists or looks up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from onefold.api.route import Route
from onefold.api.routes import ROUTES
from onefold.store.tables import sandboxes
from onefold.testing.app import App
from tests.contract.people import RECORD, record

LISTS = [
    route
    for route in ROUTES
    if route.method == "GET" and route.gate == "platform" and "{" not in route.path
]
QUERIES = {
    "/data/core/ups/access/entities": "?schema.name=_xdm.context.profile"
    "&entityId=ada@example.com&entityIdNS=email",
    "/data/core/identity/cluster/members": "?nsid=6&id=ada@example.com",
    "/data/infrastructure/observability/insights/metrics": "?metric="
    "timeseries.ingestion.dataset.recordsuccess.count",
}


@pytest.fixture(scope="module")
def full(shared: App) -> tuple[App, list[str]]:
    """An application with an empty sandbox `empty` beside the full one, and what must not show."""
    made = {"name": "empty", "title": "Empty", "type": "development"}
    shared.post("/data/foundation/sandbox-management/sandboxes", made)
    shared.ingest("Customer registrations", record(("Email", "ada@example.com")))
    snapshot = shared.rooms.definitions.snapshot(shared.sandbox.id)
    return (
        shared,
        [
            shared.sandbox.public_id,
            "Customer registrations",
            *snapshot.datasets,
            *snapshot.schemas,
            *snapshot.policies,
            *snapshot.inlets,
        ],
    )


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.path)
def test_nothing_of_the_full_sandbox_shows_in_the_empty_one(
    full: tuple[App, list[str]], route: Route
) -> None:
    app, marks = full
    answer = app.get(route.path + QUERIES.get(route.path, ""), x_sandbox_name="empty")
    assert answer.status_code < 500
    assert [mark for mark in marks if mark in answer.text] == []


def test_the_marks_do_show_where_they_belong(full: tuple[App, list[str]]) -> None:
    """Else the test above would prove nothing."""
    app, marks = full
    shown = "".join(app.get(route.path + QUERIES.get(route.path, "")).text for route in LISTS)
    assert [mark for mark in marks if mark not in shown] == []
    assert app.get(f"{RECORD}&entityId=ada@example.com&entityIdNS=email").status_code == 200


def test_every_table_of_definitions_is_wiped() -> None:
    """A reset deletes the rows of every table that has a column for the sandbox."""
    schema = Path(sandboxes.__file__).parent.parent.joinpath("schema", "control.sql").read_text()
    tables = {
        name
        for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", schema, re.DOTALL)
        if re.search(r"^\s+sandbox_id\s", body, re.MULTILINE)
    }
    wiped = {statement.split()[2] for statement in sandboxes.DEFINED}
    assert wiped == tables - {"sandboxes", "discarded_stores"}
