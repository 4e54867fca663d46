"""What aepp asks of exports, from the dataset to its file. Source: profile contract, 9 and 15."""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

import duckdb
import pytest

from onefold.domain.xdm.schema import PROFILE_UNION
from tests.clients.walk import Walk, until
from tests.crash.serving import Server

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(aepp|pandas|matplotlib|dateutil).*"),
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]


def test_an_export_from_the_dataset_to_its_file(server: Server, tmp_path: Any) -> None:
    walk = Walk(server)
    profiles, catalog, ingestion = walk.profiles, walk.catalog, walk.ingestion
    people = walk.profile_schema(tenant := walk.schemas.getTenantId())
    walk.identity(people["$id"], f"/_{tenant}/email", "Email", primary=True)
    members = walk.dataset("Members", people["$id"])
    batch = ingestion.createBatch(members)
    rows = [{"_id": f"m{n}", f"_{tenant}": {"email": f"m{n}@example.org"}} for n in range(3)]
    ingestion.uploadSmallFile(batch["id"], members, "members.json", rows)
    ingestion.uploadSmallFileFinish(batch["id"])
    until(lambda: catalog.getBatch(batch["id"])[batch["id"]]["status"] == "success")

    document = {
        "name": "Exported people",
        "schemaRef": {
            "id": PROFILE_UNION,
            "contentType": "application/vnd.adobe.xed+json;version=1",
        },
        "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
    }
    dataset = str(catalog.createDataSet(data=document)[0]).removeprefix("@/dataSets/")
    policy = profiles.getMergePolicies()[0]["id"]
    job = profiles.createExportJob(
        fields=["_id", f"_{tenant}.email"], mergePolicyId=policy, datasetId=dataset
    )
    assert (job["status"], job["fields"]) == ("NEW", f"_id,_{tenant}.email")
    job_id = job["id"]
    done = until(lambda: _ended(profiles.getExportJob(job_id)))
    assert done["status"] == "SUCCEEDED"
    assert [one["id"] for one in profiles.getExportJobs()["records"]] == [job_id]
    assert profiles.getExportJobs(limit=1)["link"] == {}
    assert profiles.deleteExportJob(job_id) == 204

    access = import_module("aepp.dataaccess").DataAccess()
    (file,) = access.getBatchFiles(done["destination"]["batchId"])
    (part,) = access.getFiles(file["dataSetFileId"])["data"]
    content = access.getFiles(file["dataSetFileId"], path=part["name"])
    copy = tmp_path / "people.parquet"
    copy.write_bytes(content.read() if isinstance(content, io.IOBase) else content)
    found = duckdb.read_parquet(str(copy)).order("_id").project("_id").fetchall()
    assert found == [("m0",), ("m1",), ("m2",)]


def _ended(job: dict[str, Any]) -> dict[str, Any]:
    return job if job["status"] in ("SUCCEEDED", "FAILED") else {}
