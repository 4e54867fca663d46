"""The house rules that matter, as tests. Each names the place and what to do instead.

Exceptions stand in the tables below, each with its reason; add one only when the reason is good.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "src" / "onefold"

MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60

TIERS = (
    {"errors"},
    {"domain"},
    {"config", "effects", "wire", "observe"},
    {"smile", "store"},
    {"journal"},
    {"inlet", "pipeline", "lookup", "control", "lake", "doctor"},
    {"jobs"},
    {"api", "web"},
    {"server", "one_write"},
    {"supervisor"},
    {"cli", "testing"},
    {"__main__"},
)
"""Rooms, lower to higher. A room imports only from lower tiers, never from a neighbour."""

HOMES = {
    "apsw": {"store"},
    "cryptography": {"control"},
    "duckdb": {"lake"},
    "jsonpatch": {"control"},
    "jwt": {"control"},
    "msgspec": {"anywhere"},
    "prometheus_client": {"observe"},
    "python_multipart": {"api"},
    "rich": {"cli"},
    "starlette": {"api"},
    "structlog": {"observe", "pipeline", "api", "server", "supervisor", "inlet", "jobs"},
    "typer": {"cli"},
    "uvicorn": {"supervisor", "one_write"},
    "uvloop": {"supervisor"},
    "zstandard": {"store", "journal"},
}
"""Every library that is imported, and the rooms that may. `testing` may use what tests use."""

NOT_IN_DOMAIN = {
    *("asyncio", "fcntl", "io", "logging", "os", "pathlib", "random", "secrets", "select"),
    *("shutil", "signal", "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading"),
    *("time", "urllib"),
}
"""Modules of the standard library that touch the world."""

BANNED = {
    "datetime.datetime.now": (set(), "effects.Clock"),
    "datetime.datetime.utcnow": (set(), "effects.Clock"),
    "datetime.datetime.today": (set(), "effects.Clock"),
    "datetime.date.today": (set(), "effects.Clock"),
    "time": (
        {
            "effects.py",
            "supervisor.py",  # waits for processes, which no seeded clock can rule
            "cli/demo.py",  # the same
        },
        "effects.Clock",
    ),
    "random": ({"testing/"}, "effects.Ids"),
    "secrets": (set(), "effects.Ids"),
    "os.urandom": ({"effects.py"}, "effects.Ids"),
    "uuid.uuid1": (set(), "effects.Ids"),
    "uuid.uuid4": (set(), "effects.Ids"),
    "os.environ": ({"config.py"}, "config.settings"),
    "os.getenv": ({"config.py"}, "config.settings"),
    "print": (set(), "a log event, or typer.echo in cli"),
    "eval": (set(), "a parser"),
    "exec": (set(), "a function"),
    "pickle": (set(), "msgspec"),
}
"""What is banned -> (files and folders where it lives, what to use instead)."""

DOORS = {"api/route.py", "pipeline/processor.py", "jobs/worker.py", "cli/"}
"""Where every exception may be caught: places that can answer for what is behind them."""

MORE_DOORS = {
    "supervisor.py": "a child process ends there, and says why",
    "journal.py": "threads that share one commit must all hear of its failure",
    "jobs/projector.py": "an edge that cannot be made must not keep records waiting",
    "jobs/land_dataset.py": "a lake that cannot take records must not keep jobs waiting",
}

SQL_HOMES = {"store/", "journal.py", "lake/", "domain/pql/sql.py"}
SQL_OF_VARIABLES = {"store/sqlite.py": "pragmas take no parameters; their text is all constants"}

ASYNC_HOMES = {
    "api/route.py": "the one adapter",
    "api/app.py": "the ASGI application above it",
    "api/body.py": "reads what it awaits",
    "api/streams.py": "sends what comes, for as long as somebody reads",
    "supervisor.py": "runs the event loop",
}

NOT_PLACES = {"utils", "helpers", "common", "misc", "base", "manager", "service"}

_SQL = re.compile(
    r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(TABLE|INDEX)\s"
    r"|DROP\s+TABLE\s|PRAGMA\s)"
)
_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")


class Source(NamedTuple):
    """One Python file. place: relative to the package for its modules, else to the repository."""

    place: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.place.partition("/")[0].removesuffix(".py")

    def at(self, node: ast.AST) -> str:
        return f"{self.place}:{getattr(node, 'lineno', 1)}"

    def within(self, homes: Iterable[str]) -> bool:
        return any(self.place == home or self.place.startswith(home) for home in homes)


@pytest.fixture(scope="module")
def package() -> list[Source]:
    """The modules of the package, without the empty front of it."""
    return [
        source for source in _sources(PACKAGE.rglob("*.py"), PACKAGE) if source.room != "__init__"
    ]


@pytest.fixture(scope="module")
def everything() -> list[Source]:
    """Every Python file of the repository."""
    files = [
        file for folder in ("src", "tests", "benchmarks") for file in _python(REPOSITORY / folder)
    ]
    return list(_sources(files, REPOSITORY))


def test_modules_and_functions_fit_the_eye(everything: list[Source]) -> None:
    long = []
    for source in everything:
        lines = source.text.count("\n")
        if lines > MODULE_LINES_MAX:
            long.append(f"{source.place}: {lines} lines; split it")
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long.append(f"{source.at(node)}: {node.name} has {lines} lines; split it")
    assert long == []


def test_rooms_import_only_from_lower_tiers(package: list[Source]) -> None:
    tier = {room: number for number, rooms in enumerate(TIERS) for room in rooms}
    wrong = []
    for source in package:
        if source.room not in tier:
            wrong.append(f"{source.place}: {source.room} has no place in TIERS")
            continue
        for node, module in _imports(source.tree):
            parts = module.split(".")
            if parts[0] != "onefold" or parts[1] == source.room:
                continue
            if tier[parts[1]] >= tier[source.room]:
                wrong.append(f"{source.at(node)}: {source.room} must not know {parts[1]}")
    assert wrong == []


def test_libraries_are_imported_only_at_home(package: list[Source]) -> None:
    wrong = []
    for source in package:
        if source.room == "testing":
            continue
        for node, module in _imports(source.tree):
            library = module.split(".")[0]
            if library == "onefold" or library in sys.stdlib_module_names:
                continue
            homes = HOMES.get(library, set())
            if "anywhere" not in homes and source.room not in homes:
                wrong.append(f"{source.at(node)}: {library} lives in {sorted(homes)}")
    assert wrong == []


def test_imported_libraries_are_declared() -> None:
    """HOMES names import names, which are the packages' but for these two; DuckDB's extensions are
    loaded by DuckDB."""
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["dependencies"]
    packages = {name.partition("==")[0].replace("-", "_") for name in declared}
    extensions = {name for name in packages if name.startswith("duckdb_extension_")}
    names = packages - extensions - {"pyjwt", "httptools"} | {"jwt"}
    assert set(HOMES) == names


def test_the_domain_touches_nothing(package: list[Source]) -> None:
    wrong = [
        f"{source.at(node)}: {module}"
        for source in package
        if source.room == "domain"
        for node, module in _imports(source.tree)
        if module.split(".")[0] in NOT_IN_DOMAIN
    ]
    assert wrong == []


def test_banned_calls_stay_at_home(package: list[Source]) -> None:
    wrong = []
    for source in package:
        for node, name in _names(source.tree):
            for banned, (homes, instead) in BANNED.items():
                hit = name == banned or name.startswith(banned + ".")
                if hit and not source.within(homes):
                    wrong.append(f"{source.at(node)}: {name}; use {instead}")
    assert wrong == []


def test_every_exception_is_caught_only_at_the_doors(package: list[Source]) -> None:
    """A handler that cleans up and raises again catches nothing."""
    wrong = [
        source.at(node)
        for source in package
        if not source.within(DOORS | MORE_DOORS.keys())
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _raises_again(node)
    ]
    assert wrong == []


def test_sql_is_written_in_the_store(package: list[Source]) -> None:
    wrong = [
        source.at(node)
        for source in package
        if not source.within(SQL_HOMES)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.match(node.value)
    ]
    assert wrong == []


def test_sql_is_never_printed_together(package: list[Source]) -> None:
    """Values are bound. Only constants of the module may stand in braces."""
    wrong = [
        source.at(node)
        for source in package
        if not source.within(SQL_OF_VARIABLES)
        for node in ast.walk(source.tree)
        if _prints_sql(node)
    ]
    assert wrong == []


def test_async_has_few_homes(package: list[Source]) -> None:
    wrong = [
        source.at(node)
        for source in package
        if not source.within(ASYNC_HOMES)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]
    assert wrong == []


def test_silenced_checks_name_what_they_silence(everything: list[Source]) -> None:
    bare = re.compile(r"#\s*(type:\s*ignore(?!\[)|noqa(?!: ))")
    wrong = [
        f"{source.place}:{number}"
        for source in everything
        for number, line in enumerate(source.text.splitlines(), 1)
        if bare.search(line) and "re.compile" not in line
    ]
    assert wrong == []


def test_nothing_is_left_for_later(everything: list[Source]) -> None:
    later = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
    wrong = [source.place for source in everything if later.search(source.text)]
    assert wrong == []


def test_fronts_of_packages_hold_a_docstring_only(everything: list[Source]) -> None:
    wrong = [
        source.place
        for source in everything
        if source.place.endswith("__init__.py")
        if len(source.tree.body) != 1 or ast.get_docstring(source.tree) is None
    ]
    assert wrong == []


def test_every_folder_of_modules_is_a_package(everything: list[Source]) -> None:
    folders = {(REPOSITORY / source.place).parent for source in everything}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_modules_are_named_after_what_they_know(everything: list[Source]) -> None:
    wrong = [
        source.place
        for source in everything
        if NOT_PLACES & set(source.place.removesuffix(".py").split("/"))
    ]
    assert wrong == []


def test_every_module_says_what_it_is_for(everything: list[Source]) -> None:
    wrong = [source.place for source in everything if ast.get_docstring(source.tree) is None]
    assert wrong == []


def _python(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.py") if "__pycache__" not in path.parts]


def _sources(files: Iterable[Path], root: Path) -> Iterator[Source]:
    for file in sorted(files):
        text = file.read_text()
        yield Source(file.relative_to(root).as_posix(), text, ast.parse(text))


def _imports(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every import with the module it names; `from onefold import x` names `onefold.x`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module == "onefold":
            for alias in node.names:
                yield node, f"onefold.{alias.name}"
        elif isinstance(node, ast.ImportFrom):
            yield node, node.module or ""


def _names(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every name that is used or imported, with its modules in front."""
    known = {"print": "print", "eval": "eval", "exec": "exec"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.split(".")[0]] = alias.name
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node, f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            head, *rest = _dotted(node)
            if head in known:
                yield node, ".".join((known[head], *rest))


def _dotted(node: ast.expr) -> tuple[str, ...]:
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        return (*_dotted(node.value), node.attr)
    return ("",)


def _catches_all(node: ast.ExceptHandler) -> bool:
    if node.type is None:
        return True
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(_dotted(one)[-1] in ("Exception", "BaseException") for one in caught)


def _raises_again(node: ast.ExceptHandler) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _prints_sql(node: ast.AST) -> bool:
    """An f-string of SQL with more than constants in it, or SQL put together by % or format."""
    if isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        return _SQL.match(text) is not None and not all(
            isinstance(part.value, ast.Name) and _CONSTANT.fullmatch(part.value.id)
            for part in node.values
            if isinstance(part, ast.FormattedValue)
        )
    template: ast.expr | None = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        template = node.left
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        template = node.func.value if node.func.attr == "format" else None
    return (
        isinstance(template, ast.Constant)
        and isinstance(template.value, str)
        and _SQL.match(template.value) is not None
    )
