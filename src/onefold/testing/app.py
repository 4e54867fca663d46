"""A whole application in one process, for tests: data directory, server, pipeline and a client.

Requests go through the ASGI application as a server would hand them over. The pipeline runs only
when told (`drain`), and the clock moves only when told (`at`), so a test decides what happens when.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import httpx

from onefold import config, doctor, server
from onefold.control import installation, keys, starter
from onefold.control.keys import NewKey
from onefold.domain.failed_record import FailedRecord
from onefold.domain.sandbox import Sandbox
from onefold.effects import SystemIds
from onefold.journal import Journal, PipeBell
from onefold.observe.metrics import Metrics
from onefold.store.packing import Packing
from onefold.store.places import Places
from onefold.store.tables import failed_records, outcomes
from onefold.store.tables.api_keys import ANY
from onefold.store.tables.outcomes import Outcome
from onefold.testing.clock import START_MS, SimClock
from onefold.wire import JSON

ENTITIES = "/data/core/ups/access/entities"
CONTENT_TYPE = "application/vnd.adobe.xed-full+json;version=1"
_TOKEN_REUSED_MS = 3_600_000


def install(
    data: Path,
    *,
    now_ms: int = START_MS,
    org_name: str = "Acme",
    dataset_ids: Mapping[str, str] | None = None,
    namespace_ids: Mapping[str, int] | None = None,
) -> None:
    """Make an installation with the starting set in `data`. Making its keys takes a second or so:
    make one and copy the directory. dataset_ids, namespace_ids: as `starter.furnish` takes them."""
    clock, ids = SimClock(now_ms), SystemIds()
    made = installation.create(data, clock, ids, org_name=org_name, furnished=False)
    places = Places(data)
    starter.furnish(
        places.control(),
        clock,
        ids,
        made.sandbox,
        dataset_ids=dataset_ids,
        namespace_ids=namespace_ids,
    )
    places.close()


class App:
    """The server, the pipeline and a client of the installation in `data`; settings by name.
    places: instead of those of `data`, such as some that fail."""

    def __init__(
        self, data: Path, *, now_ms: int = START_MS, places: Places | None = None, **settings: Any
    ) -> None:
        self.clock = SimClock(now_ms)
        self.settings = config.settings(data, environment={}, **settings)
        self.places = Places(data) if places is None else places
        self.bell = PipeBell()
        metrics = Metrics()
        self.rooms = server.rooms(
            self.settings,
            places=self.places,
            bell=self.bell,
            origin=7,
            metrics=metrics,
            clock=self.clock,
        )
        self.asgi: Any = server.asgi(self.rooms)
        self._pipeline = server.Pipeline(
            self.settings, places=self.places, bell=self.bell, metrics=metrics, clock=self.clock
        )
        self._jobs = server.Jobs(
            self.settings, places=self.places, bell=self.bell, clock=self.clock
        )
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.asgi), base_url="http://onefold.test"
        )
        self._token: tuple[str, int] | None = None
        known = self.rooms.definitions.installation()
        self.sandbox: Sandbox = next(s for s in known.sandboxes if s.is_default)
        self.org_id = self.sandbox.org_id
        self.client_id = next(iter(known.credentials))
        self.tenant_path = "/track/acme/acme/ACME/v1"
        snapshot = self.rooms.definitions.snapshot(self.sandbox.id)
        self.tenant = f"_{snapshot.tenant_id}"
        self.datasets = {dataset.name: dataset for dataset in snapshot.datasets.values()}
        inlets = sorted(snapshot.inlets.values(), key=lambda inlet: inlet.authentication_required)
        ids = [inlet.id for inlet in inlets] or [""]  # none without the starting set
        self.inlet, self.closed_inlet = ids[0], ids[-1]

    def close(self) -> None:
        """Release files and the event loop."""
        self._runner.run(self._client.aclose())
        self._runner.close()
        self._jobs.close()
        self.rooms.lakes.close()
        self.rooms.edges.settle()
        self.places.close()
        self.bell.close()

    # Time and work

    def at(self, now_ms: int) -> None:
        """Set the clock."""
        self.clock.advance(ms=now_ms - self.clock.now_ms())

    def drain(self) -> None:
        """Apply everything that was accepted."""
        self._pipeline.drain()

    def work(self) -> None:
        """Do every job that is due, and apply what came of it."""
        self._jobs.drain()
        while self._pipeline.round():
            self._pipeline.drain()
            self._jobs.drain()

    def jobs_round(self) -> int:
        """One step of every sandbox's job; answer how many were done."""
        return self._jobs.round()

    def land(self) -> None:
        """Land in the lake everything that was applied, without waiting for a minute to pass."""
        self._jobs.land()

    # Requests

    @property
    def token(self) -> str:
        """A valid access token of the installation's first project."""
        now_ms = self.clock.now_ms()
        if self._token is None or not 0 <= now_ms - self._token[1] < _TOKEN_REUSED_MS:
            self._token = (self.rooms.tokens.issued(self.client_id), now_ms)
        return self._token[0]

    def headers(self, **changed: str | None) -> dict[str, str]:
        """The platform's headers; named with underscores, one can be changed or left out (None)."""
        headers: dict[str, str | None] = {
            "authorization": f"Bearer {self.token}",
            "x-api-key": self.client_id,
            "x-gw-ims-org-id": self.org_id,
            "x-sandbox-name": self.sandbox.name,
        }
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        return {name: value for name, value in headers.items() if value is not None}

    def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        """One request; `given` as httpx takes it. Without headers of its own it gets none."""
        return self._runner.run(self._client.request(method, url, **given))

    def get(self, url: str, **changed_headers: str | None) -> httpx.Response:
        """GET with the platform's headers."""
        return self.request("GET", url, headers=self.headers(**changed_headers))

    def post(self, url: str, body: JSON, **changed_headers: str | None) -> httpx.Response:
        """POST of JSON with the platform's headers."""
        headers = {"content-type": "application/json"} | self.headers(**changed_headers)
        return self.request("POST", url, content=json.dumps(body), headers=headers)

    # Calls and customers

    def account(
        self, client: str = "acme", account: str = "acme", brand: str = ANY, **given: Any
    ) -> NewKey:
        """A new key; its account is made if it is not there yet, and becomes `tenant_path`, and its
        sandbox the one that the methods below look into. given: as `keys.create` takes it."""
        new = keys.create(
            self.places.control(),
            self.clock,
            SystemIds(),
            client=client,
            account=account,
            brand=brand,
            **given,
        )
        if new.sandbox is not None:
            self.sandbox = new.sandbox
            self.tenant_path = f"/track/{client}/{account}/{account.upper()}/v1"
        return new

    def ask(self, key: NewKey | None, url: str, **headers: str) -> httpx.Response:
        """GET of a path below `/v1` of the tenant, with the key's auth token; headers are named
        with underscores."""
        return self.request("GET", self.tenant_path + url, headers=_with_token(key, headers))

    def call(self, key: NewKey | None, kind: str, body: JSON, **headers: str) -> httpx.Response:
        """POST of a call of a kind, or of a `batch`, at the tenant's write door."""
        headers = {"content_type": "application/json"} | headers
        return self.request(
            "POST",
            f"{self.tenant_path}/{kind}",
            content=json.dumps(body),
            headers=_with_token(key, headers),
        )

    def calls(self, key: NewKey, *calls: tuple[str, JSON]) -> None:
        """Send calls, each with its kind, all of which must be accepted, and apply them."""
        for kind, body in calls:
            answer = self.call(key, kind, body)
            assert answer.status_code == 200, answer.text
        self.drain()

    def segment(self, path: str, body: JSON, user: str = "", **headers: str) -> httpx.Response:
        """POST of JSON to a door of Segment or of the tag. user: of a Basic header, a write key."""
        sent = {"content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if user:
            sent["authorization"] = basic(user)
        return self.request("POST", path, content=json.dumps(body), headers=sent)

    def space(self, key: NewKey | None, url: str, space: str = "acme") -> httpx.Response:
        """GET of a path of the Segment Profile API, below the space."""
        headers = {} if key is None else {"authorization": basic(key.auth_token)}
        return self.request("GET", f"/v1/spaces/{space}{url}", headers=headers)

    # Ingestion

    def message(self, dataset: str, entity: JSON, **header: JSON) -> dict[str, JSON]:
        """A complete message for the dataset of this name; header fields can be added."""
        found = self.datasets[dataset]
        reference = {"id": found.schema_id, "contentType": CONTENT_TYPE}
        return {
            "header": {
                "schemaRef": reference,
                "imsOrgId": self.org_id,
                "datasetId": found.id,
                **header,
            },
            "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
        }

    def collect(self, message: JSON, query: str = "", **headers: str) -> httpx.Response:
        """POST one message to the open inlet; headers are named with underscores."""
        sent = {"content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"/collection/{self.inlet}{query}"
        return self.request("POST", url, content=json.dumps(message), headers=sent)

    def ingest(self, dataset: str, *entities: JSON) -> None:
        """Send entities as one batch, all of which must be accepted, and apply them."""
        answer = self.request(
            "POST",
            f"/collection/batch/{self.inlet}",
            json={"messages": [self.message(dataset, entity) for entity in entities]},
        )
        assert answer.status_code == 207, answer.text
        assert all("xactionId" in one for one in answer.json()["responses"]), answer.text
        self.drain()

    # What became of it

    def failed(self) -> list[FailedRecord]:
        """The failed records of the first sandbox, in the order of acceptance."""
        store = self.places.profile(self.sandbox.id)
        return failed_records.listed(store, Packing(store), after=0, limit=1000)

    def ended(self) -> dict[Outcome, int]:
        """How many records ended in which way."""
        ends = dict.fromkeys(Outcome, 0)
        for (_, outcome), records in outcomes.counts(self.places.profile(self.sandbox.id)).items():
            ends[outcome] += records
        return ends

    def faults(self) -> list[doctor.Finding]:
        """What the doctor finds wrong; empty when links, clusters and counts agree."""
        journal = Journal(self.places.journal(self.sandbox.id), self.bell)
        figures = self.rooms.lakes.of(self.sandbox.id).figures()
        snapshot = self.rooms.definitions.snapshot(self.sandbox.id)
        business, limit = snapshot.business_datasets(), snapshot.cluster_limit
        store = self.places.profile(self.sandbox.id)
        with store.reading() as reader:
            found = [
                *doctor.examined(reader, journal, business=business, limit=limit),
                *doctor.lake_examined(reader, journal, figures),
                *doctor.account_examined(reader, Packing(store), snapshot),
            ]
        return [one for one in found if not one.clean]


def basic(user: str) -> str:
    """An Authorization header of a user without a password."""
    return f"Basic {base64.b64encode(f'{user}:'.encode()).decode()}"


def _with_token(key: NewKey | None, headers: Mapping[str, str]) -> dict[str, str]:
    sent = {} if key is None else {"auth-token": key.auth_token}
    return sent | {name.replace("_", "-"): value for name, value in headers.items()}


def json_of(answer: httpx.Response) -> dict[str, Any]:
    """The body of an answer, an object."""
    return cast(dict[str, Any], answer.json())
