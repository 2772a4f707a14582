import json
import math
from types import SimpleNamespace

import pytest

from models.errors import UserError
from tuner.record.events import EventLog, read_events
from tuner.record.outcomes import Outcome
from tuner.record.past import past_of
from tuner.record.paths import RunPaths
from tuner.record.results import read_run
from tuner.running.observer import Observer
from tuner.running.record_ids import RecordIds
from tuner.running.recorder import Recorder
from tuner.running.stopping import SearchStop


class FakeTrial(SimpleNamespace):
    """What the recorder looks at of a Ray trial."""

    def __init__(self, trial_id, worker=None):
        state = SimpleNamespace(ray_actor=worker or Worker())
        super().__init__(trial_id=trial_id, last_result={}, error_file=None, temporary_state=state)
        self.num_asked = 0

    def get_ray_actor_ip(self):
        self.num_asked += 1
        return "10.0.0.7"


class Worker:
    """A worker's handle."""


class Ray:
    """Calls the recorder as Ray's loop does."""

    def __init__(self, folder, events=None, **options):
        self.paths = RunPaths(folder)
        self.events = events or EventLog(self.paths.events_file)
        self.stop = SearchStop()
        self.recorder = Recorder(self.events, self.paths, self.stop, rungs=(1.0, 3.0), **options)
        self.trials = {}

    def start(self, name):
        self.recorder.on_new_trial(name, len(self.trials), {"lr": 0.1})
        self.trials[name] = FakeTrial(name)
        self.recorder.on_trial_start(0, [], self.trials[name])

    def report(self, name, epoch, value, finished=None, checkpoint=None):
        result = {
            "epoch": epoch,
            "metrics": json.dumps({"val/score": value}),
            "finished": finished,
            "checkpoint": checkpoint,
        }
        self.trials[name].last_result = result
        self.recorder.on_trial_result(0, [], self.trials[name], result)

    def complete(self, name, **last):
        self.trials[name].last_result |= last
        self.recorder.on_trial_complete(0, [], self.trials[name])

    @property
    def rows(self):
        return {row.trial: row for row in read_run(self.paths).rows}


@pytest.fixture
def ray(tmp_path):
    ray = Ray(tmp_path)
    yield ray
    ray.events.close()


def test_a_trial_that_ended_by_itself(ray):
    ray.start("a")
    ray.report("a", 1, 0.5, checkpoint="checkpoint_000000")
    ray.report("a", 2, 0.6, finished="epochs")
    ray.complete("a")
    row = ray.rows["a"]
    assert (row.state, row.cause, row.node) == ("done", "epochs", "10.0.0.7")
    assert [point.metrics for point in row.curve] == [{"val/score": 0.5}, {"val/score": 0.6}]
    assert row.curve[0].checkpoint == "checkpoints/a/checkpoint_000000"


def test_a_trial_that_the_scheduler_stopped(ray):
    ray.start("a")
    ray.report("a", 3, 0.5)
    ray.complete("a")
    assert (ray.rows["a"].state, ray.rows["a"].cause) == ("stopped", "rung 2")


def test_a_trial_that_failed(ray):
    ray.start("a")
    failure = {"val/score": math.nan, "finished": "oom", "message": "too large", "where": "a.py:3"}
    ray.recorder.on_trial_result(0, [], ray.trials["a"], failure)
    ray.complete("a", **failure)
    row = ray.rows["a"]
    assert (row.state, row.cause, row.message) == ("failed", "oom", "too large")
    assert row.curve == ()


def test_a_trial_whose_workers_died(ray, tmp_path):
    ray.start("a")
    ray.trials["a"].error_file = tmp_path / "error.txt"
    ray.trials["a"].error_file.write_text(
        "Failure # 1 (occurred at x)\nfirst\nFailure # 2 (occurred at y)\nThe actor died\n"
    )
    ray.recorder.on_trial_error(0, [], ray.trials["a"])
    row = ray.rows["a"]
    assert (row.state, row.cause, row.message) == ("failed", "lost", "The actor died")


def test_what_the_search_cut_off_is_settled(ray):
    for name in "ab":
        ray.start(name)
    ray.report("a", 1, 0.5, finished="epochs")
    ray.complete("a")
    ray.recorder.settle(Outcome(state="stopped", cause="budget"))
    assert {name: row.cause for name, row in ray.rows.items()} == {"a": "epochs", "b": "budget"}


def test_a_trial_ends_once(ray):
    ray.start("a")
    ray.report("a", 1, 0.5, finished="epochs")
    ray.complete("a")
    ray.complete("a")
    ray.recorder.settle(Outcome(state="interrupted"))
    assert ray.rows["a"].state == "done"


