"""How long it takes until a changed schema can judge records, beside msgspec alone.

The schema is a large profile: the class, what a retailer adds of the standard groups, and 500
fields of the tenant's own in some depth. The floor is what msgspec takes to make structs and a
decoder of the same shape without any limits: objects, arrays, maps and plain scalars.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from benchmarks.bench import Bench, median
from benchmarks.report import against
from onefold.control.starter import PROFILE_GROUPS
from onefold.domain.xdm.compose import composed, field_count
from onefold.domain.xdm.notation import CORE
from onefold.domain.xdm.schema import PROFILE_CLASS, field_group_document, schema_document
from onefold.domain.xdm.standard.loader import load
from onefold.domain.xdm.types import INTEGERS, STRINGS, Field, XdmType
from onefold.domain.xdm.validate import compiled

OWN_GROUP = "https://ns.adobe.com/acme/mixins/" + "0" * 32
GROUPS = (
    *PROFILE_GROUPS,
    CORE + "context/profile-segmentation",
    CORE + "mixins/profile/profile-user-activity-regions",
)
SECTIONS = 20
FIELDS_EACH = 25
ROUNDS = {"full": 40, "small": 10}
_KINDS = (
    "string",
    "int",
    "number",
    "boolean",
    "date-time",
    "enum low|middle|high",
    "string 1..64",
    "string /^[A-Z]{2}$/",
    ["string"],
    {"*": "string"},
)


def measure_compile(bench: Bench) -> None:
    """`schema_compile_ms`: from documents to a compiled schema, everything cold but the library."""
    library, document = _documents()
    root = composed(document, library)
    rounds = ROUNDS["full" if bench.scale.people > 10_000 else "small"]
    ours: list[float] = []
    floors: list[float] = []
    with bench.task(f"compiling a schema of {field_count(root)} fields", rounds) as task:
        for _ in range(rounds):
            started = time.perf_counter()
            compiled(composed(document, library))
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            msgspec.json.Decoder(_plain(root))
            floors.append(time.perf_counter() - started)
            bench.advanced(task)
    bench.results.append(
        against("schema_compile_ms", median(ours) * 1000, "ms", median(floors) * 1000)
    )


def _documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """The library, standard and own, and the schema."""
    own = {
        f"section{section}": {
            "core": {
                f"field{number}": _KINDS[(section + number) % len(_KINDS)]
                for number in range(FIELDS_EACH)
            }
        }
        for section in range(SECTIONS)
    }
    group = field_group_document("Own", [PROFILE_CLASS], "acme", own)
    library = {**load(), OWN_GROUP: {"$id": OWN_GROUP, **group}}
    return library, schema_document("Large", PROFILE_CLASS, (*GROUPS, OWN_GROUP))


def _plain(field: Field) -> Any:
    """A type of the same shape without limits; each object a struct of its own."""
    if field.xdm_type is XdmType.OBJECT:
        members = [
            (f"f{index}", _plain(child), msgspec.UNSET)
            for index, child in enumerate(field.properties.values())
        ]
        names = {f"f{index}": name for index, name in enumerate(field.properties)}
        return msgspec.defstruct("Plain", members, kw_only=True, gc=False, rename=names)
    if field.xdm_type is XdmType.ARRAY:
        return list[Any] if field.items is None else list[_plain(field.items)]  # type: ignore[misc]
    if field.xdm_type is XdmType.MAP:
        value = Any if field.values is None else _plain(field.values)
        return dict[str, value]  # type: ignore[valid-type]  # made at run time on purpose
    if field.xdm_type in STRINGS:
        return str
    if field.xdm_type is XdmType.BOOLEAN:
        return bool
    return int if field.xdm_type in INTEGERS else float
