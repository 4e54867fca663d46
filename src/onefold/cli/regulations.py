"""What `onefold regulation` does, beside a running server or without one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onefold.api.onefold import regulations as shown
from onefold.cli.desk import Desk, account_opened, echo
from onefold.domain.regulation import USERS_MAX, Kind
from onefold.errors import Malformed
from onefold.store.tables.regulations import NEWEST


def create(
    data: Path,
    *,
    client: str,
    account: str,
    kind: str,
    user_ids: Sequence[str],
    file: Path | None,
) -> None:
    """Order a regulation; print its id, kind, number of users and position.

    Raises NotFound CTL-1002, CTL-1007, and as `Regulations.create`; OSError when the file cannot be
    read.
    """
    if kind not in Kind.__members__:
        raise Malformed("CTL-1008", f"A kind is one of {', '.join(Kind)}", at="kind")
    every = [*user_ids, *(_in_file(file) if file is not None else ())]
    with account_opened(data, client=client, account=account) as desk:
        made = desk.rooms.regulations.create(desk.sandbox, Kind(kind), every)
    echo(shown.accepted(made))


def show_list(data: Path, *, client: str, account: str, limit: int) -> None:
    """Print the newest regulations. Raises NotFound CTL-1002, CTL-1007."""
    with account_opened(data, client=client, account=account) as desk:
        page = desk.rooms.regulations.listed(desk.sandbox.id, before=NEWEST, limit=limit)
    echo({"regulations": [shown.said(one, counts) for one, counts in page.regulations]})


def show_one(data: Path, regulation_id: str, *, client: str, account: str) -> None:
    """Print one regulation and its people. Raises NotFound CTL-1002, CTL-1007."""
    with account_opened(data, client=client, account=account) as desk:
        echo(_one(desk, regulation_id))


def _one(desk: Desk, regulation_id: str) -> dict[str, object]:
    found, counts, people = desk.rooms.regulations.got(
        desk.sandbox.id, regulation_id, after=-1, limit=USERS_MAX
    )
    base_url = desk.rooms.settings.base_url
    return {
        **shown.said(found, counts),
        "people": [shown.told(found, one, base_url) for one in people],
    }


def _in_file(path: Path) -> list[str]:
    """The ids of a file, one a line; blank lines are passed over."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as bad:
        raise Malformed("CTL-1008", f"{path} is not UTF-8", at="file") from bad
    return [line for line in text.splitlines() if line.strip()]
