"""As of when a fragment counts. Source: profile contract, 4.9."""

from __future__ import annotations

import pytest

from onefold.domain.profile.fragment import effective_ms


@pytest.mark.parametrize(
    ("updated", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T01:00:01.123456789+01:00", 1123),
    ],
)
def test_the_sources_own_time_of_update_counts(updated, expected):
    assert effective_ms({"extSourceSystemAudit": {"lastUpdatedDate": updated}}, 5) == expected


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"extSourceSystemAudit": None},
        {"extSourceSystemAudit": {}},
        {"extSourceSystemAudit": {"lastUpdatedDate": ""}},
        {"extSourceSystemAudit": {"lastUpdatedDate": 1000}},
        {"extSourceSystemAudit": {"createdDate": "1970-01-01T00:00:01Z"}},
    ],
)
def test_otherwise_the_time_of_ingest_counts(attributes):
    assert effective_ms(attributes, 5) == 5
