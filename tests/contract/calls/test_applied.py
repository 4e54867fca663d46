"""What becomes of calls: known ones, refused ones, kept out ones, and what they say of people."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from onefold.control import accounts
from onefold.control.keys import NewKey
from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain import suppression
from onefold.domain.failed_record import FailedRecord, State
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.merge import merged
from onefold.domain.removal import Removal
from onefold.domain.suppression import Keys
from onefold.lookup.undoing import Undoing, Which
from onefold.pipeline import processor
from onefold.pipeline.work import Work
from onefold.store.engine import Transaction
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import calls, counters, events, feed, fragments, identities, superseded
from onefold.store.tables.accounts import Account as Defined
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from onefold.wire import JSON, decode_json
from tests.contract.people import ecid, further_dataset, iso

_numbers = itertools.count()
SPRING, AUTUMN = {"name": "spring"}, {"name": "autumn"}


class Account:
    """An account of one app, a key of it, and what its store says."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.key: NewKey = app.account()
        self.sandbox = app.sandbox
        self.store = app.places.profile(self.sandbox.id)
        self.packing = Packing(self.store)

    @property
    def snapshot(self) -> Snapshot:
        return self.app.rooms.definitions.snapshot(self.sandbox.id)

    @property
    def defined(self) -> Defined:
        found = self.snapshot.account
        assert found is not None
        return found

    def say(self, kind: str, **message: JSON) -> str:
        """Send one call without applying it; answer its event id."""
        answer = self.app.call(self.key, kind, message)
        assert answer.status_code == 200, answer.text
        event_id: str = answer.json()["eventId"]
        return event_id

    def applied(self, kind: str, **message: JSON) -> str:
        event_id = self.say(kind, **message)
        self.app.drain()
        return event_id

    def xid(self, namespace: str, value: str) -> Xid:
        found = self.snapshot.namespaces.by_code(namespace)
        assert found is not None
        return xids.encode(found.id, value)

    def cluster(self, namespace: str, value: str) -> list[Xid]:
        """The members of somebody's cluster; nobody's is empty."""
        name = identities.cluster_of(self.store, self.xid(namespace, value))
        if name is None:
            return []
        return sorted(member.xid for member in identities.members(self.store, name))

    def profile(self, namespace: str, value: str) -> dict[str, Any]:
        """The merged attributes of somebody."""
        policy = self.snapshot.default_policy
        assert policy is not None
        found = fragments.fragments_of(
            self.store, self.packing, self.cluster(namespace, value) or [self.xid(namespace, value)]
        )
        return merged(found, policy)

    def traits(self, user_id: str) -> dict[str, Any]:
        said = self.profile("userId", user_id).get("_onefold", {})
        traits: dict[str, Any] = said.get("traits", {})
        return traits

    def actions(self, namespace: str, value: str) -> list[str]:
        """The actions of somebody's events, sorted."""
        found = []
        for owner in self.cluster(namespace, value):
            page = events.of_owner(self.store, self.packing, owner, after="", limit=1000)
            found += [decode_json(event.body)["eventType"] for _, _, event in page]
        return sorted(found)

    def state(self, event_id: str) -> str | None:
        seen = calls.of(self.store, [event_id]).get(event_id)
        return seen.state if seen is not None else None

    def counted(self, metric: str) -> int:
        with self.store.reading() as reader:
            rows = counters.series(reader, metric, start_ms=0, end_ms=2**60)
        return sum(row[3] for row in rows)

    def suppress(self, *what: suppression.Suppression, lift: tuple[str, ...] = ()) -> None:
        self.order(Removal(suppress=[*what], lift=[*lift]))

    def order(self, what: Removal) -> None:
        self.app.rooms.inlets.order(self.sandbox.id, what, trace=f"order{next(_numbers)}")
        self.app.drain()

    def replay(self, *failed: FailedRecord) -> None:
        """Have failed records repeated, one after the other."""
        for one in failed:
            answer = self.app.post(f"/onefold/v1/failed-records/{one.seq}/replay", None)
            assert answer.status_code == 202, answer.text
            self.app.drain()

    def plan(self, **given: Any) -> None:
        accounts.set_rules(self.app.places.control(), client="acme", account="acme", **given)


@pytest.fixture
def account(app: App) -> Iterator[Account]:
    account = Account(app)
    yield account
    app.drain()
    assert app.faults() == []


