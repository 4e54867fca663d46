"""Projections to the edge: destinations, and the configurations of what goes there.

A change of one is a change of its version; whoever changes can say which version it means.
Source: profile contract, 6.1 and 6.2.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, get_args

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from onefold.domain.profile.project import projection_selector
from onefold.domain.profile.projection import (
    DATA_CENTERS,
    SCHEMA_NAME,
    TTL_MAX,
    TTL_MIN,
    Configuration,
    Destination,
    Replication,
)
from onefold.domain.sandbox import Sandbox
from onefold.effects import Ids
from onefold.errors import Conflict, Malformed, NotFound, OverLimit
from onefold.store.engine import Engine, Reader
from onefold.store.tables import merge_policies, projections
from onefold.store.tables.generation import change

DESTINATIONS_MAX = 10
"""Of one sandbox. Source: profile contract, 12.2, "personalization destinations"."""
CONFIGURATIONS_MAX = 50
"""Of one sandbox."""
NAME_CHARS_MAX = 255


class Expected(Struct, frozen=True):
    """What the one who changes something believes to change. version: a number, or None. etags: of
    If-Match, `*` for any, or None."""

    version: Any = None
    etags: Collection[str] | None = None


class DestinationChanges(Struct, frozen=True, kw_only=True):
    """A destination as it was sent; what may be left out is UNSET then."""

    type: str
    data_centers: Sequence[str] | None = None
    ttl: Any = UNSET
    replication: str | UnsetType = UNSET
    topic: str = ""


class ConfigurationChanges(Struct, frozen=True, kw_only=True):
    """A configuration as it was sent. merge_policy_id: empty for none."""

    selector: str
    destination_id: str
    name: str | UnsetType = UNSET
    merge_policy_id: str | UnsetType = UNSET


ANYTHING = Expected()


def create_destination(
    engine: Engine, ids: Ids, sandbox: Sandbox, given: DestinationChanges
) -> Destination:
    """Make a destination; ttl 3600 seconds and REACTIVE when nothing is said.

    Raises Malformed PRJ-1003, OverLimit PRJ-1009.
    """
    destination = _destination(given, Destination(id=ids.uuid()))
    with change(engine) as transaction:
        if len(projections.destinations(transaction, sandbox.id)) >= DESTINATIONS_MAX:
            raise OverLimit("PRJ-1009", f"A sandbox has at most {DESTINATIONS_MAX} destinations")
        projections.put_destination(transaction, sandbox.id, destination)
    return destination


def update_destination(
    engine: Engine,
    sandbox: Sandbox,
    destination_id: str,
    given: DestinationChanges,
    expected: Expected = ANYTHING,
) -> Destination:
    """Put another definition in the place of one; its version rises by one. ttl and replication
    stay when they are left out.

    Raises NotFound PRJ-1001, Malformed PRJ-1003, Conflict PRJ-1005 and PRJ-1006.
    """
    with change(engine) as transaction:
        known = destination_of(transaction, sandbox, destination_id)
        _require(expected, known.version)
        changed = replace(_destination(given, known), version=known.version + 1)
        projections.put_destination(transaction, sandbox.id, changed)
    return changed


def delete_destination(
    engine: Engine, sandbox: Sandbox, destination_id: str, expected: Expected = ANYTHING
) -> None:
    """Delete a destination that no configuration uses.

    Raises NotFound PRJ-1001, Conflict PRJ-1006 and PRJ-1008.
    """
    with change(engine) as transaction:
        known = destination_of(transaction, sandbox, destination_id)
        _require(expected, known.version)
        used = [
            one
            for one in projections.configurations(transaction, sandbox.id)
            if one.destination_id == destination_id
        ]
        if used:
            raise Conflict("PRJ-1008", f"{len(used)} projections use the destination")
        projections.delete_destination(transaction, sandbox.id, destination_id)


def destination_of(reader: Reader, sandbox: Sandbox, destination_id: str) -> Destination:
    """The sandbox's destination of this id. Raises NotFound PRJ-1001."""
    for destination in projections.destinations(reader, sandbox.id):
        if destination.id == destination_id:
            return destination
    raise NotFound("PRJ-1001")


def destinations(reader: Reader, sandbox: Sandbox) -> list[Destination]:
    """The sandbox's destinations, in the order of creation."""
    return projections.destinations(reader, sandbox.id)


def create_configuration(
    engine: Engine, ids: Ids, sandbox: Sandbox, schema_name: str, given: ConfigurationChanges
) -> Configuration:
    """Make a configuration; without a name it is called by its id.

    Raises Malformed PRJ-1003, NotFound PRJ-1001 and PRO-1005, Conflict PRJ-1007, OverLimit
    PRJ-1009.
    """
    if schema_name.lower() != SCHEMA_NAME:
        raise Malformed("PRJ-1003", f"schemaName is {SCHEMA_NAME}", at="schemaName")
    new_id = ids.uuid()
    with change(engine) as transaction:
        known = projections.configurations(transaction, sandbox.id)
        if len(known) >= CONFIGURATIONS_MAX:
            raise OverLimit("PRJ-1009", f"A sandbox has at most {CONFIGURATIONS_MAX} projections")
        blank = Configuration(id=new_id, name=new_id, selector="", destination_id="")
        made = _configuration(transaction, sandbox, known, given, blank)
        projections.put_configuration(transaction, sandbox.id, made)
    return made


