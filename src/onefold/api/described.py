"""`/openapi.json` and `/docs`: what is served, for programs and for people. Read openapi.py first.

Both are made once a process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version

import msgspec

from onefold.api.context import Request, Response, Rooms
from onefold.api.declared import DOCUMENT, JSON_TYPE, TEXT, Answer, header
from onefold.api.docs_page import page
from onefold.api.hosts import base_urls
from onefold.api.openapi import PERMISSION, document
from onefold.api.route import Route
from onefold.config import Settings
from onefold.wire import JSON, encode_json

_HTML = "text/html; charset=utf-8"


class Described:
    """The document and the page of a table of routes, ready to be sent. Each is made when it is
    first asked for, and kept. They say where clients reach each door by the settings."""

    def __init__(self, routes: Sequence[Route], settings: Settings) -> None:
        self._routes = routes
        self._settings = settings

    @cached_property
    def openapi(self) -> Made:
        """The document."""
        return Made(encode_json(self._document))

    @cached_property
    def page(self) -> Made:
        """The page."""
        return Made(*page(self._document, permission=PERMISSION))

    @cached_property
    def _document(self) -> dict[str, JSON]:
        return document(
            self._routes,
            base_url=self._settings.base_url,
            version=version("onefold"),
            elsewhere=base_urls(self._routes, self._settings),
        )


class Made(msgspec.Struct, frozen=True):
    """A body. policy: its Content-Security-Policy, if it has one."""

    body: bytes
    policy: str = ""

    @property
    def tag(self) -> str:
        """The entity tag."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


def get_openapi(request: Request, rooms: Rooms) -> Response:
    """This API as an OpenAPI 3.1 document."""
    return _answer(request, rooms.described.openapi, JSON_TYPE)


def get_docs(request: Request, rooms: Rooms) -> Response:
    """This API as a page for people."""
    made = rooms.described.page
    return _answer(request, made, _HTML, ("content-security-policy", made.policy))


def get_root(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a handler's form
    """Lead to the page for people."""
    return Response(307, headers=(("location", "/docs"),))


def _answer(request: Request, made: Made, media: str, *more: tuple[str, str]) -> Response:
    """The body, or 304 when the caller has it already."""
    headers = (("etag", made.tag), ("cache-control", "no-cache"), *more)
    known = request.headers.get("if-none-match", "").split(",")
    if {"*", made.tag} & {one.strip().removeprefix("W/") for one in known}:
        return Response(304, headers=headers)
    return Response(200, made.body, headers, media)


_KNOWN = header("if-none-match", "Entity tags of what the caller has.")
_UNCHANGED = Answer("Unchanged since the caller's.", None)

ROUTES = (
    Route(
        "GET",
        "/",
        get_root,
        gate="none",
        family="plain",
        fails="",
        answers={307: Answer("To `/docs`.", None)},
    ),
    Route(
        "GET",
        "/docs",
        get_docs,
        gate="none",
        family="plain",
        parameters=(_KNOWN,),
        answers={200: Answer("The page.", TEXT, _HTML), 304: _UNCHANGED},
        fails="",
    ),
    Route(
        "GET",
        "/openapi.json",
        get_openapi,
        gate="none",
        family="plain",
        parameters=(_KNOWN,),
        answers={200: Answer("The document.", DOCUMENT), 304: _UNCHANGED},
        fails="",
    ),
)