def test_the_newer_word_on_a_trait_counts_and_null_takes_it_away(account: Account) -> None:
    """V26."""
    for place, traits in enumerate(({"a": 1, "o": {"x": 1, "y": 2}}, {"o": {"x": 3}}, {"a": None})):
        account.say("identify", userId="u-1", traits=traits, timestamp=iso(START_MS - 10 + place))
    account.app.drain()
    assert account.traits("u-1") == {"o": {"x": 3}}
    assert account.actions("userId", "u-1") == ["identify"] * 3


def test_calls_that_arrive_in_reverse_order_leave_the_newer_value(account: Account) -> None:
    """V27."""
    account.applied("identify", userId="u-1", traits={"a": "new"}, timestamp=iso(START_MS - 10))
    account.applied("identify", userId="u-1", traits={"a": "old"}, timestamp=iso(START_MS - 20))
    assert account.traits("u-1") == {"a": "new"}


def test_what_is_said_of_all_names_of_a_customer_is_compared_together(account: Account) -> None:
    """The newer word of the device does not lose against the older one of the user."""
    account.applied(
        "identify", anonymousId="a-1", traits={"a": "later", "b": 1}, timestamp=iso(START_MS - 10)
    )
    account.applied(
        "identify",
        userId="u-1",
        anonymousId="a-1",
        traits={"a": "earlier", "c": 2},
        timestamp=iso(START_MS - 20),
    )
    assert account.traits("u-1") == {"a": "later", "b": 1, "c": 2}


def test_a_trait_of_a_time_to_come_does_not_outdo_what_is_said_later(account: Account) -> None:
    account.applied("identify", userId="u-1", traits={"a": 1}, timestamp="2099-01-01T00:00:00Z")
    account.app.at(START_MS + 1)
    account.applied("identify", userId="u-1", traits={"a": 2})
    assert account.traits("u-1") == {"a": 2}


def test_the_longest_message_that_a_door_takes_becomes_an_event(account: Account) -> None:
    account.applied("track", userId="u-1", event="Long", properties={"a": "x" * 32_600})
    assert account.actions("userId", "u-1") == ["long"]


def test_a_message_id_counts_once(account: Account) -> None:
    """V28. The repeat may come within one batch, in a later one, or say something else."""
    first = account.say("identify", userId="u-1", messageId="m-1", traits={"a": 1})
    account.say("identify", userId="u-1", messageId="m-1", traits={"a": 1})
    account.app.drain()
    again = account.applied("identify", userId="u-1", messageId="m-1", traits={"a": 1})
    assert account.counted("duplicate_differs") == 0
    other = account.applied("identify", userId="u-1", messageId="m-1", traits={"a": 2})
    assert first == again == other
    assert account.actions("userId", "u-1") == ["identify"]
    assert account.traits("u-1") == {"a": 1}
    ends = account.app.ended()
    assert (ends[Outcome.APPLIED], ends[Outcome.DUPLICATE], ends[Outcome.FAILED]) == (2, 6, 0)
    assert account.counted("duplicate_differs") == 1
    assert account.state(first) == "applied"


def test_another_call_of_a_known_message_id_brings_nothing(account: Account) -> None:
    """A track call has one record, the identify call that follows in the same batch two, and the
    group call three: none of them passes for a later record of the first."""
    account.say("track", userId="u-1", messageId="m-1", event="Seen")
    account.say("identify", userId="u-1", messageId="m-1", traits={"a": 1})
    account.say("group", userId="u-1", messageId="m-1", groupId="g-1", traits={"a": 1})
    account.app.drain()
    assert account.actions("userId", "u-1") == ["seen"]
    assert account.profile("userId", "u-1") == {}
    assert account.profile("groupId", "g-1") == {}
    assert account.counted("duplicate_differs") == 2


@pytest.mark.parametrize("drains", [True, False])
def test_a_call_that_failed_does_not_stand_in_the_way_of_another_of_its_message_id(
    account: Account, drains: bool
) -> None:
    """Whether both come in one batch or one after the other."""
    account.applied("identify", userId="u-2")
    account.say("alias", userId="u-1", previousId="u-2", messageId="m-1")
    if drains:
        account.app.drain()
    other = account.applied("identify", userId="u-1", messageId="m-1", traits={"a": 1})
    assert account.traits("u-1") == {"a": 1}
    assert account.actions("userId", "u-1") == ["identify"]
    assert account.state(other) == "applied"
    assert account.app.ended()[Outcome.DUPLICATE] == 0


