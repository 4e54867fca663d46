"""Conditional requests: `ETag`, `If-Match`, `If-None-Match`. Source: RFC 9110, section 13."""

from __future__ import annotations

import re

from onefold.api.context import Request

_ONE = re.compile(r'\s*(?:W/)?(?:"([^"]*)"|([^\s",]+))\s*(?:,|$)')


def wanted(request: Request, header: str = "if-match") -> frozenset[str] | None:
    """The etags of a condition, unquoted, `*` as it stands; None when the header is absent.

    Weak ones count as strong, and quotes may be missing, as some clients leave them out.
    """
    text = request.headers.get(header)
    if text is None:
        return None
    return frozenset(quoted or bare for quoted, bare in _ONE.findall(text))


def etag(text: str) -> tuple[tuple[str, str], ...]:
    """The response header of an etag."""
    return (("etag", f'"{text}"'),)
