"""Structured log events: one JSON object a line on stderr.

No event carries secrets or personal values: errors are logged by type and place, not by message,
since messages of drivers and libraries may repeat what was sent.
"""

from __future__ import annotations

import logging
import sys
import traceback

import structlog


def configure(level: str) -> None:
    """Write log events of at least this level (debug, info, warning, error) to stderr."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def place_of(error: BaseException) -> dict[str, object]:
    """Type and innermost frames of an error, without its message.

    They are not called `stack`, since structlog gives that name a meaning of its own.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "kind": type(error).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }
