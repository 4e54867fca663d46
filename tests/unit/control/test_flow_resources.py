"""Resources of the Flow Service: of two changers with one etag, exactly one wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from onefold.control import connections, flow_resources
from onefold.control.connections import CONNECTIONS
from onefold.errors import Conflict
from tests.unit.control.conftest import Desk

CHANGERS = 8


def test_of_many_changers_with_one_etag_exactly_one_wins(desk: Desk) -> None:
    made = connections.create(*desk, name="Till")
    before = flow_resources.got(desk.engine, desk.sandbox, CONNECTIONS, made.id)
    etag = flow_resources.etag(before)

    def change(number: int) -> str:
        operations = [{"op": "replace", "path": "/name", "value": f"Till {number}"}]
        try:
            flow_resources.patch(*desk, CONNECTIONS, made.id, operations, if_match=etag)
        except Conflict as refused:
            return refused.code
        return f"Till {number}"

    with ThreadPoolExecutor(CHANGERS) as threads:
        ends = list(threads.map(change, range(CHANGERS)))
    (won,) = set(ends) - {"FLW-1002"}
    assert ends.count("FLW-1002") == CHANGERS - 1
    after = flow_resources.got(desk.engine, desk.sandbox, CONNECTIONS, made.id)
    assert after.document["name"] == won
    assert flow_resources.etag(after) != etag
