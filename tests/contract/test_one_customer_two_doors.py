"""One customer, whatever door it is written and read through: what Adobe's door takes is read
through those of Intilery and Segment, and the other way round; and who is who depends on what was
said, and not on where.

Source: Intilery contract, 11 and 14; profile and identity contracts.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.control import connections, datasets, schemas
from onefold.control.keys import NewKey
from onefold.control.starter import EVENT_GROUPS, PROFILE_GROUPS
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.schema import EVENT_CLASS, PROFILE_CLASS
from onefold.effects import SystemIds
from onefold.testing.app import CONTENT_TYPE, App, json_of
from tests.contract.people import RECORD, TIMELINE, ecid, event, iso, record

JSON = dict[str, Any]
Name = tuple[str, str]
MEMBERS = "/data/core/identity/cluster/members"
_TAGS = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
_TYPES = {"user_id": "userId", "anonymous_id": "anonymousId", "ecid": "ECID"}
LATE_MS = 3_500
_numbers = itertools.count()


class Doors:
    """An account of which the sandbox has datasets and an inlet of Adobe's door, too."""

    def __init__(self, app: App, account: str) -> None:
        self.app = app
        self.key: NewKey = app.account(account=account, rate=1_000_000, burst=1_000_000)
        self.account = account
        self.sandbox: Sandbox = app.sandbox
        self.headers = {"x_sandbox_name": self.sandbox.name}
        self._people = self._dataset("People", PROFILE_CLASS, PROFILE_GROUPS)
        self._events = self._dataset("Events", EVENT_CLASS, EVENT_GROUPS)
        made = connections.create(
            app.places.control(), app.clock, SystemIds(), self.sandbox, name="Inlet"
        )
        self._inlet = made.inlet_id

    def _dataset(self, name: str, class_id: str, groups: tuple[str, ...]) -> JSON:
        control, clock, ids = self.app.places.control(), self.app.clock, SystemIds()
        schema = schemas.create_schema(
            *(control, clock, ids, self.sandbox),
            title=name,
            class_id=class_id,
            groups=groups,
            for_profile=True,
        )
        made = datasets.create(
            *(control, clock, ids, self.sandbox), name=name, schema_id=schema.id, tags=_TAGS
        )
        reference = {"id": schema.id, "contentType": CONTENT_TYPE}
        header = {"schemaRef": reference, "imsOrgId": self.app.org_id, "datasetId": made.id}
        return {"header": header, "body": {"xdmMeta": {"schemaRef": reference}}}

    # Written

    def adobe(self, *entities: JSON, applied: bool = True) -> None:
        """Records and events, in their order, a second after what came before."""
        self.app.clock.advance(ms=1_000)
        messages = []
        for entity in entities:
            frame = self._events if "_id" in entity else self._people
            messages.append({**frame, "body": {**frame["body"], "xdmEntity": entity}})
        url = f"/collection/batch/{self._inlet}"
        answer = self.app.request("POST", url, json={"messages": messages})
        assert all("xactionId" in one for one in answer.json()["responses"]), answer.text
        if applied:
            self.app.drain()

    def intilery(self, kind: str, *, applied: bool = True, **message: Any) -> str:
        """A call at the write door; answers its event id."""
        self.app.clock.advance(ms=1_000)
        self._here()
        answer = self.app.call(self.key, kind, message)
        assert answer.status_code == 200, answer.text
        if applied:
            self.app.drain()
        return str(json_of(answer)["eventId"])

    def segment(self, kind: str, *, applied: bool = True, **message: Any) -> None:
        """A call of a library."""
        self.app.clock.advance(ms=1_000)
        answer = self.app.segment(f"/v1/{kind}", message, user=self.key.write_key or "")
        assert (answer.status_code, answer.text) == (200, '{"success":true}')
        if applied:
            self.app.drain()

    # Read

    def entity(self, name: Name) -> JSON:
        """The profile, at Adobe's door."""
        answer = self.app.get(_asked(RECORD, "entity", name), **self.headers)
        assert answer.status_code == 200, answer.text
        (found,) = answer.json().values()
        entity: JSON = found["entity"]
        return entity

    def timeline(self, name: Name) -> list[JSON]:
        """The events, at Adobe's door; none when there are none."""
        answer = self.app.get(_asked(TIMELINE, "relatedEntity", name), **self.headers)
        if answer.status_code == 404:
            return []
        found: list[JSON] = answer.json()["children"]
        return found

    def members(self, name: Name) -> set[Name]:
        """The identities of the graph, of which somebody with one name only is no part."""
        url = f"{MEMBERS}?ns={name[0]}&id={quote(name[1])}"
        answer = self.app.get(url, **self.headers)
        assert answer.status_code == 200, answer.text
        found = answer.json()["clusters"]
        members = {(one["ns"], one["id"]) for cluster in found for one in cluster["members"]}
        return members or {name}

    def view(self, key: str, view: str = "traits") -> JSON:
        """Of a customer, at Intilery's door; empty for nobody."""
        self._here()
        answer = self.app.ask(self.key, f"/profiles/{key}/{view}")
        assert answer.status_code in (200, 404), answer.text
        return json_of(answer) if answer.status_code == 200 else {}

    def events(self, key: str) -> list[JSON]:
        found: list[JSON] = self.view(key, "events").get("data", [])
        return found

    def space(self, key: str, view: str) -> JSON:
        """Of a user, at the Segment Profile API."""
        url = f"/collections/users/profiles/{key}/{view}{'&' if '?' in view else '?'}limit=100"
        answer = self.app.space(self.key, url, space=self.account)
        assert answer.status_code == 200, answer.text
        return json_of(answer)

    def externals(self, key: str) -> set[Name]:
        found = self.space(key, "external_ids")["data"]
        return {(_TYPES.get(one["type"], one["type"]), one["id"]) for one in found}

    def faults(self) -> list[Any]:
        self.app.sandbox = self.sandbox
        return self.app.faults()

    def _here(self) -> None:
        self.app.tenant_path = f"/track/acme/{self.account}/{self.account.upper()}/v1"


