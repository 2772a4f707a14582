import pickle

import pytest

from models.errors import UserError
from tuner.record.outcomes import Outcome
from tuner.running.stopping import FirstFailures, SearchStop


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def failure(message="ValueError: 3 is odd", where="a.py:3 in f", cause="error"):
    fault = message.partition(":")[0]
    return Outcome(state="failed", cause=cause, message=message, where=where, fault=fault)


def test_a_search_without_a_budget_goes_on():
    assert SearchStop().is_over() is False


def test_the_budget_ends_the_search():
    clock = Clock()
    stop = SearchStop(10.0, clock)
    clock.now = 109.9
    assert stop.is_over() is False
    clock.now = 110.0
    assert stop.is_over() is True
    assert (stop.reason, stop.error) == ("budget", None)


def test_an_error_ends_the_search_and_the_first_one_stays():
    stop = SearchStop()
    first = UserError("disk full")
    stop.fail(first)
    stop.fail(UserError("another"))
    assert stop.is_over() is True
    assert (stop.reason, stop.error) == ("failed", first)


def test_ray_can_pickle_it():
    assert pickle.loads(pickle.dumps(SearchStop(1e9))).is_over() is False


def test_three_equal_failures_end_the_search():
    watch = FirstFailures()
    assert watch.add(failure("ValueError: 3 is odd")) is None
    assert watch.add(failure("ValueError: 5 is odd")) is None
    error = watch.add(failure("ValueError: 7 is odd"))
    assert isinstance(error, UserError)
    assert "first 3 trials all failed" in str(error)
    assert "ValueError: 3 is odd (a.py:3 in f)" in str(error)


@pytest.mark.parametrize(
    "outcomes",
    [
        [failure(), failure(), Outcome(state="done", cause="epochs"), failure(), failure()],
        [failure(), failure(where="b.py:9 in g"), failure()],
        [failure(), failure("TypeError: no"), failure()],
        [failure(cause="nan")] * 4,
        [failure(cause="oom")] * 4,
        [failure(), failure()],
    ],
)
def test_other_beginnings_do_not(outcomes):
    watch = FirstFailures()
    assert [watch.add(outcome) for outcome in outcomes] == [None] * len(outcomes)
