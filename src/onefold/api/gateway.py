"""The platform's gateway: who calls, for which organisation, in which sandbox.

The order of the checks is part of the contract. Source: platform contract, section 3; profile
contract, 1.1 and 1.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from onefold.api.context import Caller, Rooms
from onefold.domain.sandbox import Sandbox
from onefold.errors import Conflict, Forbidden, Malformed, NotFound

DEFAULT_SANDBOX = "prod"
_ORGANISATION = re.compile(r"[0-9A-Za-z]+@AdobeOrg")
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_NOTHING: frozenset[str] = frozenset()
_FORM = "application/x-www-form-urlencoded"


def caller(
    method: str,
    headers: Mapping[str, str],
    rooms: Rooms,
    *,
    in_sandbox: bool = True,
    needs: str | None = None,
) -> Caller:
    """Who asks, from the request's headers (lower-case names).

    in_sandbox: whether the door is one of a sandbox. At the others the sandbox header is not read,
    and the caller's sandbox is the organisation's default one, active or not; what the project may
    do there counts. needs: `permission:action` that it must have.

    Raises, the first in this order: AUT-1001 no token, AUT-1002 a bad or expired one, AUT-1003 no
    API key, AUT-1004 one that is not the token's, AUT-1005 no organisation, AUT-1007 a malformed
    one, AUT-1006 another one than the token's, API-1004 a body without a usable content type,
    AUT-1008 an unknown sandbox, AUT-1009 a permission that the project lacks, AUT-1010 a sandbox
    that is being reset or deleted.
    """
    installation = rooms.definitions.installation()
    principal = rooms.tokens.verified(_token(headers), installation)
    key = headers.get("x-api-key", "").strip()
    if not key:
        raise Forbidden("AUT-1003")
    if key != principal.client_id:
        raise Forbidden("AUT-1004")
    org_id = headers.get("x-gw-ims-org-id", "").strip()
    if org_id != principal.org_id:
        if not org_id:
            raise Malformed("AUT-1005")
        raise Forbidden("AUT-1006" if _ORGANISATION.fullmatch(org_id) else "AUT-1007")
    if method in _WITH_BODY and _has_body(headers) and not _is_usable(headers):
        raise Malformed("API-1004")
    name = headers.get("x-sandbox-name", "").strip() or DEFAULT_SANDBOX
    sandbox = installation.sandboxes_by_name.get((org_id, name))
    if not in_sandbox:
        own = (s for s in installation.sandboxes if s.org_id == org_id)
        sandbox = max(own, key=_is_default, default=None)
    if sandbox is None:
        raise NotFound("AUT-1008", "The sandbox named by x-sandbox-name does not exist")
    client_id = principal.client_id
    held = installation.permissions.get((client_id, sandbox.id), _NOTHING)
    if needs is not None and needs not in held:
        raise lacking(needs, sandbox)
    if in_sandbox and not sandbox.active:
        raise Conflict("AUT-1010", f"The sandbox {sandbox.name} is {sandbox.state}")
    return Caller(installation.generation, org_id, client_id, sandbox, principal.scopes, held)


def lacking(needs: str, sandbox: Sandbox) -> Forbidden:
    """The error of a project without the permission `needs` in a sandbox."""
    return Forbidden(
        "AUT-1009",
        f"The project lacks the permission {needs} in the sandbox {sandbox.name}",
        needs=needs,
        sandbox=sandbox,
    )


def _is_default(sandbox: Sandbox) -> bool:
    return sandbox.is_default


def _token(headers: Mapping[str, str]) -> str:
    authorization = headers.get("authorization", "")
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    if not scheme or (scheme.lower() == "bearer" and not token):
        raise Forbidden("AUT-1001")
    if scheme.lower() != "bearer":
        raise Forbidden("AUT-1002")
    return token


def _has_body(headers: Mapping[str, str]) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _is_usable(headers: Mapping[str, str]) -> bool:
    """JSON, vendor types and files are; forms and plain text are not what any API here takes."""
    essence = headers.get("content-type", "").partition(";")[0].strip().lower()
    return essence.startswith("application/") and len(essence) > 12 and essence != _FORM