def _asked(url: str, kind: str, name: Name) -> str:
    return f"{url}&{kind}Id={quote(name[1])}&{kind}IdNS={name[0]}"


@pytest.fixture(scope="module", params=["prod", "shop"])
def doors(shared: App, request: pytest.FixtureRequest) -> Doors:
    """In a sandbox that was there before, where e-mail links, and in one that calls have made."""
    return Doors(shared, request.param)


def fresh() -> str:
    """A word that no other test uses."""
    return f"n{next(_numbers)}"


USER = "userId"
ANONYMOUS = "anonymousId"


# Written at Adobe's door


def test_a_profile_record_is_read_as_traits(doors: Doors) -> None:
    user = fresh()
    doors.adobe(
        record(
            (USER, user),
            person={"name": {"firstName": "Kim", "lastName": "Bloggs"}, "birthDate": "1990-01-31"},
            personalEmail={"address": f"Kim@{user}.example"},
            mobilePhone={"number": "+44111222333"},
        )
    )
    found = doors.view(f"userId:{user}")
    assert found == {
        "id": found["id"],
        "externalId": user,
        "firstName": "Kim",
        "lastName": "Bloggs",
        "birthday": "1990-01-31",
        "email": f"Kim@{user}.example",
        "phone": "+44111222333",
    }
    assert doors.view(f"email:KIM@{user}.example") == {"data": [found]}
    assert doors.view(f"id:{found['id']}") == found
    theirs = doors.space(f"user_id:{user}", "traits")["traits"]
    assert theirs == {name: found[name] for name in found if name not in ("id", "externalId")}


