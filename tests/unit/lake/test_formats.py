"""Rows of files: what is one, what is corrupt, and what the file as a whole must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.errors import Malformed
from onefold.lake import formats
from onefold.lake.formats import Corrupt, rows

LINES = {"format": "json", "isMultiLineJson": False}
ARRAYS = {"format": "json", "isMultiLineJson": True}
CSV = {
    "format": "csv",
    "delimiter": ",",
    "quote": '"',
    "escape": "\\",
    "nullMarker": "",
    "header": True,
    "charset": "UTF-8",
}
PARQUET = {"format": "parquet"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def read(file: Path, content: bytes, how: dict[str, Any]) -> list[Any]:
    """The rows, decoded; None for corrupt ones."""
    file.write_bytes(content)
    return [None if isinstance(row, Corrupt) else json.loads(row) for row in rows(file, how)]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"a":1}\n\n {"a":2} \r\n{"a":3}', [{"a": 1}, {"a": 2}, {"a": 3}]),
        (b'\xef\xbb\xbf{"a":1}', [{"a": 1}]),
        (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
        (b'\n [{"a":\n1}]\n[{"a":2}]', [{"a": 1}, {"a": 2}]),
        (b'{"a":1}\n[{"a":2},{"a":3}]\n[4', [{"a": 1}, {"a": 2}, {"a": 3}, None]),
    ],
)
def test_json_lines_may_be_arrays(file: Path, content: bytes, found: list[Any]) -> None:
    assert read(file, content, LINES) == found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'[{"a":\n[1,{}]},\n{"b":"]}\\"\\\\"}]', [{"a": [1, {}]}, {"b": ']}"\\'}]),
        (b'{"a":1}\n{"a":\n2}', [{"a": 1}, {"a": 2}]),
        (b"[]", []),
        (b'[{"a":1}', [None]),
        (b'[{"a":1},{"b":2', [{"a": 1}, None]),
        (b'{"a":1}}', [{"a": 1}, None]),
        (b'{"a":"x', [None]),
        (b"]", [None]),
    ],
)
def test_multi_line_json_is_parted_at_its_brackets(
    file: Path, content: bytes, found: list[Any]
) -> None:
    assert read(file, content, ARRAYS) == found


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), JSON_VALUES, max_size=4), max_size=6), st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_array_is_its_elements_wherever_reading_parts_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, objects: list[Any], data: st.DataObject
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(formats, "_READ_BYTES", data.draw(st.integers(1, 40)))
        indent = data.draw(st.sampled_from([None, 1]))
        content = json.dumps(objects, indent=indent).encode()
        assert read(file, content, ARRAYS) == objects


def test_a_row_that_is_too_long_is_corrupt_and_the_next_is_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "ROW_BYTES_MAX", 20)
    long = json.dumps({"a": "x" * 50}).encode()
    assert read(file, long + b'\n{"a":1}\n', LINES) == [None, {"a": 1}]
    monkeypatch.setattr(formats, "_READ_BYTES", 8)
    assert read(file, b'[{"a":1},' + long + b"]", ARRAYS) == [{"a": 1}, None]


def test_csv_rows_are_objects_of_texts(file: Path) -> None:
    content = b'\xef\xbb\xbfa,b.c,\n1,"x, ""y""\n",z\n,2,\n\n1,2\n1,2,3,4\n'
    assert read(file, content, CSV) == [
        {"a": "1", "b.c": 'x, "y"\n'},
        {"b.c": "2"},
        None,
        None,
    ]


def test_csv_is_read_as_it_is_said_to_be(file: Path) -> None:
    how = CSV | {"delimiter": "\t", "quote": "'", "nullMarker": "NULL", "charset": "latin-1"}
    assert read(file, "a\tb\n'\xe4\t'\tNULL\n".encode("latin-1"), how) == [{"a": "ä\t"}]
    assert read(file, b"1,2\n3,4\n", CSV | {"header": False}) == [
        {"_c0": "1", "_c1": "2"},
        {"_c0": "3", "_c1": "4"},
    ]
    assert read(file, b'a\n"x\n', CSV | {"quote": ""}) == [{"a": '"x'}]


def test_parquet_rows_are_nested_json_with_iso_times_and_without_nulls(file: Path) -> None:
    duckdb.sql(
        "SELECT 'e' AS \"_id\","
        " {'a': 1, 'b': NULL::INT, 'at': TIMESTAMPTZ '2026-01-02 03:04:05+01'} AS o,"
        " [{'at': TIMESTAMP '2026-01-02 03:04:05.5', 'n': NULL::INT}, NULL] AS l,"
        " MAP {'Email': [{'id': 'x', 'primary': true, 'at': TIMESTAMP_NS '2026-01-02 00:00:00'}]}"
        " AS m, DATE '2026-01-02' AS d, NULL::VARCHAR AS gone, 1.5::DECIMAL(4,2) AS x"
    ).write_parquet(str(file))
    (row,) = rows(file, PARQUET)
    assert json.loads(bytes(row)) == {  # type: ignore[arg-type]  # it is no corrupt one
        "_id": "e",
        "o": {"a": 1, "at": "2026-01-02T02:04:05.000000Z"},
        "l": [{"at": "2026-01-02T03:04:05.500000Z"}],
        "m": {"Email": [{"id": "x", "primary": True, "at": "2026-01-02T00:00:00.000000Z"}]},
        "d": "2026-01-02",
        "x": 1.5,
    }


@pytest.mark.parametrize(
    ("content", "how", "fault"),
    [
        (b"", LINES, "106"),
        (b"", PARQUET, "106"),
        (b"\n \n", ARRAYS, "106"),
        (b"\xef\xbb\xbf", LINES, "106"),
        (b" ,\n1,2\n", CSV, "118"),
        (b"a\n\xff\n", CSV, ""),
        (b"PAR1 but no more", PARQUET, ""),
        (b"PAR1" + b"\x00" * 100 + b"PAR1", PARQUET, ""),
    ],
)
def test_a_file_that_is_none_is_told(
    file: Path, content: bytes, how: dict[str, Any], fault: str
) -> None:
    with pytest.raises(Malformed, match="BAT-1007") as told:
        read(file, content, how)
    assert told.value.facts["fault"] == fault
    assert str(file) not in told.value.detail
