"""Export jobs over HTTP: every field of the body, the list and its pages, and what comes of a job.
Source: profile contract, 9; segmentation contract, 9 and 1.1."""

from __future__ import annotations

import re
from typing import Any

import pytest

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.domain.xdm.schema import PROFILE_CLASS, PROFILE_UNION
from onefold.store.tables.generation import change
from onefold.testing.app import App, json_of
from tests.contract.asking import other_organisation, send
from tests.contract.people import RECORD, ecid, event, iso, record
from tests.contract.profile.exporting import (
    DATASETS,
    FILES,
    JOBS,
    asked,
    done,
    exported,
    rows,
    started,
    union_dataset,
)

ADA = ("Email", "ada@example.org")
BEN = ("Email", "ben@example.org")
KIM = ("Email", "kim@example.org")
MERGE_POLICIES = "/data/core/ups/config/mergePolicies"
REGISTRY = "/data/foundation/schemaregistry/tenant"


def named(first: str) -> dict[str, Any]:
    return {"person": {"name": {"firstName": first}}}


def emails(found: list[dict[str, Any]]) -> list[str]:
    """The e-mail addresses of exported profiles."""
    return sorted(item["id"] for row in found for item in row["identityMap"].get("email", ()))


def with_memberships(app: App) -> None:
    """Make a dataset `Members` whose records bring memberships, and three people of it."""
    groups = [f"{PROFILE_CLASS.rpartition('/')[0]}/{n}" for n in ("identitymap",)]
    groups.append(f"{PROFILE_CLASS.rpartition('/')[0]}/profile-segmentation")
    schema = {
        "title": "Members",
        "type": "object",
        "meta:class": PROFILE_CLASS,
        "meta:immutableTags": ["union"],
        "allOf": [{"$ref": ref} for ref in (PROFILE_CLASS, *groups)],
    }
    made = json_of(app.post(f"{REGISTRY}/schemas", schema))
    body = {
        "name": "Members",
        "schemaRef": {"id": made["$id"]},
        "tags": {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]},
    }
    assert app.post(DATASETS, body).status_code == 201
    known = app.rooms.definitions.snapshot(app.sandbox.id).datasets
    app.datasets.update({dataset.name: dataset for dataset in known.values()})
    for person, status, day in ((ADA, "realized", 1), (BEN, "existing", 2), (KIM, "exited", 3)):
        entry = {"status": status, "lastQualificationTime": f"2025-12-0{day}T00:00:00Z"}
        segments = {"s1": entry} if person is not BEN else {"s1": entry, "s2": entry}
        app.ingest("Members", record(person, segmentMembership={"ups": segments}))


def test_a_new_job_is_shown_with_all_its_members(app: App) -> None:
    dataset = union_dataset(app)
    job = started(app, dataset, fields="person.name", filter={"emptyProfiles": True})
    policies = json_of(app.get(MERGE_POLICIES))["children"]
    (policy,) = [one for one in policies if one["default"]]
    assert type(job["id"]) is int
    assert re.fullmatch(r"[0-9a-f]{32}", job["requestId"])
    now_ms = app.clock.now_ms()
    assert job == {
        "profileInstanceId": "ups",
        "jobType": "BATCH",
        "id": job["id"],
        "schema": {"name": "_xdm.context.profile"},
        "mergePolicy": {"id": policy["id"], "version": policy["version"]},
        "status": "NEW",
        "requestId": job["requestId"],
        "computeGatewayJobId": {},
        "metrics": {"totalTime": {"startTimeInMs": now_ms}},
        "destination": {
            "datasetId": dataset,
            "dataSetId": dataset,
            "segmentPerBatch": False,
            "batchId": job["destination"]["batchId"],
        },
        "updateTime": now_ms,
        "creationTime": now_ms,
        "imsOrgId": app.org_id,
        "filter": {"emptyProfiles": True},
        "fields": "person.name",
    }
    assert json_of(app.get(f"{JOBS}/{job['id']}")) == job
    assert json_of(app.get(f"{JOBS}/{job['id']}/")) == job


