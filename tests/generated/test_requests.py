"""Whatever is sent, no request makes the server fail, and every answer is as documented.

Requests are made from the document, valid ones and others. Each is sent as it was made, and once
more with the ids of things that exist, or hardly any would get beyond a 404.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from onefold.api.dialect import BEGINNINGS
from onefold.api.openapi import document
from onefold.api.profile.projection_json import DESTINATIONS, PROJECTIONS, vendor_type
from onefold.api.route import Route
from onefold.api.routes import ROUTES
from onefold.control.keys import NewKey
from onefold.domain.calls.ids import event_id
from onefold.domain.xdm.schema import PROFILE_UNION
from onefold.testing.app import App, basic, install
from onefold.testing.smile_encoder import encode

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
KEYS: WeakKeyDictionary[App, NewKey] = WeakKeyDictionary()
"""An API key of each application, for the sandbox that its other routes use, too."""
_EMBEDDED = ("projectionDestinations", "projectionConfigs")
ID_NAMES = ("$id", "@id", "id", "name")
OF_CALLS = {
    "client": "acme",
    "account": "prod",
    "brand": "PROD",
    "space": "prod",
    "collection": "users",
    "profileKey": "userId:u-1",
    "eventId": "",
}
"""What exists in the places of paths at the doors for calls and customers."""
MESSAGE_ID = "m-1"
LIST_NAMES = ("results", "children", "items", "sandboxes", "records", *_EMBEDDED)


@schemathesis.serializer("application/x-jackson-smile")
def smile(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else encode(value)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with something of every kind; to be copied."""
    data = tmp_path_factory.mktemp("furnished") / "data"
    install(data)
    app = App(data)
    furnish(app)
    app.close()
    return data


@pytest.fixture(scope="module")
def reading(furnished: Path) -> Iterator[App]:
    """The application that operations share which change nothing."""
    yield from opened(furnished)


@pytest.fixture
def app(request: pytest.FixtureRequest, route: Route, furnished: Path, tmp_path: Path) -> Any:
    """The application for an operation: its own where it changes things, so that none depends on
    another."""
    if route.method in ("GET", "HEAD"):
        yield request.getfixturevalue("reading")
    else:
        shutil.copytree(furnished, tmp_path / "data")
        yield from opened(tmp_path / "data")


def opened(data: Path) -> Iterator[App]:
    app = App(
        data,
        sync_validations_per_minute=1_000_000,
        rate_per_second=0,
        segment_rate_per_second=0,
        marketing_preferences=1,
    )
    KEYS[app] = app.account(account="prod")
    yield app
    app.close()


@pytest.fixture(scope="module")
def schema() -> Any:
    made = document(ROUTES, base_url="http://onefold.test", version="0")
    return schemathesis.openapi.from_dict(made)


every_route = pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")


@every_route
def test_answers_are_as_documented(route: Route, schema: Any, app: App) -> None:
    asked(route, schema, app, settings(max_examples=6, derandomize=True))


@pytest.mark.long
@every_route
def test_answers_are_as_documented_for_long(route: Route, schema: Any, app: App) -> None:
    asked(route, schema, app, settings(max_examples=100))


