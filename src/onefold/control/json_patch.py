"""JSON Patch on documents that are kept. Source: RFC 6902."""

from __future__ import annotations

import jsonpatch

# The stubs leave the second one out.
from jsonpatch import JsonPatchException, JsonPointerException  # type: ignore[attr-defined]

from onefold.domain.xdm.keywords import require_shallow
from onefold.errors import Malformed, OverLimit
from onefold.wire import JSON, decode_json, encode_json

OPERATIONS_MAX = 1000
DOCUMENT_BYTES_MAX = 1_000_000
"""Of what a patch makes; a few copies of copies would fill the memory."""

_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")


def patched(document: JSON, operations: JSON) -> JSON:
    """What the operations, a JSON array, make of a document, which stays as it is.

    Raises Malformed API-1003 for what is no patch, CTL-1008 for an operation that cannot be done
    or a `test` that fails, OverLimit XDM-1003 beyond OPERATIONS_MAX or DOCUMENT_BYTES_MAX; `at` is
    the operation's number.
    """
    if not isinstance(operations, list):
        raise Malformed("API-1003", "A JSON Patch is an array of operations")
    if len(operations) > OPERATIONS_MAX:
        raise OverLimit("XDM-1003", f"A patch has at most {OPERATIONS_MAX} operations.")
    answer = decode_json(encode_json(document))
    for number, operation in enumerate(operations):
        at = f"/{number}"
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise Malformed("API-1003", "An operation needs one of the known `op`s", at=at)
        if not isinstance(operation.get("path"), str):
            raise Malformed("API-1003", "An operation needs a `path`", at=at)
        answer = _applied(answer, operation, at)
        if operation["op"] != "copy":
            continue
        require_shallow(answer)
        if len(encode_json(answer)) > DOCUMENT_BYTES_MAX:
            raise OverLimit("XDM-1003", "The patch makes the document too large.", at=at)
    return answer


def _applied(document: JSON, operation: JSON, at: str) -> JSON:
    try:
        return jsonpatch.apply_patch(document, [operation], in_place=True)
    except (
        JsonPatchException,
        JsonPointerException,
        AttributeError,
        IndexError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        detail = f"The operation {operation['op']} at {operation['path'][:256]} cannot be done"
        raise Malformed("CTL-1008", detail, at=at) from error
