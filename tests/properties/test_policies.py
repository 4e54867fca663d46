"""Every merge policy reads the same truth its own way: rows that came in any order are answered as
a model of profile contract 4.7 to 4.9 says, which looks for the winner of each field from the top
instead of laying fragments over each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import Fragment, effective_ms, without_nulls
from onefold.domain.profile.merge import merged
from onefold.domain.profile.merge_policy import MergePolicy
from tests.properties import strategies as any_

JSON = Any
_DATES = {
    "1970-01-01T00:00:00.005Z": 5,
    "1970-01-01T00:00:00.010Z": 10,
    "1970-01-01T00:00:09Z": 9000,
}


class Row(NamedTuple):
    """What one dataset says of one identity; audited: its own time, which may be no time."""

    xid: Xid
    dataset: str
    audited: str | None
    body: dict[str, JSON]

    @property
    def attributes(self) -> dict[str, JSON]:
        if self.audited is None:
            return self.body
        return self.body | {"extSourceSystemAudit": {"lastUpdatedDate": self.audited}}


rows = st.lists(
    st.builds(
        Row,
        any_.xids,
        any_.datasets,
        st.sampled_from([None, "", "yesterday", *_DATES]),
        any_.objects,
    ),
    max_size=8,
)
"""In the order of their ingest, a millisecond apart."""


def stored(sent: list[Row]) -> list[Fragment]:
    """The fragments that the rows leave: the last of each dataset and identity, as it is stored."""
    last = {(row.dataset, row.xid): (at_ms, row) for at_ms, row in enumerate(sent)}
    return [
        Fragment(
            row.xid,
            row.dataset,
            at_ms,
            at_ms,
            effective_ms(row.attributes, at_ms),
            "t",
            without_nulls(row.attributes),
        )
        for at_ms, row in last.values()
    ]


def answered(sent: list[Row], policy: MergePolicy) -> JSON:
    """The model."""
    last: dict[tuple[str, str], tuple[int, Row]] = {}
    for at_ms, row in enumerate(sent):  # a row replaces the one before it, whatever its own time
        last[row.dataset, row.xid] = (at_ms, row)
    believed = []
    for at_ms, row in last.values():
        rank = 0
        if policy.attribute_merge == "dataSetPrecedence":
            if row.dataset not in policy.order:
                continue
            rank = policy.order.index(row.dataset)
        time = _DATES.get(row.audited or "", at_ms)
        believed.append(((-rank, time, at_ms), row.attributes))
    believed.sort(key=lambda pair: pair[0], reverse=True)
    return winner([attributes for _, attributes in believed]) if believed else {}


def winner(values: list[JSON]) -> JSON:
    """Of what is said of one place, the most believed first; nulls say nothing."""
    first = values[0]
    if isinstance(first, list):
        return [winner([item]) for item in first if item is not None]
    if not isinstance(first, dict):
        return first
    objects = []
    for value in values:  # an object that something else was laid over counts no more
        if not isinstance(value, dict):
            break
        objects.append(value)
    names = {name for one in objects for name in one}
    said = {name: [one[name] for one in objects if one.get(name) is not None] for name in names}
    return {name: winner(found) for name, found in said.items() if found}


@given(rows, any_.policies)
def test_every_policy_answers_what_its_model_says(sent, policy):
    assert merged(stored(sent), policy) == answered(sent, policy)


@given(rows)
def test_precedence_over_one_dataset_is_order_by_time_of_that_dataset(sent):
    def policy(kind: Any, *order: str) -> MergePolicy:
        return MergePolicy(
            id="p",
            name="",
            identity_graph="pdg",
            attribute_merge=kind,
            order=order,
            default=False,
            active_on_edge=False,
            updated_s=0,
        )

    fragments = stored(sent)
    own = [one for one in fragments if one.dataset == "A"]
    by_time = merged(own, policy("timestampOrdered"))
    assert merged(fragments, policy("dataSetPrecedence", "A")) == by_time
