"""The page for people, made of the OpenAPI document: one file that needs nothing from elsewhere.

Every operation is a `details` element, so the page works without its script, which only filters.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from onefold.api.schema_notation import written
from onefold.wire import JSON, encode_json

_METHODS = ("get", "head", "post", "put", "patch", "delete")
_BODY_SHOWN_MAX = 400
"""Characters of an example that stands in a command; longer ones are shown beside it."""


def page(document: dict[str, JSON], *, permission: str) -> tuple[bytes, str]:
    """The page and its Content-Security-Policy, which allows its own style and script and no more.

    permission: the name of the document's extension that holds an operation's permission.
    """
    parts = files("onefold.api")
    style = parts.joinpath("docs_page.css").read_text()
    script = parts.joinpath("docs_page.js").read_text()
    body = "".join(_body(document, permission))
    text = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Onefold: HTTP API</title><style>{style}</style></head>"
        f"<body>{body}<script>{script}</script></body></html>\n"
    )
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)};"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text.encode(), policy


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _body(document: dict[str, JSON], permission: str) -> Iterable[str]:
    info = document["info"]
    families: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
        tag["name"]: [] for tag in document["tags"]
    }
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                families[methods[method]["tags"][0]].append((method, path, methods[method]))
    yield '<a class="skip" href="#main">To the operations</a><header class="bar">'
    yield f'<strong>Onefold</strong><span class="version">{escape(info["version"])}</span>'
    yield '<a href="/openapi.json">openapi.json</a><form hidden role="search">'
    yield '<input id="filter" type="search" placeholder="Filter: path, word, permission"'
    yield ' aria-label="Filter operations" autocomplete="off"></form></header>'
    yield '<div class="frame"><nav aria-label="Families"><details open><summary>Families</summary>'
    yield "<ul>"
    for name, operations in families.items():
        yield f'<li><a href="#{_slug(name)}">{escape(name)}<span>{len(operations)}</span></a></li>'
    yield '<li><a href="#errors">Forms of errors</a></li></ul></details></nav><main id="main">'
    yield f'<h1>HTTP API</h1><p class="lead">{_marked(info["description"])}</p>'
    yield f"<p>Base URL: <code>{escape(document['servers'][0]['url'])}</code></p>"
    yield from _credentials(document["components"]["securitySchemes"])
    usual = _usual_errors(document)
    yield '<details class="usual"><summary id="usual">Errors that most operations have</summary>'
    yield f"<ul>{''.join(f'<li>{_marked(line[2:])}</li>' for line in sorted(usual))}</ul></details>"
    yield '<p class="none" role="status" hidden>Nothing fits the filter.</p>'
    for tag in document["tags"]:
        yield f'<section class="family"><h2 id="{_slug(tag["name"])}">{escape(tag["name"])}</h2>'
        yield f'<p class="about">{_marked(tag["description"])}</p>'
        for method, path, operation in families[tag["name"]]:
            yield from _operation(method, path, operation, document, permission, usual)
        yield "</section>"
    yield '<h2 id="errors">Forms of errors</h2>'
    for name, schema in document["components"]["schemas"].items():
        if name in _error_names(document):
            yield f'<h3 id="form-{name}">{name}</h3><pre><code>'
            yield f"{escape(written(schema, document))}</code></pre>"
    yield "</main></div>"


def _error_names(document: dict[str, JSON]) -> set[str]:
    return {
        reference["$ref"].rpartition("/")[2]
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status >= "4"
        for content in answer.get("content", {}).values()
        for reference in content["schema"].get("anyOf", [content["schema"]])
        if "$ref" in reference
    }


def _credentials(schemes: dict[str, JSON]) -> Iterable[str]:
    yield '<table><thead><tr><th scope="col">header</th><th scope="col">for every operation that'
    yield " asks for it</th></tr></thead><tbody>"
    for scheme in schemes.values():
        name = scheme.get("name") or f"Authorization: {scheme['scheme'].capitalize()} …"
        yield f"<tr><td><code>{escape(name)}</code></td>"
        yield f"<td>{_marked(scheme['description'])}</td></tr>"
    yield "</tbody></table>"


def _usual_errors(document: dict[str, JSON]) -> set[str]:
    """The errors that at least half of all operations can answer: shown once, not with each."""
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    found = Counter(
        line
        for operation in operations
        for answer in operation["responses"].values()
        for line in answer["description"].splitlines()
        if line.startswith("- ")
    )
    return {line for line, count in found.items() if 2 * count >= len(operations)}


def _operation(
    method: str,
    path: str,
    operation: dict[str, Any],
    document: dict[str, JSON],
    permission: str,
    usual: set[str],
) -> Iterable[str]:
    needs = operation.get(permission, "")
    searched = f"{method} {path} {operation['summary']} {needs}".lower()
    yield f'<details class="operation" id="{operation["operationId"]}"'
    yield f' data-text="{escape(searched)}"><summary>'
    yield f'<span class="method {method}">{method.upper()}</span>'
    yield f'<span class="path">{_broken(path)}</span>'
    yield f'<span class="what">{_marked(operation["summary"])}</span></summary><div class="inside">'
    if needs:
        yield f'<p class="needs">Permission: <code>{escape(needs)}</code></p>'
    if not operation["security"]:
        yield '<p class="needs">No credentials are needed.</p>'
    elif {} in operation["security"]:
        yield '<p class="needs">A token is needed only where the inlet asks for one.</p>'
    yield from _parameters([_resolved(p, document) for p in operation["parameters"]])
    if "requestBody" in operation:
        yield from _request_body(operation["requestBody"], document)
    yield from _answers(operation["responses"], document, usual)
    yield f"<h3>Example</h3><pre><code>{escape(_curl(method, path, operation, document))}</code>"
    yield "</pre></div></details>"


def _parameters(parameters: list[dict[str, Any]]) -> Iterable[str]:
    if not parameters:
        return
    yield '<h3>Parameters</h3><table><thead><tr><th scope="col">name</th><th scope="col">in</th>'
    yield '<th scope="col">what</th></tr></thead><tbody>'
    for said in parameters:
        required = ' <span class="required">required</span>' if said.get("required") else ""
        kind = escape(written(said["schema"], {}))
        yield f"<tr><td><code>{escape(said['name'])}</code>{required}</td><td>{said['in']}</td>"
        yield f"<td>{_marked(said.get('description', ''))}"
        yield f' <span class="type">{kind}</span></td></tr>'
    yield "</tbody></table>"


def _request_body(said: dict[str, Any], document: dict[str, JSON]) -> Iterable[str]:
    kinds = ", ".join(f"<code>{escape(media)}</code>" for media in said["content"])
    optional = "" if said["required"] else " May be left out."
    yield f"<h3>Body</h3><p>{_marked(said['description'])}{optional} {kinds}</p>"
    content = next(iter(said["content"].values()))
    yield f"<pre><code>{escape(written(content['schema'], document))}</code></pre>"


def _answers(answers: dict[str, Any], document: dict[str, JSON], usual: set[str]) -> Iterable[str]:
    yield '<h3>Answers</h3><table><thead><tr><th scope="col">status</th><th scope="col">what</th>'
    yield "</tr></thead><tbody>"
    for status, answer in sorted(answers.items()):
        lines = [line for line in answer["description"].splitlines() if line not in usual]
        if not lines:
            continue
        kind = {"2": "good", "3": "moved", "4": "bad"}.get(status[0], "worse")
        yield f'<tr><td><span class="status {kind}">{status}</span></td><td>'
        yield _listed(lines)
        for media, content in answer.get("content", {}).items():
            schema = content["schema"]
            if status >= "4":
                yield _links(schema)
            elif schema:
                yield f'<span class="type">{escape(media)}</span>'
                yield f"<pre><code>{escape(written(schema, document))}</code></pre>"
        yield "</td></tr>"
    yield "</tbody></table>"
    if any(line in usual for one in answers.values() for line in one["description"].splitlines()):
        yield '<p class="needs">And <a href="#usual">errors that most operations have</a>.</p>'


def _links(schema: dict[str, Any]) -> str:
    names = [
        form["$ref"].rpartition("/")[2] for form in schema.get("anyOf", [schema]) if "$ref" in form
    ]
    linked = " or ".join(f'<a href="#form-{name}">{name}</a>' for name in names)
    return f'<span class="type">Body: {linked}</span>' if linked else ""


def _curl(method: str, path: str, operation: dict[str, Any], document: dict[str, JSON]) -> str:
    parameters = [_resolved(p, document) for p in operation["parameters"]]
    asked = [
        f"{p['name']}={quote(str(_example(p)))}"
        for p in parameters
        if p["in"] == "query" and (p.get("required") or "examples" in p["schema"])
    ]
    servers = operation.get("servers") or document["servers"]
    url = servers[0]["url"] + path + ("?" + "&".join(asked) if asked else "")
    verb = {"get": "", "head": "-I "}.get(method, f"-X {method.upper()} ")
    lines = [f"curl -s {verb}'{url}'"]
    schemes = {name for scheme in operation["security"] for name in scheme}
    lines += [
        option
        for name, option in (
            ("bearer", '-H "Authorization: Bearer $TOKEN"'),
            ("apiKey", '-H "x-api-key: $KEY"'),
            ("organisation", '-H "x-gw-ims-org-id: $ORG"'),
            ("authToken", '-H "auth-token: $AUTH_TOKEN"'),
            ("space", '-u "$AUTH_TOKEN:"'),
        )
        if name in schemes
    ]
    if "requestBody" in operation:
        media, content = next(iter(operation["requestBody"]["content"].items()))
        example = content.get("example")
        text = example if isinstance(example, str) else encode_json(example).decode()
        if example is None or len(text) > _BODY_SHOWN_MAX or "'" in text:
            text = "@body"
        lines += [f"-H 'Content-Type: {media}'", f"-d '{text}'"]
    return " \\\n  ".join(lines)


def _example(parameter: dict[str, Any]) -> JSON:
    schema = parameter["schema"]
    for values in (schema.get("examples"), schema.get("enum")):
        if values:
            return values[0]
    return parameter["name"].upper()


def _resolved(said: dict[str, Any], document: dict[str, JSON]) -> dict[str, Any]:
    if "$ref" not in said:
        return said
    found: dict[str, Any] = document["components"]["parameters"][said["$ref"].rpartition("/")[2]]
    return found


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower())


def _broken(path: str) -> str:
    """A path that may break after each slash, its places told apart."""
    shown = re.sub(r"\{(\w+)\}", r"<em>{\1}</em>", escape(path))
    return re.sub(r"(?<!<)/", "/<wbr>", shown)


def _marked(text: str) -> str:
    """Text with its `code` as such."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _listed(lines: list[str]) -> str:
    """Lines of text, which may be items of a list."""
    marked = [_marked(line.removeprefix("- ")) for line in lines]
    if not lines[0].startswith("- "):
        return f"<p>{' '.join(marked)}</p>"
    return "<ul>" + "".join(f"<li>{line}</li>" for line in marked) + "</ul>"