def asked(route: Route, schema: Any, app: App, amount: settings) -> None:
    """Send requests of one operation, each as it was made and with what exists in its places."""
    operation = schema[route.path][route.method]
    credentials = credentials_for(route, app)
    cases = operation.as_strategy(GenerationMode.POSITIVE)
    if operation.query or operation.headers or operation.body or operation.path_parameters:
        cases |= operation.as_strategy(GenerationMode.NEGATIVE)

    @settings(
        amount,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # a failure is told with its curl command; shrinking takes minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def sent(case: schemathesis.Case) -> None:
        case.headers.update(credentials)
        case.body = filled(case.body, app)
        checked(case, app)
        things = existing(route.path, app)
        if things:
            case.path_parameters = {**case.path_parameters, **things}
            checked(case, app)

    sent()


def credentials_for(route: Route, app: App) -> dict[str, str]:
    """Headers that open the route's gate."""
    key = KEYS[app]
    if route.gate in ("key-read", "key-write"):
        return {"auth-token": key.auth_token}
    if route.gate == "space":
        return {"authorization": basic(key.auth_token)}
    if route.gate == "write-key":
        return {"authorization": basic(str(key.write_key))}
    return app.headers()


def checked(case: schemathesis.Case, app: App) -> None:
    """Send one request and compare the answer with what the document says."""
    made = requests.Request(**case.as_transport_kwargs(base_url="http://onefold.test")).prepare()
    assert made.method is not None
    assert made.url is not None
    headers = [
        (name, value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in made.headers.items()
    ]
    answer = app.request(made.method, made.url, content=made.body, headers=headers)
    case.validate_response(answer, checks=CHECKS)


def existing(path: str, app: App) -> dict[str, str]:
    """Values of a path's places that name things: what the list above the first place has."""
    if path.startswith(BEGINNINGS):
        places = {name: value for name, value in OF_CALLS.items() if f"{{{name}}}" in path}
        if "eventId" in places:
            places["eventId"] = event_id(app.sandbox.id, MESSAGE_ID)
        if "{space}" in path:
            places["profileKey"] = "user_id:u-1"
        if "{subscriptionId}" in path:
            meta = app.ask(KEYS[app], "/profiles/userId:u-1/meta").json()
            places["subscriptionId"] = quote(meta["_subscriptionId"], safe="")
        if "{writeKey}" in path:
            places["writeKey"] = str(KEYS[app].write_key)
        return places
    if "/collection/" in path:
        return {"id": app.inlet}
    if "/edge/{id}" in path:
        return {"id": ids(app.get(DESTINATIONS))[-1]}
    if "/orgs/{org}" in path:
        return {"org": app.org_id}
    above, place, rest = path.partition("/{")
    found = ids(app.get(above)) if place else []
    return {rest.partition("}")[0]: quote(found[-1], safe="")} if found else {}


def ids(answer: httpx.Response) -> list[str]:
    """The ids of what a list has, whatever its form."""
    if answer.status_code != 200:
        return []
    body = answer.json()
    if isinstance(body, dict):
        body = body.get("_embedded", body)
        body = next((body[name] for name in LIST_NAMES if name in body), list(body))
    return [str(_id(item)) for item in body]


def _id(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return next((item[name] for name in ID_NAMES if name in item), "")


def filled(body: Any, app: App) -> Any:
    """A body with real ids for the `$NAME`s of documented examples."""
    if isinstance(body, dict):
        return {name: filled(value, app) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, app) for value in body]
    dataset = app.datasets["Customer events"]
    real = {"$SCHEMA": dataset.schema_id, "$DATASET": dataset.id}
    if body == "$UNION_DATASET":
        known = app.rooms.definitions.snapshot(app.sandbox.id).datasets.values()
        return next(dataset.id for dataset in known if dataset.schema_id == PROFILE_UNION)
    if body == "$DESTINATION":
        return ids(app.get(DESTINATIONS))[-1]
    return real.get(body, body) if isinstance(body, str) else body


def furnish(app: App) -> None:
    """Make what the starting set does not have."""
    registry = "/data/foundation/schemaregistry/tenant"
    group = {
        "title": "Extra",
        "type": "object",
        "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
        "definitions": {
            "all": {
                "properties": {
                    app.tenant: {"type": "object", "properties": {"email": {"type": "string"}}}
                }
            }
        },
        "allOf": [{"$ref": "#/definitions/all"}],
    }
    plain = {
        "title": "Plain",
        "type": "object",
        "properties": {app.tenant: {"type": "object", "properties": {"x": {"type": "string"}}}},
    }
    made(app, f"{registry}/fieldgroups", group)
    made(app, f"{registry}/datatypes", plain)
    own_class = {
        **plain,
        "title": "Thing",
        "allOf": [{"$ref": "https://ns.adobe.com/xdm/data/record"}],
    }
    made(app, f"{registry}/classes", own_class)
    kim = {
        "identityMap": {
            "Email": [{"id": "kim@example.org", "primary": True}],
            "Phone": [{"id": "+46701740650"}],
        }
    }
    made(app, "/data/foundation/sandbox-management/sandboxes", {"name": "dev", "title": "Dev"})
    made(
        app, "/data/core/idnamespace/identities", {"name": "S", "code": "SHOP", "idType": "DEVICE"}
    )
    exports = {
        "name": "Exports",
        "schemaRef": {"id": PROFILE_UNION},
        "fileDescription": {"persisted": True},
    }
    (name,) = made(app, "/data/foundation/catalog/dataSets", exports)
    export = {
        "schema": {"name": "_xdm.context.profile"},
        "destination": {"datasetId": name.rpartition("/")[2]},
    }
    made(app, "/data/core/ups/export/jobs", export)
    _project(app)
    key = app.account(account="prod")
    traits = {"email": "kim@example.org", "plan": "pro"}
    visit = {"userId": "u-1", "event": "Order Placed", "messageId": MESSAGE_ID}
    app.calls(key, ("identify", {"userId": "u-1", "traits": traits}), ("track", visit))
    app.ingest("Customer events", {"_id": "1", "timestamp": "2026-01-01T00:00:00Z", **kim})
    made(app, "/onefold/v1/previewsamplestatus/refresh", None)
    app.work()


def _project(app: App) -> None:
    to = {"type": "EDGE", "dataCenters": ["OR2"], "replicationPolicy": "PROACTIVE"}
    kind = f"{vendor_type('projectionDestination')}; version=1"
    to_id = app.post(DESTINATIONS, to, content_type=kind).json()["id"]
    kind = f"{vendor_type('projectionConfig')}; version=1"
    greeting = {"name": "x", "selector": "person", "destinationId": to_id}
    url = f"{PROJECTIONS}?schemaName=_xdm.context.profile"
    assert app.post(url, greeting, content_type=kind).status_code == 200


def made(app: App, url: str, body: Any) -> Any:
    answer = app.post(url, body)
    assert answer.status_code < 300, answer.text
    return answer.json()