def test_an_identity_map_is_read_as_ids(doors: Doors) -> None:
    user, visitor, address = fresh(), fresh(), f"{fresh()}@example.org"
    cookie = ecid(next(_numbers) + 1_000)
    doors.adobe(
        record((USER, user), (ANONYMOUS, visitor), ("ECID", cookie), ("Email", address)),
        event(fresh(), ("ECID", cookie), at_ms=doors.app.clock.now_ms()),
    )
    by_user = doors.view(f"userId:{user}")
    assert by_user["externalId"] == user
    assert by_user["email"] == address
    assert doors.view(f"anonymousId:{visitor}") == by_user
    assert doors.view(f"email:{address}") == {"data": [by_user]}
    named = {(USER, user), (ANONYMOUS, visitor), ("ECID", cookie)}
    assert doors.externals(f"user_id:{user}") >= named
    assert doors.externals(f"ECID:{cookie}") == doors.externals(f"user_id:{user}")
    assert doors.members((USER, user)) - {("Email", address)} == named
    assert len(doors.events(f"userId:{user}")) == 1


def test_events_are_read_in_every_timeline(doors: Doors) -> None:
    user, cookie = fresh(), ecid(next(_numbers) + 1_000)
    now_ms = doors.app.clock.now_ms()
    ids = [f"{user}-{number}" for number in range(3)]
    doors.adobe(
        record((USER, user), ("ECID", cookie)),
        event(ids[0], ("ECID", cookie), at_ms=now_ms - 2_000, eventType="web.webpagedetails.x"),
        event(
            ids[1],
            (USER, user),
            at_ms=now_ms - 1_000,
            eventType="commerce.purchases",
            commerce={"order": {"priceTotal": 5}},
        ),
        event(ids[2], ("ECID", cookie), at_ms=now_ms),
    )
    found = doors.events(f"userId:{user}")
    assert [one["rawData"]["messageId"] for one in found] == ids[::-1]
    actions = [one["eventAction"] for one in found]
    assert actions == ["event", "commerce_purchases", "web_webpagedetails_x"]
    assert {one["source"] for one in found} == {"ADOBE_API"}
    assert found[1]["rawData"]["properties"] == {"commerce": {"order": {"priceTotal": 5}}}
    assert found[1]["eventTime"] == iso(now_ms - 1_000)
    theirs = doors.space(f"user_id:{user}", "events")["data"]
    assert [one["message_id"] for one in theirs] == ids[::-1]
    meta = doors.view(f"userId:{user}", "meta")
    assert set(meta["firstEvent"]) == set(actions)
    assert meta["lastActivityTime"] == iso(now_ms)


# Written at the others'


def test_traits_are_read_as_an_entity(doors: Doors) -> None:
    user, visitor = fresh(), fresh()
    traits = {"firstName": "Kim", "email": f"Kim@{user}.example", "plan": "pro", "n": 2**53 + 1}
    doors.intilery("identify", userId=user, anonymousId=visitor, traits=traits)
    entity = doors.entity((USER, user))
    assert entity["person"] == {"name": {"firstName": "Kim"}}
    assert entity["personalEmail"] == {"address": f"Kim@{user}.example"}
    assert entity["_onefold"]["traits"] == traits
    assert doors.entity((ANONYMOUS, visitor)) == entity
    doors.segment("identify", userId=user, traits={"plan": None, "lastName": "Bloggs"})
    entity = doors.entity((USER, user))
    assert entity["person"] == {"name": {"firstName": "Kim", "lastName": "Bloggs"}}
    assert "plan" not in entity["_onefold"]["traits"]
    assert "plan" not in doors.space(f"user_id:{user}", "traits")["traits"]


def test_calls_are_read_as_events(doors: Doors) -> None:
    user, visitor = fresh(), fresh()
    page = doors.intilery("page", anonymousId=visitor, name="Home", properties={"url": "/h"})
    known = doors.intilery("identify", userId=user, anonymousId=visitor)
    bought = doors.intilery("track", userId=user, event="Order Completed", properties={"n": 1})
    doors.segment("track", userId=user, event="Song Played", messageId=f"{user}-m")
    for name in ((USER, user), (ANONYMOUS, visitor)):
        found = {one["entityId"]: one["entity"] for one in doors.timeline(name)}
        assert len(found) == 4
        assert found[page]["eventType"] == "page"
        assert found[page]["web"]["webPageDetails"] == {"name": "Home", "URL": "/h"}
        assert found[known]["eventType"] == "identify"
        assert found[bought]["eventType"] == "order_completed"
        assert found[bought]["_onefold"]["call"]["properties"] == {"n": 1}
        assert found[bought]["identityMap"] == {USER: [{"id": user, "primary": True}]}
    assert doors.members((USER, user)) == {(USER, user), (ANONYMOUS, visitor)}
    assert doors.members((ANONYMOUS, visitor)) == {(USER, user), (ANONYMOUS, visitor)}
    assert doors.externals(f"user_id:{user}") == {(USER, user), (ANONYMOUS, visitor)}


