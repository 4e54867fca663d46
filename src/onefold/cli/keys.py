"""What `onefold key` and `onefold account` do, beside a server or without one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import typer
from msgspec import to_builtins
from rich.console import Console
from rich.table import Table

from onefold.control import accounts, installation, keys
from onefold.domain.calls.computed import ComputedTrait
from onefold.domain.profile.event import timestamp_ms
from onefold.domain.sandbox import Sandbox
from onefold.effects import SystemClock, SystemIds
from onefold.errors import Malformed
from onefold.store.engine import Engine
from onefold.store.places import Places
from onefold.store.tables.accounts import Account
from onefold.store.tables.api_keys import ANY, ApiKey
from onefold.wire import JSON, encode_json, iso_seconds

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class _Plan(msgspec.Struct, forbid_unknown_fields=True):
    """A file of `--plan`."""

    events: list[str] = []
    traits: list[str] = []


_decode_definitions = msgspec.json.Decoder(list[Any]).decode
_decode_plan = msgspec.json.Decoder(_Plan).decode


def create(
    data: Path,
    *,
    client: str,
    account: str,
    brand: str,
    reads: bool,
    writes: bool,
    name: str,
    expires: str,
    rate: int | None,
    burst: int | None,
) -> None:
    """Make a key; print one JSON object with its secrets.

    Raises NotFound CTL-1002, and as `control.keys.create`.
    """
    with _control(data) as control:
        new = keys.create(
            control,
            SystemClock(),
            SystemIds(),
            client=client,
            account=account,
            brand=brand,
            reads=reads,
            writes=writes,
            name=name,
            expires_ms=_expires_ms(expires) if expires else None,
            rate=rate,
            burst=burst,
        )
    facts = _facts(new.key)
    shown = facts["brand"]
    if shown == ANY and facts["account"] != ANY:
        shown = facts["account"].upper()
    secrets = {"auth_token": new.auth_token, "write_key": new.write_key}
    where = {"sandbox": new.sandbox.name if new.sandbox else None, "org_id": new.key.org_id}
    _echo({**secrets, **facts, "brand": shown, "every_brand": facts["brand"] == ANY, **where})


def show_list(data: Path, *, as_json: bool) -> None:
    """Print every key without its secrets. Raises NotFound CTL-1002."""
    now_ms = SystemClock().now_ms()
    with _control(data) as control:
        known = keys.listed(control)
    rows = [{**_facts(key), "state": _state(key, now_ms)} for key in known]
    screen = Console(markup=False, highlight=False)
    if as_json or not screen.is_terminal:
        _echo({"keys": rows})
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("key", "client", "account", "brand", "may", "state", "expires", "name"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "key")
    for row in rows:
        may = " ".join(act for act in ("read", "write") if row[f"{act}s"])
        said = (row["client"], row["account"], row["brand"], may, row["state"])
        table.add_row(row["key_id"], *said, row["expires"] or "", row["name"])
    screen.print(table)


def revoke(data: Path, key_id: str) -> None:
    """End a key; print its id. Raises NotFound CTL-1002, CTL-1007."""
    with _control(data) as control:
        keys.revoke(control, SystemClock(), key_id)
    _echo({"key_id": key_id, "state": "revoked"})


def show_account(data: Path, *, client: str, account: str) -> None:
    """Print what is said of an account. Raises NotFound CTL-1002, CTL-1007, Malformed CTL-1008."""
    with _control(data) as control:
        sandbox, known = accounts.got(control, client=client, account=account)
    _echo(_account(sandbox, known))


def set_account(
    data: Path,
    *,
    client: str,
    account: str,
    protected: Sequence[str] | None,
    strict: bool | None,
    plan: Path | None,
    computed: Path | None,
    merges_users: bool | None,
) -> None:
    """Say of an account what calls may set and do, and print it; None leaves as it is.

    Raises NotFound CTL-1002, CTL-1007, Malformed CTL-1008; OSError when the file cannot be read.
    """
    planned = _planned(plan) if plan is not None else None
    with _control(data) as control:
        accounts.set_rules(
            control,
            client=client,
            account=account,
            protected=protected,
            strict=strict,
            plan_events=None if planned is None else planned.events,
            plan_traits=None if planned is None else planned.traits,
            merges_users=merges_users,
            computed=None if computed is None else _definitions(computed),
        )
        sandbox, known = accounts.got(control, client=client, account=account)
    _echo(_account(sandbox, known))


def _echo(value: JSON) -> None:
    typer.echo(encode_json(value))


@contextmanager
def _control(data: Path) -> Iterator[Engine]:
    installation.require(data)
    places = Places(data)
    try:
        yield places.control()
    finally:
        places.close()


def _expires_ms(text: str) -> int:
    at_ms = timestamp_ms(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
    if at_ms is None:
        raise Malformed(
            "CTL-1008",
            "A key expires at a date like 2030-01-31 or a date-time like 2030-01-31T08:00:00Z",
            at="expires",
        )
    return at_ms


def _planned(plan: Path) -> _Plan:
    try:
        return _decode_plan(plan.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        raise Malformed(
            "CTL-1008", f'{plan} is not a plan like {{"events":[…],"traits":[…]}}: {bad}', at="plan"
        ) from bad


def _definitions(file: Path) -> JSON:
    """A list, the definitions of which are not judged yet."""
    try:
        return _decode_definitions(file.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise Malformed(
            "CTL-1008", f"{file} is not a JSON list of computed traits: {bad}", at="computed"
        ) from bad


def _facts(key: ApiKey) -> dict[str, JSON]:
    """A key without its secrets."""
    grant = key.grants[0]
    return {
        "key_id": key.key_id,
        "name": key.name,
        "client": key.client,
        "account": grant.account,
        "brand": grant.brand,
        "reads": "read" in grant.acts,
        "writes": "write" in grant.acts,
        "rate": key.rate,
        "burst": key.burst,
        "created": iso_seconds(key.created_ms),
        "expires": None if key.expires_ms is None else iso_seconds(key.expires_ms),
    }


def _state(key: ApiKey, now_ms: int) -> str:
    if key.revoked_ms is not None:
        return "revoked"
    return "live" if key.holds(now_ms) else "expired"


def _account(sandbox: Sandbox, account: Account) -> JSON:
    return {
        "client": account.client,
        "account": account.account,
        "brand": account.brand,
        "sandbox": sandbox.name,
        "org_id": sandbox.org_id,
        "datasets": {"calls": account.calls, "traits": account.traits, "groups": account.groups},
        "protected": list(account.protected),
        "strict": account.strict,
        "plan": {"events": list(account.plan_events), "traits": list(account.plan_traits)},
        "merges_users": account.merges_users,
        "computed": [_definition(one) for one in account.computed],
    }


def _definition(one: ComputedTrait) -> JSON:
    """A definition as a file of `--computed` says it."""
    return {name: said for name, said in to_builtins(one).items() if name != "id"}
