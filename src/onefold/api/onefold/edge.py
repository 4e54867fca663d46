"""`/onefold/v1/edge/{id}`: what is projected of a person to a destination, for the page that is
being made.

Source: profile contract, 6.4, which leaves the way to read open.
"""

from __future__ import annotations

from onefold.api.context import Request, Response, Rooms
from onefold.api.declared import (
    DOCUMENT,
    FILLED,
    TEXT,
    Answer,
    choice,
    path,
    query,
    record,
)
from onefold.api.profile.query import Parameters, asked
from onefold.api.route import Route
from onefold.domain.profile.projection import DATA_CENTERS

NOT_KEPT = (("cache-control", "no-store"),)


def get_projected(request: Request, rooms: Rooms) -> Response:
    """The projections of one person, as the destination has them."""
    parameters = Parameters(request.raw_query)
    assert request.caller is not None
    answer = rooms.edges.answer(
        request.caller.sandbox.id,
        request.path_parameters["id"],
        asked(parameters.get("entityId"), parameters.get("entityIdNS"), at="entityId"),
        name=parameters.get("name"),
        region=parameters.get("region").upper(),
        generation=request.caller.generation,
    )
    return Response(200, answer, NOT_KEPT)


def _always(_: Request) -> bool:
    """Some reads by key of a small database; nothing is written before the answer."""
    return True


ROUTES = (
    Route(
        "GET",
        "/onefold/v1/edge/{id}",
        get_projected,
        family="projections",
        inline=_always,
        needs="view-profiles:read",
        parameters=(
            path("id", "Id of a projection destination."),
            query(
                "entityId",
                "Any identity of the person.",
                {**FILLED, "examples": ["kim@example.org"]},
                required=True,
            ),
            query(
                "entityIdNS",
                "Code of its namespace; without it `entityId` is an XID.",
                {**TEXT, "examples": ["Email"]},
            ),
            query("name", "Name of the one projection that is wanted."),
            query("region", "The data center that asks.", choice(*DATA_CENTERS)),
        ),
        answers={
            200: Answer(
                "The projections by name.",
                record(
                    identity=record(xid=TEXT),
                    destination=DOCUMENT,
                    projections=DOCUMENT,
                    refreshedAt=TEXT,
                    expiresAt=TEXT,
                ),
            )
        },
        fails="PRJ-1001 PRJ-1002 PRJ-1003 PRJ-1010 PRO-1001 PRO-1002 PRO-1003",
    ),
)
