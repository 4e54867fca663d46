"""Changes that are made only when the thing is still as its changer has read it.

Compared inside the transaction of the change, so of two changers with one etag exactly one wins.
Source: platform contract, sections 3 and 6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from onefold.errors import Conflict
from onefold.wire import JSON, encode_json

ANY = "*"


def etag_of(document: JSON) -> str:
    """The etag of a document: 64 hexadecimal digits."""
    return hashlib.blake2b(encode_json(document), digest_size=32).hexdigest()


def require(wanted: Collection[str] | None, etag: str, code: str) -> None:
    """Refuse a change of something that is not as its changer expects it.

    wanted: the etags that will do, `*` for any; None: the changer has not said. etag: as it is now.
    Raises Conflict `code`.
    """
    if wanted is not None and ANY not in wanted and etag not in wanted:
        raise Conflict(code)