def test_whoever_wrote_last_is_read_at_every_door(doors: Doors) -> None:
    user = fresh()
    doors.intilery("identify", userId=user, traits={"firstName": "One", "lastName": "B"})
    doors.adobe(record((USER, user), person={"name": {"firstName": "Two"}}))
    assert doors.entity((USER, user))["person"]["name"] == {"firstName": "Two", "lastName": "B"}
    assert doors.view(f"userId:{user}")["firstName"] == "Two"
    assert doors.space(f"user_id:{user}", "traits")["traits"]["firstName"] == "Two"
    doors.segment("identify", userId=user, traits={"firstName": "Three"})
    assert doors.entity((USER, user))["person"]["name"]["firstName"] == "Three"
    assert doors.view(f"userId:{user}")["firstName"] == "Three"


def test_a_call_that_says_something_else_does_not_bring_an_old_name_back(doors: Doors) -> None:
    user = fresh()
    doors.intilery("identify", userId=user, traits={"firstName": "One"})
    doors.adobe(record((USER, user), person={"name": {"firstName": "Two"}}))
    doors.segment("identify", userId=user, traits={"plan": "pro"})
    assert doors.entity((USER, user))["person"]["name"]["firstName"] == "Two"
    assert doors.view(f"userId:{user}")["firstName"] == "Two"
    assert doors.view(f"userId:{user}")["plan"] == "pro"
    doors.segment("identify", userId=user, traits={"firstName": None})
    assert doors.view(f"userId:{user}")["firstName"] == "Two"


def test_a_trait_tells_since_when_and_whence_its_word_is(doors: Doors) -> None:
    user = fresh()
    doors.intilery("identify", userId=user, traits={"firstName": "One", "lastName": "B"})
    called_ms = doors.app.clock.now_ms()
    doors.adobe(record((USER, user), person={"name": {"firstName": "Two"}}))
    registered_ms = doors.app.clock.now_ms()
    doors.segment("identify", userId=user, traits={"plan": "pro"})
    told = doors.space(f"user_id:{user}", "traits?verbose=true&include=firstName,lastName")
    first, last = told["traits"]["firstName"], told["traits"]["lastName"]
    assert (first["value"], first["updated_at"]) == ("Two", iso(registered_ms))
    assert (last["value"], last["updated_at"]) == ("B", iso(called_ms))
    assert first["source_id"] != last["source_id"]


def test_explanations_name_the_call_that_lost(doors: Doors) -> None:
    user = fresh()
    call = doors.intilery("identify", userId=user, traits={"firstName": "One"})
    doors.adobe(record((USER, user), person={"name": {"firstName": "Two"}}))
    doors.segment("identify", userId=user, traits={"plan": "pro"})
    url = f"/onefold/v1/explain/profile?entityIdNS={USER}&entityId={user}&fields=person"
    (leaf,) = json_of(doors.app.get(url, **doors.headers))["leaves"]
    (lost,) = leaf["losers"]
    assert (leaf["value"], leaf["rule"], lost["value"]) == ("Two", "laterEffectiveTime", "One")
    assert "eventId" not in leaf["winner"]
    assert lost["eventId"] == call
    assert lost["recordNumber"] == leaf["winner"]["recordNumber"] - 1


