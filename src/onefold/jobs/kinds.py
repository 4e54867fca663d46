"""The table of jobs: a kind's name, and the function that does it.

A kind is a generator over its steps. It yields its progress, a JSON value, after each step, which
should take well under a second: between steps other jobs get their turn, and the process may stop.
After a crash or a stop it is called again with the progress that was kept last, so a step that was
done must not harm when it is done once more. What it yields last is the job's result. A kind that
waits for another process yields WAIT, which keeps the progress and gives the processor away.

Errors: Rejected ends the job as failed, Unavailable has it tried again later, anything else is
tried three times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from onefold.control.preview_samples import KIND as SAMPLE
from onefold.control.privacy import KIND as PRIVACY
from onefold.inlet.batches import LOAD, REVERT
from onefold.inlet.deletions import DELETE_DATA, DELETE_PEOPLE
from onefold.inlet.regulations import REGULATE
from onefold.jobs.delete_data import delete_data
from onefold.jobs.delete_people import delete_people
from onefold.jobs.export_profiles import export_profiles
from onefold.jobs.load_batch import load_batch
from onefold.jobs.privacy import privacy
from onefold.jobs.regulate import regulate
from onefold.jobs.revert_batch import revert_batch
from onefold.jobs.sample_profiles import sample_profiles
from onefold.jobs.workshop import Workshop
from onefold.store.tables.export_jobs import KIND as EXPORT
from onefold.store.tables.jobs import Job
from onefold.wire import JSON

Kind = Callable[[Job, Workshop], Iterator[JSON]]

KINDS: Mapping[str, Kind] = {
    PRIVACY: privacy,
    LOAD: load_batch,
    EXPORT: export_profiles,
    REVERT: revert_batch,
    SAMPLE: sample_profiles,
    DELETE_DATA: delete_data,
    DELETE_PEOPLE: delete_people,
    REGULATE: regulate,
}
PATIENT = frozenset((SAMPLE,))
"""Kinds that nobody waits for: they give way to all others."""
