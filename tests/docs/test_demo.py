"""The demo never leaves a server behind, however it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

DEMO = (sys.executable, "-m", "onefold", "demo")
SECONDS = 120


def test_demo_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with subprocess.Popen(
        DEMO, stdout=subprocess.PIPE, text=True, env=_environment(tmp_path)
    ) as demo:
        assert demo.stdout is not None
        printed = ""
        for line in demo.stdout:
            printed += line
            if line.startswith("Serving until"):
                break
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(SECONDS) == 0
    found = re.search(r"The server is at http://127\.0\.0\.1:(\d+)", printed)
    assert found is not None, printed
    assert not _answers(int(found[1]))
    assert list(tmp_path.iterdir()) == []


def test_demo_that_cannot_start_its_server_says_why(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = _done(tmp_path, "--port", port, "--exit")
    assert done.returncode == 1
    assert "Choose another with --port" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_demo_leaves_a_directory_in_use_alone(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "letter").write_text("mine")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = _done(scratch, "--data", str(kept), "--exit")
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert [path.name for path in kept.iterdir()] == ["letter"]


def _done(scratch: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=_environment(scratch),
    )


def _environment(scratch: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(scratch), "COLUMNS": "100"}


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
