import logging

import pytest

from tuner.running.start_steps import RAY, StartSteps, steps_told

TOLD = {
    "Ray there": 1.5,
    "a worker ready": 3.0,
    "its model built": 3.25,
    "first report": 4.0,
}


@pytest.fixture
def told(caplog):
    """Return what a search says that reports twice."""
    times = iter([10.0, 11.5, 12.0, 13.0, 14.0, 15.0])
    steps = StartSteps(clock=lambda: next(times))
    steps.reach(RAY)
    steps.reach(RAY)
    with caplog.at_level(logging.INFO, logger="tuner"):
        steps.started("a")
        for epoch in (1, 2):
            steps.reported("a", epoch, {"seconds": 0.75}, None)
    return caplog.text


def test_a_start_is_told_once_with_the_first_report(told):
    assert told.count("first report") == 1
    assert steps_told(told) == TOLD
    assert list(steps_told(told)) == list(TOLD)  # in their order


def test_a_log_without_a_report_tells_nothing():
    assert steps_told("INFO tuner: something else 3.0\n") == {}
