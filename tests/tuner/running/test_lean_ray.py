import os

import pytest

from tuner.running.lean_ray import without_metrics

METRICS, TASKS = "RAY_enable_metrics_collection", "RAY_task_events_report_interval_ms"


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in (METRICS, TASKS):
        monkeypatch.delenv(name, raising=False)


def test_ray_keeps_no_metrics_in_the_block_and_may_afterwards():
    with without_metrics():
        assert (os.environ[METRICS], os.environ[TASKS]) == ("0", "0")
    assert METRICS not in os.environ
    assert TASKS not in os.environ


def test_the_user_may_want_metrics(monkeypatch):
    monkeypatch.setenv(METRICS, "1")
    with without_metrics():
        assert (os.environ[METRICS], os.environ[TASKS]) == ("1", "0")
    assert os.environ[METRICS] == "1"
