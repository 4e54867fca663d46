"""What follows for a sandbox from being an account: how its identities link.

Source: Intilery contract, section 11.
"""

from __future__ import annotations

from msgspec.structs import replace

from onefold.domain.calls.namespaces import USER
from onefold.domain.graph.settings import (
    ACCOUNT_CLUSTER_LIMIT,
    IdentitySettings,
    LinkingRules,
    rules_of,
)
from onefold.domain.identity.namespace import NamespaceBook


def linking(
    saved: IdentitySettings | None, book: NamespaceBook, *, is_account: bool
) -> LinkingRules | None:
    """The rules of a sandbox; None when there are none.

    An account has rules, saved or not: a person has one userId, unless an alias says that two are
    one, and a device that somebody else uses from now on takes nothing along that was said through
    it before. Where nothing is saved, events stay with the identity that their sender marked.
    Source: Intilery contract, 11.1 to 11.3.
    """
    if not is_account:
        return None if saved is None else rules_of(saved, book)
    user = book.by_key(USER)
    chosen = saved or IdentitySettings(() if user is None else (user.id,))
    if user is not None:
        chosen = IdentitySettings(
            chosen.priority,
            tuple(dict.fromkeys((*chosen.unique, user.id))),
            tuple(one for one in chosen.lookup_only if one != user.id),
        )
    return replace(
        rules_of(chosen, book),
        names_primary=saved is not None,
        hands_over=True,
        mergeable=frozenset(() if user is None else (user.id,)),
        limit=ACCOUNT_CLUSTER_LIMIT,
    )
