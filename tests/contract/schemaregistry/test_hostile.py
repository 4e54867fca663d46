"""Definitions that are hostile or broken: each is refused with the documented error, and nothing
of it is left behind."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.domain.xdm.schema import PROFILE_CLASS
from onefold.store.tables import resource_changes, resources
from onefold.testing.app import App
from tests.contract.schemaregistry.desk import (
    JSON,
    REGISTRY,
    UNION,
    ask,
    group_of,
    made,
    one,
    refused,
    schema_of,
)

TEXT: JSON = {"type": "string"}
DESCRIPTORS = "/tenant/descriptors"


def kept(app: App) -> list[Any]:
    """Everything that the registry holds of the sandbox."""
    own = resources.of_sandbox(app.places.control(), app.sandbox.id)
    said = ask(app, "GET", DESCRIPTORS, accept="application/vnd.adobe.xdm-v2+json").json()
    counts = [
        len(resource_changes.of_resource(app.places.control(), app.sandbox.id, one.id))
        for one in own
    ]
    return [[(one.id, one.document) for one in own], said, counts]


@contextmanager
def unchanged(app: App) -> Iterator[None]:
    """Assert that what is inside leaves no trace, and a whole snapshot."""
    before = kept(app)
    yield
    assert kept(app) == before
    assert sound(app)


def sound(app: App) -> bool:
    return not app.rooms.definitions.snapshot(app.sandbox.id).broken


def raw(app: App, method: str, path: str, content: bytes) -> httpx.Response:
    headers = {"content-type": "application/json"} | app.headers()
    return app.request(method, REGISTRY + path, content=content, headers=headers)


def nested(levels: int, word: str) -> JSON:
    """A field inside a field inside a field."""
    node: JSON = dict(TEXT)
    for _ in range(levels):
        if word == "allOf":
            node = {"allOf": [node]}
        elif word == "items":
            node = {"type": "array", "items": node}
        else:
            node = {"type": "object", "properties": {"in": node}}
    return node


HOSTILE: dict[str, tuple[Callable[[App], Any], int, str]] = {
    "an unknown reference": (
        lambda app: group_of(app, a={"$ref": "https://ns.adobe.com/xdm/nothing"}),
        404,
        "XDM-1001-404",
    ),
    "a reference to a place that is not there": (
        lambda app: group_of(app, a={"$ref": "#/definitions/nothing"}),
        400,
        "XDM-1005-400",
    ),
    "a reference to itself": (
        lambda app: {**group_of(app), "allOf": [{"$ref": "#"}]},
        400,
        "XDM-1002-400",
    ),
    "a definition that holds itself": (
        lambda app: group_of(app, a={"$ref": "#/definitions/card"}),
        400,
        "XDM-1002-400",
    ),
    "two definitions that hold each other": (
        lambda app: {
            **group_of(app, a={"$ref": "#/definitions/b"}),
            "definitions": {
                "card": {"properties": {app.tenant: {"$ref": "#/definitions/b"}}},
                "b": {"properties": {"c": {"$ref": "#/definitions/card"}}},
            },
        },
        400,
        "XDM-1002-400",
    ),
    "a thousand allOf inside each other": (
        lambda app: (
            json.dumps(group_of(app, a={"@": 1}))
            .replace('{"@": 1}', '{"allOf": [' * 1000 + '{"type": "string"}' + "]}" * 1000)
            .encode()
        ),
        400,
        "API-1003-400 XDM-1003-400",
    ),
    "a hundred allOf inside each other": (
        lambda app: group_of(app, a=nested(95, "allOf")),
        400,
        "XDM-1003-400",
    ),
    "very deep objects": (
        lambda app: group_of(app, a=nested(95, "properties")),
        400,
        "XDM-1003-400",
    ),
    "very deep arrays": (lambda app: group_of(app, a=nested(95, "items")), 400, "XDM-1003-400"),
    "a thousand allOf beside each other, again and again": (
        lambda app: {
            **group_of(app),
            "definitions": {
                "card": {"properties": {app.tenant: {"type": "object", "properties": {}}}},
                **{
                    f"d{n}": {"allOf": [{"$ref": f"#/definitions/d{n + 1}"}] * 100}
                    for n in range(10)
                },
                "d10": {"type": "object", "properties": {app.tenant: {"type": "object"}}},
            },
            "allOf": [{"$ref": "#/definitions/d0"}],
        },
        400,
        "XDM-1003-400",
    ),
    "a very wide schema": (
        lambda app: group_of(app, **{f"f{n}": TEXT for n in range(6001)}),
        400,
        "XDM-1003-400",
    ),
    "a pattern for ever": (
        lambda app: group_of(app, a={**TEXT, "pattern": "(a+)+$"}),
        400,
        "XDM-1005-400",
    ),
    "a huge pattern": (
        lambda app: group_of(app, a={**TEXT, "pattern": "a?" * 10_000}),
        400,
        "XDM-1005-400",
    ),
    "a pattern that is none": (
        lambda app: group_of(app, a={**TEXT, "pattern": "["}),
        400,
        "XDM-1005-400",
    ),
    "a title of a megabyte": (
        lambda app: {**group_of(app), "title": "t" * 990_000},
        400,
        "CTL-1008-400",
    ),
    "a title that is no text": (lambda app: {**group_of(app), "title": [1]}, 400, "CTL-1008-400"),
    "a name that is no name": (lambda app: group_of(app, **{'a"b': TEXT}), 400, "XDM-1005-400"),
    "a very long name": (lambda app: group_of(app, **{"n" * 257: TEXT}), 400, "XDM-1005-400"),
    "fields outside the tenant's name": (
        lambda app: {**group_of(app), "properties": {"plain": TEXT}},
        400,
        "CTL-1008-400",
    ),
    "a number": (lambda app: 1, 400, "API-1003-400"),
    "a list": (lambda app: [group_of(app)], 400, "API-1003-400"),
    "a text": (lambda app: "x", 400, "API-1003-400"),
    "nothing": (lambda app: None, 400, "API-1003-400"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_group_is_refused_when_made_and_when_replaced(shared: App, what: str) -> None:
    make, status, kinds = HOSTILE[what]
    sent = make(shared)
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    group = made(shared, "fieldgroups", group_of(shared, f"Kept: {what}"[:80], a=TEXT))
    with unchanged(shared):
        for method, path in (
            ("POST", "/tenant/fieldgroups"),
            ("PUT", one("fieldgroups", group["$id"])),
        ):
            answer = raw(shared, method, path, body)
            assert answer.status_code == status, answer.text
            assert answer.json()["type"].rpartition("/")[2] in kinds.split()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"title":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"title": "\xff\xfe"}',
        b'{"title": "\\ud800"}',
        b'{"title": "a", "title": }',
        b"NaN",
        b"\xef\xbb\xbf",
    ],
)
def test_bodies_that_are_no_json_are_refused(shared: App, content: bytes) -> None:
    group = made(shared, "fieldgroups", group_of(shared, f"Kept: {content[:40]!r}{len(content)}"))
    path = one("fieldgroups", group["$id"])
    with unchanged(shared):
        for method, where in (
            ("POST", "/tenant/schemas"),
            ("POST", DESCRIPTORS),
            ("POST", "/rpc/import"),
            ("PUT", path),
            ("PATCH", path),
        ):
            refused(raw(shared, method, where, content), 400, "API-1003-400")


def test_circles_through_other_resources_are_refused(app: App) -> None:
    first = made(app, "datatypes", {"title": "A", "type": "object", "properties": {"x": TEXT}})
    second = made(
        app,
        "datatypes",
        {"title": "B", "type": "object", "properties": {"a": {"$ref": first["$id"]}}},
    )
    group = made(app, "fieldgroups", group_of(app, a={"$ref": second["$id"]}))
    schema = made(app, "schemas", schema_of(group["$id"]))
    for target in (first, second, group, schema):
        patch = [{"op": "add", "path": "/properties/loop", "value": {"$ref": target["$id"]}}]
        with unchanged(app):
            refused(ask(app, "PATCH", one("datatypes", first["$id"]), patch), 400, "XDM-1002-400")
    for target in (group, schema):
        patch = [{"op": "add", "path": "/allOf/-", "value": {"$ref": target["$id"]}}]
        with unchanged(app):
            refused(ask(app, "PATCH", one("fieldgroups", group["$id"]), patch), 400, "XDM-1002-400")


def test_groups_that_disagree_about_a_type_do_not_meet(app: App) -> None:
    text = made(app, "fieldgroups", group_of(app, "Text", same={"type": "object"}))
    whole = made(app, "fieldgroups", group_of(app, "Whole", same={"type": "integer"}))
    fine = made(app, "fieldgroups", group_of(app, "Fine", other=TEXT))
    schema = made(app, "schemas", schema_of(text["$id"], fine["$id"]))
    same = f"/definitions/card/properties/{app.tenant}/properties/same"
    with unchanged(app):
        document = schema_of(text["$id"], whole["$id"], title="Both")
        refused(ask(app, "POST", "/tenant/schemas", document), 400, "XDM-1004-400")
        patch = [{"op": "add", "path": "/allOf/-", "value": {"$ref": whole["$id"]}}]
        refused(ask(app, "PATCH", one("schemas", schema["$id"]), patch), 400, "XDM-1004-400")
        patch = [{"op": "add", "path": same, "value": {"type": "integer"}}]
        refused(ask(app, "PATCH", one("fieldgroups", fine["$id"]), patch), 400, "XDM-1004-400")


def test_patches_that_break_an_enabled_schema_are_refused(app: App) -> None:
    group = made(app, "fieldgroups", group_of(app, a=TEXT))
    schema = made(app, "schemas", schema_of(group["$id"]))
    path = one("schemas", schema["$id"])
    assert ask(app, "PATCH", path, UNION).status_code == 200
    tags = "/meta:immutableTags"
    cases: list[tuple[Any, int, str]] = [
        ([{"op": "remove", "path": tags}], 400, "REG-1005-400"),
        ([{"op": "replace", "path": tags, "value": []}], 400, "REG-1005-400"),
        ([{"op": "remove", "path": f"{tags}/0"}], 400, "REG-1005-400"),
        ([{"op": "replace", "path": tags, "value": "union"}], 400, "CTL-1008-400"),
        ([{"op": "remove", "path": "/allOf"}], 400, "XDM-1005-400 CTL-1008-400"),
        ([{"op": "remove", "path": "/allOf/1"}], 400, "REG-1005-400"),
        ([{"op": "replace", "path": "/allOf", "value": {}}], 400, "XDM-1005-400"),
        ([{"op": "replace", "path": "", "value": []}], 400, "API-1003-400"),
        ([{"op": "replace", "path": "", "value": 1}], 400, "API-1003-400"),
        ([{"op": "replace", "path": "/title", "value": ""}], 400, "CTL-1008-400"),
        ([{"op": "replace", "path": "/title", "value": "t" * 1001}], 400, "CTL-1008-400"),
        ([{"op": "move", "from": "/title", "path": "/title/in"}], 400, "CTL-1008-400"),
        ([{"op": "test", "path": "/title", "value": "Other"}], 400, "CTL-1008-400"),
        ([{"op": "copy", "from": "/allOf", "path": "/allOf/-"}] * 60, 400, "XDM-1003-400"),
        ([{"op": "test", "path": "/title"}] * 1001, 400, "XDM-1003-400"),
        ({"title": "no patch"}, 400, "API-1003-400"),
        *(
            ([{"op": "replace", "path": f"/{word}", "value": "odd"}], 400, "CTL-1008-400")
            for word in ("$id", "meta:altId", "meta:resourceType", "imsOrg", "meta:containerId")
        ),
        ([{"op": "remove", "path": "/$id"}], 400, "CTL-1008-400"),
    ]
    for patch, status, kinds in cases:
        with unchanged(app):
            answer = ask(app, "PATCH", path, patch)
            assert answer.status_code == status, (patch, answer.text)
            assert answer.json()["type"].rpartition("/")[2] in kinds.split(), (patch, answer.text)


def test_identities_stand_on_texts_behind_objects_only(app: App) -> None:
    fields = {
        "mail": TEXT,
        "mails": {"type": "array", "items": TEXT},
        "people": {"type": "array", "items": {"type": "object", "properties": {"mail": TEXT}}},
        "byKey": {"type": "object", "additionalProperties": TEXT},
        "age": {"type": "integer"},
        "yes": {"type": "boolean"},
        "born": {"type": "string", "format": "date"},
        "box": {"type": "object", "properties": {"mail": TEXT}},
    }
    group = made(app, "fieldgroups", group_of(app, **fields))
    schema = made(app, "schemas", schema_of(group["$id"]))
    paths: tuple[str, ...] = (
        "mails",
        "mails/*",
        "mails/0",
        "people/*/mail",
        "byKey",
        "byKey/key",
        "age",
        "yes",
    )
    paths += ("born", "box", "nothing", "mail/below", "mail/", "", "box/mail~2")
    odd: list[Any] = [f"/{app.tenant}/{path}" for path in paths]
    odd += ["", "/", "mail", 1, None, [], [f"/{app.tenant}/mail"], {}, "/a" * 100]
    for written in odd:
        document = {
            "@type": "xdm:descriptorIdentity",
            "xdm:sourceSchema": schema["$id"],
            "xdm:sourceVersion": 1,
            "xdm:sourceProperty": written,
            "xdm:namespace": "Email",
            "xdm:property": "xdm:code",
        }
        with unchanged(app):
            refused(ask(app, "POST", DESCRIPTORS, document), 400, "CTL-1008-400")
    document["xdm:sourceProperty"] = f"/{app.tenant}/box/mail"
    assert ask(app, "POST", DESCRIPTORS, document).status_code == 201
    assert sound(app)


# Random mutations

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats()
REFS = st.sampled_from(["#", "#/definitions/card", "#/allOf/0", PROFILE_CLASS, "odd", "/x#y"])
WORDS = st.sampled_from(
    [
        *("type", "properties", "items", "additionalProperties", "required", "enum", "pattern"),
        *("minimum", "maxLength", "format", "allOf", "definitions", "meta:xdmType", "title"),
        *("$ref", "$id", "meta:immutableTags", "meta:intendedToExtend", "meta:class", "version"),
        *("meta:extends", "description", "const", "meta:registryMetadata", "imsOrg"),
    ]
)
NUMBERS = itertools.count()
TAGGED = st.sampled_from([{}, {"meta:immutableTags": ["union"]}])
KINDS = st.sampled_from(["string", "object", "array", "integer", "number", "boolean", "map", "x"])
VALUES = st.recursive(
    SCALARS | KINDS | st.builds(lambda ref: {"$ref": ref}, REFS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """The document with one to three of its nodes replaced, removed, or joined by others."""
    document = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        node = document
        for _ in range(draw(st.integers(0, 5))):
            inside = list(node.values()) if isinstance(node, dict) else node
            inside = [child for child in inside if isinstance(child, dict | list) and child]
            if not inside:
                break
            node = draw(st.sampled_from(inside))
        if isinstance(node, dict):
            name = draw(st.sampled_from(sorted(node)) | WORDS if node else WORDS)
            if name in node and draw(st.booleans()):
                del node[name]
            else:
                node[name] = draw(VALUES)
        else:
            node[draw(st.integers(0, len(node) - 1))] = draw(VALUES)
    return document


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_mutation_of_a_document_breaks_the_registry(shared: App, data: st.DataObject) -> None:
    """Whatever is sent is taken whole or refused with a 4xx, and what is kept can be used."""
    title = f"Mutable {next(NUMBERS)}"
    group = group_of(shared, title, a=TEXT, b={"type": "array", "items": {"type": "object"}})
    kind = data.draw(st.sampled_from(["fieldgroups", "datatypes", "schemas", "classes"]))
    first = {
        "fieldgroups": group,
        "datatypes": {"title": title, "type": "object", "properties": {"x": TEXT}},
        "schemas": {**schema_of(title=title), **data.draw(TAGGED)},
        "classes": {**group, "allOf": [*group["allOf"], {"$ref": PROFILE_CLASS}]},
    }[kind]
    document, again = data.draw(mutated(first)), data.draw(mutated(first))
    patch = [{"op": "replace", "path": "/allOf", "value": data.draw(VALUES)}]
    answers = [raw(shared, "POST", f"/tenant/{kind}", json.dumps(document).encode())]
    if answers[0].status_code == 201:
        made_of = answers[0].json()
        path = one(kind, made_of["$id"])
        answers.append(raw(shared, "PUT", path, json.dumps(again).encode()))
        answers.append(raw(shared, "PATCH", path, json.dumps(patch).encode()))
        for accept in ("xed-full+json; version=1", "xed-full-notext-desc+json"):
            shown = ask(shared, "GET", path, accept=f"application/vnd.adobe.{accept}")
            assert shown.status_code == 200, shown.text
        sample = ask(shared, "GET", path.replace(f"/tenant/{kind}", "/rpc/sampledata"))
        assert sample.status_code == 200 or "REG-1008" in sample.text, sample.text
        answers.append(ask(shared, "DELETE", path))
    assert all(answer.status_code < 500 for answer in answers), [a.text for a in answers]
    assert sound(shared), shared.rooms.definitions.snapshot(shared.sandbox.id).broken