def test_equal_failures_ask_for_the_end(ray):
    for name in "abc":
        assert ray.stop.is_over() is False
        ray.start(name)
        ray.complete(name, finished="error", message="ValueError: no", where="a.py:3 in f")
    assert ray.stop.reason == "failed"
    assert "ValueError: no" in str(ray.stop.error)


def test_a_trial_without_room_asks_for_the_end(ray):
    ray.start("a")
    ray.complete("a", finished="disk", message="No space left on device")
    assert "trial 0 cannot write to the disk" in str(ray.stop.error)
    assert (ray.rows["a"].state, ray.rows["a"].cause) == ("interrupted", "disk")


def test_a_full_disk_asks_for_the_end(tmp_path):
    class FullLog:
        def __getattr__(self, name):
            def write(*arguments):
                raise UserError("events.jsonl: cannot be written: No space left on device")

            return write

    ray = Ray(tmp_path, events=FullLog())
    ray.start("a")
    ray.recorder.settle(Outcome(state="interrupted"))
    assert "No space left" in str(ray.stop.error)


def test_observers_hear_everything_in_order(tmp_path):
    heard = []

    class Listener(Observer):
        def created(self, trial, number, params):
            heard.append(("created", trial, number))

        def started(self, trial):
            heard.append(("started", trial))

        def reported(self, trial, epoch, metrics, checkpoint):
            heard.append(("reported", epoch, metrics["val/score"], checkpoint))

        def ended(self, trial, outcome):
            heard.append(("ended", outcome.state))

        def tick(self):
            heard.append("tick")

    ray = Ray(tmp_path, observers=[Listener()])
    with ray.events:
        ray.start("a")
        ray.report("a", 1, 0.5)
        ray.recorder.on_step_end(0, [])
        ray.complete("a")
    assert heard == [
        ("created", "a", 0),
        ("started", "a"),
        ("reported", 1, 0.5, None),
        "tick",
        ("ended", "stopped"),
    ]


def test_a_trial_of_a_driver_before_keeps_its_id_and_what_it_repeats_is_noted(tmp_path):
    ids = RecordIds()
    ids.bind("ray-1", "a")
    ray = Ray(tmp_path)
    ray.start("a")
    for epoch in (1, 2, 3):
        ray.report("a", epoch, 0.1 * epoch)
    ray.events.close()
    again = Ray(tmp_path, past=past_of(read_events(ray.paths.events_file), tmp_path), ids=ids)
    with again.events:
        again.recorder.on_old_trial("a", 0, 3)
        again.trials["ray-1"] = FakeTrial("ray-1")
        again.recorder.on_trial_start(0, [], again.trials["ray-1"])
        again.report("ray-1", 3, 0.3, checkpoint="checkpoint_000003")
        again.report("ray-1", 4, 0.4, finished="epochs")
        again.complete("ray-1")
    row = again.rows["a"]
    assert (row.state, row.cause, row.num_starts) == ("done", "epochs", 2)
    assert [point.epoch for point in row.curve] == [1, 2, 3, 4]
    assert row.curve[2].checkpoint == "checkpoints/a/checkpoint_000003"
    assert "trial 0 repeats its epochs from 3 on" in read_run(again.paths).message
    assert again.recorder.num_ended == 1


@pytest.mark.parametrize(("state", "ends"), [("failed", True), ("done", False)])
def test_first_failures_of_a_new_driver_count_unless_a_trial_was_well(tmp_path, state, ends):
    before = Ray(tmp_path)
    before.start("old")
    before.complete("old", **({"finished": "epochs"} if state == "done" else {"finished": "nan"}))
    before.events.close()
    ray = Ray(tmp_path, past=past_of(read_events(before.paths.events_file), tmp_path))
    assert ray.recorder.num_ended == 1
    with ray.events:
        for name in "abc":
            ray.start(name)
            ray.complete(name, finished="error", message="ValueError: no", where="a.py:3 in f")
    assert ray.stop.is_over() is ends


def test_the_loop_is_left_when_asked_to(tmp_path):
    def leave():
        raise KeyboardInterrupt

    ray = Ray(tmp_path, on_step=leave)
    with ray.events, pytest.raises(KeyboardInterrupt):
        ray.recorder.on_step_end(0, [])


def test_a_worker_is_asked_once_where_it_is(ray):
    ray.start("t0")
    worker = ray.trials["t0"].temporary_state.ray_actor
    again = FakeTrial("t1", worker)
    ray.recorder.on_new_trial("t1", 1, {"lr": 0.1})
    ray.recorder.on_trial_start(0, [], again)
    assert (ray.trials["t0"].num_asked, again.num_asked) == (1, 0)
    nodes = [event.node for event in read_events(ray.paths.events_file) if hasattr(event, "node")]
    assert nodes == ["10.0.0.7", "10.0.0.7"]
