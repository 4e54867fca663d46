"""The people of the measurements, and what is sent about them.

Everything follows from a person's number, so that writers and readers need not talk to each other.
A person has an ECID, an e-mail address and a customer number; one record in each of the two
profile datasets; and events under the ECID, some of which name the e-mail address too. Messages go
out in rounds over all people, so that the events of one person never stand together.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote

from benchmarks.server import Installation

EVENTS_EACH = 10
BATCH = 100
LOGIN_EVERY = 5
"""Every so many events of a person one names the e-mail address too."""

_START_S = 1_735_689_600  # 2025-01-01
_DAY_S = 86_400
_AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/{}.0.{}.80 Safari/537.36"
)
_FIRST = ("Ada", "Ben", "Chidi", "Dora", "Emre", "Fatima", "Goran", "Hanna", "Ines", "Jonas")
_LAST = ("Abel", "Brandt", "Costa", "Duarte", "Eriksen", "Fischer", "Garcia", "Hughes", "Ito")
_PRODUCTS = (
    "Trail running shoe", "Alpine jacket", "Merino base layer", "Head lamp", "Climbing rope",
    "Two person tent", "Camping stove", "Travel pillow", "Water filter", "Map of the coast path",
)  # fmt: skip
_PAGES = ("home", "category", "product", "basket", "checkout", "account", "search", "help")


class Person(NamedTuple):
    """One person's identities."""

    number: int
    ecid: str
    email: str
    customer: str


def person(number: int) -> Person:
    """The person with this number."""
    digits = int.from_bytes(blake2b(number.to_bytes(8, "big"), digest_size=16).digest(), "big")
    first = _FIRST[number % len(_FIRST)].lower()
    last = _LAST[number % len(_LAST)].lower()
    return Person(
        number, f"{digits % 10**38:038d}", f"{first}.{last}.{number}@example.com", f"C{number:08d}"
    )


class Messages:
    """Writes messages for the datasets of one installation."""

    def __init__(self, installation: Installation) -> None:
        self._tenant = f"_{installation.tenant_id}"
        self._registrations = _frame(installation, "Customer registrations")
        self._logins = _frame(installation, "Customer app logins")
        self._events = _frame(installation, "Customer events")

    def registration(self, who: Person) -> bytes:
        """The record of the first profile dataset, under the e-mail address; names all three."""
        n = who.number
        entity = (
            f'{{"identityMap":{{"Email":[{{"id":"{who.email}","primary":true}}]}},'
            f'"person":{{"name":{{"firstName":"{_FIRST[n % len(_FIRST)]}",'
            f'"lastName":"{_LAST[n % len(_LAST)]}"}},"birthDate":"{1940 + n % 65}-03-14"}},'
            f'"personalEmail":{{"address":"{who.email}"}},'
            f'"homeAddress":{{"street1":"{n % 200} Harbour Road","city":"Oslo",'
            f'"postalCode":"{n % 9000 + 1000}"}},'
            f'"mobilePhone":{{"number":"+47{n % 10**8:08d}"}},"testProfile":true,'
            f'"{self._tenant}":{{"identification":{{"core":{{"ecid":"{who.ecid}",'
            f'"email":"{who.email}","crmId":"{who.customer}"}}}},'
            f'"loyaltyDetails":{{"level":"Basic","points":{n % 5000}}}}}}}'
        )
        return self._registrations % entity.encode()

    def login(self, who: Person) -> bytes:
        """The record of the second profile dataset, under the ECID."""
        n = who.number
        entity = (
            f'{{"identityMap":{{"ECID":[{{"id":"{who.ecid}","primary":true}}]}},'
            f'"preferredLanguage":"en-GB","timeZone":"Europe/Oslo",'
            f'"mobilePhone":{{"number":"+47{n % 10**8:08d}"}},'
            f'"consents":{{"collect":{{"val":"y"}},"share":{{"val":"n"}}}},'
            f'"{self._tenant}":{{"identification":{{"core":{{"ecid":"{who.ecid}",'
            f'"email":"{who.email}"}}}}}}}}'
        )
        return self._logins % entity.encode()

    def event(self, who: Person, round_: int, stream: str) -> bytes:
        """Event number `round_` of a person. stream: keeps the ids of two runs apart."""
        return self._events % self.event_entity(who, round_, stream)

    def event_entity(self, who: Person, round_: int, stream: str) -> bytes:
        """The entity alone: a page view of about 1.6 KB, with ids that no two views share, as
        senders' click and visit ids are: they are what compression cannot take away."""
        n = who.number
        noise = blake2b(f"{stream}{n}/{round_}".encode()).hexdigest()  # 128 digits
        id_, click, visit, picture = noise[:32], noise[32:64], noise[64:80], noise[80:96]
        day, second = divmod(_START_S + round_ * 5 * _DAY_S + n * 37 % (4 * _DAY_S), _DAY_S)
        stamp = f"{_date(day)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
        page = _PAGES[(n + round_) % len(_PAGES)]
        product = (n * 7 + round_) % len(_PRODUCTS)
        sku = f"SKU-{product:03d}-{n % 97:02d}"
        email = f',"email":"{who.email}"' if round_ % LOGIN_EVERY == 0 else ""
        return (
            f'{{"_id":"{id_}","timestamp":"{stamp}",'
            f'"eventType":"web.webpagedetails.pageViews","identityMap":{{"ECID":[{{"id":'
            f'"{who.ecid}","authenticatedState":"ambiguous","primary":true}}]}},'
            f'"environment":{{"type":"browser","ipV4":"192.0.2.{n % 250}","colorDepth":24,'
            f'"viewportHeight":{900 + n % 99},"viewportWidth":1920,"browserDetails":{{'
            f'"userAgent":"{_AGENT.format(100 + n % 30, 4000 + n % 777)}",'
            f'"acceptLanguage":"en-GB","cookiesEnabled":"true","javaScriptEnabled":true,'
            f'"viewportHeight":{900 + n % 99},"viewportWidth":1920}}}},'
            f'"web":{{"webPageDetails":{{"name":"{page}","siteSection":"shop/{page}",'
            f'"URL":"https://shop.example.com/{page}/{sku.lower()}?visit={visit}",'
            f'"server":"shop.example.com","pageViews":{{"value":1}}}},"webReferrer":{{'
            f'"URL":"https://search.example.net/?q={page}&click={click}","type":"search_engine"}}}},'
            f'"channel":{{"_id":"https://ns.adobe.com/xdm/channels/web","mode":"pull"}},'
            f'"productListItems":[{{"SKU":"{sku}","name":"{_PRODUCTS[product]}","quantity":1,'
            f'"priceTotal":{n % 300 + 0.95},"currencyCode":"EUR","{self._tenant}":{{"core":{{'
            f'"imageURL":"https://img.example.com/{picture}.webp","mainCategory":"outdoor",'
            f'"productURL":"https://shop.example.com/p/{sku}"}}}}}}],'
            f'"commerce":{{"productViews":{{"value":1}}}},'
            f'"implementationDetails":{{"name":"https://ns.adobe.com/experience/alloy/reactor",'
            f'"version":"2.8.0+2.9.0","environment":"browser"}},'
            f'"{self._tenant}":{{"identification":{{"core":{{"ecid":"{who.ecid}"{email}}}}},'
            f'"interactionDetails":{{"core":{{"channel":"web"}}}},'
            f'"demoEnvironment":{{"brandName":"outdoor-shop"}}}}}}'
        ).encode()


