"""One run: a seed, a world, a few dozen steps, and audits in between and at the end.

What was acknowledged is written down by the senders, by the number of the sending. The journal must
hold exactly these numbers, and those whose acknowledgement was lost after the commit.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from unittest import mock

from onefold.errors import PlatformError, Unavailable
from onefold.inlet.accept import InvalidMessage
from onefold.store import packing
from onefold.testing.faults import Crash
from tests.simulation import auditor
from tests.simulation.auditor import expect
from tests.simulation.faults import SHAKY_TIMES, Content, Trouble, for_pipeline, for_senders
from tests.simulation.labour import Labour
from tests.simulation.model import Model
from tests.simulation.orders import Orders
from tests.simulation.workload import Draft, Workload, batch_body
from tests.simulation.world import Place, World

STEPS = 40
RULED_EVERY = 3
"""Of so many seeds one has linking rules."""
WORKED_EVERY = 8
"""Of so many seeds one has jobs: they open lakes, which takes longer than everything else."""
MEMORY_DISK = Path("/dev/shm")  # a crash here is of the process, never of the disk

TROUBLES = (
    "journal: crash before commit",
    "journal: crash after commit",
    "journal: unavailable before commit",
    "journal: unavailable after commit",
    "store: crash on the way",
    "store: crash before commit",
    "store: crash after commit",
    "store: unavailable on the way",
    "store: unavailable before commit",
    "store: unavailable after commit",
    "edge: crash on the way",
    "edge: crash before commit",
    "edge: crash after commit",
    "edge: unavailable before commit",
    "edge: unavailable after commit",
    "edge entry moved to another cluster",
    "edge entry removed",
    "crash while idle",
    "sent again after a fault",
    "applied again after a fault",
    "batch sent twice",
    "duplicate event",
    "late event",
    "reordered event",
    "record with an older clock",
    "row replaced",
    "clusters merged",
    "identity evicted",
    "cluster split",
    "link removed by a rule",
    "record parked",
    "record applied at the second try",
    "failed REC-1001",
    "failed REC-1002",
    "failed REC-1003",
    "failed REC-1005",
    "failed REC-1006",
    "failed REC-1008",
    "failed REC-1009",
    "failed REC-1010",
    "failed REC-2001",
    "failed REC-2002",
    "refused at the door",
    "refused by synchronous validation",
    "records of a second sandbox",
    "bodies packed with a dictionary",
    "record undone",
    "undone record sent again",
    "link cut",
    "link mended",
    "suppression lifted",
    "person deleted",
    "record of another that names a deleted person",
    "late record of a deleted person",
    "fault while an undo is asked for",
    "fault while a deletion is asked for",
    "crash inside a job",
    "unavailable inside a job",
    "receipt of a deletion",
    "message of a deleted person erased",
    "export of people",
    "export resumed after a crash",
)
"""What a set of runs has to reach."""


DICTIONARY_SAMPLES = 20
"""Bodies of a dataset after which a small dictionary is trained; the product waits for more."""


class Simulation:
    """One run. steps: what has been done so far, in short; troubles: how often each was reached."""

    def __init__(self, seed: int, root: Path) -> None:
        self.steps: list[str] = []
        self.troubles: Counter[str] = Counter()
        self._root = root
        self._random = random = Random(seed)
        self._batches = (random.choice((1, 3, 1000)), random.choice((2, 7, 1000)))
        self._world = World(
            root,
            seed=seed,
            batch_records_max=random.choice((1, 4, 10, 500)),
            ruled=seed % RULED_EVERY == 0,
        )
        self._content = Content()
        self._world.faults.arm(self._content.fault())
        places = self._world.places_of_senders
        self._workload = Workload(random, places)
        self._models = [Model(place) for place in places]
        self._number = 0
        self._acknowledged: dict[str, dict[int, str]] = {place.tenant: {} for place in places}
        self._unheard: dict[str, set[int]] = {place.tenant: set() for place in places}
        self._last_batch: list[Draft] = []
        self._crowded = random.random() < 0.7
        self._drafts: dict[int, Draft] = {}
        self._on_edge: dict[tuple[str, str], str] = {}
        self._orders = Orders(self._world, self._models, random, self._went_well)
        self._works = seed % WORKED_EVERY == 0
        self._labour = Labour(self._world, self._models, random)

    def run(self) -> None:
        """Do everything. Raises auditor.Difference."""
        with (
            mock.patch.object(packing, "SAMPLES", DICTIONARY_SAMPLES),
            mock.patch.object(packing, "DICTIONARY_BYTES", 1024),
        ):
            self._run()

    def _run(self) -> None:
        random = self._random
        actions: tuple[tuple[Callable[[], object], int], ...] = (
            (self._send, 20),
            (self._send_again, 2),
            (self._send_crowd, 6 if self._crowded else 0),
            (self._send_validated, 2),
            (self._round, 12),
            (self._crash_idle, 1),
            (self._audit, 1),
            (self._orders.undo_record, 3),
            (self._orders.cut_link, 2),
            (self._orders.lift, 2),
            (self._orders.delete_person, 1),
            (self._send_undone, 2),
            (self._labour.step, 6 if self._works else 0),
        )
        for _ in range(STEPS):
            (action,) = random.choices([a for a, _ in actions], [weight for _, weight in actions])
            done = action()
            if isinstance(done, str):
                self.steps.append(done)
            self._world.clock.advance(ms=random.choice((0, 1, 50, 5_000, 600_000)))
        self._audit()
        if self._works:
            self.steps.append(self._orders.delete_person())
            self._labour.finish()
            self._audit()
            self._labour.export()
        self.troubles += self._orders.troubles + self._labour.troubles
        for model in self._models:
            faults = type(self._world.faults)()
            faults.arm(Content().fault())
            auditor.replayed(self._world, model, self._root, faults, batches=self._batches)
            self.troubles += model.troubles
        shaky = [n for n in self._content.raised.values() if n > SHAKY_TIMES]
        self.troubles["record applied at the second try"] += len(shaky)
        self.troubles["records of a second sandbox"] += self._models[1].outcomes.total()
        self.troubles["bodies packed with a dictionary"] += auditor.dictionaries(self._world)
        self._world.close()

    def _send(self) -> None:
        drafts = self._workload.drafts(self._world.clock.now_ms())
        self._last_batch = drafts
        self._post(drafts)

    def _send_again(self) -> None:
        if self._last_batch:
            self.troubles["batch sent twice"] += 1
            self._post(self._last_batch)

    def _send_crowd(self) -> None:
        self._post(self._workload.kiosk(self._world.clock.now_ms()))

    def _post(self, drafts: Sequence[Draft]) -> None:
        """Send a batch until it is acknowledged."""
        trouble = for_senders(self._random) if self._random.random() < 0.25 else None
        while not self._posted(drafts, trouble):
            self.troubles["sent again after a fault"] += 1
            trouble = None

    def _posted(self, drafts: Sequence[Draft], trouble: Trouble | None) -> bool:
        place = drafts[0].place
        numbers = [self._numbered() for _ in drafts]
        self._drafts.update(zip(numbers, drafts, strict=True))
        body = batch_body(drafts, numbers)
        inlet = self._world.inlets.inlet(place.inlet_id)
        self.steps.append(f"send {numbers[0]}-{numbers[-1]} to {place.tenant}")
        results: list[str | PlatformError] = []

        def send() -> None:
            results.extend(self._world.inlets.accept_many(inlet, body).results)

        if not self._went_well(send, trouble):
            if trouble is not None and trouble.durable:
                self._unheard[place.tenant].update(
                    number
                    for number, draft in zip(numbers, drafts, strict=True)
                    if not draft.fate.startswith("INL-")
                )
            return False
        for number, draft, result in zip(numbers, drafts, results, strict=True):
            if isinstance(result, str):
                self._acknowledged[place.tenant][number] = result
            else:
                self.troubles["refused at the door"] += 1
                expect(f"refusal of {number}", result.code, draft.fate)
        return True

    def _send_undone(self) -> None:
        """Something that was undone, or of somebody deleted, once more."""
        undone = self._orders.undone()
        if undone:
            _, number = self._random.choice(undone)
            self._post([self._drafts[number]])

    def _send_validated(self) -> None:
        """One message whose sender waits for the verdict on its entity."""
        draft = self._workload.single(self._world.clock.now_ms())
        number = self._numbered()
        self._drafts[number] = draft
        body = batch_body([draft], [number])[len(b'{"messages": [') : -len(b"]}")]
        inlet = self._world.inlets.inlet(draft.place.inlet_id)
        self.steps.append(f"send {number} to {draft.place.tenant}, validated")
        try:
            receipt = self._world.inlets.accept_one(inlet, body, validate=True)
        except InvalidMessage:
            self.troubles["refused by synchronous validation"] += 1
            expect(f"{number} is invalid", draft.fate in ("REC-1001", "REC-1008"), True)
        except PlatformError as refusal:
            expect(f"refusal of {number}", refusal.code, draft.fate)
        else:
            self._acknowledged[draft.place.tenant][number] = receipt.trace

    def _round(self) -> None:
        """One batch of each sandbox, again after a fault."""
        trouble = for_pipeline(self._random) if self._random.random() < 0.4 else None
        self.steps.append("round")
        while not self._went_well(self._world_round, trouble):
            self.troubles["applied again after a fault"] += 1
            trouble = None

    def _world_round(self) -> bool:
        """Whether any sandbox went on: then a store that could not answer is not told of."""
        return self._world.pipeline.round() > 0

    def _crash_idle(self) -> None:
        self.steps.append("crash while idle")
        self.troubles["crash while idle"] += 1
        self._world.crash()

    def _went_well(self, act: Callable[[], bool | None], trouble: Trouble | None) -> bool:
        """Do something that a fault may hit; after a crash the world goes on from its files."""
        fault = self._world.faults.arm(trouble.fault()) if trouble is not None else None
        went_on: bool | None = False
        try:
            went_on = act()
        except Unavailable:
            well = False
        except Crash:
            well = False
            self._world.crash()
        else:
            well = True
        if trouble is not None and fault is not None:
            self._world.faults.disarm(fault)
            if fault.struck:
                self.steps.append(trouble.name)
                self.troubles[trouble.name] += 1
            if fault.struck and went_on:
                well = False
            expect(f"{trouble.name} was noticed", not well, bool(fault.struck))
        return well

    def _audit(self) -> None:
        """Drain, then compare everything."""
        self.steps.append("audit")
        self._world.pipeline.drain()
        for model in self._models:
            self._ledger(model.place, auditor.fed(self._world, model))
            auditor.audited(self._world, model)
            self._follow_edge(model)

    def _ledger(self, place: Place, journal: list[tuple[int, str]]) -> None:
        """The journal holds what was acknowledged, once each, and in the order of sending."""
        acknowledged = self._acknowledged[place.tenant]
        wanted = sorted(acknowledged.keys() | self._unheard[place.tenant])
        expect("sendings in the journal", [number for number, _ in journal if number], wanted)
        known = {number: trace for number, trace in journal if number in acknowledged}
        expect("traces of acknowledged sendings", known, acknowledged)
        orders = Counter(trace for number, trace in journal if not number)
        asked = self._orders.acknowledged[place.tenant]
        expect(
            "orders in the journal",
            {trace: orders[trace] for trace in asked},
            dict.fromkeys(asked, 1),
        )

    def _follow_edge(self, model: Model) -> None:
        """Count who stands elsewhere on the edge than at the last audit, and who does no more."""
        tenant = model.place.tenant
        for xid in model.identities:
            name = min(model.cluster(xid))
            before = self._on_edge.setdefault((tenant, xid), name)
            self.troubles["edge entry moved to another cluster"] += before != name
            self._on_edge[tenant, xid] = name
        for key in [key for key in self._on_edge if key[0] == tenant]:
            if key[1] not in model.identities:
                self.troubles["edge entry removed"] += 1
                del self._on_edge[key]

    def _numbered(self) -> int:
        self._number += 1
        return self._number


def root() -> tempfile.TemporaryDirectory[str]:
    """A directory for one world: in memory where there is such a disk, for many small commits."""
    return tempfile.TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None)
