import os

import pytest

from tuner.running.lean_ray import quiet_address, without_metrics

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


def test_ray_looks_up_its_address_in_silence(capfd, monkeypatch):
    from ray._private import services

    def noisy(address):
        os.write(2, b"Failed to determine local IP\n")
        return f"for {address}"

    monkeypatch.setattr(services, "node_ip_address_from_perspective", noisy)
    with quiet_address():
        found = services.node_ip_address_from_perspective("x")
        os.write(2, b"of ours\n")
    assert (found, capfd.readouterr().err) == ("for x", "of ours\n")
    services.node_ip_address_from_perspective("x")
    assert "local IP" in capfd.readouterr().err
