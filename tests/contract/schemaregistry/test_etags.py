"""Changes that are made only when nobody was faster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from onefold.control import registry
from onefold.control.auditlog import Author
from onefold.errors import Conflict
from onefold.testing.app import App
from tests.contract.asking import send
from tests.contract.schemaregistry.desk import (
    JSON,
    REGISTRY,
    ask,
    group_of,
    made,
    one,
    refused,
    schema_of,
)

TEXT = {"type": "string"}
KINDS = ("schemas", "classes", "fieldgroups", "datatypes")


def resource(app: App, kind: str) -> JSON:
    documents: dict[str, JSON] = {
        "schemas": schema_of(title="Walkers"),
        "classes": {
            "title": "Walk",
            "type": "object",
            "allOf": [{"$ref": "https://ns.adobe.com/xdm/data/record"}],
        },
        "fieldgroups": group_of(app, card=TEXT),
        "datatypes": {"title": "Point", "type": "object", "properties": {"x": TEXT}},
    }
    return made(app, kind, documents[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_an_etag_that_has_passed_is_refused(app: App, kind: str) -> None:
    document = resource(app, kind)
    path = REGISTRY + one(kind, document["$id"])
    etag = app.get(path).headers["etag"]
    assert etag == f'"{document["meta:registryMetadata"]["eTag"]}"'
    patch = [{"op": "add", "path": "/description", "value": "Mine"}]
    changed = send(app, "PATCH", path, patch, if_match=etag)
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    before = app.get(path).json()
    for method, body in (("PATCH", patch), ("PUT", document), ("DELETE", None)):
        for odd in (etag, '"odd"', 'W/"odd", "other"'):
            refused(send(app, method, path, body, if_match=odd), 412, "REG-1007-412")
    assert app.get(path).json() == before
    newest = changed.headers["etag"]
    put = send(app, "PUT", path, document, if_match=f'"odd", {newest}')
    assert put.status_code == 200
    bare = put.headers["etag"].strip('"')
    assert send(app, "PATCH", path, patch, if_match=bare).status_code == 200
    assert send(app, "DELETE", path, if_match="*").status_code == 204


def test_descriptors_have_etags(app: App) -> None:
    schema = resource(app, "schemas")
    path = f"{REGISTRY}/tenant/descriptors"
    sent = {"@type": "xdm:odd", "xdm:sourceSchema": schema["$id"], "note": "a"}
    answer = send(app, "POST", path, sent)
    etag, path = answer.headers["etag"], f"{path}/{answer.json()['@id']}"
    assert app.get(path).headers["etag"] == etag
    put = send(app, "PUT", path, {**sent, "note": "b"}, if_match=etag)
    assert put.status_code == 200
    for method, body in (("PUT", sent), ("DELETE", None)):
        refused(send(app, method, path, body, if_match=etag), 412, "REG-1007-412")
    assert app.get(path).json()["note"] == "b"
    assert send(app, "DELETE", path, if_match=put.headers["etag"]).status_code == 204


def test_of_many_writers_with_one_etag_exactly_one_wins(app: App) -> None:
    document = resource(app, "schemas")
    etag = document["meta:registryMetadata"]["eTag"]
    writers = 8
    start = Barrier(writers)

    def write(number: int) -> str:
        start.wait()
        patch = [{"op": "add", "path": "/description", "value": f"Writer {number}"}]
        try:
            registry.patch(
                app.rooms.control,
                app.clock,
                app.sandbox,
                "schemas",
                document["$id"],
                patch,
                author=Author(str(number)),
                ingested=(),
                if_match=(etag,),
            )
        except Conflict as lost:
            return lost.code
        return ""

    with ThreadPoolExecutor(writers) as threads:
        ends = list(threads.map(write, range(writers)))
    assert sorted(ends) == ["", *["REG-1007"] * (writers - 1)]
    now = ask(app, "GET", one("schemas", document["$id"])).json()
    assert now["description"] == f"Writer {ends.index('')}"
    assert now["version"] == "1.1"


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeated_post_makes_nothing_twice(app: App, kind: str) -> None:
    document = resource(app, kind)
    before = ask(app, "GET", f"/tenant/{kind}").json()
    again = {word: document[word] for word in document if not word.startswith("$")}
    refused(ask(app, "POST", f"/tenant/{kind}", again), 409, "CTL-1006-409")
    assert ask(app, "GET", f"/tenant/{kind}").json() == before
