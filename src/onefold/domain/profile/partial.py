"""Partial updates: records that change or remove what their dataset says, instead of replacing it.

The header's `operations` ask for them. A merge is that of RFC 7386: objects field by field, arrays
whole, and null removes a field. Source: ingestion contract, 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import msgspec

from onefold.domain.profile.fragment import without_nulls
from onefold.domain.xdm.validate import VIOLATIONS_MAX, CompiledSchema, Violation
from onefold.errors import Malformed

Operation = Literal["create", "merge", "delete", "stamp"]
"""What a record does to a fragment: it takes its place, changes it, removes it, or lays values over
it that each have a time of their own (stamped.py)."""

OPERATIONS: Sequence[Operation] = ("create", "merge", "delete")
"""Those that a header can ask for."""


class Operations(msgspec.Struct, frozen=True, gc=False):
    """What a header asks for. identity_dataset: whose links the record's identities make; None:
    no links are made."""

    data: Operation
    identity_dataset: str | None = None


def operations_of(said: Any) -> Operations | None:
    """What `header.operations` says; None when it is absent or null. Raises Malformed REC-1010."""
    if said is None or said is msgspec.UNSET:
        return None
    if not isinstance(said, dict):
        raise Malformed("REC-1010", "header.operations is not an object")
    data = said.get("data", "create")
    if data not in OPERATIONS:
        raise Malformed("REC-1010", "operations.data is create, merge or delete")
    identity, dataset = said.get("identity"), said.get("identityDatasetId")
    if identity not in (None, "create"):
        raise Malformed("REC-1010", "operations.identity is create, or left out")
    if identity is None:
        return Operations(cast(Operation, data))
    if not isinstance(dataset, str) or not dataset:
        raise Malformed("REC-1010", "operations.identity needs identityDatasetId")
    return Operations(cast(Operation, data), dataset)


def merged_into(stored: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """What a fragment says after a merge: no nulls, at any depth. Neither argument is changed.

    Source: RFC 7386, section 2; the nulls of arrays, of which it does not speak, are left out as
    everywhere.
    """
    answer = dict(stored)
    for name, value in sent.items():
        if value is None:
            answer.pop(name, None)
        elif isinstance(value, dict):
            known = answer.get(name)
            answer[name] = merged_into(known if isinstance(known, dict) else {}, value)
        else:
            answer[name] = without_nulls(value)
    return answer


def violations(compiled: CompiledSchema, entity: dict[str, Any]) -> list[Violation]:
    """Why a partial record does not fit its schema: what it says is judged, not what it leaves out;
    nulls say that a field goes."""
    found = compiled.violations(without_nulls(entity), limit=2**31)
    return [one for one in found if one.keyword != "required"][:VIOLATIONS_MAX]
