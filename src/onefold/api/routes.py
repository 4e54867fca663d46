"""Every route that is served; hot ones first, since routes are matched in order."""

from __future__ import annotations

from onefold.api import health
from onefold.api.catalog import datasets
from onefold.api.collection import messages
from onefold.api.identity import clusters, graph, namespaces, xids
from onefold.api.ims import tokens
from onefold.api.profile import bulk, entities, merge_policies
from onefold.api.sandboxes import sandboxes
from onefold.api.schemaregistry import descriptors, resources

ROUTES = (
    *entities.ROUTES,
    *messages.ROUTES,
    *bulk.ROUTES,
    *tokens.ROUTES,
    *merge_policies.ROUTES,
    *namespaces.ROUTES,
    *xids.ROUTES,
    *graph.ROUTES,
    *clusters.ROUTES,
    *sandboxes.ROUTES,
    *resources.ROUTES,
    *descriptors.ROUTES,
    *datasets.ROUTES,
    *health.ROUTES,
)
