"""The document: valid, complete, and true about the shapes of errors."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from onefold.api import error_schemas, problem
from onefold.api.declared import TEXT, Answer, Body, query
from onefold.api.openapi import PERMISSION, document, errors_of, summary_of, tag_of
from onefold.api.route import Gate, Route
from onefold.api.routes import ROUTES
from onefold.domain.sandbox import Sandbox, SandboxId
from onefold.errors import CODES, Defect, PlatformError
from onefold.wire import decode_json

MADE = document(ROUTES, base_url="http://onefold.test", version="1.2.3")
CONTEXT = problem.Context("request", "inlet", "org", 1_790_000_000_000)


def _nothing(*_: object) -> Any:
    """Do nothing.

    At all.
    """


def _made(*routes: Route) -> Any:
    return document(routes, base_url="http://onefold.test", version="0")


def _one(route: Route) -> Any:
    made = _made(route)
    assert _faults(made) == []
    return made["paths"][route.path][route.method.lower()]


def _faults(made: Any) -> list[str]:
    validator = jsonschema_rs.validator_for(OPENAPI_31)
    return [f"{fault.instance_path}: {fault.message}" for fault in validator.iter_errors(made)]


def test_document_is_openapi_3_1() -> None:
    assert _faults(MADE) == []


def test_routes_that_are_reached_elsewhere_say_where() -> None:
    here, there = (Route("GET", path, _nothing, gate="none") for path in ("/here", "/there"))
    urls = {"/there": "http://there.test"}
    made: Any = document((here, there), base_url="http://here.test", version="0", elsewhere=urls)
    assert _faults(made) == []
    assert made["paths"]["/there"]["get"]["servers"] == [{"url": "http://there.test"}]
    assert "servers" not in made["paths"]["/here"]["get"]


def test_schemas_are_json_schemas() -> None:
    for schema in _schemas(MADE):
        assert jsonschema_rs.meta.is_valid(schema), schema


def test_references_lead_somewhere() -> None:
    known = {
        f"#/components/{kind}/{name}"
        for kind, named in MADE["components"].items()
        for name in named
    }
    assert {at for at in _references(MADE) if at.startswith("#")} - known == set()


def test_every_route_is_in_it() -> None:
    served = {(route.method.lower(), route.path) for route in ROUTES}
    said = {(method, path) for path, methods in MADE["paths"].items() for method in methods}
    assert said == served


def test_operations_have_ids_of_their_own() -> None:
    ids = [one["operationId"] for methods in MADE["paths"].values() for one in methods.values()]
    assert len(set(ids)) == len(ids)


def test_every_route_stands_with_its_api() -> None:
    """Of `openapi.TAGS`."""
    lost = [r.path for r in ROUTES if not r.path.startswith(tag_of(r).beginnings)]
    assert lost == ["/"]


def test_every_route_declares_what_it_answers() -> None:
    undeclared = [f"{r.method} {r.path}" for r in ROUTES if r.fails is None or not r.answers]
    assert undeclared == []


def test_routes_that_change_by_a_body_declare_it() -> None:
    """Of POST some have none, since the query says it all."""
    missing = [r.path for r in ROUTES if r.method in ("PUT", "PATCH") and r.takes is None]
    missing += [r.path for r in ROUTES if r.method == "POST" and r.takes is None and not _acts(r)]
    assert missing == []


def _acts(route: Route) -> bool:
    """Whether a POST is an act upon what its path names."""
    last = route.path.rpartition("/")[2]
    return last in ("replay", "dismiss", "action", "refresh") or any(
        p.name == "action" for p in route.parameters
    )


def test_every_summary_is_a_sentence() -> None:
    wrong = [f"{r.method} {r.path}" for r in ROUTES if not summary_of(r).endswith(".")]
    assert wrong == []


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.takes and not isinstance(route.takes.example, str | None)],
    ids=lambda route: f"{route.method} {route.path}",
)
def test_examples_fit_their_schemas(route: Route) -> None:
    assert route.takes is not None
    said = MADE["paths"][route.path][route.method.lower()]["requestBody"]["content"]
    schema = said[route.takes.media[0]]["schema"]
    jsonschema_rs.validate({**schema, "components": MADE["components"]}, route.takes.example)


def test_declared_codes_exist() -> None:
    wrong = [
        (route.path, code)
        for route in ROUTES
        for code in (route.fails or "").split()
        if code not in CODES
    ]
    assert wrong == []


def test_declared_places_are_in_the_path() -> None:
    wrong = [
        (route.path, parameter.name)
        for route in ROUTES
        for parameter in route.parameters
        if parameter.place == "path" and f"{{{parameter.name}}}" not in route.path
    ]
    assert wrong == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_errors_have_the_schema_that_is_said(route: Route) -> None:
    for codes in errors_of(route).values():
        for code in codes:
            name = error_schemas.name_of(code, route.family)
            assert name, f"{route.family} has no schema in error_schemas.SCHEMAS"
            body = decode_json(problem.response(_error(code), route.family, CONTEXT).body)
            jsonschema_rs.validate(error_schemas.SCHEMAS[name], body)


def _error(code: str) -> PlatformError:
    if code == "API-9001":
        return Defect("broken")
    sandbox = Sandbox(
        id=SandboxId("s"),
        public_id="p",
        org_id="o",
        name="prod",
        title="",
        type="",
        is_default=True,
        created_ms=0,
    )
    facts: dict[str, Any] = {
        "xid": "x",
        "graph": "pdg",
        "needs": "view-x:read",
        "sandbox": sandbox,
        "length": 9,
    }
    return PlatformError(code, **facts)


def test_route_that_declares_nothing_has_answers_in_general() -> None:
    said = _one(Route("GET", "/things/{id}", _nothing, family="catalog"))
    assert said["summary"] == "Do nothing."
    assert {"2XX", "4XX", "401", "403", "500", "503"} <= said["responses"].keys()
    assert "408" not in said["responses"]
    assert said["parameters"][0] == {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    }


def test_statuses_follow_from_gate_body_and_codes() -> None:
    bare = Route("POST", "/", _nothing, gate="none", family="plain", fails="CTL-1007")
    assert _one(bare)["responses"].keys() == {
        *("2XX", "400", "404", "408", "413", "415", "500", "503"),
    }
    assert {"401", "403", "409"} <= _one(bare._replace(gate="platform"))["responses"].keys()


def test_declared_answers_stand_for_their_status() -> None:
    route = Route(
        "GET",
        "/",
        _nothing,
        gate="none",
        family="plain",
        fails="",
        answers={200: Answer("Good.", TEXT), 503: Answer("Not now.", None)},
    )
    answers = _one(route)["responses"]
    assert answers["200"]["content"] == {"application/json": {"schema": TEXT}}
    assert answers["503"] == {"description": "Not now."}


def test_parameters_and_bodies_are_said() -> None:
    route = Route(
        "POST",
        "/",
        _nothing,
        family="plain",
        fails="",
        parameters=(query("limit", "How many.", required=True),),
        takes=Body("A text.", str, ("text/plain",), required=False, example="a"),
    )
    said = _one(route)
    assert said["parameters"][0] == {
        "name": "limit",
        "in": "query",
        "description": "How many.",
        "required": True,
        "schema": TEXT,
    }
    assert said["requestBody"] == {
        "description": "A text.",
        "required": False,
        "content": {"text/plain": {"schema": TEXT, "example": "a"}},
    }


def test_permission_is_said_twice() -> None:
    said = _one(Route("GET", "/", _nothing, needs="view-things:read"))
    assert said[PERMISSION] == "view-things:read"
    assert "view-things:read" in said["description"]


def test_credentials_follow_from_the_gate() -> None:
    route = Route("GET", "/", _nothing)
    assert _one(route)["security"] == [{"bearer": [], "apiKey": [], "organisation": []}]
    assert _one(route._replace(gate="none"))["security"] == []
    gates: dict[Gate, Any] = {
        "key-read": [{"authToken": []}],
        "key-write": [{"authToken": []}],
        "space": [{"space": []}],
        "write-key": [{}, {"writeKey": []}],
    }
    for gate, security in gates.items():
        assert _one(route._replace(gate=gate))["security"] == security


def test_doors_of_calls_have_their_own_errors_headers_and_position() -> None:
    route = Route(
        "POST",
        "/",
        _nothing,
        gate="key-write",
        family="write",
        fails="",
        answers={200: Answer("Good.")},
    )
    said = _one(route)
    assert said["responses"].keys() == {"200", "400", "403", "408", "413", "429", "500", "503"}
    assert said["responses"]["200"]["headers"].keys() == {"x-amzn-requestid"}
    error = {"schema": {"$ref": "#/components/schemas/WriteError"}}
    assert said["responses"]["429"]["content"] == {"application/json": error}
    reads = route._replace(method="GET", gate="key-read", family="intilery", reads=True)
    said = _one(reads)
    assert said["responses"].keys() == {"200", "400", "401", "403", "429", "500", "503"}
    assert "x-profile-as-of" in said["responses"]["200"]["headers"]
    assert [p["name"] for p in said["parameters"]] == ["min_as_of"]


def _schemas(node: Any) -> list[Any]:
    found = list(MADE["components"]["schemas"].values())
    for methods in node["paths"].values():
        for operation in methods.values():
            found += [p["schema"] for p in operation["parameters"] if "schema" in p]
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            found += [c["schema"] for b in bodies for c in b.get("content", {}).values()]
    return found


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for value in node.values() for found in _references(value)]
