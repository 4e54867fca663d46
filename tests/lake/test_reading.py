"""Other tools read the lake: the program of docs/lake.md, and Parquet by itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import duckdb

from tests.lake.shared import lake_at, land, part, thing

PAGE = Path(__file__).parent.parent.parent / "docs" / "lake.md"


def test_the_program_of_the_page_reads_a_lake(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    land(lake, part(thing(), [{}, {}]))
    land(lake, part(thing(), [{}], first=3, dataset="b" * 24))
    program = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert program is not None
    ran = subprocess.run(
        [sys.executable, "-c", program[1], str(lake.directory)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"t_{'a' * 24} 2", f"t_{'b' * 24} 1"]
    lake.close()


def test_the_files_are_plain_parquet(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    land(lake, part(thing(), [{}, {}]))
    files = str(lake.directory / "data" / "main" / "*" / "*.parquet")
    rows = duckdb.read_parquet(files).project("_seq, _batch_id").order("_seq").fetchall()
    assert rows == [(1, "B"), (2, "B")]
    lake.close()