def update_configuration(
    engine: Engine,
    sandbox: Sandbox,
    projection_id: str,
    given: ConfigurationChanges,
    expected: Expected = ANYTHING,
) -> Configuration:
    """Put another definition in the place of one; its version rises by one. Name and merge policy
    stay when they are left out.

    Raises NotFound PRJ-1001, PRJ-1002 and PRO-1005, Malformed PRJ-1003, Conflict PRJ-1005, PRJ-1006
    and PRJ-1007.
    """
    with change(engine) as transaction:
        known = projections.configurations(transaction, sandbox.id)
        old = _found(known, projection_id)
        _require(expected, old.version)
        others = [one for one in known if one.id != projection_id]
        made = _configuration(transaction, sandbox, others, given, old)
        changed = replace(made, version=old.version + 1)
        projections.put_configuration(transaction, sandbox.id, changed)
    return changed


def delete_configuration(
    engine: Engine, sandbox: Sandbox, projection_id: str, expected: Expected = ANYTHING
) -> None:
    """Delete a configuration. Raises NotFound PRJ-1002, Conflict PRJ-1006."""
    with change(engine) as transaction:
        known = _found(projections.configurations(transaction, sandbox.id), projection_id)
        _require(expected, known.version)
        projections.delete_configuration(transaction, sandbox.id, projection_id)


def configuration_of(reader: Reader, sandbox: Sandbox, projection_id: str) -> Configuration:
    """The sandbox's configuration of this id. Raises NotFound PRJ-1002."""
    return _found(projections.configurations(reader, sandbox.id), projection_id)


def configurations(reader: Reader, sandbox: Sandbox) -> list[Configuration]:
    """The sandbox's configurations, in the order of creation."""
    return projections.configurations(reader, sandbox.id)


def whole(value: Any, name: str) -> int:
    """A number, which may be sent as a text. Raises Malformed PRJ-1003."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Malformed("PRJ-1003", f"{name} is a whole number", at=name)
    return int(text)


def _destination(given: DestinationChanges, known: Destination) -> Destination:
    """The known destination with what was given, checked."""
    kind = given.type.upper()
    centers: Sequence[str] = ()
    if kind == "EDGE":
        centers = tuple(dict.fromkeys(given.data_centers or ()))
        if not centers or not set(centers) <= set(DATA_CENTERS):
            raise Malformed(
                "PRJ-1003",
                f"dataCenters names one or more of {', '.join(DATA_CENTERS)}",
                at="dataCenters",
            )
    elif kind != "PIPELINE":
        raise Malformed("PRJ-1003", "type is EDGE", at="type")
    ttl = known.ttl if isinstance(given.ttl, UnsetType) else whole(given.ttl, "ttl")
    if not TTL_MIN <= ttl <= TTL_MAX:
        raise Malformed("PRJ-1003", f"ttl is {TTL_MIN} to {TTL_MAX} seconds", at="ttl")
    replication = known.replication
    if not isinstance(given.replication, UnsetType):
        replication = _replication(given.replication)
    return replace(
        known,
        type=_kind(kind),
        data_centers=tuple(centers),
        ttl=ttl,
        replication=replication,
        topic=given.topic if kind == "PIPELINE" else "",
    )


def _kind(kind: str) -> Literal["EDGE", "PIPELINE"]:
    return "EDGE" if kind == "EDGE" else "PIPELINE"


def _replication(word: str) -> Replication:
    for known in get_args(Replication):
        if word.upper() == known:
            found: Replication = known
            return found
    raise Malformed(
        "PRJ-1003", "replicationPolicy is PROACTIVE or REACTIVE", at="replicationPolicy"
    )


def _configuration(
    reader: Reader,
    sandbox: Sandbox,
    others: Sequence[Configuration],
    given: ConfigurationChanges,
    known: Configuration,
) -> Configuration:
    """The known configuration with what was given, checked."""
    projection_selector(given.selector)
    destination_of(reader, sandbox, given.destination_id)
    name = known.name if isinstance(given.name, UnsetType) else given.name
    if not name.strip() or len(name) > NAME_CHARS_MAX:
        raise Malformed("PRJ-1003", f"name has 1 to {NAME_CHARS_MAX} characters", at="name")
    if any(one.name == name for one in others):
        raise Conflict("PRJ-1007", at="name")
    policy_id = known.merge_policy_id
    if not isinstance(given.merge_policy_id, UnsetType):
        policy_id = given.merge_policy_id
        policies = merge_policies.of_sandbox(reader, sandbox.id)
        if policy_id and policy_id not in {policy.id for policy in policies}:
            raise NotFound("PRO-1005", at="mergePolicyId")
    return replace(
        known,
        name=name,
        selector=given.selector,
        destination_id=given.destination_id,
        merge_policy_id=policy_id,
    )


def _require(expected: Expected, version: int) -> None:
    """Refuse to change what is not as its changer believes."""
    if expected.etags is not None and not {"*", str(version)} & set(expected.etags):
        raise Conflict("PRJ-1006")
    if expected.version is not None:
        meant = whole(expected.version, "currentVersion")
        if meant < 1:
            raise Malformed("PRJ-1003", "currentVersion is at least 1", at="currentVersion")
        if meant != version:
            raise Conflict("PRJ-1005", f"The version is {version}, not {meant}")


def _found(known: Sequence[Configuration], projection_id: str) -> Configuration:
    for one in known:
        if one.id == projection_id:
            return one
    raise NotFound("PRJ-1002")
