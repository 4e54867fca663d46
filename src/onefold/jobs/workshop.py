"""What jobs are given: the rooms of one sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from onefold.config import Settings
from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock, Ids
from onefold.journal import Journal
from onefold.lake.lake import Lake
from onefold.store.places import Places
from onefold.store.snapshot import Definitions

WAIT: Final = object()
"""What a job yields instead of its progress while it waits for another process."""


@dataclass(frozen=True)
class Workshop:
    """Everything that the jobs of one sandbox may use."""

    sandbox: Sandbox
    places: Places
    journal: Journal
    definitions: Definitions
    clock: Clock
    ids: Ids
    settings: Settings

    @cached_property
    def lake(self) -> Lake:
        """The sandbox's lake, opened when it is first used."""
        directory = self.places.lake(self.sandbox.id)
        return Lake(directory, memory_bytes=self.settings.lake_memory_bytes)