def test_a_job_that_is_done_tells_its_times_counts_and_batch(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA, ("ECID", ecid(1)), **named("Ada")), record(BEN))
    dataset = union_dataset(app)
    told = done(app, dataset)
    metrics = told["metrics"]
    for name in ("totalTime", "profileExportTime", "aCPDatasetWriteTime"):
        assert set(metrics[name]) == {"startTimeInMs", "endTimeInMs", "totalTimeInMs"}
    assert metrics["totalExportedProfileCounter"] == 2
    assert metrics["exportedProfileByNamespaceCounter"] == {"Email": 2, "ECID": 1}
    assert told["computeGatewayJobId"] == {"exportJob": f"export_profiles:{told['id']}"}
    batch = told["destination"]["batchId"]
    shown = json_of(app.get(f"/data/foundation/catalog/batches/{batch}"))[batch]
    assert shown["status"] == "success"
    assert shown["metrics"]["outputRecordCount"] == 2
    assert shown["relatedObjects"] == [{"type": "dataSet", "id": dataset}]
    catalogued = json_of(app.get(f"{DATASETS}/{dataset}"))[dataset]
    assert catalogued["lastSuccessfulBatch"] == batch
    preview = json_of(app.get(f"{FILES}/datasets/{dataset}/preview"))["data"]
    assert sorted(map(str, preview)) == sorted(map(str, rows(app, batch)))
    assert app.faults() == []
    app.land()
    assert app.faults() == []


def test_an_exported_row_is_the_profile_that_a_lookup_shows(app: App) -> None:
    app.ingest(
        REGISTRATIONS,
        record(ADA, ("ECID", ecid(1)), **named("Ada"), mobilePhone={"number": "1"}),
    )
    app.ingest(LOGINS, record(("ECID", ecid(1)), preferredLanguage="en-GB", **named("A.")))
    (row,) = exported(app, union_dataset(app))
    (found,) = json_of(app.get(f"{RECORD}&entityId={ADA[1]}&entityIdNS=email")).values()
    assert row == found["entity"]


def test_fields_leave_identity_map_and_memberships_in(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA, mobilePhone={"number": "1"}, **named("Ada")))
    (row,) = exported(app, union_dataset(app), fields="person.name.firstName,nothing.here")
    assert row == {"identityMap": {"email": [{"id": ADA[1]}]}, **named("Ada")}


def test_profiles_of_events_alone_are_left_out_unless_they_are_asked_for(app: App) -> None:
    app.ingest(EVENTS, event("e", ("ECID", ecid(2))))
    app.ingest(REGISTRATIONS, record(ADA))
    dataset = union_dataset(app)
    assert emails(exported(app, dataset)) == [ADA[1]]
    both = exported(app, dataset, filter={"emptyProfiles": "true"})
    assert len(both) == 2
    assert {"identityMap": {"ecid": [{"id": ecid(2)}]}} in both


def test_an_incremental_export_has_who_was_written_since_with_all_that_is_known(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA, **named("Ada")), record(BEN), record(KIM))
    app.clock.advance(ms=60_000)
    since = iso(app.clock.now_ms())
    app.ingest(LOGINS, record(ADA, preferredLanguage="en-GB"))
    app.ingest(EVENTS, event("e", KIM))
    found = exported(app, union_dataset(app), filter={"fromIngestTimestamp": since})
    assert emails(found) == [ADA[1], KIM[1]]
    (ada,) = [row for row in found if "preferredLanguage" in row]
    assert ada["person"] == {"name": {"firstName": "Ada"}}