_FIELDS = {
    "firstName": ("person", "name", "firstName"),
    "lastName": ("person", "name", "lastName"),
    "phone": ("mobilePhone", "number"),
}
_word = st.tuples(
    st.booleans(),
    st.dictionaries(
        st.sampled_from((*_FIELDS, "plan")), st.sampled_from((None, "a", "b", "c")), max_size=3
    ),
    st.sampled_from((0, 0, 1_000, 2_000, 5_000)),
)
"""What is said at one moment: whether at Adobe's door, the fields, and by how much it is late."""


@settings(max_examples=25, deadline=None)
@given(st.lists(_word, min_size=1, max_size=8))
def test_of_each_field_the_newest_word_of_either_door_counts(
    doors: Doors, words: list[tuple[bool, dict[str, str | None], int]]
) -> None:
    """Against a model that knows of each field what each door says, and since when. At Adobe's door
    a record replaces the one before; of equal times it counts, and not the call."""
    user = fresh()
    called: dict[str, tuple[tuple[int, int], str | None]] = {}
    registered: dict[str, str] = {}
    registered_ms = 0
    for is_adobe, fields, late_ms in words:
        now_ms = doors.app.clock.now_ms() + 1_000
        if is_adobe:
            registered = {name: value for name, value in fields.items() if value in list("abc")}
            registered.pop("plan", None)
            registered_ms = now_ms
            doors.adobe(record((USER, user), **_xdm(registered)))
        else:
            doors.intilery("identify", userId=user, traits=fields, timestamp=iso(now_ms - late_ms))
            for name, value in fields.items():
                word = ((now_ms - late_ms, now_ms), value)
                called[name] = max(called.get(name, word), word, key=lambda word: word[0])
    entity, traits = doors.entity((USER, user)), doors.view(f"userId:{user}")
    for name, path in _FIELDS.items():
        stamp, value = called.get(name, ((0, 0), None))
        wanted = registered.get(name)
        if value is not None and (wanted is None or stamp[0] > registered_ms):
            wanted = value
        found: Any = entity
        for step in path:
            found = found.get(step, {})
        assert (found or None) == wanted == traits.get(name)


def _xdm(fields: dict[str, str]) -> JSON:
    entity: JSON = {}
    for name, value in fields.items():
        *above, last = _FIELDS[name]
        place = entity
        for step in above:
            place = place.setdefault(step, {})
        place[last] = value
    return entity


# Who is who


class Said(NamedTuple):
    """That somebody was seen: as a user, a visitor or both. change: of the person, and not
    something that happened. address: that the change says, too. late: it is told of some seconds
    after it happened. applied: before the next one."""

    user: int | None
    visitor: int | None
    change: bool
    address: int | None
    late: bool
    applied: bool


@st.composite
def _said(draw: st.DrawFn) -> Said:
    which = draw(st.sampled_from("uvbbb"))
    return Said(
        None if which == "v" else draw(st.integers(0, 2)),
        None if which == "u" else draw(st.integers(0, 2)),
        draw(st.booleans()),
        draw(st.sampled_from((None, None, 0, 1))),
        draw(st.booleans()),
        draw(st.booleans()),
    )


_stories = st.lists(_said(), min_size=1, max_size=10)
_doors = st.lists(st.sampled_from(("adobe", "intilery", "segment")), min_size=10, max_size=10)


