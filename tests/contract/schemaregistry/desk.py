"""How the tests of the registry ask, and the small documents that they send."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx

from onefold.domain.xdm.schema import PROFILE_CLASS
from onefold.testing.app import App

JSON = dict[str, Any]
REGISTRY = "/data/foundation/schemaregistry"
XED = "application/vnd.adobe.xed+json; version=1"
FULL = "application/vnd.adobe.xed-full+json; version=1"
UNION = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]


def ask(
    app: App, method: str, path: str, body: Any = None, *, accept: str | None = None
) -> httpx.Response:
    """One call to the registry; the body is sent as JSON."""
    headers = app.headers(accept=accept)
    content = None
    if body is not None:
        headers["content-type"] = "application/json"
        content = body if isinstance(body, bytes) else json.dumps(body)
    return app.request(method, REGISTRY + path, content=content, headers=headers)


def one(kind: str, id_: str) -> str:
    """The path of one tenant resource, its `$id` percent-encoded."""
    return f"/tenant/{kind}/{quote(id_, safe='')}"


def group_of(app: App, title: str = "Card fields", /, **fields: JSON) -> JSON:
    """The document of a field group with the tenant's own fields."""
    own = {app.tenant: {"type": "object", "properties": fields}}
    return {
        "title": title,
        "type": "object",
        "meta:intendedToExtend": [PROFILE_CLASS],
        "definitions": {"card": {"properties": own}},
        "allOf": [{"$ref": "#/definitions/card"}],
    }


def schema_of(*groups: str, title: str = "Card holders") -> JSON:
    """The document of a profile schema."""
    return {"title": title, "allOf": [{"$ref": ref} for ref in (PROFILE_CLASS, *groups)]}


def made(app: App, kind: str, document: JSON) -> JSON:
    """A new tenant resource."""
    answer = ask(app, "POST", f"/tenant/{kind}", document)
    assert answer.status_code == 201, answer.text
    found: JSON = answer.json()
    return found


def refused(answer: httpx.Response, status: int, kind: str) -> JSON:
    """Assert the registry's error body."""
    assert answer.status_code == status, answer.text
    body: JSON = answer.json()
    assert body["type"] == f"http://ns.adobe.com/aep/errors/{kind}"
    assert body["status"] == status
    assert body["title"]
    assert set(body["report"]) == {
        "registryRequestId",
        "timestamp",
        "detailed-message",
        "sub-errors",
    }
    assert body["report"]["detailed-message"] == body["detail"]
    assert body["report"]["registryRequestId"] == answer.headers["x-request-id"]
    return body
