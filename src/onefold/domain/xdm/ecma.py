"""ECMA regular expressions, cut into tokens and rewritten for Python's engine.

The dialects agree on what schemas commonly hold, except that `$` means the very end, that `\\d`,
`\\w` and `\\b` know ASCII only, and that Python reserves some pairs inside a class.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\."
    r"|\[\^?(?:\\.|[^\]\\])*\]"
    r"|\(\?(?:[:=!]|<[=!])|\(\?|[()|*+?]"
    r"|\{[0-9]+(?:,[0-9]*)?\}|.",
    re.DOTALL,
)


def tokens(pattern: str) -> list[str]:
    """The expression cut into atoms, group marks and quantifiers; nothing is lost."""
    return _TOKEN.findall(pattern)


def python_form(pattern: str) -> str:
    """The text for `re.compile`."""
    return "(?a)" + "".join(map(python_token, tokens(pattern)))


def python_token(token: str) -> str:
    """One token as Python writes it."""
    if token == "$":
        return r"\Z"
    if token == "{":
        return r"\{"  # `{,5}` is text in ECMA and a quantifier in Python.
    if token[0] == "[" and len(token) > 1:
        # Python reserves these inside a class for set operations; ECMA means the characters.
        return "[" + re.sub(r"(\\.)|[\[&|~]", lambda found: found[1] or f"\\{found[0]}", token[1:])
    return token
