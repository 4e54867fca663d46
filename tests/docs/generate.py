"""The reference pages that are made from tables in the code: `python -m tests.docs.generate`.

What a page says is in the tables; only the words around them stand here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from onefold.api.problem import STATUS
from onefold.config import SETTINGS
from onefold.domain.xdm.standard.loader import load
from onefold.errors import CODES
from onefold.observe.metrics import METRICS, Metrics

REPOSITORY = Path(__file__).parent.parent.parent
REFERENCE = REPOSITORY / "docs" / "reference"

MADE = "<!-- Made by `make docs` from the code; change it there. -->"

KINDS = {
    "XID": "XIDs, the encoded form of an identity",
    "SML": "Smile bodies",
    "SMP": "Preview samples",
    "XDM": "Schemas and records",
    "INL": "Messages at an inlet",
    "REC": "Records that were accepted and could not be applied",
    "PRJ": "Edge projections",
    "PRO": "Profile access",
    "CHG": "Changes, for those who follow",
    "CTL": "Installation and definitions",
    "DEL": "Deletions from profiles",
    "REG": "Schema registry",
    "FLW": "Flow Service",
    "CAT": "Catalogue",
    "BAT": "Batches of files",
    "FLR": "Failed records, as an inbox",
    "UND": "Undoing",
    "DAT": "Data access",
    "PRV": "Privacy",
    "RGL": "Regulations",
    "AUT": "Tokens and headers",
    "KEY": "API keys",
    "ASK": "Questions about customers",
    "CUS": "Customers",
    "CAL": "Calls",
    "API": "Any request",
}
RESOURCES = {
    "behaviors": "Behaviours",
    "classes": "Classes",
    "datatypes": "Data types",
    "mixins": "Field groups",
}


def pages() -> dict[Path, str]:
    """Every generated page with its text."""
    return {
        REFERENCE / "errors.md": _errors(),
        REFERENCE / "settings.md": _settings(),
        REFERENCE / "metrics.md": _metrics(),
        REFERENCE / "xdm.md": _xdm(),
    }


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(REPOSITORY))


def _errors() -> str:
    parts = [
        "# Error codes",
        MADE,
        "A code keeps its meaning for ever. Which part of it a caller sees depends on the API: the"
        " shapes are in [http.md](http.md). Failed records carry `REC` codes, those of calls `CAL`,"
        " too; they are counted in `onefold_records_failed_total` and kept with the raw message.",
    ]
    for kind, codes in groupby(CODES, key=lambda code: code.partition("-")[0]):
        parts.append(f"## {kind}: {KINDS[kind]}")
        rows = [(f"`{c}`", STATUS[c], CODES[c].meaning, CODES[c].remedy) for c in codes]
        parts.append(_table(("code", "HTTP", "meaning", "what to do"), rows))
    return _page(parts)


def _settings() -> str:
    rows = [
        (
            f"`ONEFOLD_{row.name.upper()}`",
            row.type.__name__,
            f"`{row.default}`" if row.default != "" else "",
            row.unit,
            row.help,
        )
        for row in SETTINGS
    ]
    return _page(
        [
            "# Settings",
            MADE,
            "Settings are environment variables, read once when a command starts. A value of the"
            " wrong type ends the command with `CTL-1008`. Where to listen, how many HTTP processes"
            " to run and which data directory to use are options of `onefold serve`.",
            _table(("variable", "type", "default", "unit", "what it does"), rows),
        ]
    )


def _metrics() -> str:
    types = {}
    for line in _exercised().exposition().decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
    rows = []
    for name, text in METRICS.values():
        exposed = name if name in types else f"{name}_total"
        rows.append((f"`{exposed}`", types[exposed], text))
    return _page(
        [
            "# Metrics",
            MADE,
            "`GET /metrics` answers in Prometheus' text format, without a token. Whichever process"
            " answers, the numbers are those of all processes of the server since it started.",
            _table(("metric", "type", "meaning"), rows),
            "`route` is the template of a route, never a path that was asked for; no label carries"
            " a value that a sender chose. Between restarts the counts balance: accepted, and what"
            " the journal still held at the start, are applied, duplicate, failed or in the depth."
            " `onefold doctor` checks the same on disk, exactly.",
        ]
    )


def _exercised() -> Metrics:
    """Metrics that have been counted once each: only then do all of them show."""
    metrics = Metrics()
    metrics.request("/", "GET", 200, seconds=0.001, now_s=0.0)
    metrics.ended("applied", 1)
    metrics.failed("REC-1001")
    metrics.backlog("sandbox", records=0, age_seconds=0)
    return metrics


def _xdm() -> str:
    documents = load().values()
    parts = [
        "# XDM",
        MADE,
        "Classes, field groups and data types that every sandbox has from the start. Names, types"
        " and structure follow the open [Experience Data Model](https://github.com/adobe/xdm),"
        " Copyright Adobe Systems Incorporated, licensed under"
        " [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/).",
        "Changes against the source: a selection of resources and of their fields, written down"
        " in a short notation of Onefold's own (`src/onefold/domain/xdm/standard/*.json`) and"
        " expanded when loaded; titles and descriptions are Onefold's; names are in the form that"
        " the Schema Registry shows (`birthDate`, `_id`, `_repo.createDate`) instead of prefixed;"
        " `browserdetails.cookiesEnabled` is text, as published sample payloads send it, and so is"
        " the `trackingNumber` of a shipping, since carriers use letters; the `id` of an"
        " `identityitem` is required, since an item without one names nobody. Not of the source are"
        " the field groups of `mixins/onefold/`, which hold what calls say as it was sent.",
    ]
    for kind, heading in RESOURCES.items():
        found = [d for d in documents if d["meta:resourceType"] == kind]
        parts.append(f"## {heading}")
        rows = [(f"`{d['$id']}`", d["title"]) for d in sorted(found, key=lambda d: str(d["$id"]))]
        parts.append(_table(("id", "title"), rows))
    return _page(parts)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
