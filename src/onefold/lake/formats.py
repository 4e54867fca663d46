"""What stands in files: JSON, CSV and Parquet as rows, one after the other, in bounded memory.

A row is the bytes of one JSON value without line ends, or what is wrong with it. Rows of JSON files
are as they were sent and may still be malformed inside; rows of CSV files are flat objects of texts
by column; rows of Parquet files have nested objects, days and moments in ISO 8601, and no nulls.
Source: ingestion contract, 7.1, 7.2 and 7.7.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any, TextIO

import duckdb
import msgspec

from onefold.domain.profile.fragment import without_nulls
from onefold.errors import Malformed
from onefold.wire import JSON, decode_json, encode_json

ROW_BYTES_MAX = 4_000_000
"""A longer row is corrupt. Of a corrupt row, CORRUPT_BYTES_MAX are kept."""
CORRUPT_BYTES_MAX = 10_000
COLUMNS_MAX = 10_000

EMPTY_FILE = "106"
EMPTY_HEADER = "118"

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_READ_BYTES = 1 << 20
_FETCHED = 1_000
_PARQUET_MEMORY = "512MB"
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],"]', re.DOTALL)


class Corrupt(msgspec.Struct, frozen=True):
    """A row that cannot be read. raw: its beginning."""

    reason: str
    raw: bytes


Row = bytes | Corrupt


def rows(path: Path, input_format: dict[str, JSON]) -> Iterator[Row]:
    """The rows of a file. input_format: as batches keep it.

    Raises Malformed BAT-1007 when the file as a whole cannot be read, with the fact `fault`: 106 of
    an empty file, 118 of a CSV file whose header is empty, else an empty text. It may be raised
    behind some rows.
    """
    if not path.stat().st_size:
        raise _unreadable("The file is empty", EMPTY_FILE)
    kind = input_format["format"]
    if kind == "parquet":
        return _parquet(path)
    if kind == "csv":
        return _csv(path, input_format)
    return _json(path, multi_line=input_format["isMultiLineJson"])


def _unreadable(detail: str, fault: str = "") -> Malformed:
    return Malformed("BAT-1007", detail, fault=fault)


def _json(path: Path, *, multi_line: bool) -> Iterator[Row]:
    """JSON lines; a file that begins with an array is taken as arrays in either form."""
    with path.open("rb") as file:
        if file.read(3) != _BOM:
            file.seek(0)
        begin = file.tell()
        while (char := file.read(1)) and char in _SPACE:
            pass
        if not char:
            raise _unreadable("The file is empty", EMPTY_FILE)
        file.seek(begin)
        yield from _values(file) if multi_line or char == b"[" else _lines(file)


def _lines(file: IO[bytes]) -> Iterator[Row]:
    while line := file.readline(ROW_BYTES_MAX):
        raw = line.strip()
        if len(line) == ROW_BYTES_MAX and not line.endswith(b"\n"):
            while (rest := file.readline(ROW_BYTES_MAX)) and not rest.endswith(b"\n"):
                pass
            yield _corrupt(f"The row is longer than {ROW_BYTES_MAX} bytes", raw)
        elif raw[:1] == b"[":
            yield from _array(raw)
        elif raw:
            yield raw


def _array(raw: bytes) -> Iterator[Row]:
    """The elements of one line that is an array."""
    try:
        yield from map(bytes, _decode_array(raw))
    except (msgspec.MsgspecError, RecursionError) as bad:
        yield _corrupt(f"The row is no JSON: {bad}", raw)


_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _corrupt(reason: str, raw: bytes) -> Corrupt:
    return Corrupt(reason, raw[:CORRUPT_BYTES_MAX])


def _values(file: IO[bytes]) -> Iterator[Row]:
    """The values that stand in a file one after the other, those of arrays one by one.

    Only brackets, commas and texts are looked at, so what is between the borders of a value may be
    malformed. What cannot be parted ends the file with one corrupt row.
    """
    splitter = _Splitter()
    while data := file.read(_READ_BYTES):
        yield from splitter.fed(data)
        if splitter.broken:
            return
    yield from splitter.ended()


class _Splitter:
    """Parts a stream of bytes into values. depth: brackets open around the next byte, without the
    array whose elements are rows."""

    def __init__(self) -> None:
        self.broken = False
        self._buffer = b""
        self._scanned = 0
        self._depth = 0
        self._in_array = False

    def fed(self, data: bytes) -> Iterator[Row]:
        """The values that are complete with these bytes."""
        self._buffer += data
        begin = 0
        position = self._scanned
        while not self.broken:
            token = _TOKEN.search(self._buffer, position)
            if token is None:
                position = len(self._buffer)
                break
            char = token[0]
            if char == b'"':  # its end has not come yet
                position = token.start()
                break
            position = token.end()
            if char[:1] == b'"':
                continue
            border = self._border(char)
            if border is None:
                continue
            yield from self._cut(self._buffer[begin : token.start() + border])
            begin = position
        self._buffer, self._scanned = self._buffer[begin:], position - begin
        if len(self._buffer) > ROW_BYTES_MAX and not self.broken:
            self.broken = True
            yield _corrupt(f"The row is longer than {ROW_BYTES_MAX} bytes", self._buffer)

    def ended(self) -> Iterator[Row]:
        """What is left when the stream ends."""
        rest = self._buffer.strip()
        if rest or self._depth or self._in_array:
            yield _corrupt("The file ends inside a row", rest)

    def _border(self, char: bytes) -> int | None:
        """Bytes of a token that belong to the value that ends with it; None: no value ends."""
        if char in (b"{", b"["):
            if char == b"[" and not self._depth and not self._in_array:
                self._in_array = True
                return 0
            self._depth += 1
            return None
        if char in (b"}", b"]"):
            if self._depth:
                self._depth -= 1
                return None if self._depth or self._in_array else 1
            self.broken = not (char == b"]" and self._in_array)
            self._in_array = False
            return 0
        return 0 if not self._depth else None

    def _cut(self, raw: bytes) -> Iterator[Row]:
        raw = raw.strip()
        if self.broken:
            yield _corrupt("A bracket closes that was not opened", raw)
        elif len(raw) > ROW_BYTES_MAX:
            yield _corrupt(f"The row is longer than {ROW_BYTES_MAX} bytes", raw)
        elif raw:
            yield raw.replace(b"\n", b" ") if b"\n" in raw else raw


def _csv(path: Path, input_format: dict[str, JSON]) -> Iterator[Row]:
    charset = input_format["charset"]
    if charset.lower().replace("_", "-") in ("utf-8", "utf8"):
        charset = "utf-8-sig"
    null = input_format["nullMarker"]
    with path.open(encoding=charset, newline="") as file:
        reader = csv.reader(
            _text_lines(file),
            delimiter=input_format["delimiter"],
            quotechar=input_format["quote"] or None,
            quoting=csv.QUOTE_MINIMAL if input_format["quote"] else csv.QUOTE_NONE,
            escapechar=input_format["escape"] or None,
        )
        cells = _cells(reader)
        first = next(cells, [])
        if isinstance(first, Corrupt):
            raise _unreadable(f"The first row cannot be read: {first.reason}")
        names = [name.strip() for name in first]
        if not input_format["header"]:
            names, cells = [f"_c{n}" for n in range(len(first))], chain((first,), cells)
        elif not any(names):
            raise _unreadable("The header is empty", EMPTY_HEADER)
        if len(names) > COLUMNS_MAX:
            raise _unreadable(f"A row has at most {COLUMNS_MAX} columns")
        for row in cells:
            if isinstance(row, Corrupt):
                yield row
            elif len(row) != len(names):
                detail = f"The row has {len(row)} values for {len(names)} columns"
                yield _corrupt(detail, ",".join(row).encode("utf-8", "replace"))
            else:
                yield _object({n: v for n, v in zip(names, row, strict=True) if v != null and n})


def _object(values: dict[str, str]) -> Row:
    try:
        return encode_json(values)
    except UnicodeEncodeError:  # some charsets can say half a character
        return _corrupt("The row is not of Unicode", ascii(values).encode())


def _cells(reader: Iterator[list[str]]) -> Iterator[list[str] | Corrupt]:
    """Rows of texts, without empty lines."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as bad:
            yield Corrupt(f"The row is no CSV: {bad}", b"")
            continue
        except (UnicodeError, ValueError) as bad:
            raise _unreadable(f"The file is not of its charset: {bad}") from bad
        if row:
            yield row