def test_a_call_is_one_where_a_batch_is_parted_for_a_device_that_changes_hands(
    account: Account,
) -> None:
    account.applied("identify", userId="u-1", anonymousId="a-1", traits={"a": 1})
    account.say("identify", userId="u-2", anonymousId="a-1", traits={"b": 2}, messageId="m-2")
    account.say("group", userId="u-2", groupId="g-1", traits={"size": 3})
    account.app.drain()
    assert account.traits("u-2") == {"b": 2}
    assert account.profile("userId", "u-2")["_onefold"]["groups"].keys() == {"g-1"}
    assert account.profile("groupId", "g-1")["_onefold"] == {"traits": {"size": 3}}
    assert account.app.ended()[Outcome.DUPLICATE] == 0


def test_a_call_is_one_where_records_are_tried_one_by_one(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a defect: each record is a batch of its own, and knows of its call's others."""

    def stumble(_: Transaction, work: Work) -> None:
        assert len(work.records) + len(work.failed) <= 1

    monkeypatch.setattr(processor, "STEPS", (stumble, *processor.STEPS))
    keys = Keys(account.sandbox.id)
    account.suppress(
        suppression.of_identity(keys, account.xid("userId", "u-2"), until_ms=suppression.EVER)
    )
    first = account.say(
        "group",
        userId="u-1",
        groupId="g-1",
        messageId="m-1",
        traits={"size": 3},
        context={"campaign": SPRING},
    )
    account.say("identify", userId="u-1", messageId="m-1", traits={"size": 4})
    account.say("group", userId="u-2", groupId="g-2", traits={"size": 3})
    account.app.drain()
    assert account.traits("u-1") == {"campaign": SPRING}
    assert account.profile("groupId", "g-1")["_onefold"] == {"traits": {"size": 3}}
    assert account.profile("groupId", "g-2") == {}
    ends = account.app.ended()
    orders = 1
    assert (ends[Outcome.APPLIED] - orders, ends[Outcome.DUPLICATE], ends[Outcome.FAILED]) == (
        3,
        2,
        3,
    )
    assert account.state(first) == "applied"


def test_page_views_of_a_visitor_are_in_the_timeline_of_the_customer(account: Account) -> None:
    """V29."""
    account.applied("page", anonymousId="a-1", name="Home")
    account.applied("identify", userId="u-1", anonymousId="a-1", traits={"a": 1})
    assert account.actions("userId", "u-1") == ["identify", "page"]


def test_customers_with_one_address_stay_two(account: Account) -> None:
    """V3: an address finds customers and links none."""
    for user in ("u-1", "u-2"):
        account.applied("identify", userId=user, traits={"email": "Kim@Example.org"})
    assert account.cluster("userId", "u-1") == [account.xid("userId", "u-1")]
    assert account.cluster("Email", "kim@example.org") == []


def test_an_alias_links_a_visitor_and_refuses_a_user(account: Account) -> None:
    account.applied("page", anonymousId="a-1")
    account.applied("alias", userId="u-1", previousId="a-1")
    assert account.actions("userId", "u-1") == ["alias", "page"]
    account.say("identify", userId="u-2", traits={"a": 1})
    refused = account.applied("alias", userId="u-1", previousId="u-2")
    (failed,) = account.app.failed()
    assert (failed.fault.code, failed.trace, failed.state) == ("CAL-1013", refused, State.OPEN)
    assert account.state(refused) == "failed"
    assert account.actions("userId", "u-1") == ["alias", "page"]
    assert account.cluster("userId", "u-2") == [account.xid("userId", "u-2")]


def test_an_alias_of_a_user_who_comes_later_links_what_it_names(account: Account) -> None:
    account.say("alias", userId="u-1", previousId="u-2")
    account.say("identify", userId="u-2", traits={"a": 1})
    account.app.drain()
    assert account.app.failed() == []
    assert account.xid("anonymousId", "u-2") in account.cluster("userId", "u-1")
    assert account.cluster("userId", "u-2") == [account.xid("userId", "u-2")]


@pytest.mark.parametrize("drains", [True, False])
def test_a_campaign_counts_when_the_visitor_is_new(account: Account, drains: bool) -> None:
    """In one batch as in several; and the customer keeps what the visitor came with."""
    for kind, said in (
        ("page", {"anonymousId": "a-1", "context": {"campaign": SPRING}}),
        ("page", {"anonymousId": "a-1", "context": {"campaign": AUTUMN}}),
        ("identify", {"userId": "u-1", "anonymousId": "a-1", "traits": {"b": 1}}),
        (
            "identify",
            {
                "userId": "u-1",
                "anonymousId": "a-1",
                "traits": {"a": 1},
                "context": {"campaign": AUTUMN},
            },
        ),
        ("page", {"userId": "u-2", "context": {"campaign": AUTUMN}}),
    ):
        account.say(kind, **said)
        if drains:
            account.app.drain()
    account.app.drain()
    assert account.traits("u-1") == {"a": 1, "b": 1, "campaign": SPRING}
    assert account.traits("u-2") == {"campaign": AUTUMN}


def test_calls_of_somebody_suppressed_fail_and_keep_nothing(account: Account) -> None:
    """V39, but for the answer of the reads."""
    keys = Keys(account.sandbox.id)
    order = suppression.of_identity(keys, account.xid("userId", "u-1"), until_ms=suppression.EVER)
    account.suppress(order)
    track = account.applied("track", userId="u-1", event="Bought", properties={"secret": 1})
    group = account.applied("group", userId="u-1", groupId="g-1", traits={"secret": 1})
    assert account.cluster("userId", "u-1") == []
    assert account.profile("groupId", "g-1") == {}
    failed = account.app.failed()
    assert [one.trace for one in failed] == [track, group, group, group]
    assert all(
        (one.fault.code, one.message, one.state) == ("CAL-1014", b"", State.RESOLVED)
        for one in failed
    )
    assert account.state(track) == "suppressed"
    account.suppress(lift=(order.key,))
    assert account.applied("track", userId="u-1", event="Bought") != track
    assert account.actions("userId", "u-1") == ["bought"]


def test_who_is_not_tracked_is_known_still(account: Account) -> None:
    keys = Keys(account.sandbox.id)
    account.suppress(suppression.of_tracking(keys, account.xid("userId", "u-1")))
    for kind in ("page", "screen"):
        account.say(kind, userId="u-1", anonymousId="a-1")
    account.say("track", userId="u-1", event="Bought")
    account.say("track", userId="u-1", event="send_email", assetId="A")
    account.applied("identify", userId="u-1", traits={"a": 1})
    assert account.traits("u-1") == {"a": 1}
    assert account.actions("userId", "u-1") == ["identify", "send_email"]
    assert [one.fault.code for one in account.app.failed()] == ["CAL-1014"] * 3


@pytest.mark.parametrize("path", ["/v1/{}", "/cdp/events/segment/{}"])
def test_the_browser_tag_says_nothing_of_who_is_not_tracked(account: Account, path: str) -> None:
    """Identify, group and alias calls and commands neither, which go on at the other doors."""
    keys = Keys(account.sandbox.id)
    account.suppress(suppression.of_tracking(keys, account.xid("userId", "u-1")))
    said: dict[str, dict[str, JSON]] = {
        "i": {"type": "identify", "traits": {"a": 1}},
        "g": {"type": "group", "groupId": "g-1", "traits": {"b": 1}},
        "a": {"type": "alias", "previousId": "a-1"},
        "t": {"type": "track", "event": "send_email", "assetId": "A"},
    }
    for letter, call in said.items():
        for user in ("u-1", "u-2"):
            body = {"writeKey": account.key.write_key, "userId": user, **call}
            assert account.app.segment(path.format(letter), body).status_code == 200
    account.app.drain()
    assert account.actions("userId", "u-1") == []
    assert account.actions("userId", "u-2") == ["alias", "group", "identify", "send_email"]
    failed = account.app.failed()
    assert {(one.fault.code, one.message) for one in failed} == {("CAL-1014", b"")}
    assert len({one.trace for one in failed}) == len(said)
    batch = [{"userId": "u-1", **call} for call in said.values()]
    for door in ("/v1/batch", "/cdp/events/segment/mobile/batch"):
        body = {"writeKey": account.key.write_key, "batch": batch}
        assert account.app.segment(door, body).status_code == 200
    account.app.drain()
    actions = account.actions("userId", "u-1")
    assert actions == sorted(["alias", "group", "identify", "send_email"] * 2)
    assert len(account.app.failed()) == len(failed)


def test_what_the_plan_does_not_have_is_counted_or_refused(account: Account) -> None:
    account.plan(plan_events=["Order Placed"], plan_traits=["plan"])
    account.applied("track", userId="u-1", event="order placed")
    assert account.counted("unplanned") == 0
    account.applied("track", userId="u-1", event="Other")
    account.applied("identify", userId="u-1", traits={"plan": 1, "other": 2})
    assert account.counted("unplanned") == 2
    assert account.traits("u-1") == {"plan": 1, "other": 2}
    account.plan(strict=True)
    account.applied("track", userId="u-2", event="Order placed")
    account.applied("page", userId="u-2")
    refused = account.applied("identify", userId="u-2", traits={"plan": 1, "other": 2})
    failed = account.app.failed()
    assert {(one.fault.code, one.trace) for one in failed} == {("CAL-1016", refused)}
    assert account.actions("userId", "u-2") == ["order_placed", "page"]
    assert account.state(refused) == "failed"

    account.plan(plan_traits=["plan", "other"])
    account.replay(*failed)
    assert account.traits("u-2") == {"plan": 1, "other": 2}
    assert account.actions("userId", "u-2") == ["identify", "order_placed", "page"]
    assert account.state(refused) == "applied"
    assert {one.state for one in account.app.failed()} == {State.REPLAYED}


def test_a_failed_call_that_its_sender_repeats_is_applied(account: Account) -> None:
    account.plan(strict=True)
    first = account.applied("identify", userId="u-1", messageId="m-1", traits={"a": 1})
    assert account.state(first) == "failed"
    account.plan(strict=False)
    assert account.applied("identify", userId="u-1", messageId="m-1", traits={"a": 1}) == first
    assert account.state(first) == "applied"
    account.replay(*account.app.failed())
    assert account.traits("u-1") == {"a": 1}
    assert account.actions("userId", "u-1") == ["identify"]
    assert account.state(first) == "applied"


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/identify", "/v1/i", "/v1/batch", "/v1/import", "/v1/b"),
        *("/cdp/events/segment/i", "/cdp/events/segment/mobile/batch"),
    ],
)
def test_a_protected_trait_is_dropped_and_counted_at_doors_of_write_keys(
    account: Account, path: str
) -> None:
    account.plan(protected=["credit", "campaign"])
    call: dict[str, JSON] = {
        "writeKey": account.key.write_key,
        "type": "identify",
        "userId": "u-1",
        "traits": {"credit": 9, "a": 1},
        "context": {"campaign": SPRING},
    }
    many = path.endswith(("batch", "import", "b"))
    answer = account.app.segment(path, {"batch": [call]} if many else call)
    assert answer.status_code == 200
    account.app.drain()
    assert account.traits("u-1") == {"a": 1}
    assert account.counted("refused_traits") == 2
    del call["writeKey"], call["type"]
    account.applied("identify", **call | {"userId": "u-2"})
    assert account.traits("u-2") == {"credit": 9, "a": 1, "campaign": SPRING}
    assert account.counted("refused_traits") == 2


