"""The registry's Accept headers, read leniently: `xed-full-notext` is a set of words.

`xdm` counts as `xed`; a version may stand behind a space, and must be 1. Plain JSON and `*/*` mean
the raw form. Source: platform contract, section 6.2.
"""

from __future__ import annotations

import re

from onefold.api.declared import header
from onefold.errors import Malformed, Rejected

HEADER = header(
    "accept",
    "`application/vnd.adobe.xed-id+json`, `xed+json; version=1` or `xed-full+json; version=1`, with"
    " `-notext`, `-desc` or `-deprecatefield`; JSON means `xed`.",
    {"type": "string", "examples": ["application/vnd.adobe.xed-full+json; version=1"]},
)
_VENDOR = re.compile(r"application/vnd\.adobe\.(?:xed|xdm)((?:-[a-z0-9]+)*)(?:\+json)?")
_PLAIN = frozenset(("", "*/*", "application/*", "application/json"))
_VERSION = re.compile(r"1(?:\.(?:[0-9]+|x))?")
_OF_RESOURCES = frozenset(("id", "full", "notext", "desc", "flat", "deprecated", "deprecatefield"))
_OF_DESCRIPTORS = frozenset(("id", "link", "v2"))


def of_list(header: str) -> frozenset[str]:
    """The words of a list's form. Raises Malformed REG-1001, Rejected REG-1004."""
    return _words(header, _OF_RESOURCES, "REG-1001")


def of_lookup(header: str) -> frozenset[str]:
    """The words of a resource's form. Raises Malformed REG-1002, Rejected REG-1004."""
    return _words(header, _OF_RESOURCES, "REG-1002")


def of_descriptors(header: str) -> frozenset[str]:
    """The words of the form of descriptors. Raises Malformed REG-1003, Rejected REG-1004."""
    return _words(header, _OF_DESCRIPTORS, "REG-1003")


def _words(header: str, known: frozenset[str], code: str) -> frozenset[str]:
    """Of the first form in the header that is served."""
    strange = False
    for offer in header.lower().split(","):
        media, *parameters = (part.strip() for part in offer.split(";"))
        vendor = _VENDOR.fullmatch(media)
        if vendor is None and media not in _PLAIN:
            continue
        words = frozenset(vendor[1].split("-")[1:] if vendor else ())
        versions = [p.partition("=")[2].strip() for p in parameters if p.startswith("version")]
        if words <= known and all(_VERSION.fullmatch(version) for version in versions):
            return words
        strange = True
    if strange:
        raise Rejected("REG-1004", f"Not a known format or version: {header[:256]}", at="Accept")
    raise Malformed(code, f"Not an Accept header of this API: {header[:256]}", at="Accept")
