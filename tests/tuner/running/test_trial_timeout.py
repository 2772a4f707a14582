import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from optuna.trial import TrialState

from tuner.record.events import read_events
from tuner.record.results import kept_checkpoints
from tuner.running.runner import RunOptions, run_search
from tuner.running.study import CAUSE, build_sampler, open_storage, open_study
from tuner.running.trial_timeout import TrialTimeout


class Watch:
    """A timeout of 10 s with a clock in hand."""

    def __init__(self, timeout_s=10.0):
        self.now = 1000.0
        self.ended, self.killed = {}, []
        self.timeout = TrialTimeout(
            timeout_s, self.ended.__setitem__, kill=self.killed.append, clock=lambda: self.now
        )

    def step(self, seconds):
        """Let time pass in steps of half a second, as Ray's loop does."""
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            self.timeout.on_step_end(0, [])


def trial(name):
    state = SimpleNamespace(ray_actor=f"worker of {name}")
    return SimpleNamespace(trial_id=name, temporary_state=state, max_failures=2)


@pytest.fixture
def watch():
    return Watch()


def test_a_silent_trial_is_ended_once_and_not_started_again(watch):
    silent, lively = trial("a"), trial("b")
    for one in (silent, lively):
        watch.timeout.on_trial_start(0, [], one)
    watch.step(9)
    watch.timeout.on_trial_result(0, [], lively, {})
    watch.step(2)
    assert (list(watch.ended), watch.killed) == (["a"], ["worker of a"])
    assert (silent.max_failures, lively.max_failures) == (0, 2)
    outcome = watch.ended["a"]
    assert (outcome.state, outcome.cause) == ("failed", "timeout")
    assert "no report for 10 s (scheduler.trial_timeout)" in outcome.message
    watch.step(5)
    assert watch.killed == ["worker of a"]


@pytest.mark.parametrize("ending", ["on_trial_complete", "on_trial_error", "on_trial_recover"])
def test_a_trial_that_has_ended_is_not_waited_for(watch, ending):
    one = trial("a")
    watch.timeout.on_trial_start(0, [], one)
    getattr(watch.timeout, ending)(0, [], one)
    watch.step(30)
    assert watch.ended == {}


def test_a_driver_that_was_held_up_blames_nobody(watch):
    watch.timeout.on_trial_start(0, [], trial("a"))
    watch.now += 3600.0
    watch.step(3)
    assert watch.ended == {}


def test_without_a_timeout_trials_may_take_for_ever():
    watch = Watch(None)
    watch.timeout.on_trial_start(0, [], trial("a"))
    watch.step(3600)
    assert watch.ended == {}


@pytest.mark.ray
@pytest.mark.usefixtures("ray_instance")
def test_a_hung_trial_gives_its_slot_to_the_next(make_search, fake_spec, tmp_path):
    """All slots hang at first, so that nothing could go on if they were not freed."""
    fake_spec.presets_file.write_text(
        fake_spec.presets_file.read_text() + "hangs: {fail: hang}\nworks: {lr: 0.5}\n"
    )
    search = make_search(
        "space.fail={choice: [hang, 'no']}",
        f"fixed={{fail_epoch: 3, scratch: {tmp_path}}}",
        "searcher.warm_start=[hangs, works]",
        "budget.num_trials=2",
        "resources.cpu=2",
        "scheduler.trial_timeout=6",
    )
    result = run_search(search, RunOptions(stream=io.StringIO(), name="tiny"))

    assert result.status == "finished"
    hung, other = result.rows
    assert (hung.state, hung.cause, hung.num_starts) == ("failed", "timeout", 1)
    assert hung.num_epochs == 2  # what it had reached is kept
    assert (other.state, other.cause) == ("done", "epochs")
    assert kept_checkpoints(result.paths, hung) == []
    # Durations do not depend on the time of day.
    assert all(event.elapsed_s is not None for event in read_events(result.paths.events_file))
    storage = open_storage(result.paths.study_file)
    rows = open_study(storage, "tiny", ("max",), build_sampler("random", seed=0)).trials
    assert [row.state for row in rows] == [TrialState.FAIL, TrialState.COMPLETE]
    assert rows[0].user_attrs[CAUSE] == "timeout"
    process = Path("/proc") / (tmp_path / "hung").read_text() / "stat"
    assert not process.exists() or ") Z" in process.read_text()
