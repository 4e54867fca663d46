"""`POST /ims/exchange/jwt`, `/ims/token/v3` and `/ims/token/v2`. Source: platform contract, 2."""

from __future__ import annotations

import io
from urllib.parse import parse_qsl

import python_multipart
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import Field, File

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import NUMBER, TEXT, Answer, Body, Parameter, choice, query, record
from onefold.api.route import Handler, Route
from onefold.errors import Malformed

FORM_BYTES_MAX = 64 * 1024
FIELDS_MAX = 50
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_NEVER_KEPT = (("cache-control", "no-store"),)


def post_exchange(request: Request, rooms: Rooms) -> Response:
    """A token for a JWT that the project's key has signed."""
    return json_response(200, rooms.tokens.exchange_jwt(form_of(request)), _NEVER_KEPT)


def post_token_v3(request: Request, rooms: Rooms) -> Response:
    """A token for a client secret, sent as a form."""
    return json_response(200, rooms.tokens.client_credentials(form_of(request)), _NEVER_KEPT)


def post_token_v2(request: Request, rooms: Rooms) -> Response:
    """A token for a client secret, sent as query parameters or as a form."""
    form = {**_pairs(request.raw_query), **(form_of(request) if request.body else {})}
    return json_response(200, rooms.tokens.client_credentials(form), _NEVER_KEPT)


def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, urlencoded or multipart. Raises Malformed AUT-2005."""
    content_type = request.headers.get("content-type", "")
    essence = content_type.partition(";")[0].strip().lower()
    if essence == _FORM:
        try:
            return _pairs(request.body.decode())
        except UnicodeDecodeError as bad:
            raise Malformed("AUT-2005", "The form is not UTF-8") from bad
    if essence == _MULTIPART:
        return _multipart(request.body, content_type)
    raise Malformed("AUT-2005", f"Content-Type must be {_FORM} or {_MULTIPART}")


def _pairs(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError as bad:
        raise Malformed("AUT-2005", "The form has too many fields") from bad


def _multipart(body: bytes, content_type: str) -> dict[str, str]:
    fields: dict[str, str] = {}

    def on_field(field: Field) -> None:
        fields[(field.field_name or b"").decode()] = (field.value or b"").decode()

    def on_file(file: File) -> None:  # some clients send texts as files
        file.file_object.seek(0)
        fields[(file.field_name or b"").decode()] = file.file_object.read().decode()

    headers = {"Content-Type": content_type.encode("latin-1")}
    try:
        python_multipart.parse_form(headers, io.BytesIO(body), on_field, on_file)
    except (MultipartParseError, ValueError) as bad:
        raise Malformed("AUT-2005", "The form is not a complete multipart body") from bad
    return fields


_GRANT = choice("client_credentials")
_BY_SECRET = record(grant_type=_GRANT, client_id=TEXT, client_secret=TEXT, scope=TEXT)
_BY_JWT = record(client_id=TEXT, client_secret=TEXT, jwt_token=TEXT)
_TOKEN = record(access_token=TEXT, token_type=TEXT, expires_in=NUMBER)


def _route(
    path: str, handler: Handler, takes: Body, fails: str, unit: str, *more: Parameter
) -> Route:
    return Route(
        "POST",
        path,
        handler,
        gate="none",
        family="ims",
        body_max=FORM_BYTES_MAX,
        parameters=more,
        takes=takes,
        answers={200: Answer(f"A token; `expires_in` is in {unit}.", _TOKEN)},
        fails=fails,
    )


_SECRET_FAILS = "AUT-2001 AUT-2002 AUT-2004 AUT-2005 AUT-2006"
_FORMS = (_FORM, _MULTIPART)
_EXAMPLE = "grant_type=client_credentials&client_id=$KEY&client_secret=$SECRET&scope=openid"

ROUTES = (
    _route(
        "/ims/exchange/jwt",
        post_exchange,
        Body("A form.", _BY_JWT, _FORMS),
        "AUT-2001 AUT-2002 AUT-2003 AUT-2004 AUT-2005",
        "milliseconds",
    ),
    _route(
        "/ims/token/v3",
        post_token_v3,
        Body("A form; scopes with commas between.", _BY_SECRET, _FORMS, example=_EXAMPLE),
        _SECRET_FAILS,
        "seconds",
    ),
    _route(
        "/ims/token/v2",
        post_token_v2,
        Body("A form, whose fields go before the query's.", _BY_SECRET, _FORMS, required=False),
        _SECRET_FAILS,
        "seconds",
        query("grant_type", "Always `client_credentials`.", _GRANT),
        query("client_id", "Id of the project's credential."),
        query("client_secret", "One of its secrets."),
        query("scope", "What is asked for, with commas between."),
    ),
)
