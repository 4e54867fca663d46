"""Who takes something back: undoes a record, cuts a link, lifts that again, deletes a person.

The orders go the way that HTTP requests go. What is to be taken back is chosen from what the model
believes of the whole journal, so the store may not know it yet, or not any more, and refuse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from onefold.domain.identity.identity import Xid
from onefold.domain.removal import Removal
from onefold.errors import Conflict, Malformed, NotFound
from onefold.lookup.owner import Asked
from onefold.lookup.undoing import Which
from onefold.store.tables.progress import progress
from tests.simulation import auditor
from tests.simulation.faults import Trouble, for_deletions, for_senders
from tests.simulation.model import Model
from tests.simulation.world import Place, World

Try = Callable[[Callable[[], None], Trouble | None], bool]


class Orders:
    """Asks for orders in one world. went_well: does something that a fault may hit.

    acknowledged: traces of the orders of each place whose sender was told that they stand.
    """

    def __init__(
        self, world: World, models: Sequence[Model], random: Random, went_well: Try
    ) -> None:
        self.troubles: Counter[str] = Counter()
        self.acknowledged: dict[str, list[str]] = {model.place.tenant: [] for model in models}
        self._world = world
        self._models = models
        self._random = random
        self._went_well = went_well
        self._asked = 0

    def undo_record(self) -> str:
        """Undo an event or a profile record; answer what was done, in short."""
        model = self._model()
        if not model.standing:
            return "nothing to undo"
        record = model.standing[self._random.choice(sorted(model.standing))]
        if record.event_id is not None:
            which = Which(Xid(record.owner), event_id=record.event_id)
        else:
            which = Which(Xid(record.owner), dataset=record.dataset, number=record.seq)
        place = model.place
        self._ask(
            model,
            lambda: self._world.undoing.record(place.sandbox.id, which, reason="wrong").removal,
        )
        return f"undo record {record.seq} of {place.tenant}"

    def cut_link(self) -> str:
        """Cut a link; answer what was done."""
        model = self._model()
        if not model.links:
            return "nothing to cut"
        a, b, _ = self._random.choice(sorted(model.links))
        place = model.place
        self._ask(
            model,
            lambda: (
                self._world.undoing.link(
                    place.sandbox.id, Xid(a), Xid(b), reason="strangers"
                ).removal
            ),
        )
        return f"cut {a} from {b} of {place.tenant}"

    def lift(self) -> str:
        """Lift something that is undone; answer what was done."""
        model = self._model()
        undoing, sandbox = self._world.undoing, model.place.sandbox.id
        undone = undoing.listed(sandbox, start="", limit=1000)
        if not undone:
            return "nothing to lift"
        links = [one for one in undone if one.pair is not None]
        one = self._random.choice(links if links and self._random.random() < 0.5 else undone)
        self._ask(model, lambda: undoing.lift(sandbox, one.id))
        return f"lift {one.id} of {model.place.tenant}"

    def delete_person(self) -> str:
        """Delete whoever has some identity; answer what was done."""
        model = self._model()
        sandbox = model.place.sandbox
        if not model.identities:
            return "nobody to delete"
        xid = self._random.choice(sorted(model.identities))
        person = self._world.profiles.owner(sandbox.id, Asked(xid))
        whom = [(one.xid, one.namespace_id, one.value) for one in person.members]
        if not whom:
            self._expect_behind(model)
            return "nobody to delete yet"

        def ask() -> None:
            deletion = self._world.deletions.person(sandbox, whom)
            self.acknowledged[model.place.tenant].append(deletion.id)

        trouble = for_deletions(self._random) if self._random.random() < 0.4 else None
        if not self._went_well(ask, trouble):
            self.troubles["fault while a deletion is asked for"] += 1
        return f"delete {len(whom)} identities of {model.place.tenant}"

    def undone(self) -> list[tuple[Place, int]]:
        """The sendings of the records that are undone, or of deleted people."""
        return [
            (model.place, number)
            for model in self._models
            for seq in sorted(model.heard.keys() - model.standing.keys())
            if (number := auditor.number_of(model.journal[seq]))
        ]

    def _ask(self, model: Model, what: Callable[[], Removal]) -> None:
        """Have an order accepted, unless the store refuses since it is behind the journal."""
        sandbox = model.place.sandbox.id
        self._asked += 1
        trace = f"undo-{self._asked}"

        def ask() -> None:
            self._world.inlets.order(sandbox, removal, trace=trace)
            self.acknowledged[model.place.tenant].append(trace)

        try:
            removal = what()
        except (NotFound, Conflict, Malformed) as refused:
            self.troubles[f"refused: {refused.code}"] += 1
            self._expect_behind(model)
            return
        trouble = for_senders(self._random) if self._random.random() < 0.25 else None
        if not self._went_well(ask, trouble):
            self.troubles["fault while an undo is asked for"] += 1

    def _expect_behind(self, model: Model) -> None:
        done = progress(self._world.places.profile(model.place.sandbox.id)).records
        auditor.expect("the store is behind the journal", done < model.fed, True)

    def _model(self) -> Model:
        """One of the places, with all that was accepted so far."""
        model = self._random.choices(self._models, (4, 1))[0]
        auditor.fed(self._world, model)
        return model
