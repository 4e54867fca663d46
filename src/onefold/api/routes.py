"""Every route that is served; hot ones first, since routes are matched in order."""

from __future__ import annotations

from onefold.api import described, health
from onefold.api.accesscontrol import acl
from onefold.api.catalog import batches as catalog_batches
from onefold.api.catalog import datasets, views
from onefold.api.collection import messages
from onefold.api.exports import failed
from onefold.api.exports import files as exported_files
from onefold.api.flowservice import (
    connections,
    flows,
    mapping_sets,
    runs,
    source_connections,
    specs,
    target_connections,
)
from onefold.api.identity import (
    clusters,
    graph,
    history,
    mapping,
    namespaces,
    xids,
)
from onefold.api.identity import settings as identity_settings
from onefold.api.imports import batches, files
from onefold.api.ims import tokens
from onefold.api.intilery import events as customer_events
from onefold.api.intilery import list as customer_list
from onefold.api.intilery import preferences, write
from onefold.api.intilery import profiles as customers
from onefold.api.observability import insights
from onefold.api.onefold import (
    changes,
    edge,
    explain,
    failed_records,
    receipts,
    regulations,
    undo,
)
from onefold.api.privacy import jobs as privacy_jobs
from onefold.api.profile import (
    bulk,
    delete_entity,
    destinations,
    entities,
    export_jobs,
    merge_policies,
    preview_status,
    projections,
    system_jobs,
)
from onefold.api.sandboxes import sandboxes
from onefold.api.schemaregistry import descriptors, resources, rpc
from onefold.api.segment import ingest, projects, tag
from onefold.api.segment import profiles as subjects

ROUTES = (
    *entities.ROUTES,
    *messages.ROUTES,
    *customers.ROUTES,
    *customer_events.ROUTES,
    *customer_list.ROUTES,
    *subjects.ROUTES,
    *write.ROUTES,
    *ingest.ROUTES,
    *tag.ROUTES,
    *projects.ROUTES,
    *preferences.ROUTES,
    *bulk.ROUTES,
    *delete_entity.ROUTES,
    *tokens.ROUTES,
    *edge.ROUTES,
    *merge_policies.ROUTES,
    *export_jobs.ROUTES,
    *destinations.ROUTES,
    *projections.ROUTES,
    *preview_status.ROUTES,
    *system_jobs.ROUTES,
    *namespaces.ROUTES,
    *xids.ROUTES,
    *graph.ROUTES,
    *clusters.ROUTES,
    *history.ROUTES,
    *mapping.ROUTES,
    *identity_settings.ROUTES,
    *sandboxes.ROUTES,
    *acl.ROUTES,
    *insights.ROUTES,
    *resources.ROUTES,
    *descriptors.ROUTES,
    *rpc.ROUTES,
    *datasets.ROUTES,
    *batches.ROUTES,
    *files.ROUTES,
    *catalog_batches.ROUTES,
    *failed.ROUTES,
    *exported_files.ROUTES,
    *views.ROUTES,
    *privacy_jobs.ROUTES,
    *specs.ROUTES,
    *connections.ROUTES,
    *source_connections.ROUTES,
    *target_connections.ROUTES,
    *flows.ROUTES,
    *runs.ROUTES,
    *mapping_sets.ROUTES,
    *failed_records.ROUTES,
    *changes.ROUTES,
    *explain.ROUTES,
    *undo.ROUTES,
    *receipts.ROUTES,
    *regulations.ROUTES,
    *health.ROUTES,
    *described.ROUTES,
)