def test_events_come_with_their_profiles_as_they_are_asked_for(app: App) -> None:
    at_ms = app.clock.now_ms()
    app.ingest(REGISTRATIONS, record(ADA, ("ECID", ecid(1))))
    app.ingest(EVENTS, event("e2", ADA, at_ms=at_ms - 1000, eventType="b"))
    app.clock.advance(ms=60_000)
    since = iso(app.clock.now_ms())
    app.ingest(EVENTS, event("e1", ("ECID", ecid(1)), at_ms=at_ms - 2000, eventType="a"))
    dataset = union_dataset(app)
    (row,) = exported(app, dataset)
    assert "timeSeriesEvents" not in row
    (row,) = exported(app, dataset, additionalFields={"eventList": {"fields": "_id,eventType"}})
    assert row["timeSeriesEvents"] == [
        {"_id": "e1", "eventType": "a"},
        {"_id": "e2", "eventType": "b"},
    ]
    later = {"filter": {"fromIngestTimestamp": since}}
    (row,) = exported(app, dataset, additionalFields={"eventList": later})
    assert [one["_id"] for one in row["timeSeriesEvents"]] == ["e1"]
    assert row["timeSeriesEvents"][0]["eventType"] == "a"


def test_events_that_are_to_go_nowhere_stay_here(app: App) -> None:
    """Whose message says so; they stand in timelines as ever."""
    key = app.account(account=app.sandbox.name)
    nowhere = {"All": False, "Elsewhere": False}
    said = {
        "Nowhere": nowhere,
        "Everywhere": {"All": True},
        "Somewhere": {"All": False, "CRM": True},
        "Somehow": {"All": False, "CRM": {"list": 7}},
        "Anyhow": None,
    }
    app.calls(
        key,
        ("identify", {"userId": "u-1", "traits": {"plan": "pro"}}),
        *(
            ("track", {"userId": "u-1", "event": name, "integrations": wanted})
            for name, wanted in said.items()
        ),
    )
    app.ingest(EVENTS, event("e-1", ("userId", "u-1"), eventType="other"))
    asked = {"eventList": {"fields": "_id,eventType"}}
    (row,) = exported(app, union_dataset(app), additionalFields=asked)
    told = {one["eventType"] for one in row["timeSeriesEvents"]}
    assert told == {"identify", "everywhere", "somewhere", "somehow", "anyhow", "other"}
    shown = app.ask(key, "/profiles/userId:u-1/events").json()["data"]
    assert {one["eventAction"] for one in shown} == told | {"nowhere"}
    (kept,) = [one["rawData"] for one in shown if one["eventAction"] == "nowhere"]
    assert kept["integrations"] == nowhere


def test_segments_and_the_time_of_qualification_choose_profiles(app: App) -> None:
    with_memberships(app)
    dataset = union_dataset(app)

    def chosen(*segments: dict[str, Any], **more: Any) -> list[str]:
        return emails(exported(app, dataset, filter={"segments": [*segments], **more}))

    assert chosen({"segmentId": "s1"}) == [ADA[1], BEN[1]]
    assert chosen({"segmentId": "s1", "segmentNs": "UPS"}) == [ADA[1], BEN[1]]
    assert chosen({"segmentId": "s1", "segmentNs": "aam"}) == []
    assert chosen({"segmentId": "s1", "status": ["exited"]}) == [KIM[1]]
    assert chosen({"segmentId": "s2"}, {"segmentId": "s1", "status": ["realized"]}) == [
        ADA[1],
        BEN[1],
    ]
    since = {"startTime": "2025-12-02T00:00:00Z"}
    assert chosen({"segmentId": "s1"}, segmentQualificationTime=since) == [BEN[1]]
    until = {"endTime": "2025-12-01T23:59:59Z"}
    assert chosen(segmentQualificationTime=until) == [ADA[1]]
    (row,) = exported(app, dataset, filter={"segments": [{"segmentId": "s2"}]}, fields="_id")
    assert row["segmentMembership"]["ups"]["s2"]["status"] == "existing"