def test_calls_land_in_the_lake(account: Account) -> None:
    """Each in its dataset, as it was said; known, refused and suppressed ones are left out."""
    account.applied("identify", userId="u-1", messageId="m-1", traits={"a": 1, "b": None})
    account.applied("identify", userId="u-1", messageId="m-1", traits={"a": 1, "b": None})
    account.applied("group", userId="u-1", groupId="g-1", traits={"size": 3})
    account.applied("alias", userId="u-2", previousId="u-1")
    account.app.land()
    figures = account.app.rooms.lakes.of(account.sandbox.id).figures()
    said = account.defined
    assert dict(figures.rows) == {said.calls: 2, said.traits: 2, said.groups: 1}


def test_an_undone_identify_leaves_what_the_others_say(account: Account) -> None:
    """And comes again only when the undo is taken back."""
    said: list[dict[str, JSON]] = [
        {"messageId": f"m-{place}", "traits": traits, "timestamp": iso(START_MS - 10 + place)}
        for place, traits in enumerate(({"a": 1, "b": 1}, {"a": 2, "c": 2}, {"d": 3}))
    ]
    for one in said:
        account.applied("identify", userId="u-1", **one)
    owner, dataset = account.xid("userId", "u-1"), account.defined.traits
    history = superseded.histories(account.store, account.packing, [(owner, dataset)])
    undoing = Undoing(account.app.places)
    which = Which(owner, dataset=dataset, number=history[owner, dataset][1].seq)
    order = undoing.record(account.sandbox.id, which)
    account.order(order.removal)
    assert account.traits("u-1") == {"a": 1, "b": 1, "d": 3}

    account.applied("identify", userId="u-1", **said[1])
    assert account.traits("u-1") == {"a": 1, "b": 1, "d": 3}
    assert order.id is not None
    account.order(undoing.lift(account.sandbox.id, order.id))
    account.applied("identify", userId="u-1", **said[1])
    assert account.traits("u-1") == {"a": 2, "b": 1, "c": 2, "d": 3}
    assert account.actions("userId", "u-1") == ["identify"] * 3


