"""Every route that is served; hot ones first, since routes are matched in order."""

from __future__ import annotations

from onefold.api import health
from onefold.api.collection import messages
from onefold.api.ims import tokens
from onefold.api.profile import bulk, entities

ROUTES = (
    *entities.ROUTES,
    *messages.ROUTES,
    *bulk.ROUTES,
    *tokens.ROUTES,
    *health.ROUTES,
)