def test_each_segment_can_have_a_batch_of_its_own(app: App) -> None:
    with_memberships(app)
    segments = [{"segmentId": one} for one in ("s1", "s2", "nobody")]
    told = done(
        app,
        union_dataset(app),
        destination={"segmentPerBatch": True},
        filter={"segments": segments},
    )
    assert "batchId" not in told["destination"]
    batches = told["destination"]["batches"]
    assert [one["segmentId"] for one in batches] == ["s1", "s2", "nobody"]
    found = [emails(rows(app, one["batchId"])) for one in batches]
    assert found == [[ADA[1], BEN[1]], [BEN[1]], []]
    for one, count in zip(batches, (2, 1, 0), strict=True):
        shown = json_of(app.get(f"/data/foundation/catalog/batches/{one['batchId']}"))
        assert shown[one["batchId"]]["metrics"]["outputRecordCount"] == count
    assert app.faults() == []


def test_a_policy_without_a_graph_exports_each_identity_by_itself(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA, ("ECID", ecid(1)), **named("Ada")))
    app.ingest(LOGINS, record(("ECID", ecid(1)), preferredLanguage="en-GB"))
    policy = {
        "name": "Each",
        "schema": {"name": "_xdm.context.profile"},
        "identityGraph": {"type": "none"},
        "attributeMerge": {"type": "timestampOrdered"},
    }
    made = json_of(app.post(MERGE_POLICIES, policy))
    found = exported(app, union_dataset(app), mergePolicy={"id": made["id"], "version": 1})
    for row, (namespace, value) in zip(
        sorted(found, key=lambda row: "person" in row), (("ECID", ecid(1)), ADA), strict=True
    ):
        url = f"{RECORD}&entityId={value}&entityIdNS={namespace}&mergePolicyId={made['id']}"
        (shown,) = json_of(app.get(url)).values()
        assert row == shown["entity"]


def test_profiles_of_datasets_that_nobody_validated_are_exported_whole(app: App) -> None:
    """Where a column cannot hold a value the row also has the profile as it is."""
    url = f"{DATASETS}/{app.datasets[REGISTRATIONS].id}"
    tags = {"tags": {"acp_validationContext": ["disabled"]}}
    assert send(app, "PATCH", url, tags).status_code == 200
    app.ingest(REGISTRATIONS, record(ADA, person={"birthYear": "long ago"}, unknown={"a": [1]}))
    (row,) = exported(app, union_dataset(app))
    assert row["person"] == {"birthYear": "long ago"}
    assert row["unknown"] == {"a": [1]}


def test_a_canceled_job_brings_nothing(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA))
    job = started(app, union_dataset(app))
    url = f"{JOBS}/{job['id']}"
    answer = send(app, "DELETE", url)
    assert (answer.status_code, answer.content) == (204, b"")
    assert send(app, "DELETE", url).status_code == 204
    app.work()
    told = json_of(app.get(url))
    assert told["status"] == "CANCELED"
    batch = told["destination"]["batchId"]
    assert app.get(f"/data/foundation/catalog/batches/{batch}").status_code == 404
    assert app.faults() == []


def test_a_job_that_has_ended_stays_as_it_is(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA))
    told = done(app, union_dataset(app))
    assert send(app, "DELETE", f"{JOBS}/{told['id']}").status_code == 204
    assert json_of(app.get(f"{JOBS}/{told['id']}")) == told
    assert len(rows(app, told["destination"]["batchId"])) == 1


def test_a_job_that_cannot_go_on_says_why(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA))
    dataset = union_dataset(app)
    job = started(app, dataset)
    assert send(app, "DELETE", f"{DATASETS}/{dataset}").status_code == 200
    app.work()
    told = json_of(app.get(f"{JOBS}/{job['id']}"))
    assert told["status"] == "FAILED"
    (error,) = told["errors"]
    assert (error["code"], error["callStack"]) == ("CTL-1007", "")
    assert "destination" in error["msg"]


