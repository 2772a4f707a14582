"""ASHA as a search uses it: which trials are stopped at a rung, in either direction."""

from types import SimpleNamespace

import numpy as np
import pytest
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from models.training.ranking import Ranking
from tuner.record.events import TrialReported
from tuner.running.record_ids import RecordIds
from tuner.running.scheduler import Scheduler, build_rule
from tuner.search.blocks import SchedulerConfig

METRIC = "val/x"


def build_asha(ranking, ids=None, **settings):
    return Scheduler(ranking, build_rule(SchedulerConfig(**settings), 99), ids)


def build_fifo():
    return Scheduler(Ranking(metric=METRIC, mode="max"), None)


class Rungs:
    """Reports the epochs of one trial after another to a scheduler."""

    def __init__(self, mode, **settings):
        self.scheduler = build_asha(
            Ranking(metric=METRIC, mode=mode),
            **{"max_epochs": 9, "grace_epochs": 2, "reduction_factor": 2.0} | settings,
        )

    def train(self, name, values, *, ends=False):
        """Return the epoch at which the trial is stopped, or None."""
        trial = SimpleNamespace(trial_id=name)
        self.scheduler.on_trial_add(None, trial)
        for epoch, value in enumerate(values, 1):
            result = {"epoch": epoch, METRIC: value}
            if ends and epoch == len(values):
                self.scheduler.on_trial_complete(None, trial, result)
            elif self.scheduler.on_trial_result(None, trial, result) == TrialScheduler.STOP:
                return epoch
        return None


@pytest.mark.parametrize(("mode", "sign"), [("max", 1), ("min", -1)])
def test_trials_that_fall_behind_are_stopped_at_a_rung(mode, sign):
    rungs = Rungs(mode)
    assert rungs.train("first", [sign * 0.5] * 4) is None
    assert rungs.train("better", [sign * 0.7] * 4) is None
    assert rungs.train("worse", [sign * 0.1] * 4) == 2
    assert rungs.train("late", [sign * 0.8, sign * 0.8, sign * 0.8, sign * 0.9]) is None


@pytest.mark.parametrize(("mode", "sign"), [("max", 1), ("min", -1)])
def test_a_trial_is_compared_by_its_best_value_so_far(mode, sign):
    rungs = Rungs(mode)
    assert rungs.train("steady", [sign * 0.5, sign * 0.5]) is None
    assert rungs.train("dips", [sign * 0.9, sign * 0.1]) is None
    # What has to be beaten is the best value, too, not that of the epoch at the rung.
    assert rungs.train("between", [sign * 0.2, sign * 0.6]) == 2


def test_the_last_epoch_of_a_trial_counts_with_its_best_value():
    rungs = Rungs("max")
    rungs.train("ended", [0.9, 0.1], ends=True)
    assert rungs.train("other", [0.5, 0.5]) == 2


def test_the_reported_result_is_left_as_it_is():
    rungs = Rungs("max")
    trial = SimpleNamespace(trial_id="a")
    rungs.scheduler.on_trial_add(None, trial)
    results = [{"epoch": epoch, METRIC: value} for epoch, value in [(1, 0.9), (2, 0.1)]]
    for result in results:
        rungs.scheduler.on_trial_result(None, trial, result)
    assert [result[METRIC] for result in results] == [0.9, 0.1]


def test_a_failure_has_no_epoch_and_is_not_compared():
    rungs = Rungs("max")
    trial = SimpleNamespace(trial_id="a")
    rungs.scheduler.on_trial_add(None, trial)
    assert rungs.scheduler.on_trial_result(None, trial, {METRIC: np.nan}) == TrialScheduler.CONTINUE
    assert rungs.train("b", [0.1, 0.1]) is None


def test_fifo_stops_none():
    assert isinstance(build_fifo(), FIFOScheduler)


def scheduler(name):
    if name == "fifo":
        return build_fifo()
    return build_asha(
        Ranking(metric="v", mode="max"), max_epochs=9, grace_epochs=1, reduction_factor=3
    )


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


def reported(*reports):
    return [
        TrialReported(trial=trial, epoch=epoch, metrics={METRIC: value}, time=0.0)
        for trial, epoch, value in reports
    ]


def test_rungs_after_a_replay_are_as_the_driver_before_left_them():
    rungs = Rungs("max", grace_epochs=1, reduction_factor=3.0)
    history = [("a", 1, 0.9), ("b", 1, 0.1), ("a", 2, 0.1), ("c", 1, 0.5), ("a", 3, 0.8)]
    assert rungs.scheduler.replay(reported(*history)) == {"b", "c"}
    assert rungs.scheduler.replay([]) == set()
    assert rungs.train("d", [0.6]) == 1
    assert rungs.train("e", [0.95, 0.95, 0.85]) is None


def test_a_trial_that_goes_on_stands_at_its_rungs_by_its_own_id_and_with_its_best_value():
    ids = RecordIds()
    ids.bind("ray-7", "a")
    rungs = Rungs("max", grace_epochs=1, reduction_factor=3.0, ids=ids)
    rungs.scheduler.replay(reported(("a", 1, 0.9), ("b", 1, 0.5), ("b", 2, 0.5), ("b", 3, 0.8)))
    # It repeats the epoch of a rung where it stands already, and is not compared with itself.
    trial = SimpleNamespace(trial_id="ray-7")
    rungs.scheduler.on_trial_add(None, trial)
    for epoch, value in [(1, 0.9), (2, 0.2), (3, 0.2)]:
        result = {"epoch": epoch, METRIC: value}
        assert rungs.scheduler.on_trial_result(None, trial, result) == TrialScheduler.CONTINUE
    assert rungs.train("c", [0.95, 0.95, 0.85]) is None  # 0.95 is above the 0.9 of a
    assert rungs.train("d", [0.91, 0.91, 0.91]) == 1  # with a standing there twice it went on


def test_fifo_has_nothing_to_replay():
    assert build_fifo().replay(reported(("a", 1, 0.9))) == set()
