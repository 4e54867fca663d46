"""Callers: one account under faults. Visitors and users who share devices call, call again when
they heard no answer, and tell things late; the process dies in between.

The model knows an account as its contract tells it: whoever used a device last has it, what
happened on it before stays with who had it then, of each trait the newest word counts, and computed
traits follow from the events.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from onefold import doctor
from onefold.control import accounts
from onefold.domain.calls.call import Call
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.stamped import folded
from onefold.errors import Unavailable
from onefold.inlet.calls import Calls, Sent
from onefold.journal import Journal
from onefold.lookup.computed import of_owners
from onefold.store.packing import Packing
from onefold.store.tables import calls, events, feed, fragments, identities
from onefold.testing.faults import Crash, FaultyPlaces
from tests.properties.undoing import everything
from tests.simulation.auditor import expect
from tests.simulation.faults import Trouble, for_pipeline, for_senders
from tests.simulation.world import SilentBell, World, copied, pipeline_of

STEPS = 60
USERS = ("u1", "u2", "u3")
DEVICES = ("d1", "d2", "d3")
TROUBLES = (
    "call sent again after a fault",
    "call sent twice",
    "applied again after a fault",
    "device taken over",
    "late call that takes no device",
    "late call of a device that has gone on",
    "late word on a trait",
    "crash while idle",
    "computed trait defined anew",
)
Stamp = tuple[int, int, str]


class Model:
    """What the account must know. holders: of each device, its user and when that was last seen.
    past: who had it before, and until when."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.holders: dict[str, tuple[str, int]] = {}
        self.past: dict[str, list[tuple[int, str]]] = {}
        self.events: dict[str, set[str]] = {}
        self.names_of: dict[str, str] = {}
        self.traits: dict[str, dict[str, tuple[Stamp, Any]]] = {}
        self.known: set[str] = set()
        self.troubles: Counter[str] = Counter()

    def hear(self, event_id: str, message: dict[str, Any], at_ms: int, received_ms: int) -> None:
        if event_id in self.seen:
            return
        self.seen.add(event_id)
        user, device = message.get("userId"), message.get("anonymousId")
        self.known |= {name for name in (user, device) if name is not None}
        if user is not None and device is not None:
            self._meet(user, device, at_ms)
        owner = user if user is not None else self._had(device, at_ms)
        assert owner is not None
        self.events.setdefault(owner, set()).add(event_id)
        self.names_of[event_id] = message.get("event", "")
        said = self.traits.setdefault(owner, {})
        for name, value in message.get("traits", {}).items():
            stamp = (at_ms, received_ms, event_id)
            self.troubles["late word on a trait"] += name in said and said[name][0] > stamp
            said[name] = max(said.get(name, (stamp, value)), (stamp, value), key=lambda one: one[0])

    def _had(self, device: str | None, at_ms: int) -> str | None:
        """Who had a device when something happened, if somebody else has it since."""
        for until_ms, holder in sorted(self.past.get(device or "", ())):
            if at_ms < until_ms:
                self.troubles["late call of a device that has gone on"] += 1
                return holder
        return device

    def _meet(self, user: str, device: str, at_ms: int) -> None:
        holder, last_ms = self.holders.get(device, (user, at_ms))
        if holder == user:
            self.holders[device] = (user, max(last_ms, at_ms))
        elif at_ms < last_ms:
            self.troubles["late call that takes no device"] += 1
        else:
            self.troubles["device taken over"] += 1
            self.holders[device] = (user, at_ms)
            self.past.setdefault(device, []).append((at_ms, holder))
            self.events.setdefault(holder, set()).update(self.events.pop(device, ()))
            theirs = self.traits.setdefault(holder, {})
            for name, word in self.traits.pop(device, {}).items():
                theirs[name] = max(theirs.get(name, word), word, key=lambda one: one[0])

    def names(self, user: str) -> list[str]:
        """Under which names somebody is known."""
        return [user, *[d for d, (holder, _) in self.holders.items() if holder == user]]