def test_the_list_has_pages_the_newest_first(app: App) -> None:
    dataset = union_dataset(app)
    made = []
    for number in range(5):
        app.clock.advance(ms=number % 2)  # some at the same moment
        made.append(started(app, dataset)["id"])
    found, url = [], f"{JOBS}/?limit=2"
    while url:
        page = json_of(app.get(url))
        found += [job["id"] for job in page["records"]]
        assert page["page"]["sortField"] == "createdTime"
        assert page["page"]["sort"] == "desc"
        last = page["records"][-1]
        assert page["page"]["pageOffset"] == f"{last['creationTime']}_{last['id']}"
        assert page["page"]["pageSize"] == len(page["records"])
        url = page["link"].get("next", "")
        assert url == "" or url.startswith("/export/jobs/?limit=2&offset=")
        url = url and "/data/core/ups" + url
    assert found == made[::-1]
    assert json_of(app.get(f"{JOBS}?limit=5"))["link"] == {}


def test_the_list_takes_a_status_and_passes_over_other_parameters(app: App) -> None:
    dataset = union_dataset(app)
    first, second = started(app, dataset)["id"], started(app, dataset)["id"]
    send(app, "DELETE", f"{JOBS}/{first}")
    for status, expected in (("CANCELED", [first]), ("NEW", [second]), ("SUCCEEDED", [])):
        page = json_of(app.get(f"{JOBS}?status={status}&start=7&page=3&sort=asc"))
        assert [job["id"] for job in page["records"]] == expected
    empty = json_of(app.get(f"{JOBS}?status=SUCCEEDED"))
    assert empty["link"] == {}
    assert empty["page"]["pageOffset"] == ""
    for _ in range(3):
        started(app, dataset)
    link = json_of(app.get(f"{JOBS}?status=NEW&limit=2"))["link"]["next"]
    rest = json_of(app.get(f"/data/core/ups{link}"))["records"]
    assert {job["status"] for job in rest} == {"NEW"}


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"schema": {"name": "_xdm.context.experienceevent"}}, "schema"),
        ({"filter": {"fromIngestTimestamp": "yesterday"}}, "time"),
        ({"filter": {"fromIngestTimestamp": "2026-01-01"}}, "time"),
        ({"filter": {"segmentQualificationTime": {"startTime": ""}}}, "time"),
        ({"filter": {"segmentQualificationTime": {"endTime": "x"}}}, "time"),
        ({"filter": {"segments": [{"segmentId": ""}]}}, "segment"),
        ({"filter": {"segments": [{"segmentId": "a", "status": ["gone"]}]}}, "status"),
        ({"filter": {"segments": [{"segmentId": "a", "status": []}]}}, "status"),
        ({"filter": {"segments": [{"segmentId": str(n)} for n in range(101)]}}, "segments"),
        ({"additionalFields": {"eventList": {"filter": {"fromIngestTimestamp": "x"}}}}, "time"),
        ({"fields": "a" * 50_001}, "characters"),
        ({"fields": ",".join(f"f{n}" for n in range(501))}, "fields"),
        ({"fields": ".".join("a" * 33)}, "fields"),
        ({"additionalFields": {"eventList": {"fields": ".".join("a" * 33)}}}, "fields"),
        ({"destination": {"segmentPerBatch": True}}, "segments"),
        ({"fields": ["a"]}, "fields"),
        ({"filter": 7}, "filter"),
        ({"filter": {"emptyProfiles": "maybe"}}, "emptyProfiles"),
        ({"mergePolicy": {"version": 1}}, "id"),
    ],
)
def test_a_wrong_field_is_refused(app: App, said: dict[str, Any], at: str) -> None:
    answer = asked(app, union_dataset(app), **said)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"message", "statusCode"}
    assert answer.json()["statusCode"] == "400"
    assert at in answer.json()["message"]


