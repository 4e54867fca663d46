"""The questions that can be asked about people, each answered from one sandbox's store at one
generation of its definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.project import Selector, selector
from onefold.domain.sandbox import SandboxId
from onefold.errors import NotFound, OverLimit
from onefold.lookup import customers
from onefold.lookup.activity import Activity
from onefold.lookup.answers import Answers
from onefold.lookup.business import BusinessEntity, business
from onefold.lookup.computed import are_whole
from onefold.lookup.customers import Customer, Key, Known
from onefold.lookup.entity import ProfileEntity, entity
from onefold.lookup.explanation import Explanation, explanation
from onefold.lookup.owner import (
    Asked,
    Owner,
    cluster_of_person,
    identity_of,
    owner,
    owner_in,
)
from onefold.lookup.timeline import Page, TimelineQuery, page
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.places import Places
from onefold.store.snapshot import Definitions, Snapshot
from onefold.store.tables import clusters, outcomes, suppressions
from onefold.store.tables.outcomes import Outcome

_ENTITY = "entity"
"""The view of kept answers that are profiles."""

FIELDS_KEPT_MAX = 1_000
"""Characters of selectors for which answers are kept; keys are not part of the counted bytes."""


class Sight(NamedTuple):
    """One state of a sandbox's store, and what is defined there."""

    reader: Reader
    packing: Packing
    snapshot: Snapshot