def everything(messages: Messages, people: int, stream: str = "") -> Iterator[bytes]:
    """All that a loaded store is made of, in rounds: registrations, events, app logins."""
    everyone = [person(number) for number in range(people)]
    for who in everyone:
        yield messages.registration(who)
    for round_ in range(EVENTS_EACH):
        for who in everyone:
            yield messages.event(who, round_, stream)
    for who in everyone:
        yield messages.login(who)


def visits(messages: Messages, first: int, count: int, stream: str) -> Iterator[bytes]:
    """`count` events, ten for each person from number `first` on, in rounds."""
    everyone = [person(first + n) for n in range(max(count // EVENTS_EACH, 1))]
    for number in range(count):
        round_, index = divmod(number, len(everyone))
        yield messages.event(everyone[index], round_, stream)


def batches(messages: Iterator[bytes], size: int = BATCH) -> Iterator[bytes]:
    """Bodies of the batch endpoint."""
    while part := list(islice(messages, size)):
        yield b'{"messages":[' + b",".join(part) + b"]}"


def entity_query(who: Person) -> str:
    """The query string of a profile lookup by ECID."""
    return f"schema.name=_xdm.context.profile&entityId={who.ecid}&entityIdNS=ECID"


def events_query(who: Person) -> str:
    """The query string of a timeline by e-mail address."""
    return (
        "schema.name=_xdm.context.experienceevent&relatedSchema.name=_xdm.context.profile"
        f"&relatedEntityId={quote(who.email, safe='')}&relatedEntityIdNS=Email"
    )


def _frame(installation: Installation, dataset: str) -> bytes:
    """A message with a `%s` for the entity."""
    known = installation.datasets[dataset]
    reference = (
        f'{{"id":"{known.schema}","contentType":"application/vnd.adobe.xed-full+json;version=1.0"}}'
    )
    return (
        f'{{"header":{{"schemaRef":{reference},"imsOrgId":"{installation.org_id}",'
        f'"datasetId":"{known.id}","source":{{"name":"Measurements"}}}},'
        f'"body":{{"xdmMeta":{{"schemaRef":{reference}}},"xdmEntity":%s}}}}'
    ).encode()


def _date(day: int) -> str:
    """Days since 1970 as YYYY-MM-DD. Source: Howard Hinnant, civil_from_days."""
    day += 719_468
    era, of_era = divmod(day, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    civil = year + era * 400 + (month <= 2)
    return f"{civil}-{month:02d}-{of_year - (153 * shifted + 2) // 5 + 1:02d}"
