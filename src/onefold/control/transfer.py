"""Taking resources of the schema registry from one sandbox to another, and samples of them.

What a resource needs goes with it, and everything keeps its id: within an organisation the copies
are the same resources in two sandboxes. Between organisations the tenant's name is exchanged, in
ids and in the names of fields. Descriptors stay behind, since they name namespaces.
Source: platform contract, section 6.3, `rpc/export`, `rpc/import`, `rpc/sampledata`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from onefold.control import registry, schemas
from onefold.control.auditlog import Author
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.descriptors import IDENTITY_DESCRIPTOR, identity_descriptor
from onefold.domain.xdm.keywords import require_shallow
from onefold.domain.xdm.notation import NAMESPACE
from onefold.domain.xdm.sample import sample
from onefold.domain.xdm.schema import every_ref, resource_id
from onefold.domain.xdm.validate import with_required
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound, OverLimit
from onefold.store.engine import Engine, Reader
from onefold.store.tables import descriptors, resources
from onefold.store.tables.generation import change
from onefold.wire import JSON

RESOURCES_MAX = 300
"""Resources of one import."""
_OWN_ID = re.compile(
    re.escape(NAMESPACE)
    + r"([A-Za-z0-9][A-Za-z0-9_-]*)/(schemas|classes|mixins|datatypes)"
    + r"/(?:[0-9a-f]{32}|[0-9a-f]{48})"
)


def exported(reader: Reader, sandbox: Sandbox, name: str) -> list[JSON]:
    """The documents of a tenant resource and of the tenant resources that it needs, each after
    those that it needs itself. name: `$id` or `meta:altId`. Raises NotFound CTL-1007."""
    own = {r.id: r.document for r in resources.of_sandbox(reader, sandbox.id)}
    return [own[id_] for id_ in _needed(_id_of(name, own), own)]


def imported(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    sent: JSON,
    *,
    author: Author,
) -> list[JSON]:
    """Make the resources of an export, all or none of them; answer their documents here.

    sent: what `exported` gave, in any order, or one document. Resources that are here already, with
    the same content, stay as they are, so that an import can be repeated.
    Raises Malformed API-1003, CTL-1008 for what is no export, OverLimit XDM-1003 beyond
    RESOURCES_MAX, Conflict CTL-1006 when an id is here with other content or a title is taken, and
    as `registry.create`.
    """
    given = sent if isinstance(sent, list) else [sent]
    if not given or not all(isinstance(document, dict) for document in given):
        raise Malformed("API-1003", "An export is a list of resources")
    if len(given) > RESOURCES_MAX:
        raise OverLimit("XDM-1003", f"An import has at most {RESOURCES_MAX} resources.")
    require_shallow(given)
    answer: list[JSON] = []
    with change(engine) as transaction:
        tenant = schemas.tenant_of(transaction, sandbox)
        arriving = dict(_mapped(document, tenant, place) for place, document in enumerate(given))
        known = {**schemas.library(transaction, sandbox), **arriving}
        order = [id_ for name in arriving for id_ in _needed(name, arriving)]
        for id_ in dict.fromkeys(order):
            document = arriving[id_]
            kind = document["meta:resourceType"]
            own = registry.prepared(document, kind, tenant, known)
            here = resources.by_id(transaction, sandbox.id, id_)
            if here is None:
                here = schemas.kept(
                    transaction, clock, ids, sandbox, kind, own, author=author, id_=id_
                )
                known[id_] = here.document
                registry.check_union(here, known)
            elif _content(here.document) != _content(own):
                raise Conflict("CTL-1006", f"Another resource has the id {id_}", at="$id")
            answer.append(here.document)
    return answer


def sample_of(reader: Reader, sandbox: Sandbox, name: str) -> JSON:
    """A record that fits a resource, standard or own: for a schema, one that can be ingested.

    name: `$id` or `meta:altId`. Raises NotFound CTL-1007, Malformed REG-1008 when no record fits,
    and as `compose.composed` for a resource that says nothing by itself.
    """
    known = schemas.library(reader, sandbox)
    id_ = _id_of(name, known)
    root = composed(known[id_], known)
    for descriptor in descriptors.of_schema(reader, sandbox.id, id_):
        if descriptor.type == IDENTITY_DESCRIPTOR:
            found = identity_descriptor(descriptor.document, root)
            if found.is_primary:
                root = with_required(root, found.path)
    return sample(root)


class _Tenants(NamedTuple):
    """Whose resource it was, and whose it becomes; without `_`."""

    before: str
    after: str

    def exchanged(self, node: JSON) -> JSON:
        """The node with one tenant in the place of the other."""
        if self.before == self.after:
            return node
        if isinstance(node, dict):
            return {self._text(name): self.exchanged(value) for name, value in node.items()}
        if isinstance(node, list):
            return [self.exchanged(item) for item in node]
        return self._text(node) if isinstance(node, str) else node

    def _text(self, text: str) -> str:
        begin = f"{NAMESPACE}{self.before}/"
        if text.startswith(begin):
            return f"{NAMESPACE}{self.after}/{text.removeprefix(begin)}"
        if text.startswith("#/"):
            steps = text.split("/")
            return "/".join(f"_{self.after}" if s == f"_{self.before}" else s for s in steps)
        return f"_{self.after}" if text == f"_{self.before}" else text


def _mapped(document: dict[str, JSON], tenant: str, place: int) -> tuple[str, dict[str, JSON]]:
    """The id and the document as they are for this tenant."""
    id_ = document.get("$id")
    found = _OWN_ID.fullmatch(id_) if isinstance(id_, str) else None
    if found is None or document.get("meta:resourceType", found[2]) != found[2]:
        raise Malformed("CTL-1008", "Each resource of an export has its $id", at=f"/{place}/$id")
    answer = _Tenants(found[1], tenant).exchanged({**document, "meta:resourceType": found[2]})
    return answer["$id"], answer


def _content(document: Mapping[str, JSON]) -> JSON:
    return {word: value for word, value in document.items() if word not in registry.ASSIGNED}


def _needed(id_: str, own: Mapping[str, JSON]) -> Iterator[str]:
    """The ids among `own` that a resource needs, those without needs first, then its own."""
    seen: set[str] = set()
    todo = [(id_, False)]
    while todo:
        name, done = todo.pop()
        if done:
            yield name
        elif name not in seen:
            seen.add(name)
            todo.append((name, True))
            todo += [(ref, False) for ref in every_ref(own[name]) if ref in own]


def _id_of(name: str, known: Mapping[str, JSON]) -> str:
    try:
        id_ = resource_id(name)
    except Malformed:
        id_ = ""
    if id_ not in known:
        raise NotFound("CTL-1007", f"No resource has the id {name[:256]}")
    return id_