def test_a_device_that_goes_to_somebody_else_leaves_its_past_behind(account: Account) -> None:
    """V30."""
    account.applied("page", anonymousId="a-1")
    account.applied("identify", userId="u-1", anonymousId="a-1", traits={"a": 1})
    account.applied("identify", userId="u-2", anonymousId="a-1", traits={"b": 1})
    account.applied("screen", anonymousId="a-1")
    assert account.actions("userId", "u-1") == ["identify", "page"]
    assert account.actions("userId", "u-2") == ["identify", "screen"]
    assert (account.traits("u-1"), account.traits("u-2")) == ({"a": 1}, {"b": 1})


def test_what_comes_late_goes_to_who_had_the_device_when_it_happened(account: Account) -> None:
    """Contract 11.2: from that message's time on the device is the next one's."""
    on = {"anonymousId": "a-1"}
    for number, user in enumerate(("u-1", "u-2", "u-3"), 1):
        at = iso(START_MS - 10_000 + number * 1000)
        account.applied("identify", userId=user, **on, traits={}, timestamp=at)
    for number, event in ((1500, "First"), (2500, "Second"), (3000, "Third"), (3500, "Third")):
        at = iso(START_MS - 10_000 + number)
        account.applied("track", **on, event=event, timestamp=at, messageId=f"m-{number}")
        account.applied("track", **on, event=event, timestamp=at, messageId=f"m-{number}")
    account.applied("identify", **on, traits={"a": 1}, timestamp=iso(START_MS - 9_500))
    assert account.actions("userId", "u-1") == ["first", "identify", "identify"]
    assert account.actions("userId", "u-2") == ["identify", "second"]
    assert account.actions("userId", "u-3") == ["identify", "third", "third"]
    assert [account.traits(f"u-{number}") for number in (1, 2, 3)] == [{"a": 1}, {}, {}]
    assert account.app.faults() == []


