"""The one table from code to status, and each API family's own shape of an error.

The shapes differ by contract and are not unified. Source: platform contract, section 3; profile
contract, 1.3; ingestion contract, 2.4.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from onefold.api.context import Response
from onefold.domain.sandbox import Sandbox
from onefold.errors import CODES, Defect, PlatformError
from onefold.inlet.accept import InvalidMessage
from onefold.wire import JSON, encode_json, iso_millis

Family = Literal[
    "gateway",
    "entities",
    "policies",
    "projections",
    "preview",
    "systemjobs",
    "collection",
    "namespaces",
    "identity",
    "clusters",
    "sandboxes",
    "registry",
    "catalog",
    "import",
    "privacy",
    "flow",
    "ims",
    "plain",
    "intilery",
    "write",
    "segment",
]

DIALECTS: frozenset[Family] = frozenset(("intilery", "write", "segment"))
"""Families of the doors for calls and customers (dialect.py): all their errors have their shape."""

_400 = (
    "API-1003 API-1004 API-1008 ASK-1001 ASK-1002 ASK-1003 ASK-1004 "
    "AUT-1005 AUT-2001 AUT-2003 AUT-2004 AUT-2005 AUT-2006 BAT-1002 BAT-1003 "
    "CAL-1001 CAL-1002 CAL-1003 CAL-1004 CAL-1005 CAL-1006 CAL-1007 CAL-1008 CAL-1009 CAL-1010 "
    "CAL-1011 CAL-1012 CAL-1013 CAL-1014 CAL-1015 CAL-1016 CAL-2001 "
    "BAT-1004 BAT-1005 BAT-1007 CTL-1008 DEL-1001 DEL-1002 DEL-1003 FLW-1001 "
    "INL-1001 INL-1002 INL-1003 INL-1004 INL-1005 INL-1006 INL-1007 INL-1012 INL-1018 "
    "PRJ-1003 PRJ-1008 PRJ-1009 PRO-1001 PRO-1002 PRO-1003 "
    "REC-1001 REC-1002 REC-1003 REC-1004 REC-1005 REC-1006 REC-1007 REC-1008 REC-1009 REC-1010 "
    "REC-1011 REC-1012 REC-2001 REC-2002 REG-1001 REG-1002 REG-1003 REG-1005 REG-1008 SML-1001 "
    "XDM-1002 XDM-1003 XDM-1004 XDM-1005 XDM-1006 XDM-2001 XID-1001"
)
_OTHERS = {
    401: "AUT-1002 AUT-2002 INL-1013 INL-1014 KEY-1001",
    403: "AUT-1001 AUT-1003 AUT-1004 AUT-1006 AUT-1007 AUT-1009 INL-1015 KEY-1002 KEY-1003",
    404: (
        "API-1001 AUT-1008 BAT-1001 BAT-1006 CTL-1007 CUS-1001 CUS-1002 DAT-1001 DEL-1005 DEL-1006 "
        "FLR-1001 "
        "INL-1008 INL-1019 KEY-1005 PRJ-1001 PRJ-1002 PRJ-1010 PRO-1004 PRO-1005 PRV-1001 SMP-1001 "
        "UND-1001 UND-1004 XDM-1001"
    ),
    405: "API-1002",
    406: "REG-1004",
    408: "API-1006 INL-1016",
    409: (
        "AUT-1010 CAT-1001 CAT-1003 CTL-1001 CTL-1004 CTL-1005 CTL-1006 CTL-1009 CTL-1010 "
        "FLR-1002 FLW-1003 INL-1020 PRJ-1005 PRJ-1007 REG-1006 RGL-1001 RGL-1002 UND-1002"
    ),
    412: "CAT-1002 FLW-1002 PRJ-1006 REG-1007",
    410: "CHG-1001 FLR-1003 UND-1003",
    413: "API-1005 INL-1009 SML-1002",
    414: "API-1007",
    415: "INL-1010 PRJ-1004",
    416: "DAT-1002",
    422: "DEL-1004 PRO-1006 PRO-1007",
    429: "INL-1011 KEY-1004",
    500: "API-9001 CTL-1002 CTL-1003 REC-9001",
    503: "API-9002 API-9003 CHG-1002 INL-1017",
}
STATUS: dict[str, int] = {
    code: status for status, codes in {400: _400, **_OTHERS}.items() for code in codes.split()
}
"""The HTTP status of every code."""

GATEWAY_CODES = {
    "AUT-1001": ("403010", "Oauth token is missing."),
    "AUT-1002": ("401013", "Oauth token is not valid"),
    "AUT-1003": ("403000", "Api Key is required"),
    "AUT-1004": ("403003", "Api Key is invalid"),
    "AUT-1005": ("400003", "Missing header"),
    "AUT-1006": ("403025", "Profile is not valid"),
    "AUT-1007": ("403027", "User region is missing"),
    "API-1001": ("404000", "Resource not found"),
    "API-1002": ("405000", "Method not allowed"),
}
OF_GATEWAY = frozenset((*GATEWAY_CODES, "AUT-1008", "AUT-1010", "API-1004"))
"""Codes that answer in the gateway's shape at every door."""

