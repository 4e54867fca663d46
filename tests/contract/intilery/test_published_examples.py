"""The examples of the published page of the Profiles API: its customer and events in, its answers
out, key by key.

What is not compared, and why:

- ids of customers, events and scrolls: made here; that they are the same wherever they must be, is
  compared instead.
- `userId` of the messages: the page prints the customer's id there, which nobody can know before
  the first call. The caller's own id stands in its place.
- `createdBy` and `audiencesStatic`: the page's customer came with an uploaded file.
- the misspelt word of a 404: a setting restores it (test_profiles.py).
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from onefold.control.keys import NewKey
from onefold.domain.calls import times
from onefold.testing.app import App, install

JSON = dict[str, Any]
JOE = "joe.bloggs@intilery.com"
SENT = "2020-11-09T10:10:33.811Z"
OPENED = ("2020-11-19T13:37:50.929Z", "2020-11-19T13:39:17.380Z")
RECEIVED = {
    SENT: "2020-11-09T10:10:34.653Z",
    OPENED[0]: "2020-11-19T13:37:51.407Z",
    OPENED[1]: "2020-11-19T13:39:17.912Z",
}
TRAITS = {
    "lastName": "Bloggs",
    "website": "www.intilery.com",
    "organisation": "Intilery",
    "industry": "Other",
    "firstName": "Joe",
    "phone": "+44111222333444",
    "marketingPreferences": {
        "channels": [
            {"subscribed": True, "channel": "email"},
            {"subscribed": True, "channel": "sms"},
            {"subscribed": False, "channel": "whatsapp"},
            {"subscribed": False, "channel": "facebook"},
            {"subscribed": False, "channel": "push"},
        ]
    },
    "email": JOE,
}


def message(event: str, at: str, campaign: str) -> JSON:
    """A message of the page."""
    return {
        "userId": JOE,
        "action": "track",
        "event": event,
        "context": {
            "ip": "217.42.6.253",
            "user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_4) AppleWebKit/605.1.15",
            "traits": {"email": JOE},
        },
        "properties": {
            "email_id": "41937e92-b472-46ae-94e3-f29cc05cda5d",
            "email_subject": "Thanks for requesting an Intilery trial",
            "campaign_id": campaign,
        },
        "timestamp": at,
        "sendType": "email",
    }


MESSAGES = {
    SENT: message("Email Sent", SENT, "Nov2"),
    **{at: message("Email Opened", at, "TRIAL_WELCOME") for at in OPENED},
}


class Page:
    """The account of the page, its customer, and the ids of the events by time."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.key: NewKey = app.account(client="intilery", account="marketing")
        self.ids: dict[str, str] = {}
        app.calls(self.key, ("identify", {"userId": JOE, "traits": TRAITS, "timestamp": SENT}))
        for at, said in MESSAGES.items():
            self.now(RECEIVED[at])
            self.ids[at] = app.call(self.key, "track", said).json()["eventId"]
        app.drain()

    def now(self, at: str) -> None:
        at_ms = times.read(at)
        assert at_ms is not None
        self.app.at(at_ms)

    def get(self, path: str, status: int = 200) -> JSON:
        answer = self.app.ask(self.key, path, content_type="application/json")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert uuid.UUID(answer.headers["x-amzn-requestid"])
        found: JSON = answer.json()
        return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    now_ms = times.read(SENT)
    assert now_ms is not None
    data = tmp_path_factory.mktemp("published") / "data"
    install(data, now_ms=now_ms)
    app = App(data, now_ms=now_ms)
    yield Page(app)
    app.close()


def test_traits_of_one_customer(page: Page) -> None:
    found = page.get(f"/profiles/userId:{JOE}/traits")
    assert found == {**TRAITS, "id": found["id"], "externalId": JOE}
    assert str(uuid.UUID(found["id"])) == found["id"]
    assert page.get(f"/profiles/id:{found['id']}/traits") == found
    assert page.get(f"/profiles/email:{JOE}/traits") == {"data": [found]}