def test_an_explanation_names_the_call_that_said_a_trait(account: Account) -> None:
    account.applied("identify", userId="u-1", traits={"a": 1, "firstName": "Kim"})
    second = account.applied(
        "identify", userId="u-1", traits={"b": 2}, timestamp=iso(START_MS - 1000)
    )
    account.applied("group", userId="u-1", groupId="g-1", traits={})
    answer = account.app.get("/onefold/v1/explain/profile?entityId=u-1&entityIdNS=userId")
    winners = {leaf["path"]: leaf["winner"] for leaf in answer.json()["leaves"]}
    assert winners["_onefold.traits.b"]["eventId"] == second
    assert winners["_onefold.traits.a"]["eventId"] != second
    assert "eventId" in winners["_onefold.groups.g-1"]
    assert winners["person.name.firstName"] == winners["_onefold.traits.a"]


def test_events_of_another_door_keep_their_owner_and_are_in_the_feed(app: App) -> None:
    """In a sandbox that had its own life before it was an account, and no identity settings."""
    app.account(account=app.sandbox.name)
    entity = {
        "_id": "e-1",
        "timestamp": iso(START_MS),
        "eventType": "commerce.checkouts",
        "identityMap": {
            "ECID": [{"id": ecid(1), "primary": True}],
            "Email": [{"id": "kim@example.org"}],
        },
    }
    app.ingest(EVENTS, entity)
    (entry,) = feed.page(app.places.profile(app.sandbox.id), None, feed.Ask())
    assert xids.decode(entry.xid).value == ecid(1)
    said = (entry.event_id, entry.action, entry.brand, entry.active)
    assert said == ("e-1", "commerce_checkouts", "PROD", True)


def test_a_record_of_another_door_has_no_stamps(app: App) -> None:
    """Where nobody looks whether records fit their schema, either."""
    tags = {"unifiedProfile": ["enabled:true"], "acp_validationContext": ["disabled"]}
    further_dataset(app, "Loose", REGISTRATIONS, **tags)
    entity = {"identityMap": {"Email": [{"id": "kim@example.org", "primary": True}]}}
    app.ingest("Loose", {**entity, "_stamps": {"t:a": "b"}}, {**entity, "_stamp": 1})
    (failed,) = app.failed()
    assert (failed.fault.code, failed.fault.at) == ("REC-1001", "/_stamps")