class Profiles:
    """Lookups over all sandboxes of an installation. Safe to share between threads."""

    def __init__(
        self,
        places: Places,
        definitions: Definitions,
        *,
        answers_bytes_max: int = 0,
        activity: Activity | None = None,
    ) -> None:
        """answers_bytes_max: how much `answer` may keep; nothing by default. activity: tells of the
        region that people were seen in; answers that do change with every event and with time, and
        are not kept."""
        self._places = places
        self._activity = activity
        self._answers = Answers(answers_bytes_max)
        self._definitions = definitions
        self._packings: dict[SandboxId, Packing] = {}
        definitions.when_gone(self._forget)

    def xid(self, sandbox: SandboxId, asked: Asked, *, generation: int | None = None) -> Xid:
        """The XID of the identity as asked. Raises Malformed PRO-1002 or PRO-1003."""
        return identity_of(self._definitions.snapshot(sandbox, generation), asked)[0]

    def entity(
        self,
        sandbox: SandboxId,
        asked: Asked,
        *,
        policy_id: str | None = None,
        wanted: Selector | None = None,
        generation: int | None = None,
    ) -> ProfileEntity | None:
        """The merged profile behind an identity; None when nothing is known of it.

        generation: of the definitions, when the caller has just read it. Raises Malformed
        PRO-1002/1003, NotFound PRO-1005, OverLimit PRO-1006/1007.
        """
        snapshot = self._definitions.snapshot(sandbox, generation)
        policy = _policy(snapshot, policy_id)
        with self._places.profile(sandbox).reading() as reader:
            person = owner(reader, snapshot, asked, policy)
            if not person.known:
                return None
            return entity(
                reader, self._packing(sandbox), snapshot, person, policy, wanted, self._activity
            )

    def answer(
        self,
        sandbox: SandboxId,
        asked: Asked,
        encoded: Callable[[ProfileEntity], bytes],
        *,
        policy_id: str | None = None,
        fields: str = "",
        generation: int | None = None,
    ) -> tuple[Xid, bytes] | None:
        """The XID asked for, and what `encoded` makes of the merged profile behind it.

        The same is answered again without merging while nothing that it depends on has changed;
        `encoded` must depend on nothing but the profile. fields: comma-separated selectors. Raises
        as `entity` does, and Malformed PRO-1002 for selectors. Cost: two reads by key when kept.
        """
        snapshot = self._definitions.snapshot(sandbox, generation)
        policy = _policy(snapshot, policy_id)
        with self._places.profile(sandbox).reading() as reader:
            xid, identity = identity_of(snapshot, asked)
            cluster = cluster_of_person(reader, snapshot, xid, identity)
            if cluster is None:
                return None
            version = None
            # Without a graph one cluster has many answers; long selectors would not be counted.
            is_kept = policy.identity_graph == "pdg" and len(fields) <= FIELDS_KEPT_MAX
            if is_kept and self._activity is None:
                version = clusters.version(reader, cluster)
            if version is not None:
                key = (sandbox, cluster, _ENTITY, policy.id, fields)
                stamp = (snapshot.generation, version)
                kept = self._answers.get(key, stamp)
                if kept is not None:
                    return xid, kept
            person = owner_in(reader, xid, cluster, policy)
            wanted = selector(fields.split(",")) if fields else None
            found = entity(
                reader, self._packing(sandbox), snapshot, person, policy, wanted, self._activity
            )
            answer = encoded(found)
            if version is not None and found.tags:  # without a fragment, events change the answer
                self._answers.keep(key, stamp, answer)
            return xid, answer

    def customer(
        self,
        sandbox: SandboxId,
        asked: Key,
        encoded: Callable[[Customer, Known], bytes],
        *,
        view: str,
        generation: int | None = None,
    ) -> bytes | None:
        """What `encoded` makes of the customer of a key of any kind but `email`; None when there is
        none, or it is suppressed.

        The same is answered again without merging while nothing that it depends on has changed.
        view: names what `encoded` makes, which must depend on nothing but the customer and its
        merged profile. Cost: three or four reads by key when kept, one more for every person where
        anybody is suppressed.
        """
        snapshot = self._definitions.snapshot(sandbox, generation)
        with self._places.profile(sandbox).reading() as reader:
            cluster = customers.cluster_of(reader, snapshot, asked)
            if cluster is None:
                return None
            found = None
            if suppressions.any(reader):
                found = customers.customer_of(reader, snapshot, cluster)
                if found is None:
                    return None
            version = None
            if are_whole(reader, snapshot.account):
                version = clusters.version(reader, cluster)
            if version is not None:
                key = (sandbox, cluster, view)
                stamp = (snapshot.generation, version)
                kept = self._answers.get(key, stamp)
                if kept is not None:
                    return kept
            found = found or customers.customer_of(reader, snapshot, cluster)
            if found is None:
                return None
            known = customers.known(reader, self._packing(sandbox), snapshot, found)
            answer = encoded(found, known)
            if version is not None:
                self._answers.keep(key, stamp, answer)
            return answer

    @contextmanager
    def sight(self, sandbox: SandboxId, generation: int | None = None) -> Iterator[Sight]:
        """One state of a sandbox's store for the length of a block, to ask it several questions
        that go together (lookup/customers.py and others)."""
        snapshot = self._definitions.snapshot(sandbox, generation)
        with self._places.profile(sandbox).reading() as reader:
            yield Sight(reader, self._packing(sandbox), snapshot)

    def business(
        self,
        sandbox: SandboxId,
        name: str,
        asked: Asked,
        *,
        policy_id: str | None = None,
        wanted: Selector | None = None,
        generation: int | None = None,
    ) -> BusinessEntity | None:
        """The merged account or opportunity, by the name of its class; None for an unknown one.
        Raises as lookup/business.py does."""
        snapshot = self._definitions.snapshot(sandbox, generation)
        packing = self._packing(sandbox)
        with self._places.profile(sandbox).reading() as reader:
            return business(
                reader, packing, snapshot, name, asked, policy_id=policy_id, selector=wanted
            )

    def events(
        self,
        sandbox: SandboxId,
        asked: Asked,
        query: TimelineQuery,
        *,
        policy_id: str | None = None,
        generation: int | None = None,
    ) -> tuple[Owner, Page]:
        """One page of the timeline of the person behind an identity; empty for an unknown one.

        Raises as `entity` does, and Malformed PRO-1002 for an unknown start.
        """
        snapshot = self._definitions.snapshot(sandbox, generation)
        policy = _policy(snapshot, policy_id)
        with self._places.profile(sandbox).reading() as reader:
            person = owner(reader, snapshot, asked, policy)
            if not person.known:
                return person, Page([], None)
            return person, page(reader, self._packing(sandbox), snapshot, person, policy, query)

    def explanation(
        self,
        sandbox: SandboxId,
        asked: Asked,
        *,
        policy_id: str | None = None,
        wanted: Selector | None = None,
        generation: int | None = None,
    ) -> Explanation | None:
        """Why the merged profile behind an identity says what it says; None when nothing is known
        of it. Raises as `entity` does."""
        snapshot = self._definitions.snapshot(sandbox, generation)
        policy = _policy(snapshot, policy_id)
        with self._places.profile(sandbox).reading() as reader:
            person = owner(reader, snapshot, asked, policy)
            if not person.known:
                return None
            return explanation(reader, self._packing(sandbox), person, policy, wanted)

    def owner(
        self,
        sandbox: SandboxId,
        asked: Asked,
        *,
        policy_id: str | None = None,
        generation: int | None = None,
    ) -> Owner:
        """Who is behind an identity, with all identities that the policy's graph reaches. Raises as
        `entity` does."""
        snapshot = self._definitions.snapshot(sandbox, generation)
        policy = _policy(snapshot, policy_id)
        with self._places.profile(sandbox).reading() as reader:
            return owner(reader, snapshot, asked, policy)

    def ingested(self, sandbox: SandboxId) -> frozenset[str]:
        """The ids of the datasets of which records were applied."""
        counts = outcomes.counts(self._places.profile(sandbox))
        return frozenset(dataset for dataset, outcome in counts if outcome is Outcome.APPLIED)

    def _forget(self, sandbox: SandboxId) -> None:
        self._packings.pop(sandbox, None)

    def _packing(self, sandbox: SandboxId) -> Packing:
        packing = self._packings.get(sandbox)
        if packing is None:
            packing = Packing(self._places.profile(sandbox))
            self._packings[sandbox] = packing  # two threads at once make two, and either will do
        return packing


def _policy(snapshot: Snapshot, policy_id: str | None) -> MergePolicy:
    if policy_id:
        policy = snapshot.policies.get(policy_id)
        if policy is None:
            raise NotFound("PRO-1005", "The merge policy does not exist", at="mergePolicyId")
        return policy
    if snapshot.default_policy is None:
        raise OverLimit("PRO-1007", "No default merge policy, and none was named")
    return snapshot.default_policy
