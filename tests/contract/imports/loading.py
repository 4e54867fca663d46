"""How the tests load files: a batch, its files, and what the catalogue says of it then."""

from __future__ import annotations

import json
from typing import Any

import httpx

from onefold.control.starter import REGISTRATIONS
from onefold.testing.app import App
from tests.contract.asking import send
from tests.contract.people import ecid, record

JSON = dict[str, Any]
BATCHES = "/data/foundation/import/batches"
CATALOG = "/data/foundation/catalog/batches"
EXPORT = "/data/foundation/export/batches"


def opened(app: App, dataset: str = REGISTRATIONS, **said: Any) -> str:
    """A new batch; `format` and `multi` are its input format's."""
    body: JSON = {"datasetId": app.datasets[dataset].id, **said}
    answer = send(app, "POST", BATCHES, body)
    assert answer.status_code == 201, answer.text
    id_: str = answer.json()["id"]
    return id_


def put(
    app: App,
    batch: str,
    content: bytes,
    path: str = "a.json",
    *,
    dataset: str = REGISTRATIONS,
    method: str = "PUT",
    query: str = "",
    **headers: str,
) -> httpx.Response:
    """One request about a file of a batch."""
    sent = {"content-type": "application/octet-stream", **app.headers(**headers)}
    id_ = app.datasets[dataset].id if dataset in app.datasets else dataset
    url = f"{BATCHES}/{batch}/datasets/{id_}/files/{path}{query}"
    return app.request(method, url, content=content, headers=sent)


def act(app: App, batch: str, action: str = "COMPLETE") -> httpx.Response:
    return app.request("POST", f"{BATCHES}/{batch}?action={action}", headers=app.headers())


def shown(app: App, batch: str) -> JSON:
    """What the catalogue says of a batch."""
    answer = app.get(f"{CATALOG}/{batch}")
    assert answer.status_code == 200, answer.text
    ((key, document),) = answer.json().items()
    assert key == document["id"] == batch
    found: JSON = document
    return found


def loaded(
    app: App, content: bytes, path: str = "a.json", *, dataset: str = REGISTRATIONS, **said: Any
) -> JSON:
    """Load one file; answer what the catalogue says of its batch then."""
    batch = opened(app, dataset, **said)
    answer = put(app, batch, content, path, dataset=dataset)
    assert answer.status_code == 200, answer.text
    assert act(app, batch).status_code == 200
    app.work()
    return shown(app, batch)


def person(number: int, **fields: Any) -> JSON:
    """A record of a made-up person."""
    return record(("ECID", ecid(number)), **fields)


def lines(*rows: Any) -> bytes:
    """Rows as JSON lines; a row that is bytes stays as it is."""
    return b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in rows)


def refused(answer: httpx.Response, status: int, code: str) -> None:
    """Assert the error's status and body."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["status"] == status
    assert body["type"] == f"http://ns.adobe.com/aep/errors/{code}-{status}"
