"""Health and metrics: no token needed."""

from __future__ import annotations

from typing import NoReturn

import pytest

from onefold.errors import Unavailable
from onefold.testing.app import App


def test_a_process_that_answers_is_live(app: App) -> None:
    answer = app.request("GET", "/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


def test_readiness_tells_backlogs(app: App) -> None:
    answer = app.request("GET", "/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"


def test_readiness_is_503_when_the_store_cannot_be_read(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> NoReturn:
        raise Unavailable("API-9002")

    monkeypatch.setattr(app.rooms.backlogs, "now", busy)
    answer = app.request("GET", "/health/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "API-9002")


def test_metrics_are_in_prometheus_format(app: App) -> None:
    app.request("GET", "/health/live")
    answer = app.request("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'onefold_requests_total{method="GET",route="/health/live",status="200"}' in answer.text
