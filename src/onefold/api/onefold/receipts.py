"""`/onefold/v1/receipts/{id}`: what a deletion has searched and removed.

A receipt outlives its system job: who removes the job from the list keeps it.
"""

from __future__ import annotations

from onefold.api.context import Request, Response, Rooms
from onefold.api.declared import DOCUMENT, NUMBER, TEXT, Answer, array, record
from onefold.api.route import Route


def get_receipt(request: Request, rooms: Rooms) -> Response:
    """The receipt of a deletion that is done."""
    assert request.caller is not None
    found = rooms.deletions.receipt(request.caller.sandbox.id, request.path_parameters["id"])
    return Response(200, found.encode())


ROUTES = (
    Route(
        "GET",
        "/onefold/v1/receipts/{id}",
        get_receipt,
        family="catalog",
        needs="view-profiles:read",
        answers={
            200: Answer(
                "The receipt.",
                record(
                    id=TEXT,
                    requestType=TEXT,
                    subject=DOCUMENT,
                    requestedAt=TEXT,
                    completedAt=TEXT,
                    position=NUMBER,
                    rounds=NUMBER,
                    places=array(DOCUMENT),
                    suppressions=array(DOCUMENT),
                    digest=TEXT,
                ),
            )
        },
        fails="DEL-1006",
    ),
)
