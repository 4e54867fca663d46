"""Samples of the profile store: asking for one, and what is known of the latest.

`jobs/sample_profiles.py` takes them and `jobs/sampler.py` asks for them when it is time. Source:
profile contract, 8.
"""

from __future__ import annotations

from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.sample_reports import UNSTITCHED
from onefold.effects import Clock, Ids
from onefold.errors import NotFound, OverLimit
from onefold.store.engine import Engine, Reader
from onefold.store.snapshot import Snapshot
from onefold.store.tables import batches, jobs, profile_samples, survey
from onefold.store.tables.batches import Loaded
from onefold.store.tables.jobs import Job, State
from onefold.store.tables.profile_samples import Report, Sample

KIND = "sample-profiles"
UNKNOWN = "unknownProfiles"
"""The older name of the report of unstitched profiles, and of its inner key."""
_UNDER_WAY = (State.QUEUED, State.RUNNING)


def policy_of(snapshot: Snapshot) -> MergePolicy:
    """The policy that people are counted under. Raises OverLimit PRO-1007 when none is the
    default."""
    if snapshot.default_policy is None:
        raise OverLimit("PRO-1007", "No default merge policy to count profiles under")
    return snapshot.default_policy


def strategy_of(policy: MergePolicy) -> str:
    """`<attributeMerge>_<graph>`; the graph that is always there is `auto` here. Source: 8.1."""
    return f"{policy.attribute_merge}_{'auto' if policy.identity_graph == 'pdg' else 'none'}"


def population(store: Reader, policy: MergePolicy) -> int:
    """How many people there are: graphs, or identities where the policy has no graph; also those
    of whom nothing but the graph is known, and graphs that are too large."""
    if policy.identity_graph == "none":
        return survey.identities(store)
    return survey.clusters(store)


def ask(work: Engine, clock: Clock, ids: Ids) -> Job:
    """Have a sample taken; answer its job, which is the one that is under way if there is one.
    Earlier jobs that have ended are forgotten."""
    now_ms = clock.now_ms()
    job = Job(id=ids.uuid(), kind=KIND, created_ms=now_ms, updated_ms=now_ms)
    with work.transaction() as transaction:
        known = jobs.newest(transaction, KIND)
        if known is not None and is_under_way(known):
            return known
        jobs.forget_ended(transaction, KIND)
        jobs.add(transaction, job)
    return job


def is_under_way(job: Job | None) -> bool:
    """Whether a job waits or runs."""
    return job is not None and job.state in _UNDER_WAY


def state(work: Engine) -> tuple[Sample | None, Job | None, Loaded | None]:
    """The latest sample, the newest job, and the batch of files that was loaded last."""
    with work.reading() as reader:
        return profile_samples.last(reader), jobs.newest(reader, KIND), batches.loaded_last(reader)


def report(work: Reader, kind: str, *, day: str | None) -> Report:
    """The report of one day, or the latest one. kind: a name of the API, the older one too.

    Raises NotFound SMP-1001 when there is none.
    """
    found = profile_samples.report(work, UNSTITCHED if kind == UNKNOWN else kind, day=day)
    if found is None:
        raise NotFound("SMP-1001", f"No report of {day}" if day else "No sample was taken yet")
    if kind == UNKNOWN:
        found["data"][UNKNOWN] = found["data"].pop(UNSTITCHED)
    return found
