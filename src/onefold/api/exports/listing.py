"""Lists of files as the export API gives them, and the files themselves.

Source: ingestion contract, section 8; platform contract, section 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from onefold.api.context import Response, json_response
from onefold.api.declared import DOCUMENT, Schema, array, record

LIMIT, LIMIT_MAX = 100, 100

LISTED: Schema = record(data=array(), _page=DOCUMENT)


def listing(href: str, files: Sequence[tuple[str, int]], *, limit: int) -> Response:
    """A list of (name, bytes); each links to `href?path=NAME`. Lengths are texts."""
    data = [
        {
            "name": name.rpartition("/")[2],
            "length": str(length),
            "_links": {"self": {"href": f"{href}?path={quote(name)}"}},
        }
        for name, length in files[:limit]
    ]
    return json_response(200, {"data": data, "_page": {"limit": limit, "count": len(data)}})


def lines(body: bytes) -> Response:
    """A file of JSON lines; one without lines is empty."""
    return Response(200, body, media_type="application/octet-stream")