class World:
    """A story of people that is told at some doors; all names are of it only."""

    def __init__(self, doors: Doors, story: list[Said], where: list[str]) -> None:
        self.doors = doors
        self.prefix = fresh()
        self.told: dict[str, Said] = {}
        for said, door in zip(story, where, strict=False):
            self.tell(said, door)
        doors.app.drain()

    def user(self, number: int) -> str:
        return f"{self.prefix}-u{number}"

    def visitor(self, number: int) -> str:
        return f"{self.prefix}-v{number}"

    def names(self, said: Said) -> list[Name]:
        names = [(USER, self.user(said.user))] if said.user is not None else []
        if said.visitor is not None:
            names.append((ANONYMOUS, self.visitor(said.visitor)))
        return names

    def tell(self, said: Said, door: str) -> None:
        """Say it at a door."""
        id_ = f"{self.prefix}-m{len(self.told)}"
        self.told[id_] = said
        names, address = self.names(said), self.address(said)
        at_ms = self.doors.app.clock.now_ms() + 1_000
        if said.late and not said.change:
            at_ms -= LATE_MS
        if door == "adobe":
            # What identify says of a person is an event of its timeline, too.
            told = [event(id_, *names, at_ms=at_ms)]
            if said.change:
                told.append(record(*names, *address, person={"name": {"firstName": id_}}))
            self.doors.adobe(*told, applied=said.applied)
            return
        call: JSON = dict(names) | {"messageId": id_, "event": "Seen", "timestamp": iso(at_ms)}
        if said.change:
            traits = {"firstName": id_}
            for _, value in address:
                traits["email"] = value
            call = call | {"event": "identify", "traits": traits}
        send = self.doors.intilery if door == "intilery" else self.doors.segment
        send("identify" if said.change else "track", applied=said.applied, **call)

    def address(self, said: Said) -> list[Name]:
        if said.address is None or not said.change:
            return []
        return [("Email", f"{self.prefix}-e{said.address}@example.org")]

    def everybody(self) -> Iterator[Name]:
        named = {name for said in self.told.values() for name in self.names(said)}
        yield from sorted(named)

    def bare(self, name: Name) -> Name:
        return name[0], name[1].removeprefix(self.prefix)

    def graph(self) -> dict[Name, frozenset[Name]]:
        """The members of everybody's cluster, in names that do not depend on the story."""
        return {
            self.bare(name): frozenset(map(self.bare, self.doors.members(name)))
            for name in self.everybody()
        }

    def whose(self) -> dict[Name, frozenset[str]]:
        """Which messages stand in everybody's timeline."""
        return {
            self.bare(name): frozenset(
                one["rawData"]["messageId"].removeprefix(self.prefix)
                for one in self.doors.events(f"{name[0]}:{name[1]}")
            )
            for name in self.everybody()
        }


def _linked(names: Collection[Name]) -> set[Name]:
    return {name for name in names if name[0].lower() != "email"}


@settings(max_examples=12, deadline=None)
@given(_stories, _doors)
def test_who_is_who_does_not_depend_on_the_door(
    doors: Doors, story: list[Said], mixed: list[str]
) -> None:
    graphs, timelines = [], []
    for where in (["adobe"] * 10, ["intilery"] * 10, mixed):
        world = World(doors, story, where)
        graphs.append(world.graph())
        timelines.append(world.whose())
    assert graphs[0] == graphs[1] == graphs[2]
    assert timelines[0] == timelines[1] == timelines[2]


@settings(max_examples=12, deadline=None)
@given(_stories, _doors)
def test_all_doors_show_the_same_people(doors: Doors, story: list[Said], mixed: list[str]) -> None:
    world = World(doors, story, mixed)
    seen: dict[str, frozenset[Name]] = {}
    for name in world.everybody():
        key = f"{name[0]}:{name[1]}"
        members = frozenset(doors.members(name))
        assert name in members
        # An address is told of a customer whether or not it links.
        assert _linked(doors.externals(key)) == _linked(members)
        traits = doors.view(key)
        assert seen.setdefault(traits["id"], members) == members
        users = {value for namespace, value in members if namespace == USER}
        assert traits.get("externalId") == (users.pop() if users else None)
        assert not users
        entity = doors.entity(name)
        first_name = entity.get("person", {}).get("name", {}).get("firstName")
        assert traits.get("firstName") == first_name
        assert doors.space(key, "traits")["traits"].get("firstName") == first_name
        ids = [
            one["rawData"]["messageId"] if one["source"] == "ADOBE_API" else one["eventId"]
            for one in doors.events(key)
        ]
        assert sorted(ids) == sorted(one["entityId"] for one in doors.timeline(name))
        theirs = [one["message_id"] for one in doors.space(key, "events")["data"]]
        assert theirs == [one["rawData"]["messageId"] for one in doors.events(key)]
    clusters = set(seen.values())
    assert sum(map(len, clusters)) == len(frozenset().union(*clusters))
    assert doors.faults() == []
