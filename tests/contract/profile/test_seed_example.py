"""The worked example of a published tutorial: its data in, its answers out, field by field.

Source: profile contract, 13, and 16, vectors 1 to 3. What is not compared, and why:

- `tags`: opaque traces of Adobe's own pipeline. Ours keep the form of its two epoch-style ones, and
  those carry the time of ingest, which is compared.
- `mergePolicy.id`: made when the sandbox was.
- `entity.segmentMembership`, the source `profile-streaming-segment` and the profile's
  `lastModifiedAt`, which the segment write moved: segments are not evaluated here. Compared
  instead: `lastModifiedAt` is the time of the last record.
- `_page.count`: the tutorial prints 12 of 31 events; ours counts what it answers.
- `sourceId` of events: additive, later revisions of the tutorial have it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.testing.app import ENTITIES, App, install

FIXTURES = Path(__file__).parents[2] / "fixtures"
REGISTERED_MS = 1_644_130_566_774
LOGGED_IN_MS = 1_644_419_616_318
DATASETS = {
    REGISTRATIONS: "61fe23c5be4b5f19485dc379",
    LOGINS: "61fe23cfa07c1219489b3ba4",
    EVENTS: "61fe23d7d23f2f1949f9b5ba",  # not printed
}
NAMESPACES = {"CRMID": 11_443_152, "LoyaltyId": 11_443_272}
BROWSER = "12507560687324495704459439363261812234"
MOBILE = "12019606991718502754997192487345616673"
BROWSER_XID = "A28iM3aJBJRbEQpOnUh5HOM9"
PROFILE = f"{ENTITIES}?schema.name=_xdm.context.profile"
EVENTS_OF = (
    f"{ENTITIES}?schema.name=_xdm.context.experienceevent"
    f"&relatedSchema.name=_xdm.context.profile&relatedEntityId={BROWSER}&relatedEntityIdNS=ecid"
)

JSON = dict[str, Any]


def _loaded(name: str) -> JSON:
    loaded: JSON = json.loads((FIXTURES / name).read_text())
    return loaded


@pytest.fixture(scope="module")
def expected() -> JSON:
    envelope: JSON = _loaded("seed_profile_response.json")[BROWSER_XID]
    return envelope


@pytest.fixture(scope="module")
def timeline() -> JSON:
    return _loaded("seed_events_response.json")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, expected: JSON, timeline: JSON) -> Iterator[App]:
    """The tutorial's person, ingested at the tutorial's times."""
    data = tmp_path_factory.mktemp("seed")
    began_ms = REGISTERED_MS - 86_400_000
    install(
        data,
        now_ms=began_ms,
        org_name="Experience Platform",
        dataset_ids=DATASETS,
        namespace_ids=NAMESPACES,
    )
    app = App(data, now_ms=began_ms, edge_region="IRL1")
    records = [
        (REGISTERED_MS, REGISTRATIONS, _registration(expected)),
        (LOGGED_IN_MS, LOGINS, _login(expected)),
        *(
            (_ms(child["lastModifiedAt"]), EVENTS, child["entity"])
            for child in timeline["children"]
        ),
    ]
    for at_ms, dataset, entity in sorted(records, key=lambda record: record[0]):
        app.at(at_ms)
        assert app.collect(app.message(dataset, entity)).status_code == 200
        app.drain()
    assert app.failed() == []
    yield app
    app.close()


def _registration(expected: JSON) -> JSON:
    """What the web registration wrote: everything but the mobile ECID and what the system adds."""
    entity: JSON = json.loads(json.dumps(expected["entity"]))
    for written_by_the_system in ("segmentMembership", "userActivityRegions", "identityMap"):
        del entity[written_by_the_system]
    entity["_experienceplatform"]["identification"]["core"]["ecid"] = BROWSER
    return entity | {"identityMap": {"ECID": [{"id": BROWSER, "primary": True}]}}


def _login(expected: JSON) -> JSON:
    """What the login in the app wrote: its ECID and the e-mail address."""
    core = expected["entity"]["_experienceplatform"]["identification"]["core"]
    return {
        "_experienceplatform": {
            "identification": {"core": {"ecid": MOBILE, "email": core["email"]}}
        },
        "identityMap": {"ECID": [{"id": MOBILE, "primary": True}]},
    }


def _ms(iso: str) -> int:
    return int(datetime.fromisoformat(iso).timestamp()) * 1000


def test_first_call_answers_the_tutorials_profile_by_ecid(app: App, expected: JSON) -> None:
    answer = app.get(f"{PROFILE}&entityId={BROWSER}&entityIdNS=ecid")
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == [BROWSER_XID]
    envelope = body[BROWSER_XID]
    assert envelope.keys() == expected.keys()
    assert envelope["entityId"] == expected["entityId"]
    wanted = {
        name: value for name, value in expected["entity"].items() if name != "segmentMembership"
    }
    assert envelope["entity"] == wanted
    assert sorted(envelope["identityGraph"]) == sorted(expected["identityGraph"])
    assert {*envelope["sources"], "profile-streaming-segment"} == set(expected["sources"])
    assert envelope["lastModifiedAt"] == "2022-02-09T15:13:36Z"
    assert envelope["mergePolicy"].keys() == expected["mergePolicy"].keys()


def test_tags_carry_the_time_of_ingest_and_the_region(app: App, expected: JSON) -> None:
    envelope = app.get(f"{PROFILE}&entityId={BROWSER}&entityIdNS=ecid").json()[BROWSER_XID]
    theirs = [tag for tag in expected["tags"] if tag.startswith(("16444", "16441"))]
    assert [tag.split(":")[0] for tag in envelope["tags"]] == [tag.split(":")[0] for tag in theirs]
    assert all(tag.count(":") == 3 and tag.endswith(":va7") for tag in envelope["tags"])


@pytest.mark.parametrize(
    ("namespace", "entity_id", "xid"),
    [
        ("phone", "%2B32473622044%2B06022022-01", "BkFuK4QcJpSPByuSBnr0LTAx"),
        (
            "email",
            "woutervangeluwe%2B06022022-01%40gmail.com",
            "BUF9zMKLrXq72p4HpbsHv1SSBnr0LTAxQGdtYWlsLmNvbQ",
        ),
        ("crmid", "1478212", "GtCbrkFjgkSOFg"),
        ("loyaltyid", "5415776", "GkicrkFjgmCjUg"),
    ],
)
def test_second_and_third_call_answer_the_same_under_the_identity_asked_for(
    app: App, namespace: str, entity_id: str, xid: str
) -> None:
    first = app.get(f"{PROFILE}&entityId={BROWSER}&entityIdNS=ecid").json()[BROWSER_XID]
    answer = app.get(f"{PROFILE}&entityId={entity_id}&entityIdNS={namespace}")
    assert answer.json() == {xid: first | {"entityId": xid}}


def test_fourth_call_answers_the_tutorials_twelve_events_in_their_order(
    app: App, timeline: JSON
) -> None:
    answer = app.get(EVENTS_OF)
    assert answer.status_code == 200
    body = answer.json()
    assert body["_page"] == timeline["_page"] | {"count": 12}
    assert body["_links"] == timeline["_links"]
    sources = [child.pop("sourceId") for child in body["children"]]
    assert sources == [DATASETS[EVENTS]] * 12
    assert body["children"] == timeline["children"]


def test_events_keep_the_owner_that_they_were_ingested_with(app: App) -> None:
    """The third browser was stitched to the person by its fourth event only."""
    owners = [child["relatedEntityId"] for child in app.get(EVENTS_OF).json()["children"]]
    assert (
        owners
        == [BROWSER_XID] * 3 + ["A28jSB484ziuECF3fEoXmFlF"] * 2 + ["A2-AP9zOsakzNTe9Rqwf7Wse"] * 7
    )


def test_everything_that_is_derived_agrees_with_the_links(app: App) -> None:
    assert app.faults() == []