def _text_lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(ROW_BYTES_MAX):
        if len(line) == ROW_BYTES_MAX:
            raise _unreadable(f"A line has more than {ROW_BYTES_MAX} characters")
        yield line


def _parquet(path: Path) -> Iterator[Row]:
    """DuckDB prints the rows, which is thirty times as fast as making Python's values of them."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(max(0, path.stat().st_size - 4))
        if magic != b"PAR1" or file.read(4) != b"PAR1":
            raise _unreadable("The file is no Parquet file")
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": _PARQUET_MEMORY,
        "temp_directory": "",
        "autoinstall_known_extensions": "false",
    }
    connection = duckdb.connect(config=settings)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        table = connection.read_parquet(str(path))
        columns = zip(table.columns, table.types, strict=True)
        fields = [f"{_quoted(name)} := {_printed(_quoted(name), t)}" for name, t in columns]
        printed = table.project(f"to_json(struct_pack({', '.join(fields)}))")
        while found := printed.fetchmany(_FETCHED):
            for (text,) in found:
                yield _without_nulls(text.encode())
    except duckdb.Error as bad:
        reason = str(bad).partition("\n")[0].replace(str(path), "it")
        raise _unreadable(f"The Parquet file cannot be read: {reason}") from bad
    finally:
        connection.close()


def _without_nulls(raw: bytes) -> Row:
    """The row without its nulls: every column that a row does not fill is null."""
    if b"null" not in raw:
        return raw
    try:
        return encode_json(without_nulls(decode_json(raw)))
    except (msgspec.MsgspecError, RecursionError) as bad:
        return _corrupt(f"The row is no JSON: {bad}", raw)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _printed(value: str, kind: Any, depth: int = 0) -> str:
    """The expression that gives a value of a DuckDB type with its moments in ISO 8601, in UTC, at
    all depths."""
    name = kind.id
    if name.startswith("timestamp"):
        return f"strftime({value}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if "TIMESTAMP" not in str(kind):
        return value
    if name == "struct":
        parts = [
            f"{_quoted(key)} := {_printed(f'{value}.{_quoted(key)}', inner, depth)}"
            for key, inner in kind.children
        ]
        return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({', '.join(parts)}) END"
    one = f"x{depth}"
    if name in ("list", "array"):
        inner = _printed(one, kind.children[0][1], depth + 1)
        return f"list_transform({value}, lambda {one}: {inner})"
    if name == "map":
        (_, _), (_, of) = kind.children
        entry = f"struct_pack(k := {one}.key, v := {_printed(f'{one}.value', of, depth + 1)})"
        return f"map_from_entries(list_transform(map_entries({value}), lambda {one}: {entry}))"
    return value
