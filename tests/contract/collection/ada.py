"""What the tests of one message share: the message, and what an inlet answers."""

from __future__ import annotations

from typing import Any

import httpx

from onefold.control.starter import REGISTRATIONS
from onefold.domain.identity.xid import encode as xid_of
from onefold.testing.app import App
from tests.contract.people import RECORD, ecid, record

JSON = dict[str, Any]
ADA = (("ECID", ecid(1)), ("Email", "ada@example.com"))
XID = xid_of(4, ecid(1))
INLET_TYPE = "http://ns.adobe.com/adobecloud/problem/data-collection-service/inlet"


def ada_message(app: App, **fields: Any) -> JSON:
    """A message with a record of one person."""
    return app.message(REGISTRATIONS, record(*ADA, **fields))


def ada_profile(app: App) -> JSON:
    """That person's profile, when everything has been applied."""
    app.drain()
    envelope: JSON = app.get(f"{RECORD}&entityId={XID}").json()[XID]
    return envelope


def refused(app: App, answer: httpx.Response, status: int, text: str) -> JSON:
    """Check a problem body of the inlet's shape; answer its report."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body.keys() == {"type", "status", "title", "report"}
    assert (body["type"], body["status"]) == (INLET_TYPE, status)
    prefix = f"inletId: [{app.inlet}] imsOrgId: [{app.org_id}] "
    assert body["report"]["message"].startswith(prefix + text), body
    report: JSON = body["report"]
    return report