def test_events(page: Page) -> None:
    id_ = page.get(f"/profiles/userId:{JOE}/traits")["id"]
    found = page.get(f"/profiles/userId:{JOE}/events?include=email_opened")
    assert list(found) == ["scrollId", "data"]
    assert found["data"] == [
        {
            "id": id_,
            "externalId": JOE,
            "email": JOE,
            "eventId": page.ids[at],
            "eventTime": at,
            "receivedTime": RECEIVED[at],
            "eventAction": "email_opened",
            "clientId": "intilery",
            "accountId": "marketing",
            "brandId": "MARKETING",
            "customerId": id_,
            "userId": JOE,
            "source": "SEGMENT_API",
            "rawData": MESSAGES[at],
        }
        for at in reversed(OPENED)
    ]
    by_email = page.get(f"/profiles/email:{JOE}/events?include=email_opened")
    assert by_email["data"] == found["data"]
    excluded = page.get(f"/profiles/userId:{JOE}/events?exclude=page,logged_in,identify,email_sent")
    assert excluded["data"] == found["data"]
    assert page.get(f"/profiles/userId:{JOE}/events?start=2006-01-02&end=2018-01-02")["data"] == []


@pytest.mark.parametrize("view", ["meta", "metadata"])
def test_metadata(page: Page, view: str) -> None:
    found = page.get(f"/profiles/userId:{JOE}/{view}")
    id_ = found["id"]

    def flat(at: str) -> JSON:
        return {
            **MESSAGES[at],
            "eventId": page.ids[at],
            "eventTime": at,
            "receivedTime": RECEIVED[at],
        }

    of_identify = found["firstEvent"].pop("identify")
    assert found["lastEvent"].pop("identify") == of_identify
    assert found == {
        **TRAITS,
        "_subscriptionId": base64.b64encode(f"intilery:marketing:{id_}".encode()).decode(),
        "id": id_,
        "externalId": JOE,
        "createdBy": {"type": "api", "createdTime": SENT},
        "firstEvent": {"email_sent": flat(SENT), "email_opened": flat(OPENED[0])},
        "lastEvent": {"email_sent": flat(SENT), "email_opened": flat(OPENED[1])},
        "lastActivityTime": OPENED[1],
    }
    assert page.get(f"/profiles/email:{JOE}/{view}")["data"][0]["id"] == id_


def test_all_customers(page: Page) -> None:
    first = page.get("/profiles")
    assert list(first) == ["scrollId", "data"]
    assert first["data"] == [page.get(f"/profiles/userId:{JOE}/traits")]
    further = page.get(f"/profiles?scrollid={first['scrollId']}")
    assert list(further) == ["scrollId", "data"]
    assert further["data"] == []


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/profiles/joe/traits", 400, {"code": "validation_error"}),
        (
            "/profiles/userId:123-rty/events",
            404,
            {"code": "not_found", "message": "Profile was not found."},
        ),
        (
            "/profiles/userId:123-rty/meta",
            404,
            {"code": "not_found", "message": "Profile was not found."},
        ),
        (
            "/profiles/userId:123-rty/traits",
            404,
            {"code": "not_found", "message": "Customer not found."},
        ),
    ],
)
def test_errors(page: Page, path: str, status: int, error: JSON) -> None:
    found = page.get(path, status)
    assert list(found) == ["error"]
    assert list(found["error"]) == ["code", "message"]
    assert found["error"].items() >= error.items()
    if status == 400:
        assert found["error"]["message"].startswith("ProfileID must be in format of id_type:id")


def test_no_secret_is_an_error_of_authentication(page: Page) -> None:
    answer = page.app.ask(None, f"/profiles/userId:{JOE}/traits", auth_token="1234abcd")
    assert answer.status_code == 401
    assert json.loads(answer.content)["error"]["code"] == "authentication_error"
