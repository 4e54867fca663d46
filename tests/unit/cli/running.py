"""Commands, run in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from onefold.cli.main import main


def run(*arguments: object) -> int:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    """What the last line says, which is JSON."""
    return json.loads(capsys.readouterr().out.splitlines()[-1])
