from types import SimpleNamespace

import pytest

from tuner.scheduler import build_asha, build_fifo


def scheduler(name):
    if name == "fifo":
        return build_fifo()
    return build_asha("v", "max", max_epochs=9, grace_epochs=1, reduction_factor=3, seed=0)


def trial(number, status, worker=None):
    return SimpleNamespace(
        number=number, status=status, temporary_state=SimpleNamespace(ray_actor=worker)
    )


@pytest.mark.parametrize("name", ["fifo", "asha"])
@pytest.mark.parametrize(
    ("states", "chosen"),
    [
        (["TERMINATED", "RUNNING", "PENDING", "PENDING"], 3),  # 2 may have a worker that starts
        (["PENDING", "RUNNING"], 0),
        (["TERMINATED", "RUNNING"], None),
    ],
)
def test_a_free_worker_goes_to_the_trial_that_came_last(name, states, chosen):
    trials = [trial(number, status) for number, status in enumerate(states)]
    found = scheduler(name).choose_trial_to_run(SimpleNamespace(get_trials=lambda: trials))
    assert (found and found.number) == chosen


def test_a_trial_that_has_a_worker_is_passed_over():
    trials = [trial(0, "PENDING"), trial(1, "PENDING", worker=object())]
    found = scheduler("fifo").choose_trial_to_run(SimpleNamespace(get_trials=lambda: trials))
    assert found.number == 0
