"""JSON bodies, decoded into a declared type. Fields that the type does not name are passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from onefold.errors import Malformed
from onefold.wire import decode_json

T = TypeVar("T")


def decoded(body: bytes, decode: Callable[[bytes], T], *, what: str) -> T:
    """The body as `decode` reads it. what: for the message, such as "a namespace".

    Raises Malformed API-1003 for a body that is no JSON or not of the declared form.
    """
    try:
        decode_json(body)  # the typed decoder passes over unread fields, broken or not
        return decode(body)
    except RecursionError:
        raise Malformed("API-1003", "The body is nested too deeply") from None
    except UnicodeDecodeError:
        raise Malformed("API-1003", "The body is not UTF-8") from None
    except msgspec.MsgspecError as bad:
        raise Malformed("API-1003", f"The body is not {what}: {bad}") from bad
