"""`DELETE /data/core/ups/access/entities`: delete one person.

Source: profile contract, 3.7.
"""

from __future__ import annotations

from onefold.api import position
from onefold.api.context import Request, Response, Rooms
from onefold.api.declared import FILLED, TEXT, Answer, Header, choice, query
from onefold.api.profile.query import PROFILE, Parameters, asked
from onefold.api.route import Route
from onefold.errors import Malformed, NotFound

JOB = "x-onefold-job"
"""Of the answer: the id of the system job that deletes the person."""


def delete_entity(request: Request, rooms: Rooms) -> Response:
    """Delete a person: everything of every identity that the merge policy's graph reaches."""
    assert request.caller is not None
    parameters = Parameters(request.raw_query)
    if parameters.needed("schema.name") != PROFILE:
        raise Malformed("PRO-1002", f"Only {PROFILE} can be deleted", at="schema.name")
    sandbox = request.caller.sandbox
    person = rooms.profiles.owner(
        sandbox.id,
        asked(parameters.get("entityId"), parameters.get("entityIdNS"), at="entityId"),
        policy_id=parameters.get("mergePolicyId") or None,
        generation=request.caller.generation,
    )
    if not person.known:
        raise NotFound("PRO-1004")
    deletion = rooms.deletions.person(
        sandbox, [(one.xid, one.namespace_id, one.value) for one in person.members]
    )
    headers = ((JOB, deletion.id), position.written(deletion.position))
    return Response(202, headers=headers)


ROUTES = (
    Route(
        "DELETE",
        "/data/core/ups/access/entities",
        delete_entity,
        family="entities",
        needs="manage-profiles:delete",
        parameters=(
            query("schema.name", "The profile's class.", choice(PROFILE), required=True),
            query(
                "entityId",
                "Any identity of the person.",
                {**FILLED, "examples": ["kim@example.org"]},
                required=True,
            ),
            query("entityIdNS", "Code of its namespace; without it `entityId` is an XID."),
            query("mergePolicyId", "A merge policy instead of the default one."),
        ),
        answers={
            202: Answer(
                "The person is being deleted.",
                None,
                headers={
                    JOB: Header("The system job that does it.", TEXT),
                    **position.WRITTEN,
                },
            )
        },
        fails="PRO-1001 PRO-1002 PRO-1003 PRO-1004 PRO-1005 PRO-1006 PRO-1007 INL-1017",
    ),
)