def test_the_destination_is_a_persisted_dataset_of_the_union(app: App) -> None:
    plain = app.datasets[REGISTRATIONS].id
    passing = union_dataset(app, "Not persisted", fileDescription={"persisted": False})
    silent = union_dataset(app, "Silent", fileDescription={})
    for dataset in (plain, passing, silent, "0" * 24, ""):
        answer = asked(app, dataset)
        assert answer.status_code == 400, answer.text
        assert "dataset" in answer.json()["message"].lower()
    other = union_dataset(app)
    body = {"schema": {"name": "_xdm.context.profile"}, "destination": {"dataSetId": other}}
    assert app.post(JOBS, body).status_code == 200


def test_an_unknown_policy_version_or_job_is_not_found(app: App) -> None:
    dataset = union_dataset(app)
    default = started(app, dataset)["mergePolicy"]
    for policy in ({"id": "none"}, {**default, "version": 99}):
        answer = asked(app, dataset, mergePolicy=policy)
        assert answer.status_code == 404, answer.text
        assert set(answer.json()) == {"message", "statusCode"}
    assert asked(app, dataset, mergePolicy=default).status_code == 200
    for name in ("0", "99", "x", "9" * 40, "-1"):
        for method in ("GET", "DELETE"):
            assert send(app, method, f"{JOBS}/{name}").status_code == 404