class Callers:
    """One run of a seed."""

    def __init__(self, seed: int, root: Path) -> None:
        self.troubles: Counter[str] = Counter()
        self._root = root
        self._random = random = Random(seed)
        self._world = World(root, seed=seed, batch_records_max=random.choice((1, 5, 50, 500)))
        world = self._world
        _, self._sandbox = accounts.create(
            world.control, world.clock, world.ids, client="acme", account="calls"
        )
        self._count("Seen")
        self._sent: list[dict[str, Any]] = []
        self._accepted: list[tuple[str, dict[str, Any], int, int]] = []
        self._number = 0

    def run(self) -> None:
        """Do everything. Raises auditor.Difference."""
        actions: tuple[tuple[Callable[[], object], int], ...] = (
            (self._call, 30),
            (self._call_again, 4),
            (self._round, 10),
            (self._crash, 1),
            (self._audit, 1),
            (self._define, 1),
        )
        for _ in range(STEPS):
            (act,) = self._random.choices([a for a, _ in actions], [w for _, w in actions])
            act()
        self._audit()
        self._replayed()
        self._world.close()

    def _call(self) -> None:
        random = self._random
        user = random.choice((None, *USERS))
        device = random.choice((None, *DEVICES)) if user is not None else random.choice(DEVICES)
        self._number += 1
        message: dict[str, Any] = {"messageId": f"m{self._number}"}
        message |= {"userId": user} if user is not None else {}
        message |= {"anonymousId": device} if device is not None else {}
        if random.random() < 0.5:
            names = random.sample(("plan", "city", "email"), random.randint(0, 2))
            message["traits"] = {name: random.choice((None, f"v{self._number}")) for name in names}
        else:
            message["event"] = random.choice(("Seen", "Bought"))
        late_ms = random.choice((0, 0, 0, random.randint(1, 500)))
        message["timestamp"] = self._world.clock.now_ms() - late_ms
        self._sent.append(message)
        self._post(message)

    def _call_again(self) -> None:
        if self._sent:
            self.troubles["call sent twice"] += 1
            self._post(self._random.choice(self._sent))

    def _post(self, message: dict[str, Any]) -> None:
        """Send one call until it is acknowledged. No two calls are of one moment."""
        trouble = for_senders(self._random) if self._random.random() < 0.2 else None
        while True:
            self._world.clock.advance(ms=1)
            if self._went_well(lambda: self._accept(message), trouble):
                break
            self.troubles["call sent again after a fault"] += 1
            trouble = None

    def _accept(self, message: dict[str, Any]) -> None:
        world = self._world
        inlet = Calls(
            inlets=world.inlets, definitions=world.definitions, clock=world.clock, ids=world.ids
        )
        kind = "identify" if "traits" in message else "track"
        raw = msgspec.Raw(json.dumps(message).encode())
        judged = inlet.judged([Sent(self._sandbox.id, Call("import", "CALLS", "", raw, kind))])
        expect("the call is in order", judged[0].fault, None)
        at = (judged[0].event_id, message, message["timestamp"], world.clock.now_ms())
        if at[0] not in {one[0] for one in self._accepted}:
            self._accepted.append(at)
        inlet.accept(judged, body_bytes=len(raw))

    def _define(self) -> None:
        self.troubles["computed trait defined anew"] += 1
        self._count(self._random.choice(("Seen", "Bought")))

    def _count(self, event: str) -> None:
        """Let the account count the events of one name."""
        self._counted = event
        accounts.set_rules(
            self._world.control,
            client="acme",
            account="calls",
            computed=[{"name": "times", "kind": "event_counter", "events": [event]}],
        )

    def _round(self) -> None:
        trouble = for_pipeline(self._random) if self._random.random() < 0.4 else None
        while not self._went_well(self._world.pipeline.round, trouble):
            self.troubles["applied again after a fault"] += 1
            trouble = None

    def _crash(self) -> None:
        self.troubles["crash while idle"] += 1
        self._world.crash()

    def _went_well(self, act: Callable[[], object], trouble: Trouble | None) -> bool:
        fault = self._world.faults.arm(trouble.fault()) if trouble is not None else None
        well = True
        try:
            act()
        except Unavailable:
            well = False
        except Crash:
            well = False
            self._world.crash()
        if fault is not None:
            self._world.faults.disarm(fault)
        return well

    def _heard(self) -> Model:
        """The model of what the journal holds, in its order: each accepted call is there."""
        model = Model()
        said = {event_id: (message, at_ms) for event_id, message, at_ms, _ in self._accepted}
        journal = Journal(self._world.places.journal(self._sandbox.id), SilentBell())
        position = 0
        while chunks := journal.read(position, records_max=1000):
            for record in [record for chunk in chunks for record in chunk.records]:
                message, at_ms = said[record.trace]
                model.hear(record.trace, message, at_ms, record.received_ms)
            position = chunks[-1].position
        expect("calls in the journal", model.seen, set(said))
        return model

    def _audit(self) -> None:
        world = self._world
        world.pipeline.drain()
        model = self._heard()
        self.troubles |= model.troubles
        engine = world.places.profile(self._sandbox.id)
        stored = Counter(row[0] for row in engine.read("SELECT event_id FROM events"))
        expect("every call is one event", stored, Counter(model.seen))
        states = calls.of(engine, sorted(model.seen))
        expect("states", {one.state for one in states.values()} - {"applied"}, set())
        expect("remembered calls", states.keys(), model.seen)
        for user in sorted(model.known & set(USERS)):
            self._customer(model, user)
        snapshot = world.definitions.snapshot(self._sandbox.id)
        with engine.reading() as moment:
            journal = Journal(world.places.journal(self._sandbox.id), SilentBell())
            found = [
                *doctor.examined(moment, journal, limit=snapshot.cluster_limit),
                *doctor.account_examined(moment, Packing(engine), snapshot),
            ]
        expect("checks of the account", len(found) > 3, True)
        for finding in found:
            expect(f"doctor: {finding.check}", finding.examples, [])

    def _customer(self, model: Model, user: str) -> None:
        engine = self._world.places.profile(self._sandbox.id)
        name = identities.cluster_of(engine, self._xid(user))
        assert name is not None, user
        members = sorted(member.xid for member in identities.members(engine, name))
        names = model.names(user)
        expect(f"{user}: names", members, sorted(map(self._xid, names)))
        page = feed.page(engine, members, feed.Ask(limit=10_000))
        wanted = set[str]().union(*[model.events.get(one, set()) for one in names])
        expect(f"{user}: timeline", {one.event_id for one in page}, wanted)
        kept = [one.event_id for xid in members for one in events.kept_of(engine, xid)]
        expect(f"{user}: events", sorted(kept), sorted(wanted))
        number = sum(1 for one in wanted if model.names_of[one] == self._counted)
        snapshot = self._world.definitions.snapshot(self._sandbox.id)
        with engine.reading() as moment:
            computed = of_owners(moment, snapshot, members)
        counted = {name: one.value for name, one in computed.items()}
        expect(f"{user}: computed traits", counted, {"times": number} if number else {})
        words: dict[str, tuple[Stamp, Any]] = {}
        for one in names:
            for trait, word in model.traits.get(one, {}).items():
                words[trait] = max(words.get(trait, word), word, key=lambda word: word[0])
        traits = {trait: value for trait, (_, value) in words.items() if value is not None}
        found = folded(fragments.fragments_of(engine, Packing(engine), members))
        own = [one.attributes["_onefold"] for one in found if "_onefold" in one.attributes]
        said = [one.get("traits", {}) for one in own]
        expect(f"{user}: traits", said or [{}], [traits])

    def _xid(self, name: str) -> Xid:
        book = self._world.definitions.snapshot(self._sandbox.id).namespaces
        namespace = book.by_key("userId" if name in USERS else "anonymousId")
        assert namespace is not None
        return xids.encode(namespace.id, name)

    def _replayed(self) -> None:
        """The whole journal into an empty store, in batches of another size."""
        world = self._world
        data = copied(world.data, self._root / "replay")
        for left in data.glob("sandboxes/*/profile.db*"):
            left.unlink()
        places = FaultyPlaces(data, type(world.faults)())
        records_max = self._random.choice((1, 3, 1000))
        pipeline_of(places, world.definitions, world.clock, records_max=records_max).drain()
        again = everything(places.profile(self._sandbox.id))
        for table, rows in everything(world.places.profile(self._sandbox.id)).items():
            expect(f"replay: {table}", again[table], rows)
        places.close()