GATEWAY_TITLES = {
    "AUT-1008": "Sandbox not found",
    "AUT-1009": "Insufficient permissions",
    "AUT-1010": "Sandbox not active",
}
"""Codes that the gateway answers with a problem body."""

PROBLEM_TYPE = "application/problem+json"
_RETRY_SECONDS = 1
_INLET_TYPE = "http://ns.adobe.com/adobecloud/problem/data-collection-service/inlet"
_AUTHORIZATION_TYPE = (
    "https://ns.adobe.com/adobecloud/problem/data-collection-service-authorization"
)
_COLLECTION_TITLES = {
    400: "Invalid XDM Message Format",
    404: "Inlet Not Found",
    408: "Request Timeout",
    409: "Inlet Disabled",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_AUTHORIZATION_TEXTS = {
    "INL-1013": "Ims service token is empty",
    "INL-1014": "Ims service token is invalid or expired",
    "INL-1015": "Provided token is invalid or expired",
}
_IMS_ERRORS = {
    "AUT-2001": "invalid_client",
    "AUT-2002": "invalid_client",
    "AUT-2003": "invalid_token",
    "AUT-2004": "invalid_scope",
    "AUT-2006": "unsupported_grant_type",
}

_WORDS = {
    401: "authentication_error",
    403: "authentication_error",
    404: "not_found",
    429: "rate_limit_error",
}
"""What statuses are called in the dialects of calls. Source: Intilery contract, 4.13."""

_PROBLEMS = {
    "PRJ-1001": ("The projection destination has not yet been created.", "missing-entity"),
    "PRJ-1004": ("HTTP 415 Unsupported Media Type", "unsupported-media-type"),
    "INL-1010": ("HTTP 415 Unsupported Media Type", "unsupported-media-type"),
}
_PROBLEM_KINDS = {
    400: "bad-request",
    403: "forbidden",
    404: "missing-entity",
    409: "conflict",
    412: "precondition-failed",
}
"""Titles and kinds of the problems of projections. Source: profile contract, 1.3."""

_REGISTRY_TYPES = {
    "CTL-1007": "XDM-1012-404",
    "REG-1001": "XDM-1006-400",
    "REG-1002": "XDM-1007-400",
    "REG-1003": "XDM-1008-400",
    "XDM-1006": "CTL-1008-400",  # the registry's own number 1006 is about Accept headers
}
"""Where the registry has numbers of its own. Source: platform contract, sections 3 and 6.2."""


class Context(NamedTuple):
    """What an error's body may tell of the request. inlet_id, org_id: at inlets only. now_ms: the
    time of the answer, where a family's errors have one. tells_id: whether the Profiles API tells
    request_id."""

    request_id: str
    inlet_id: str = ""
    org_id: str = ""
    now_ms: int = 0
    tells_id: bool = False


def status_of(error: PlatformError) -> int:
    """The HTTP status of an error."""
    return STATUS[error.code]


def response(error: PlatformError, family: Family, context: Context) -> Response:
    """The answer to a failed request, in the shape of its API family.

    Of defects only the request id is shown.
    """
    status = status_of(error)
    if error.code == "API-1004":
        body: JSON = {
            "type": "/placeholder/type/uri",
            "status": 400,
            "title": "BadRequestError",
            "detail": "A valid content-type must be specified",
        }
    else:
        of_gateway = error.code in OF_GATEWAY and family not in DIALECTS
        shape = _SHAPES["gateway" if of_gateway else family]
        body = shape(error, status, context)
    media_type = media_of(error.code, family)
    return Response(status, encode_json(body), _headers(error, status), media_type)


def media_of(code: str, family: Family) -> str:
    """The content type of an error's body at a route of the family."""
    is_problem = family == "projections" and code != "API-1004" and code not in OF_GATEWAY
    return PROBLEM_TYPE if is_problem else "application/json"


def detail_of(error: PlatformError, context: Context) -> str:
    """What a caller may read about an error."""
    if isinstance(error, Defect):
        return f"Internal server error. Request id: {context.request_id}"
    return error.detail


def collection_body(error: PlatformError, status: int, context: Context) -> JSON:
    """The problem body of an inlet. Source: ingestion contract, 2.4."""
    if status in (401, 403):
        text = _AUTHORIZATION_TEXTS.get(error.code, error.detail)
        return {
            "type": _AUTHORIZATION_TYPE,
            "status": str(status),  # a string here and only here
            "title": "Authorization",
            "report": {"message": f"[{context.request_id}] {text}"},
        }
    report: dict[str, JSON] = {"message": _reason(detail_of(error, context), context)}
    if isinstance(error, InvalidMessage):
        report["cause"] = {"_streamingValidation": [_violations(error)]}
    return {
        "type": _INLET_TYPE,
        "status": status,
        "title": _COLLECTION_TITLES.get(status, "Error"),
        "report": report,
    }


def collection_reason(error: PlatformError, inlet_id: str, org_id: str) -> str:
    """The message of one refused message of a batch."""
    context = Context("", inlet_id, org_id)
    return _reason(detail_of(error, context), context)


def _reason(detail: str, context: Context) -> str:
    return f"inletId: [{context.inlet_id}] imsOrgId: [{context.org_id}] {detail}"


def _violations(error: InvalidMessage) -> JSON:
    found = [
        {
            "schemaLocation": violation.schema_location,
            "pointerToViolation": violation.pointer,
            "causingExceptions": [],
            "keyword": violation.keyword,
            "message": violation.message,
        }
        for violation in error.violations
    ]
    return {
        "schemaLocation": "#",
        "pointerToViolation": "#",
        "causingExceptions": found,
        "message": f"{len(found)} schema violations found",
    }


def _gateway_body(error: PlatformError, status: int, context: Context) -> JSON:
    if error.code in GATEWAY_TITLES:
        return {
            "type": f"http://ns.adobe.com/aep/errors/{error.code}-{status}",
            "title": GATEWAY_TITLES[error.code],
            "status": status,
            "detail": error.detail,
        }
    error_code, message = GATEWAY_CODES.get(error.code, (f"{status}000", detail_of(error, context)))
    return {"error_code": error_code, "message": message}


def entities_body(error: PlatformError, context: Context | None = None) -> JSON:
    """The body of one failed lookup. Source: profile contract, 1.3."""
    status = status_of(error)
    if status == 404:
        return {"statusCode": "404"}
    if error.code == "PRO-1006":
        return {
            "message": "UPS-MRG-1000001:Identities cannot be retrieved for XID - "
            f'{error.facts["xid"]} for graph type "{error.facts["graph"]}"',
            "cause": f"UPS-ACCSDK-1000005:{error.detail}",
            "statusCode": str(status),
        }
    return {
        "message": detail_of(error, context or Context("")),
        "cause": f"{error.code}: {CODES[error.code].meaning}",
        "statusCode": str(status),
    }


def _entities_shape(error: PlatformError, _: int, context: Context) -> JSON:
    return entities_body(error, context)


def _policies_body(error: PlatformError, status: int, context: Context) -> JSON:
    """Source: profile contract, 1.3, "Merge policies": all three members, of a 404 too."""
    return {
        "message": detail_of(error, context),
        "cause": f"{error.code}: {CODES[error.code].meaning}",
        "statusCode": str(status),
    }


def _preview_body(error: PlatformError, status: int, context: Context) -> JSON:
    """Source: profile contract, 1.3, "Preview, export"."""
    return {"message": f"{error.code}: {detail_of(error, context)}", "statusCode": str(status)}


def _projections_body(error: PlatformError, status: int, context: Context) -> JSON:
    """Source: profile contract, 1.3, "Projections", for status, title and type; RFC 7807 for
    detail."""
    title, kind = _PROBLEMS.get(
        error.code, (CODES[error.code].meaning.rstrip("."), _PROBLEM_KINDS.get(status, "error"))
    )
    return {
        "status": status,
        "title": title,
        "type": f"http://ns.adobe.com/adobecloud/problem/{kind}",
        "detail": f"{error.code}: {detail_of(error, context)}",
    }


def _system_jobs_body(error: PlatformError, status: int, context: Context) -> JSON:
    """Source: profile contract, 1.3: problems with a batch come wrapped."""
    body: JSON = {"code": str(status), "message": detail_of(error, context)}
    if error.code in ("DEL-1002", "DEL-1003"):
        return {"requestId": context.request_id, "errors": {str(status): [body]}}
    return body


def _namespaces_body(error: PlatformError, status: int, context: Context) -> JSON:
    """Source: identity contract, 8.1."""
    word = "INVALID_REQUEST_PARAMS" if status < 500 else "INTERNAL_SERVER_ERROR"
    detail = detail_of(error, context)
    return {
        "timestamp": iso_millis(context.now_ms),
        "type": "http://ns.adobe.com/adobecloud/problem/namespacevalidation",
        "status": status,
        "error": word,
        "title": "Namespace Validation",
        "description": detail,
        "report": {"code": word, "message": detail},
    }


def _identity_body(error: PlatformError, status: int, context: Context) -> JSON:
    """Source: identity contract, 8.5."""
    if error.code == "AUT-1009":
        return {**_unpermitted(error, status), "detail": error.detail}
    title = "InvalidInput" if status < 500 else "InternalServerError"
    detail = detail_of(error, context)
    if error.at is not None and error.at.startswith("/"):  # a place in a body of some depth
        detail = f"{detail}. At: {error.at}"
    return {"title": title, "status": status, "detail": detail}


def _clusters_body(error: PlatformError, status: int, context: Context) -> JSON:
    """The older form of `_identity_body`: `description` for `detail`."""
    if error.code == "AUT-1009":
        return {**_unpermitted(error, status), "description": error.detail}
    title = "InvalidInput" if status < 500 else "InternalServerError"
    return {"title": title, "status": status, "description": detail_of(error, context)}


def _unpermitted(error: PlatformError, status: int) -> dict[str, JSON]:
    """Of a call to the identity service without the permission. Source: identity contract, 8.5."""
    sandbox = error.facts["sandbox"]
    assert isinstance(sandbox, Sandbox)
    return {
        "type": "https://ns.adobe.com/aep/errors/UIS-4064-403",
        "status": status,
        "title": "Insufficient permissions",
        "report": {
            "tenantInfo": {
                "imsOrgId": sandbox.org_id,
                "sandboxId": sandbox.public_id,
                "sandboxName": sandbox.name,
            },
            "additionalContext": None,
            "errorChain": [],
        },
    }


def _sandboxes_body(error: PlatformError, status: int, context: Context) -> JSON:
    """Source: platform contract, section 3, "newer services"."""
    return {
        "type": f"http://ns.adobe.com/aep/errors/{error.code}-{status}",
        "title": CODES[error.code].meaning.rstrip("."),
        "status": status,
        "detail": detail_of(error, context),
        "report": {"at": error.at} if error.at is not None else {},
    }


def _registry_body(error: PlatformError, status: int, context: Context) -> JSON:
    """Source: platform contract, section 3, "Schema Registry"."""
    detail = detail_of(error, context)
    if error.at and not isinstance(error, Defect):
        detail = f"{detail} At: {error.at}"
    kind = _REGISTRY_TYPES.get(error.code, f"{error.code}-{status}")
    accept = error.code in ("REG-1001", "REG-1002", "REG-1003", "REG-1004")
    now = datetime.fromtimestamp(context.now_ms // 1000, UTC)
    return {
        "type": f"http://ns.adobe.com/aep/errors/{kind}",
        "title": "Accept header invalid" if accept else CODES[error.code].meaning.rstrip("."),
        "status": status,
        "report": {
            "registryRequestId": context.request_id,
            "timestamp": now.strftime("%m-%d-%Y %H:%M:%S"),
            "detailed-message": detail,
            "sub-errors": [],
        },
        "detail": detail,
    }


def _catalog_body(error: PlatformError, status: int, context: Context) -> JSON:
    """Source: platform contract, section 3, "Catalog / import"."""
    return {
        "type": f"http://ns.adobe.com/aep/errors/{error.code}-{status}",
        "title": CODES[error.code].meaning.rstrip("."),
        "status": status,
        "detail": detail_of(error, context),
    }


def _flow_body(error: PlatformError, status: int, context: Context) -> JSON:
    """Source: platform contract, section 3, "Flow Service etag conflict", else "newer services"."""
    if error.code == "FLW-1002":
        return {"errorMessage": error.detail}
    return _sandboxes_body(error, status, context)


def _ims_body(error: PlatformError, status: int, context: Context) -> JSON:
    fallback = "bad_request" if status < 500 else "server_error"
    return {
        "error": _IMS_ERRORS.get(error.code, fallback),
        "error_description": detail_of(error, context),
    }


def _plain_body(error: PlatformError, status: int, context: Context) -> JSON:
    return {"status": status, "detail": detail_of(error, context)}


def word(code: str, family: Family = "intilery") -> str:
    """What a code is called in the dialects of calls. Source: Intilery contract, 4.13 and 13.1."""
    if family == "segment" and code == "KEY-1001":
        return "invalid_write_key"
    if code == "ASK-1002":
        return "validation_error"
    status = STATUS[code]
    return _WORDS.get(status, "invalid_request_error" if status < 500 else "internal_server_error")


def _intilery_body(error: PlatformError, _: int, context: Context) -> JSON:
    """Source: Intilery contract, 4.13."""
    said = {"code": word(error.code), "message": detail_of(error, context)}
    return {"error": {**said, "requestId": context.request_id} if context.tells_id else said}


def _write_body(error: PlatformError, _: int, context: Context) -> JSON:
    """Source: Intilery contract, 4.14."""
    return {
        "success": False,
        "message": detail_of(error, context),
        "code": word(error.code, "write"),
    }


def _segment_body(error: PlatformError, _: int, context: Context) -> JSON:
    """Source: Intilery contract, 13.1."""
    return {
        "success": False,
        "message": detail_of(error, context),
        "code": word(error.code, "segment"),
    }


_SHAPES: dict[Family, Callable[[PlatformError, int, Context], JSON]] = {
    "gateway": _gateway_body,
    "entities": _entities_shape,
    "policies": _policies_body,
    "projections": _projections_body,
    "systemjobs": _system_jobs_body,
    "preview": _preview_body,
    "collection": collection_body,
    "namespaces": _namespaces_body,
    "identity": _identity_body,
    "clusters": _clusters_body,
    "sandboxes": _sandboxes_body,
    "registry": _registry_body,
    "catalog": _catalog_body,
    "privacy": _catalog_body,
    "import": _catalog_body,
    "flow": _flow_body,
    "ims": _ims_body,
    "plain": _plain_body,
    "intilery": _intilery_body,
    "write": _write_body,
    "segment": _segment_body,
}


def _headers(error: PlatformError, status: int) -> tuple[tuple[str, str], ...]:
    if status in (429, 503) or "retry_after_seconds" in error.facts:
        seconds = error.facts.get("retry_after_seconds", _RETRY_SECONDS)
        limits = (f"x-ratelimit-{name}" for name in ("limit", "remaining", "reset"))
        told = ((name, error.facts.get(name.rpartition("-")[2])) for name in limits)
        known = ((name, str(number)) for name, number in told if number is not None)
        return (("retry-after", str(seconds)), *known)
    if status == 408:
        return (("connection", "close"),)  # the rest of the body may still be on its way
    if status == 416:
        return (("content-range", f"bytes */{error.facts['length']}"),)
    allow = error.facts.get("allow")
    return (("allow", str(allow)),) if allow is not None else ()
