"""What senders send: people with private and shared identities, and every way to get it wrong.

Each message says in `header.source.name` what its sender knows of its fate, so that the auditor
need not judge records a second time, and in `header.createdAt` which sending it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

from tests.simulation import rules
from tests.simulation.world import Place

GOOD = "good"
POISON = "poison"
SHAKY = "shaky"
UNUSABLE = ("anonymous", " ", "NULL")
"""Values that name nobody."""
FAILURES = (
    *("REC-1001", "REC-1001", "REC-1002", "REC-1003", "REC-1005"),
    *("REC-1006", "REC-1008", "REC-1009", "REC-1010"),
)
JUDGED = (GOOD, POISON, SHAKY, "REC-1005", "REC-1006")
"""Fates that linking rules come before."""
POISONED_EMAIL = "poison@example.com"
POISON_EVENT = "poison-"
SHAKY_EVENT = "shaky-"

HOUR_MS = 3_600_000
SLOT_MS = 10 * 60_000
"""Clocks of events are cut to this, so that some are equal."""

CORE_FIELDS = {
    "ECID": "ecid",
    "Email": "email",
    "Phone": "phoneNumber",
    "CRMID": "crmId",
    "LoyaltyId": "loyaltyId",
}
Card = tuple[str, str]
"""One identity: code of the namespace, value."""


class Draft(NamedTuple):
    """One message before it is sent. fate: good, poison, shaky, or the code that it is to fail
    with: REC-* in the pipeline, INL-* at the door. change: what differs in the header."""

    place: Place
    dataset: tuple[str, str]
    entity: dict[str, Any] | None
    fate: str = GOOD
    change: dict[str, Any] = {}

    def message(self, number: int) -> dict[str, Any]:
        """The message of one sending."""
        reference = {
            "id": self.dataset[1],
            "contentType": "application/vnd.adobe.xed-full+json;version=1",
        }
        body: dict[str, Any] = {"xdmMeta": {"schemaRef": reference}}
        if self.entity is not None:
            body["xdmEntity"] = self.entity
        header = {
            "schemaRef": reference,
            "imsOrgId": self.place.sandbox.org_id,
            "datasetId": self.dataset[0],
            "createdAt": number,
            "source": {"name": self.fate},
            **self.change,
        }
        return {"header": header, "body": body}


def batch_body(drafts: Sequence[Draft], numbers: Sequence[int]) -> bytes:
    """The body of one request with several messages."""
    messages = [draft.message(n) for draft, n in zip(drafts, numbers, strict=True)]
    return json.dumps({"messages": messages}).encode()


class Workload:
    """Makes drafts. All choices come from `random`."""

    def __init__(self, random: Random, places: Sequence[Place]) -> None:
        self._random = random
        self._places = places
        self._events = 0
        self._strangers = 0
        self._people = self._population()
        self._sent_events: dict[str, list[Draft]] = {place.tenant: [] for place in places}

    def drafts(self, now_ms: int) -> list[Draft]:
        """The messages of one batch, all for one place."""
        place = self._random.choices(self._places, (4, 1))[0]
        number = self._random.randint(1, 7)
        drafts = [_judged(self._draft(place, now_ms)) for _ in range(number)]
        self._sent_events[place.tenant] += [
            draft
            for draft in drafts
            if draft.dataset == place.events and draft.fate in (GOOD, POISON, SHAKY)
        ]
        return drafts

    def single(self, now_ms: int) -> Draft:
        """One message, likely a wrong one."""
        make = self._random.choice((self._failing, self._draft))
        return _judged(make(self._places[0], now_ms))

    def kiosk(self, now_ms: int) -> list[Draft]:
        """A shared machine that sees a crowd: one customer number with many devices."""
        random = self._random
        kiosk = ("CRMID", random.choice(("kiosk-1", "kiosk-2")))
        if random.random() < 0.25:  # an old device that only just holds two crowds together
            old_ms = now_ms - 90 * 24 * HOUR_MS
            return [_judged(self._event(self._places[0], [kiosk, ("ECID", "5" * 38)], old_ms))]
        crowd = [("ECID", self._ecid()) for _ in range(random.randint(13, 18))]
        regular = random.choice(self._people)
        cards = [kiosk, *crowd, *random.sample(regular, random.randint(0, 2))]
        if random.random() < 0.3:
            cards += [("IDFA", f"idfa-{self._stranger()}")]
        return [_judged(self._event(self._places[0], cards, self._past_ms(now_ms)))]

    def _population(self) -> list[list[Card]]:
        random = self._random
        people: list[list[Card]] = [
            [
                ("Email", f"person{number}@example.com"),
                ("Phone", f"+44700900{number:03d}"),
                ("CRMID", f"{1_000_000 + number}"),
                ("LoyaltyId", f"L-{number}-" + "x" * random.choice((0, 90))),
                ("IDFA", f"idfa-person-{number}"),
                *(("ECID", self._ecid()) for _ in range(2)),
            ]
            for number in range(5)
        ]
        for one, other in pairwise(people):
            if random.random() < 0.5:
                one.append(random.choice(other))  # a family's phone, a device at work
        return people

    def _draft(self, place: Place, now_ms: int) -> Draft:
        random = self._random
        chance = random.random()
        if chance < 0.10:
            return self._failing(place, now_ms)
        if chance < 0.14:
            return self._refused(self._good(place, now_ms))
        if chance < 0.18:
            return self._poisoned(place, now_ms)
        if chance < 0.28 and self._sent_events[place.tenant]:
            return self._again(random.choice(self._sent_events[place.tenant]))
        return self._good(place, now_ms)

    def _good(self, place: Place, now_ms: int) -> Draft:
        cards = self._cards()
        if self._random.random() < 0.65:
            return self._event(place, cards, self._past_ms(now_ms))
        return self._record(place, cards, now_ms)

    def _cards(self) -> list[Card]:
        """Some identities of one person, now and then with a stranger's or an unusable one."""
        random = self._random
        person = random.choice(self._people)
        cards = random.sample(person, min(random.choice((1, 1, 2, 2, 3, 4)), len(person)))
        if random.random() < 0.06:
            cards.append(random.choice(random.choice(self._people)))
        if random.random() < 0.06:
            cards.append(("AAID", f"{self._stranger():016X}-0000000000000000"))
        if random.random() < 0.06:
            cards.append(("CRMID", random.choice(UNUSABLE)))
        return list(dict.fromkeys(cards))

    def _event(
        self, place: Place, cards: list[Card], at_ms: int, event_id: str | None = None
    ) -> Draft:
        random = self._random
        self._events += 1
        entity = {
            "_id": event_id or f"event-{self._events}",
            "timestamp": iso(at_ms),
            "eventType": random.choice(("web.webpagedetails.pageViews", "commerce.purchases")),
            **self._named(place, cards),
        }
        own = entity.setdefault(f"_{place.tenant}", {})
        own["interactionDetails"] = {"core": {"channel": random.choice(("web", "mobile"))}}
        own["demoEnvironment"] = {"brandName": "Brand " * random.choice((1, 60))}
        return Draft(place, place.events, entity)

    def _record(self, place: Place, cards: list[Card], now_ms: int) -> Draft:
        random = self._random
        number = random.randint(0, 99)
        entity = self._named(place, cards)
        own = entity.setdefault(f"_{place.tenant}", {})
        details: dict[str, Any] = {
            "person": {"name": {"firstName": f"First{number}"}},
            "homeAddress": {"city": f"City{number}", "primary": number % 2 == 0},
            "organizations": [f"Org{n}" for n in range(number % 4)],
            "testProfile": number % 2 == 1,
        }
        for key in random.sample(sorted(details), random.randint(1, 4)):
            entity[key] = details[key]
        if random.random() < 0.5:
            entity.setdefault("person", {}).setdefault("name", {})["lastName"] = f"Last{number}"
        own["loyaltyDetails"] = random.choice(({"level": "gold"}, {"points": number}, {}))
        own["individualCharacteristics"] = {}
        if random.random() < 0.3:
            updated = now_ms - random.randint(0, 50) * HOUR_MS
            entity["extSourceSystemAudit"] = {"lastUpdatedDate": iso(updated)}
        return Draft(place, random.choice((place.registrations, place.logins)), entity)

    def _named(self, place: Place, cards: list[Card]) -> dict[str, Any]:
        """The identities of an entity: the primary one in the map, others there or in fields."""
        random = self._random
        primary = random.choice([card for card in cards if card[1] not in UNUSABLE])
        mapped: dict[str, list[dict[str, Any]]] = {}
        core: dict[str, str] = {}
        for card in cards:
            code, value = card
            field = CORE_FIELDS.get(code)
            if card != primary and field and field not in core and random.random() < 0.4:
                core[field] = value
                continue
            item: dict[str, Any] = {"id": value}
            if card == primary:
                item["primary"] = True
            mapped.setdefault(code, []).append(item)
        entity: dict[str, Any] = {"identityMap": mapped}
        if core:
            entity[f"_{place.tenant}"] = {"identification": {"core": core}}
        return entity

    def _again(self, draft: Draft) -> Draft:
        """An event that was sent before; with other content, or as another person's event."""
        random = self._random
        assert draft.entity is not None
        entity = json.loads(json.dumps(draft.entity))
        chance = random.random()
        if chance < 0.3:
            entity["eventType"] = "changed"
        elif chance < 0.5:
            entity["identityMap"] = {"CRMID": [{"id": "somebody", "primary": True}]}
        return draft._replace(entity=entity)

    def _poisoned(self, place: Place, now_ms: int) -> Draft:
        random = self._random
        self._events += 1
        chance = random.random()
        cards = self._cards()
        if chance < 0.35:
            named = f"{POISON_EVENT}{self._events}"
            return self._event(place, cards, self._past_ms(now_ms), named)._replace(fate=POISON)
        if chance < 0.7:
            named = f"{SHAKY_EVENT}{self._events}"
            return self._event(place, cards, self._past_ms(now_ms), named)._replace(fate=SHAKY)
        draft = self._record(place, [("Email", POISONED_EMAIL)], now_ms)
        return draft._replace(fate=POISON)

    def _failing(self, place: Place, now_ms: int) -> Draft:
        random = self._random
        cards = self._cards()
        event = self._event(place, cards, self._past_ms(now_ms))
        assert event.entity is not None
        entity = event.entity
        code = random.choice(FAILURES)
        failing = event._replace(fate=code)
        if code == "REC-1001":
            if random.random() < 0.5:
                return failing._replace(entity={**entity, "eventType": 5})
            return failing._replace(entity={k: v for k, v in entity.items() if k != "timestamp"})
        if code == "REC-1005":
            ahead_ms = (
                now_ms + random.randint(24, 48) * HOUR_MS
            )  # still ahead when it is sent again
            return failing._replace(entity={**entity, "timestamp": iso(ahead_ms)})
        if code == "REC-1006":
            return failing._replace(entity={**entity, "producedBy": "x" * 10_000})
        if code == "REC-1008":
            return failing._replace(entity=None)
        if code == "REC-1010":
            return failing._replace(change={"operations": {"data": "delete"}})
        maps: dict[str, dict[str, Any]] = {
            "REC-1002": {},
            "REC-1003": {"Nobody": [{"id": "x", "primary": True}]},
            "REC-1009": {"ECID": [{"id": "123", "primary": True}]},
        }
        return failing._replace(
            entity={**entity, "identityMap": maps[code], f"_{place.tenant}": {}}
        )

    def _refused(self, draft: Draft) -> Draft:
        code = self._random.choice(("INL-1003", "INL-1005"))
        wrong = {"INL-1003": {"imsOrgId": "0" * 24 + "@AdobeOrg"}, "INL-1005": {"datasetId": "no"}}
        return draft._replace(fate=code, change=wrong[code])

    def _past_ms(self, now_ms: int) -> int:
        """Mostly just now; some late, some very late."""
        hours = self._random.choice((0, 0, 0, 1, 2, 48, 24 * 40))
        past_ms = now_ms - hours * HOUR_MS - self._random.randint(0, 12) * SLOT_MS
        return past_ms - past_ms % SLOT_MS

    def _ecid(self) -> str:
        return "".join(self._random.choices("0123456789", k=38))

    def _stranger(self) -> int:
        self._strangers += 1
        return self._strangers


def _judged(draft: Draft) -> Draft:
    """The draft with the fate that linking rules give it, where these have the first word."""
    if not draft.place.ruled or draft.entity is None or draft.fate not in JUDGED:
        return draft
    cards = rules.cards_of(draft.entity, draft.place.tenant, CORE_FIELDS)
    usable = [card for card in cards if card[1] not in UNUSABLE]
    code = rules.refusal(usable, is_event=draft.dataset == draft.place.events)
    return draft if code is None else draft._replace(fate=code)


def iso(at_ms: int) -> str:
    """A time as senders write it."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
