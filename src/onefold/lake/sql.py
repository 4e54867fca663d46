"""Statements of the lake. Names come from schemas that tenants write, so they are quoted in one
place, here; values are bound or stand in files, never in a statement.

`Sql` marks text that may stand in a statement. Only this module and `columns.py` make it.
"""

from __future__ import annotations

from typing import NewType

Sql = NewType("Sql", str)


def quoted(name: str) -> Sql:
    """One name, whatever it holds. Empty names and NUL are no names in DuckDB."""
    return Sql('"' + name.replace('"', '""') + '"')


def dotted(*names: str) -> Sql:
    """A name within names: catalogue, schema and table, or column and fields below it."""
    return Sql(".".join(quoted(name) for name in names))


def place(table: str) -> Sql:
    """The full name of a dataset's table."""
    return dotted("lake", "main", table)


def text(value: str) -> Sql:
    """A text where a statement takes no parameter: paths of ATTACH and LOAD."""
    return Sql("'" + value.replace("'", "''") + "'")


def statement(template: str, parts: dict[str, Sql]) -> str:
    """The statement with `{name}`s filled."""
    return template.format_map(parts) if parts else template
