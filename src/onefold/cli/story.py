"""The story that `onefold demo` tells: two customers of a shop, as messages to an inlet.

Nora browses on her laptop, registers there, signs in to the app on her phone, and later signs in on
a tablet: three ECIDs that only her registration and her logins tie together. Ilse visits the same
pages, and must stay somebody else. Numbers and addresses are reserved for fiction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.wire import JSON, iso_seconds

LAPTOP = "31415926535897932384626433832795028841"
APP = "27182818284590452353602874713526624977"
TABLET = "14142135623730950488016887242096980785"
EMAIL = "nora.lindahl+shop@example.org"
PHONE = "+46701740633"
CRM_ID = "C-30418"
LOYALTY_ID = "L-7700219"

OTHER_BROWSER = "16180339887498948482045868343656381177"
OTHER_EMAIL = "ilse.brandt@example.org"

DEVICES = {LAPTOP: "laptop", APP: "phone app", TABLET: "tablet"}
TIED = (
    ("registration", LAPTOP, ("Email", "Phone", "CRMID", "LoyaltyId")),
    ("login in the app", APP, ("Email", "CRMID")),
    ("login on the web", TABLET, ("Email",)),
)
"""Which record names an ECID together with what else."""
CONTENT_TYPE = "application/vnd.adobe.xed-full+json;version=1"

_SHOP = "https://shop.example"
_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS


class Chapter(msgspec.Struct, frozen=True):
    """What one request brings: records of one dataset. batch: sent to the inlet's batch door."""

    title: str
    dataset: str
    entities: Sequence[JSON]
    batch: bool = True


def chapters(tenant: str, now_ms: int) -> list[Chapter]:
    """The story in its order. tenant: the field of own fields, `_acme`. now_ms: all of it is past.

    Both people are in it; Ilse's part comes last.
    """
    tell = _Teller(tenant, now_ms)
    return [
        Chapter("Somebody browses on a laptop", EVENTS, tell.laptop()),
        Chapter("and registers there: Nora", REGISTRATIONS, [tell.registration()], batch=False),
        Chapter("Nora signs in to the app on her phone", LOGINS, [tell.app_login()], batch=False),
        Chapter("and looks around in it", EVENTS, tell.app()),
        Chapter("Somebody browses on a tablet, then signs in", EVENTS, tell.tablet()),
        Chapter("Ilse visits the same pages", EVENTS, tell.other()),
    ]


def message(organisation: str, dataset_id: str, schema_id: str, entity: JSON) -> JSON:
    """An entity in the envelope that inlets take."""
    reference = {"id": schema_id, "contentType": CONTENT_TYPE}
    return {
        "header": {
            "schemaRef": reference,
            "imsOrgId": organisation,
            "datasetId": dataset_id,
            "source": {"name": "Onefold demo"},
        },
        "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
    }


