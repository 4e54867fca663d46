"""What `onefold explain` prints: the answers of `/onefold/v1/explain`, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text
from rich.tree import Tree

from onefold.api.onefold.explain import LOSERS_MAX, link_json, profile_json
from onefold.cli.desk import console, echo, opened, printable
from onefold.domain.profile.project import selector
from onefold.errors import NotFound
from onefold.lookup.owner import Asked, identity_of
from onefold.wire import JSON, encode_json

_VALUE_CHARS = 100

_WON = {
    "only": "nobody else says anything",
    "datasetRank": "the policy ranks its dataset higher",
    "laterEffectiveTime": "it is newer",
    "laterRecord": "of the same time, and came later",
    "fixedOrder": "a tie, which is always broken this way",
    "newestEntry": "the newest entry counts",
}
_HOW = {
    "arrayAsWhole": "a list is replaced as a whole",
    "objectAsWhole": "replaced with all that it held",
    "valueByObject": "replaced by an object",
}
_POLICY = {
    "timestampOrdered": "the newest value wins",
    "dataSetPrecedence": "datasets are ranked",
}
_APART = {
    "unknownIdentity": "nothing is known of {unknown}",
    "neverNamedTogether": "no record, nor any chain of records, names both",
    "namedWithoutLinking": "a record names both, and one of them takes no part in links there",
    "cutByHand": "the link was cut by hand",
    "uniqueNamespace": "together they would have two values of a namespace that is unique",
    "clusterLimit": "together they would be more than 50 identities",
    "bygoneRule": "a rule or the limit unlinked them; the next record that names both links them",
    "evidenceTooLarge": "too much hangs together here to follow it all",
}
_KIND = {
    "event": "event",
    "profileRecord": "profile record",
    "graphOnly": "record for links alone",
}


def profile(
    data: Path, sandbox: str, identity: str, *, policy: str, fields: str, as_json: bool
) -> None:
    """Print where every value of a profile comes from. Raises NotFound PRO-1004 and PRO-1005,
    Malformed PRO-1002 and PRO-1003."""
    with opened(data, sandbox) as desk:
        wanted = selector(fields.split(",")) if fields else None
        found = desk.rooms.profiles.explanation(
            desk.sandbox.id, _asked(identity), policy_id=policy or None, wanted=wanted
        )
        if found is None:
            raise NotFound("PRO-1004", f"Nothing is known about {printable(identity)}")
        said = profile_json(found, desk.snapshot, wanted, limit=len(found.leaves) + 1_000)
    if as_json:
        echo(said)
    else:
        console().print(_tree(identity, said), soft_wrap=True)


def link(data: Path, sandbox: str, one: str, other: str, *, as_json: bool) -> None:
    """Print what is between two identities. Raises Malformed PRO-1002 and PRO-1003."""
    with opened(data, sandbox) as desk:
        ends = [identity_of(desk.snapshot, _asked(named))[0] for named in (one, other)]
        found = desk.rooms.graphs.connection(desk.sandbox.id, desk.snapshot.rules, *ends)
        said = link_json(found, desk.snapshot, *ends)
    if as_json:
        echo(said)
    else:
        for line in _chain(said):
            console().print(line, soft_wrap=True)


def _asked(text: str) -> Asked:
    """XIDs have no colons."""
    code, colon, value = text.partition(":")
    return Asked(value, code) if colon else Asked(text)


def _tree(identity: str, said: JSON) -> Tree:
    policy = said["mergePolicy"]
    number = len(said["identities"])
    tree = Tree(
        Text(
            printable(identity)
            + f": {number} identit{'ies' if number > 1 else 'y'},"
            + f' merged by "{printable(policy["name"])}" ({_POLICY[policy["attributeMerge"]]})',
            "bold",
        ),
        guide_style="dim",
    )
    for leaf in said["leaves"]:
        _grow(tree, leaf)
    if said["excluded"]:
        left_out = tree.add(Text("Left out, since the policy does not list the dataset", "cyan"))
        for source in said["excluded"]:
            left_out.add(Text(_source(source)))
    return tree


def _grow(tree: Tree, leaf: JSON) -> None:
    shown = "(an object)" if leaf["kind"] == "object" else _value(leaf["value"])
    branch = tree.add(Text.assemble((printable(leaf["path"]), "cyan"), "  ", shown))
    if leaf["winner"] is None:
        branch.add(Text("from the links between identities"))
        return
    branch.add(Text(f"from {_source(leaf['winner'])}: {_WON[leaf['rule']]}"))
    for lost in leaf["losers"]:
        word = "also" if lost["agrees"] else "not"
        why = f", {_HOW[lost['how']]}" if lost["how"] in _HOW else ""
        branch.add(Text(f"{word} {_value(lost['value'])} of {_source(lost)}{why}", "dim"))
    if leaf["lost"] > LOSERS_MAX:
        branch.add(Text(f"and {leaf['lost'] - LOSERS_MAX} more", "dim"))


def _chain(said: JSON) -> Sequence[Text]:
    one, other = _name(said["from"]), _name(said["to"])
    if said["onePerson"]:
        lines = [Text(f"{one} and {other} are one person", "bold")]
    else:
        unknown = " and ".join(_name(each) for each in said["unknown"])
        why = _APART[said["rule"]].format(unknown=unknown)
        lines = [Text(f"{one} and {other} are not one person: {why}", "bold")]
    if said["links"]:
        lines.append(Text(one, "cyan"))
    for step in said["links"]:
        lines += _step(step)
        lines.append(Text(_name(step["to"]), "cyan"))
    return lines


def _step(step: JSON) -> list[Text]:
    records = f"{step['records']} record{'s' if step['records'] != 1 else ''}"
    if step["linked"]:
        lines = [Text(f" │ linked by {records}, {step['firstAt']} to {step['lastAt']}")]
    else:
        because = " and ".join(_name(each) for each in step["because"])
        why = _APART[step["rule"]] + (f": {because}" if because else "")
        lines = [Text(f" ┆ not linked: {why}; {records} named both")]
    mark = "│" if step["linked"] else "┆"
    for one in step["evidence"]:
        lines.append(
            Text(
                f" {mark}   record {one['recordNumber']} of {_dataset(one)}, {_KIND[one['kind']]}"
                f"{' ' + printable(one['eventId']) if one['eventId'] else ''}, {one['at']}",
                "dim",
            )
        )
    return lines


def _source(source: JSON) -> str:
    if source["recordNumber"] is None:
        record = f"call {printable(source['eventId'])}, which is not kept,"
    else:
        record = f"record {source['recordNumber']}"
    return (
        f"{record} of {_dataset(source)}, of {_name(source['identity'])}, {source['effectiveAt']}"
    )


def _dataset(said: JSON) -> str:
    return printable(said["datasetName"] or said["datasetId"])


def _name(identity: JSON) -> str:
    return printable(f"{identity['namespace']}:{identity['id']}")


def _value(value: JSON) -> str:
    text = printable(value if isinstance(value, str) else encode_json(value).decode())
    return text if len(text) <= _VALUE_CHARS else text[: _VALUE_CHARS - 1] + "…"
