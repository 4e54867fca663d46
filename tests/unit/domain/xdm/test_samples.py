"""Every payload and every answer that the platform published fits schemas of the standard set."""

from __future__ import annotations

import msgspec
import pytest

from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.schema import EVENT_CLASS, schema_document
from onefold.domain.xdm.validate import compiled
from tests.unit.domain.xdm import samples

encode = msgspec.json.encode


@pytest.mark.parametrize("number", range(12))
def test_the_published_events_fit(number: int) -> None:
    schema = compiled(samples.event_schema())
    event = samples.seed_events()[number]
    assert schema.violations(event) == []
    assert schema.accepts(encode(event))


@pytest.mark.parametrize(
    "entity",
    [samples.seed_profile(), samples.seed_streamed_record()],
    ids=["profile answer", "streamed record"],
)
def test_the_published_profiles_fit(entity: object) -> None:
    schema = compiled(samples.profile_schema())
    assert schema.violations(entity) == []
    assert schema.accepts(encode(entity))


def test_the_published_streamed_event_fits_the_groups_of_its_example() -> None:
    """Only the groups it needs, no tenant group: the sample is of the standard set alone."""
    known = samples.resources()
    groups = [
        samples.standard(f"context/experienceevent-{name}")
        for name in ("environment-details", "commerce")
    ]
    document = schema_document("Streamed", EVENT_CLASS, [*groups, samples.CAMPAIGN_GROUP])
    schema = compiled(composed(document, known))
    event = samples.seed_streamed_event()
    assert schema.violations(event) == []
    assert schema.accepts(encode(event))


def test_all_published_events_are_there() -> None:
    assert len(samples.seed_events()) == 12
