"""What the tests of failed records share: records that do not fit yet, and a schema that grows."""

from __future__ import annotations

from typing import Any

from onefold.control.starter import EVENTS
from onefold.domain.xdm.schema import EVENT_CLASS, PROFILE_CLASS
from onefold.testing.app import App
from tests.contract.people import ecid, event, record
from tests.contract.schemaregistry.desk import ask, group_of, made, one

JSON = dict[str, Any]
INBOX = "/onefold/v1/failed-records"


def unfit(app: App, person: int = 1, **fields: Any) -> JSON:
    """A record with a field that its schema lacks until it is mended."""
    return record(("ECID", ecid(person)), **{app.tenant: {"shoeSize": "41"}}, **fields)


def unfit_event(app: App, event_id: str, person: int = 1, **given: Any) -> JSON:
    """The same, as an event."""
    return {**event(event_id, ("ECID", ecid(person)), **given), app.tenant: {"shoeSize": "41"}}


def mend(app: App, dataset: str) -> None:
    """Add the field to the schema of the dataset of this name."""
    class_id = EVENT_CLASS if dataset == EVENTS else PROFILE_CLASS
    group = group_of(app, f"Shoes of {dataset}", shoeSize={"type": "string"})
    new = made(app, "fieldgroups", {**group, "meta:intendedToExtend": [class_id]})
    patch = [{"op": "add", "path": "/allOf/-", "value": {"$ref": new["$id"]}}]
    answer = ask(app, "PATCH", one("schemas", app.datasets[dataset].schema_id), patch)
    assert answer.status_code == 200, answer.text


def inbox(app: App, query: str = "") -> list[JSON]:
    """The failed records of one page."""
    answer = app.get(INBOX + query)
    assert answer.status_code == 200, answer.text
    found: list[JSON] = answer.json()["failedRecords"]
    return found


def failed(app: App, number: int) -> JSON:
    """One failed record."""
    answer = app.get(f"{INBOX}/{number}")
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found
