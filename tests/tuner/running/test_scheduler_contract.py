"""What every scheduler holds to, in both modes: the best goes on, and reports alone decide."""

import dataclasses
import json
import random
from types import SimpleNamespace

import pytest
from ray.tune.schedulers import TrialScheduler

from models.training.ranking import Ranking
from tuner.record.events import TrialReported
from tuner.running.record_ids import RecordIds
from tuner.running.scheduler import Scheduler, build_rule
from tuner.search.blocks import SCHEDULER_KEYS, SchedulerConfig

METRIC, SECOND = "val/x", "val/y"
SETTINGS = {"max_epochs": 12, "grace_epochs": 2, "reduction_factor": 2.0, "interval_epochs": 2}
NUM_TRIALS = 24


@pytest.fixture(params=sorted(SCHEDULER_KEYS))
def name(request):
    return request.param


@pytest.fixture(params=["max", "min"])
def mode(request):
    return request.param


def build(name, mode, ids=None):
    own = ("max_epochs", *SCHEDULER_KEYS[name])
    config = SchedulerConfig(name=name, **{key: SETTINGS[key] for key in own if key in SETTINGS})
    ranking = Ranking(metric=METRIC, mode=mode, secondary=SECOND, secondary_mode="max")
    config = dataclasses.replace(config, population=NUM_TRIALS) if name == "pbt" else config
    return Scheduler(ranking, build_rule(config, NUM_TRIALS + 8), ids, NUM_TRIALS)


def curves(mode, seed=0):
    """Learning curves that rise and waver, of trials that differ in where they end."""
    draw = random.Random(seed)
    levels = [draw.random() for _ in range(NUM_TRIALS)]
    sign = 1 if mode == "max" else -1
    return {
        f"t{number}": [
            sign * level * (epoch + draw.random()) for epoch in range(SETTINGS["max_epochs"])
        ]
        for number, level in enumerate(levels)
    }


def report(scheduler, trial, epoch, value, second=0.0):
    metrics = {METRIC: value, SECOND: second}
    result = {METRIC: value, "epoch": epoch, "metrics": json.dumps(metrics)}
    before = dict(result)
    last = epoch == SETTINGS["max_epochs"]
    one = SimpleNamespace(trial_id=trial)
    if last:
        scheduler.on_trial_complete(None, one, result)
        return True
    action = scheduler.on_trial_result(None, one, result)
    assert result == before
    return action == TrialScheduler.STOP


def drive(scheduler, curves, slots=4, reports=None):
    """Train trials side by side; return the epochs they had and the reports in their order."""
    waiting, running, ended, said = list(curves), {}, {}, []
    while (waiting or running) and (reports is None or len(said) < reports):
        while waiting and len(running) < slots:
            running[waiting.pop(0)] = 0
        trial = min(running, key=lambda one: (running[one], int(one[1:])))
        running[trial] += 1
        epoch = running[trial]
        value = curves[trial][epoch - 1]
        metrics = {METRIC: value, SECOND: 0.0}
        finished = "epochs" if epoch == SETTINGS["max_epochs"] else None
        event = TrialReported(
            trial=trial, epoch=epoch, metrics=metrics, time=0.0, finished=finished
        )
        said.append(event)
        if report(scheduler, trial, epoch, value):
            ended[trial] = running.pop(trial)
    return ended, said


def test_trials_are_stopped_but_under_fifo_and_the_best_one_never(name, mode):
    known = curves(mode)
    ended, _ = drive(build(name, mode), known)
    last = SETTINGS["max_epochs"]
    stopped = [trial for trial, epochs in ended.items() if epochs < last]
    assert (not stopped) == (name == "fifo")
    assert all(epochs >= SETTINGS["grace_epochs"] for epochs in ended.values())
    pick = max if mode == "max" else min
    assert ended[pick(known, key=lambda trial: pick(known[trial]))] == last


def test_the_modes_mirror_each_other(name):
    one, _ = drive(build(name, "max"), curves("max"))
    other, _ = drive(build(name, "min"), curves("min"))
    assert one == other


@pytest.mark.parametrize("num_reports", [1, 17, 60])
def test_after_a_replay_it_decides_as_if_it_had_never_been_gone(name, mode, num_reports):
    known = curves(mode)
    _, said = drive(build(name, mode), known)
    whole, again = build(name, mode), build(name, mode)
    for one in said[:num_reports]:
        report(whole, one.trial, one.epoch, one.metrics[METRIC])
    again.replay(said[:num_reports])
    for one in said[num_reports:]:
        value = one.metrics[METRIC]
        assert report(whole, one.trial, one.epoch, value) == report(
            again, one.trial, one.epoch, value
        )


def test_a_replay_names_the_trials_that_their_last_report_stops(name, mode):
    ended, said = drive(build(name, mode), curves(mode))
    last = SETTINGS["max_epochs"]
    stopped = {trial for trial, epochs in ended.items() if epochs < last}
    assert build(name, mode).replay(said) >= stopped
    assert build(name, mode).replay(said) - stopped <= {t for t, n in ended.items() if n == last}


def test_what_is_told_twice_is_compared_once(name, mode):
    """A trial that goes on from a checkpoint repeats epochs, under another id of Ray's."""
    ids = RecordIds()
    scheduler = build(name, mode, ids)
    known = curves(mode)
    ended, said = drive(scheduler, known, reports=60)
    goes_on = next(one.trial for one in reversed(said) if one.trial not in ended)
    ids.bind("ray-99", goes_on)
    for epoch in (1, 2, 3):
        if any(one.trial == goes_on and one.epoch == epoch for one in said):
            assert not report(scheduler, "ray-99", epoch, known[goes_on][epoch - 1])


def test_a_failure_has_no_epoch_and_is_not_compared(name, mode):
    scheduler = build(name, mode)
    trial = SimpleNamespace(trial_id="a")
    result = {METRIC: float("nan")}
    assert scheduler.on_trial_result(None, trial, result) == TrialScheduler.CONTINUE
    scheduler.on_trial_complete(None, trial, result)


@pytest.mark.parametrize("seconds", [[0.0] * 16, [float(number * 7 % 16) for number in range(16)]])
def test_of_trials_with_equal_values_as_many_are_stopped_as_of_others(name, mode, seconds):
    """Before anything is learned all values are 0; then the secondary metric tells, or who came."""
    scheduler = build(name, mode)
    going = set(range(len(seconds)))
    for epoch in range(1, SETTINGS["max_epochs"]):
        for number in sorted(going):
            if report(scheduler, f"t{number}", epoch, 0.0, seconds[number]):
                going.remove(number)
    if name == "fifo":
        assert len(going) == len(seconds)
    else:
        # Hyperband has several rungs of few trials each, and a bracket that stops none.
        assert len(going) <= len(seconds) * (0.75 if name in ("hyperband", "pbt") else 0.5)
    if name in ("asha", "median") and len(set(seconds)) > 1:
        assert max(seconds) in {seconds[number] for number in going}
