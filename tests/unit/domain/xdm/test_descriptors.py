"""Identity descriptors."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.xdm.descriptors import IdentityDescriptor, identity_descriptor
from onefold.errors import Malformed
from tests.unit.domain.xdm import samples

DOCUMENT = {
    "@type": "xdm:descriptorIdentity",
    "xdm:sourceSchema": "https://ns.adobe.com/experienceplatform/schemas/x",
    "xdm:sourceVersion": 1,
    "xdm:sourceProperty": "/_experienceplatform/identification/core/email",
    "xdm:namespace": "Email",
    "xdm:property": "xdm:code",
    "xdm:isPrimary": True,
}


def test_a_descriptor_names_a_string_field() -> None:
    path = ("_experienceplatform", "identification", "core", "email")
    found = identity_descriptor(DOCUMENT, samples.event_schema())
    assert found == IdentityDescriptor(path, "Email", True)


def test_the_namespace_may_be_an_id() -> None:
    document = {**DOCUMENT, "xdm:namespace": 6, "xdm:property": "xdm:id"}
    del document["xdm:isPrimary"]
    found = identity_descriptor(document, samples.event_schema())
    assert (found.namespace, found.is_primary) == ("6", False)


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"@type": "xdm:descriptorOneToOne"}, "/@type"),
        ({"xdm:sourceProperty": ["/_id"]}, "/xdm:sourceProperty"),
        ({"xdm:sourceProperty": "/_experienceplatform/nobody"}, "/xdm:sourceProperty"),
        ({"xdm:sourceProperty": "/_id/x"}, "/xdm:sourceProperty"),
        ({"xdm:sourceProperty": "/productListItems/0/SKU"}, "/xdm:sourceProperty"),
        ({"xdm:sourceProperty": "/identityMap/Email/0/id"}, "/xdm:sourceProperty"),
        ({"xdm:sourceProperty": "/timestamp"}, "/xdm:sourceProperty"),
        ({"xdm:sourceProperty": "/device"}, "/xdm:sourceProperty"),
        ({"xdm:sourceProperty": "_id"}, "_id"),
        ({"xdm:isPrimary": "true"}, "/xdm:isPrimary"),
        ({"xdm:property": "xdm:name"}, "/xdm:property"),
        ({"xdm:property": ["xdm:id"]}, "/xdm:property"),
        ({"xdm:namespace": ""}, "/xdm:namespace"),
        ({"xdm:namespace": None}, "/xdm:namespace"),
        ({"xdm:namespace": True}, "/xdm:namespace"),
    ],
)
def test_unusable_descriptors_are_refused_with_the_place(changes: dict[str, Any], at: str) -> None:
    with pytest.raises(Malformed) as caught:
        identity_descriptor({**DOCUMENT, **changes}, samples.event_schema())
    assert (caught.value.code, caught.value.at) == ("XDM-1006", at)


def test_a_descriptor_is_an_object() -> None:
    with pytest.raises(Malformed, match="XDM-1006"):
        identity_descriptor([], samples.event_schema())
