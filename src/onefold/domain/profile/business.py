"""Accounts and opportunities: records of their own, which are looked up as people are and never mix
with them. Source: profile contract, 3.9.

What a record says of one stands under an identity of a namespace of its class. Such identities link
with nothing, so no merge of a person can reach it.
"""

from __future__ import annotations

from onefold.domain.calls.namespaces import GROUP
from onefold.domain.identity.namespace import Namespace
from onefold.domain.xdm.notation import CORE

NAMESPACES = {
    "_xdm.context.account": ("b2b_account", GROUP),
    "_xdm.context.opportunity": ("b2b_opportunity",),
}
"""The codes of the namespaces that identities of a class are of, by the name of the class."""
SOURCE = "er_m_attr"
"""What stands in the place of datasets among the sources of an answer."""

_CLASSES = {CORE + "context/" + name.rpartition(".")[2]: name for name in NAMESPACES}
_FOLDED = {name: frozenset(one.lower() for one in codes) for name, codes in NAMESPACES.items()}
_CODES = frozenset(code for codes in _FOLDED.values() for code in codes)


def class_name(class_id: str) -> str:
    """The name of a class of business records by its `$id`; empty for every other class."""
    return _CLASSES.get(class_id, "")


def is_of(namespace: Namespace | None, name: str) -> bool:
    """Whether a namespace is one of the class."""
    return namespace is not None and namespace.code.lower() in _FOLDED[name]


def is_of_any(namespace: Namespace | None) -> bool:
    """Whether a namespace is of business records, and so of nobody."""
    return namespace is not None and namespace.code.lower() in _CODES
