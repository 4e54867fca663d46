"""The API's description: a document for programs and a page for people, without a token."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from onefold.api.routes import ROUTES
from onefold.testing.app import App, json_of

BOTH = ("/openapi.json", "/docs")
_VOID = {"meta", "input", "wbr"}


def test_document_says_where_the_server_is(shared: App) -> None:
    answer = shared.request("GET", "/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    said = json_of(answer)
    assert said["openapi"] == "3.1.0"
    assert said["servers"] == [{"url": shared.settings.base_url}]


@pytest.mark.parametrize("path", BOTH)
def test_what_is_known_is_not_sent_again(shared: App, path: str) -> None:
    tag = shared.request("GET", path).headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = shared.request("GET", path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert "content-length" not in again.headers
    assert shared.request("GET", path, headers={"if-none-match": '"x"'}).status_code == 200


def test_root_leads_to_the_page(shared: App) -> None:
    answer = shared.request("GET", "/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


def test_page_shows_every_operation(shared: App) -> None:
    text = shared.request("GET", "/docs").text
    assert text.count('<details class="operation"') == len(ROUTES)


def test_page_shows_how_each_door_takes_its_key(shared: App) -> None:
    page = shared.get("/docs").text
    for header in ("Authorization: Bearer …", "auth-token", "Authorization: Basic …"):
        assert f"<code>{header}</code>" in page
    assert "-H &quot;auth-token: $AUTH_TOKEN&quot;" in page
    assert "-u &quot;$AUTH_TOKEN:&quot;" in page


def test_page_needs_nothing_from_elsewhere(shared: App) -> None:
    answer = shared.request("GET", "/docs")
    assert re.findall(r'(?:src|href)="(?!#|/openapi\.json)[^"]*"', answer.text) == []
    assert "@import" not in answer.text
    assert "url(" not in answer.text


def test_page_allows_its_own_style_and_script_only(shared: App) -> None:
    answer = shared.request("GET", "/docs")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    for name in ("style", "script"):
        (text,) = re.findall(rf"<{name}>(.*?)</{name}>", answer.text, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert 'style="' not in answer.text


def test_page_is_well_formed(shared: App) -> None:
    page = _Page()
    page.feed(shared.request("GET", "/docs").text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {target for target in page.targets if target} - set(page.ids) == set()


class _Page(HTMLParser):
    """Checks that elements are closed in order, and collects ids and links within the page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name == "href" and value and value.startswith("#"):
                self.targets.append(value[1:])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
