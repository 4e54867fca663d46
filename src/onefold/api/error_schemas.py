"""JSON Schemas of the errors' bodies, whose makers stand in `problem.py`; a test compares them."""

from __future__ import annotations

from onefold.api.declared import DOCUMENT, NUMBER, TEXT, Schema, array, keyed, record
from onefold.api.problem import DIALECTS, GATEWAY_TITLES, OF_GATEWAY, STATUS, Family

_PROBLEM = record(type=TEXT, title=TEXT, status=NUMBER, detail=TEXT)
_UPS = record(message=TEXT, cause=TEXT, statusCode=TEXT)
_OF_CALLS = record(success={"const": False}, message=TEXT, code=TEXT)
_SYSTEM_JOBS = record(code=TEXT, message=TEXT)

SCHEMAS: dict[str, Schema] = {
    "GatewayError": record(error_code=TEXT, message=TEXT),
    "GatewayProblem": _PROBLEM,
    "EntitiesError": _UPS,
    "EntitiesNotFound": record(statusCode={"const": "404"}),
    "PoliciesError": _UPS,
    "ProjectionsError": record(status=NUMBER, title=TEXT, type=TEXT, detail=TEXT),
    "SystemjobsError": _SYSTEM_JOBS,
    "SystemjobsBatchError": record(requestId=TEXT, errors=keyed(array(_SYSTEM_JOBS))),
    "PreviewError": record(message=TEXT, statusCode=TEXT),
    "CollectionError": record(type=TEXT, status=NUMBER, title=TEXT, report=record(message=TEXT)),
    "CollectionAuthorizationError": record(
        type=TEXT, status=TEXT, title=TEXT, report=record(message=TEXT)
    ),
    "NamespacesError": record(
        timestamp=TEXT,
        type=TEXT,
        status=NUMBER,
        error=TEXT,
        title=TEXT,
        description=TEXT,
        report=record(code=TEXT, message=TEXT),
    ),
    "IdentityError": record(title=TEXT, status=NUMBER, detail=TEXT),
    "ClustersError": record(title=TEXT, status=NUMBER, description=TEXT),
    "SandboxesError": record(type=TEXT, title=TEXT, status=NUMBER, detail=TEXT, report=DOCUMENT),
    "RegistryError": record(
        type=TEXT,
        title=TEXT,
        status=NUMBER,
        report={
            **record(registryRequestId=TEXT, timestamp=TEXT, **{"detailed-message": TEXT}),
            "required": ["registryRequestId", "timestamp", "detailed-message", "sub-errors"],
        },
        detail=TEXT,
    ),
    "CatalogError": _PROBLEM,
    "PrivacyError": _PROBLEM,
    "FlowError": record(type=TEXT, title=TEXT, status=NUMBER, detail=TEXT, report=DOCUMENT),
    "FlowConflict": record(errorMessage=TEXT),
    "ImportError": _PROBLEM,
    "ImsError": record(error=TEXT, error_description=TEXT),
    "PlainError": record(status=NUMBER, detail=TEXT),
    "IntileryError": record(error=record(code=TEXT, message=TEXT)),
    "WriteError": _OF_CALLS,
    "SegmentError": _OF_CALLS,
}
"""By name: the schemas that errors have in the document."""


def name_of(code: str, family: Family) -> str:
    """The name of the schema that an error's body has at a route of the family; "" when the family
    has none in SCHEMAS."""
    if (code in OF_GATEWAY and family not in DIALECTS) or family == "gateway":
        is_problem = code == "API-1004" or code in GATEWAY_TITLES
        return "GatewayProblem" if is_problem else "GatewayError"
    if family == "entities" and STATUS[code] == 404:
        return "EntitiesNotFound"
    if family == "collection" and STATUS[code] in (401, 403):
        return "CollectionAuthorizationError"
    if family == "systemjobs" and code in ("DEL-1002", "DEL-1003"):
        return "SystemjobsBatchError"
    if (code, family) == ("FLW-1002", "flow"):
        return "FlowConflict"
    name = f"{family.capitalize()}Error"
    return name if name in SCHEMAS else ""