class _Teller:
    def __init__(self, tenant: str, now_ms: int) -> None:
        self._tenant = tenant
        self._now_ms = now_ms

    def laptop(self) -> list[JSON]:
        start = 9 * _DAY_MS
        return [
            self._view("nora-1", LAPTOP, "Home", start),
            self._view("nora-2", LAPTOP, "Rain jackets", start - 2 * _MINUTE_MS),
            self._view("nora-3", LAPTOP, "Fjell jacket", start - 5 * _MINUTE_MS),
        ]

    def registration(self) -> JSON:
        """All that is known at the desk, in one record; the ECID is what ties it to the visit."""
        names = {"Email": EMAIL, "Phone": PHONE, "CRMID": CRM_ID, "LoyaltyId": LOYALTY_ID}
        return {
            "identityMap": _identities("ECID", LAPTOP, names),
            "person": {
                "name": {"firstName": "Nora", "lastName": "Lindahl"},
                "birthDate": "1987-03-14",
            },
            "personalEmail": {"address": EMAIL},
            "mobilePhone": {"number": PHONE},
            "homeAddress": {"street1": "Strandgatan 4", "postalCode": "602 33", "city": "Norrby"},
            self._tenant: {
                "identification": {
                    "core": {
                        "ecid": LAPTOP,
                        "email": EMAIL,
                        "phoneNumber": PHONE,
                        "crmId": CRM_ID,
                        "loyaltyId": LOYALTY_ID,
                    }
                },
                "loyaltyDetails": {"level": "Basic", "points": 0},
            },
        }

    def app_login(self) -> JSON:
        """The app knows less, but later: what it says of the points counts."""
        return {
            "identityMap": _identities("ECID", APP, {"Email": EMAIL, "CRMID": CRM_ID}),
            "preferredLanguage": "sv-SE",
            "timeZone": "Europe/Stockholm",
            self._tenant: {"loyaltyDetails": {"level": "Silver", "points": 120}},
        }

    def app(self) -> list[JSON]:
        start = 6 * _DAY_MS
        launch = self._event("nora-4", "application.launches", start, {"ECID": APP}, "mobile app")
        login = self._event(
            "nora-5", "application.login", start - _MINUTE_MS, {"ECID": APP, "Email": EMAIL}, "app"
        )
        application = {"name": "Northlight", "version": "3.2.0"}
        return [
            {**launch, "application": {**application, "launches": {"value": 1}}},
            {**login, "application": application},
        ]

    def tablet(self) -> list[JSON]:
        start = 3 * _HOUR_MS
        login = self._event(
            "nora-8", "web.login", start - 6 * _MINUTE_MS, {"ECID": TABLET, "Email": EMAIL}, "web"
        )
        bought = self._event(
            "nora-10", "commerce.purchases", start - 15 * _MINUTE_MS, {"ECID": TABLET}, "web"
        )
        return [
            self._view("nora-6", TABLET, "Home", start),
            self._view("nora-7", TABLET, "Fjell jacket", start - 4 * _MINUTE_MS),
            {**login, **_page("Sign in")},
            self._view("nora-9", TABLET, "Basket", start - 11 * _MINUTE_MS),
            {
                **bought,
                **_page("Thank you"),
                "commerce": {
                    "purchases": {"value": 1},
                    "order": {"purchaseID": "N-5521", "priceTotal": 189.0, "currencyCode": "EUR"},
                },
                "productListItems": [{"SKU": "FJ-42", "name": "Fjell jacket", "quantity": 1}],
            },
        ]

    def other(self) -> list[JSON]:
        start = 5 * _HOUR_MS
        login = self._event(
            "ilse-3",
            "web.login",
            start - 7 * _MINUTE_MS,
            {"ECID": OTHER_BROWSER, "Email": OTHER_EMAIL},
            "web",
        )
        return [
            self._view("ilse-1", OTHER_BROWSER, "Home", start),
            self._view("ilse-2", OTHER_BROWSER, "Fjell jacket", start - 3 * _MINUTE_MS),
            {**login, **_page("Sign in")},
        ]

    def _view(self, event_id: str, ecid: str, page: str, ago_ms: int) -> JSON:
        kind = "web.webpagedetails.pageViews"
        return {**self._event(event_id, kind, ago_ms, {"ECID": ecid}, "web"), **_page(page)}

    def _event(
        self, event_id: str, kind: str, ago_ms: int, names: Mapping[str, str], channel: str
    ) -> dict[str, JSON]:
        """An event; the first of its names is the primary one."""
        (code, value), *rest = names.items()
        return {
            "_id": event_id,
            "timestamp": iso_seconds(self._now_ms - ago_ms),
            "eventType": kind,
            "identityMap": _identities(code, value, dict(rest)),
            self._tenant: {
                "interactionDetails": {"core": {"channel": channel}},
                "demoEnvironment": {"brandName": "Northlight"},
            },
        }


def _identities(code: str, value: str, others: Mapping[str, str]) -> JSON:
    named = {other: [{"id": name}] for other, name in others.items()}
    return {code: [{"id": value, "primary": True}], **named}


def _page(name: str) -> dict[str, JSON]:
    address = f"{_SHOP}/{name.lower().replace(' ', '-')}"
    return {"web": {"webPageDetails": {"name": name, "URL": address, "pageViews": {"value": 1}}}}
