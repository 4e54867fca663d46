"""The one vocabulary of hypothesis strategies: every property test draws its values from here."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from onefold.domain.graph.links import Link, Sighting
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import GraphClass
from onefold.domain.profile.fragment import Fragment, without_nulls
from onefold.domain.profile.merge_policy import MergePolicy

# Few names, so that records meet; the letter says the class, so a name has one class everywhere.
CLASSES = {
    "c": GraphClass.COOKIE,
    "d": GraphClass.DEVICE,
    "p": GraphClass.PERSON,
    "q": GraphClass.PERSON,
}
NAMESPACES = {"c": 1, "d": 2, "p": 3, "q": 4}
xids = st.builds(
    lambda number, letter: Xid(f"{number}{letter}"), st.integers(0, 4), st.sampled_from("cdpq")
)
datasets = st.sampled_from(("A", "B", "C"))
times_ms = st.integers(0, 20)

sightings = st.builds(
    Sighting,
    xids=st.lists(xids, min_size=1, max_size=4).map(tuple),
    dataset=datasets,
    at_ms=times_ms,
)


rules = st.builds(
    lambda people, devices, unique, mergeable: LinkingRules(
        {NAMESPACES[letter]: rank for rank, letter in enumerate((*people, *devices), 1)},
        frozenset(NAMESPACES[letter] for letter in unique),
        mergeable=frozenset(NAMESPACES[letter] for letter in unique & mergeable),
    ),
    st.permutations("pq"),
    st.permutations("cd"),
    st.sets(st.sampled_from("pq"), min_size=1),
    st.just(set()) | st.sets(st.sampled_from("pq")),
)
"""Linking rules over the namespaces of `xids`: a priority, and one or two that are unique, of which
values may be merged."""


@st.composite
def links(draw: st.DrawFn) -> Link:
    a, b = sorted(draw(st.lists(xids, min_size=2, max_size=2, unique=True)))
    first_ms, last_ms = sorted((draw(times_ms), draw(times_ms)))
    return Link(a, b, draw(datasets), first_ms, last_ms)


@st.composite
def batches(draw: st.DrawFn) -> list[list[Sighting]]:
    """A stream of records, cut into batches anywhere."""
    stream = draw(st.lists(sightings, max_size=24))
    cuts = draw(st.lists(st.integers(0, len(stream)), max_size=5))
    edges = sorted({0, len(stream), *cuts})
    return [stream[start:end] for start, end in pairwise(edges)]


names = st.sampled_from(("a", "b", "c", "d"))
scalars = st.sampled_from((None, True, False, 0, 7, -1.25, "", "text", "é"))
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(names, json_values, max_size=4)
paths = st.lists(names, min_size=1, max_size=4).map(".".join)

instants = st.one_of(
    st.integers(0, 3).map(lambda second: f"2022-02-06T05:58:0{second}Z"), st.just("no time")
)
memberships = st.dictionaries(
    st.sampled_from(("ups", "aam")),
    st.dictionaries(
        names,
        st.fixed_dictionaries(
            {"status": st.sampled_from(("realized", "existing", "exited"))},
            optional={"lastQualificationTime": instants},
        ),
        max_size=2,
    ),
    max_size=2,
)
regions = st.dictionaries(
    st.sampled_from(("IRL1", "VA6")), st.fixed_dictionaries({"captureTimestamp": instants})
)


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, Any]:
    """What a record or the system says: ordinary fields, and sometimes those the system places."""
    placed = st.fixed_dictionaries(
        {},
        optional={
            "identityMap": objects,
            "segmentMembership": memberships | json_values,
            "userActivityRegions": regions | json_values,
        },
    )
    return draw(objects) | draw(placed)


@st.composite
def _fragment(draw: st.DrawFn) -> Fragment:
    return Fragment(
        xid=draw(xids),
        dataset=draw(datasets),
        seq=draw(st.integers(0, 3)),
        ingested_ms=draw(times_ms),
        effective_ms=draw(st.integers(0, 3)),
        tag="t",
        attributes=without_nulls(draw(attributes())),
    )


fragments = st.lists(
    _fragment(), max_size=4, unique_by=lambda fragment: (fragment.dataset, fragment.xid)
)

policies = st.builds(
    MergePolicy,
    id=st.just("policy"),
    name=st.just(""),
    identity_graph=st.just("pdg"),
    attribute_merge=st.sampled_from(("timestampOrdered", "dataSetPrecedence")),
    order=st.lists(datasets, unique=True).map(tuple),
    default=st.booleans(),
    active_on_edge=st.booleans(),
    updated_s=st.just(0),
)


partials = st.lists(
    st.tuples(
        st.sampled_from(("create", "merge", "delete")),
        st.sampled_from("ab"),
        datasets,
        objects,
        st.booleans(),
    ),
    max_size=12,
)
"""Records of a journal: (operation, whose, dataset, what it says, whether a batch ends there)."""


_stamps = st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from(("e", "f"))).map(list)


@st.composite
def stamped_records(draw: st.DrawFn) -> dict[str, Any]:
    """What one call says of traits and relations, as the pipeline brings it to a fragment. Few
    stamps, so that some are equal although no two calls' ever are."""
    called = names | st.sampled_from(("firstName", "lastName", "email"))
    traits = draw(st.dictionaries(called, json_values, min_size=1, max_size=4))
    groups = draw(st.dictionaries(names, scalars.filter(bool), max_size=2))
    return {
        "identityMap": {"userId": []},
        "_onefold": {"traits": traits} | ({"groups": groups} if groups else {}),
        "_stamp": draw(_stamps),
    }


_ids = st.one_of(
    st.sampled_from((None, "", "u-1", " u-2 ", 7, True, "x" * 513)),
    json_values,
    st.text(max_size=3),
)
_said_times = st.one_of(
    st.sampled_from(("2015-2-02T00:30:08.276Z", "2015-02-02 00:30", "soon", 1422837008276, 0)),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    json_values,
)
_words = st.sampled_from(
    (
        "identify",
        "track",
        "Page",
        "screen",
        "group",
        "alias",
        "send_email",
        "start_journey",
        "!",
        "",
    )
)
messages = st.dictionaries(st.text(max_size=3), json_values, max_size=2).flatmap(
    lambda others: st.fixed_dictionaries(
        {},
        optional={
            **{name: st.just(value) for name, value in others.items()},
            **dict.fromkeys(
                ("userId", "anonymousId", "groupId", "previousId", "user_id", "messageId"), _ids
            ),
            **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt"), _said_times),
            **dict.fromkeys(("type", "action", "event"), _words | json_values),
            **dict.fromkeys(("traits", "properties", "integrations"), objects | json_values),
            **dict.fromkeys(("deviceId", "fcmToken", "assetId", "writeKey"), json_values),
            "context": st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("ip", "direct", "active", "campaign"), json_values)
            )
            | json_values,
        },
    )
)
"""Messages of calls, most of them with some fault."""
