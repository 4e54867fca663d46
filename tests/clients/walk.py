"""aepp's objects, pointed at a server as the documentation says, and the documents they send."""

from __future__ import annotations

import re
import time
import types
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.crash.serving import PATIENCE_SECONDS, Server
from tests.docs.commands import REPOSITORY

RECIPE = REPOSITORY / "docs" / "how-to" / "point-aepp-here.md"
FORM = "application/vnd.adobe.xed-full+json;version=1"


class Walk:
    """One server and aepp's objects, pointed at it as the documentation says."""

    def __init__(self, server: Server) -> None:
        recipe = _recipe()
        recipe.configure(server.url, server.facts)
        catalog, customerprofile, flowservice, ingestion, schema = (
            import_module(f"aepp.{name}")
            for name in ("catalog", "customerprofile", "flowservice", "ingestion", "schema")
        )

        self.org_id: str = server.facts["org_id"]
        self.schemas: Any = schema.Schema()
        self.identities: Any = recipe.identities(server.url)
        self.catalog: Any = catalog.Catalog()
        self.flows: Any = flowservice.FlowService()
        self.ingestion: Any = ingestion.DataIngestion()
        self.profiles: Any = customerprofile.Profile()

    def profile_schema(self, tenant: str) -> dict[str, Any]:
        """A schema of people with an e-mail address, a card and the standard person."""
        group = self.schemas.createFieldGroup(
            {
                "title": "Loyalty",
                "type": "object",
                "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
                "definitions": {
                    "all": {
                        "properties": {
                            f"_{tenant}": {
                                "type": "object",
                                "properties": {
                                    "email": {"type": "string"},
                                    "card": {"type": "string"},
                                    "tier": {"type": "string"},
                                },
                            }
                        }
                    }
                },
                "allOf": [{"$ref": "#/definitions/all"}],
            }
        )
        return self._schema(
            self.schemas.createProfileSchema(name="Members", mixinIds=[group["$id"]])
        )

    def event_schema(self) -> dict[str, Any]:
        """A schema of events that name people by identityMap."""
        groups = self.schemas.getFieldGroupsGlobal(output="raw")
        map_id = next(group["$id"] for group in groups if group["title"] == "IdentityMap")
        made = self.schemas.createExperienceEventSchema(name="Visits", mixinIds=[map_id])
        return self._schema(made)

    def identity(self, schema_id: str, path: str, code: str, *, primary: bool) -> None:
        """Mark a field as an identity."""
        made = self.schemas.createDescriptor(
            self.schemas.createDescriptorOperation(
                sourceSchema=schema_id,
                descType="xdm:descriptorIdentity",
                completePath=path,
                identityNSCode=code,
                identityPrimary=primary,
            )
        )
        assert made["@id"], made

    def dataset(self, name: str, schema_id: str) -> str:
        """A dataset that feeds profiles, of a schema that is enabled for them."""
        enabled = self.schemas.enableSchemaForRealTime(schema_id)
        assert "union" in enabled["meta:immutableTags"], enabled
        made = self.catalog.createDataSet(
            name=name, schemaId=schema_id, profileEnabled=True, identityEnabled=True
        )
        return str(made[0]).removeprefix("@/dataSets/")

    def inlet(self, dataset_id: str) -> str:
        """The inlet of a new flow into the dataset."""
        made = self.flows.createFlowStreaming(datasetId=dataset_id)
        assert made["flow"]["id"], made
        source = made["source_connection_id"]
        source = source.get("items", [source])[0]
        connection = self.flows.getConnection(source["baseConnectionId"])
        assert connection["auth"]["params"]["inletUrl"].endswith(
            connection["auth"]["params"]["inletId"]
        )
        return str(connection["auth"]["params"]["inletId"])

    def message(self, dataset_id: str, schema_id: str, entity: dict[str, Any]) -> dict[str, Any]:
        reference = {"id": schema_id, "contentType": FORM}
        return {
            "header": {
                "schemaRef": reference,
                "imsOrgId": self.org_id,
                "datasetId": dataset_id,
                "source": {"name": "test"},
            },
            "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
        }

    @staticmethod
    def _schema(made: dict[str, Any]) -> dict[str, Any]:
        assert made["$id"], made
        assert made["meta:altId"], made
        return made


def until(look: Callable[[], Any]) -> Any:
    """What `look` gives as soon as it gives something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def _recipe() -> types.ModuleType:
    """The module that the documentation has its readers write."""
    found = re.search(r"<<'END'\n(.*?)^END$", RECIPE.read_text(), re.S | re.M)
    assert found is not None
    module = types.ModuleType("onefold_aepp")
    exec(compile(found[1], str(RECIPE), "exec"), module.__dict__)
    return module