def test_without_a_policy_there_is_no_export(app: App) -> None:
    dataset = union_dataset(app)
    with change(app.places.control()) as transaction:
        transaction.write("DELETE FROM merge_policies", ())
    assert asked(app, dataset).status_code == 422


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "offset=x", "offset=1", "status=OLD"])
def test_a_wrong_parameter_of_the_list_is_refused(app: App, query: str) -> None:
    answer = app.get(f"{JOBS}?{query}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"message", "statusCode"}


def test_other_sandboxes_and_organisations_have_other_jobs(app: App) -> None:
    job = started(app, union_dataset(app))
    theirs = other_organisation(app)
    assert app.get(f"{JOBS}/{job['id']}", **theirs).status_code == 404
    assert json_of(app.get(JOBS, **theirs))["records"] == []


def test_a_dataset_of_the_union_takes_nothing_but_exports(app: App) -> None:
    dataset = union_dataset(app)
    loading = app.post("/data/foundation/import/batches", {"datasetId": dataset})
    assert loading.status_code == 400
    reference = {
        "id": PROFILE_UNION,
        "contentType": "application/vnd.adobe.xed-full+json;version=1",
    }
    message = app.message(REGISTRATIONS, record(ADA))
    message["header"] |= {"datasetId": dataset, "schemaRef": reference}
    message["body"]["xdmMeta"]["schemaRef"] = reference
    assert app.collect(message).status_code == 400
    target = {
        "name": "T",
        "connectionSpec": {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"},
        "data": {"format": "parquet_xdm", "schema": {"id": PROFILE_UNION, "version": "1"}},
        "params": {"dataSetId": dataset},
    }
    answer = app.post("/data/foundation/flowservice/targetConnections", target)
    assert answer.status_code == 400
    assert "exports" in answer.text


def test_a_dataset_of_the_union_feeds_no_profiles(app: App) -> None:
    dataset = union_dataset(app, tags={"unifiedProfile": ["enabled: false"]})
    tags = {"unifiedProfile": ["enabled:true"]}
    body = {"name": "P", "schemaRef": {"id": PROFILE_UNION}, "tags": tags}
    assert app.post(DATASETS, body).status_code == 400
    body["tags"] = {"unifiedIdentity": ["enabled:true"]}
    assert app.post(DATASETS, body).status_code == 400
    url = f"{DATASETS}/{dataset}"
    for method, sent in (("PATCH", {"tags": tags}), ("POST", {"tags": tags})):
        assert send(app, method, url, sent).status_code == 400
    shown = json_of(app.get(url))[dataset]
    assert shown["schemaRef"]["id"] == PROFILE_UNION
    assert shown["classification"]["dataBehavior"] == "record"
    assert shown["fileDescription"]["persisted"] is True


def test_other_unions_and_unions_of_nothing_are_no_schemas_of_datasets(app: App) -> None:
    body = {
        "name": "E",
        "schemaRef": {"id": "https://ns.adobe.com/xdm/context/experienceevent__union"},
    }
    assert app.post(DATASETS, body).status_code == 404
    theirs = other_organisation(app)
    body = {"name": "E", "schemaRef": {"id": PROFILE_UNION}}
    assert app.post(DATASETS, body, **theirs).status_code == 404


def test_an_exported_batch_can_be_taken_back_and_then_the_dataset_deleted(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA))
    dataset = union_dataset(app)
    batch = done(app, dataset)["destination"]["batchId"]
    assert send(app, "DELETE", f"{DATASETS}/{dataset}").status_code == 409
    assert send(app, "DELETE", f"/data/foundation/catalog/batches/{batch}").status_code == 200
    app.work()
    assert rows(app, batch) == []
    assert app.faults() == []
    assert send(app, "DELETE", f"{DATASETS}/{dataset}").status_code == 200


def test_a_deleted_person_leaves_exported_batches_too(app: App) -> None:
    """By the identity map, and by a field that a descriptor marks as one."""
    core = {"identification": {"core": {"email": ADA[1]}}}
    app.ingest(REGISTRATIONS, record(("ECID", ecid(1)), **{app.tenant: core}), record(BEN))
    batch = done(app, union_dataset(app))["destination"]["batchId"]
    assert len(rows(app, batch)) == 2
    demand = {
        "companyContexts": [{"namespace": "imsOrgID", "value": app.org_id}],
        "users": [
            {
                "key": "ada",
                "action": ["delete"],
                "userIDs": [{"namespace": "Email", "value": ADA[1], "type": "standard"}],
            }
        ],
        "include": ["aepDataLake"],
        "regulation": "gdpr",
    }
    assert app.post("/data/core/privacy/jobs", demand).status_code == 202
    app.work()
    assert emails(rows(app, batch)) == [BEN[1]]
    lake = app.places.lake(app.sandbox.id)
    held = [file.name for file in lake.rglob("*.parquet") if ADA[1].encode() in file.read_bytes()]
    assert held == []
    assert app.faults() == []


def test_a_person_whom_only_the_exported_identity_map_names_leaves_exported_batches(
    app: App,
) -> None:
    """Its keys are codes in lower case, as profiles have them, not as records have."""
    app.ingest(REGISTRATIONS, record(ADA, **named("Ada")), record(BEN))
    batch = done(app, union_dataset(app))["destination"]["batchId"]
    asked_for = f"{RECORD}&entityId={ADA[1]}&entityIdNS=Email"
    assert app.request("DELETE", asked_for, headers=app.headers()).status_code == 202
    app.drain()
    app.work()
    assert emails(rows(app, batch)) == [BEN[1]]
    lake = app.places.lake(app.sandbox.id)
    held = [file.name for file in lake.rglob("*.parquet") if ADA[1].encode() in file.read_bytes()]
    assert held == []


def test_the_observable_schema_of_exports_has_what_was_exported(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA, **named("Ada")))
    dataset = union_dataset(app)
    done(app, dataset, fields="person")
    shown = json_of(app.get(f"{DATASETS}/{dataset}?properties=observableSchema"))[dataset]
    observed = shown["observableSchema"]
    assert observed["$id"] == PROFILE_UNION
    assert set(observed["properties"]) == {"person", "identityMap"}


def test_exports_follow_schemas_that_grow(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA))
    dataset = union_dataset(app)
    before = done(app, dataset)["destination"]["batchId"]
    with_memberships(app)
    after = done(app, dataset)["destination"]["batchId"]
    assert emails(rows(app, before)) == [ADA[1]]
    assert len(rows(app, after)) == 3
    assert app.faults() == []
