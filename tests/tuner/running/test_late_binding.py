import gc
import io
import os
import signal
import threading
import time
import weakref
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import optuna
import pytest
from ray.tune.search import Searcher

from tuner.cli import main
from tuner.errors import SearchInterrupted
from tuner.record.events import TrialCreated, TrialReported, TrialStarted, read_events
from tuner.record.paths import find_run
from tuner.record.results import read_run
from tuner.record.trial_rows import EpochPoint, TrialRow
from tuner.running.late_binding import PENDING_VARIABLE, BlankTrials, LateBinding, NamedTraining
from tuner.running.ray_session import living_nodes, num_parallel
from tuner.running.record_ids import RecordIds
from tuner.running.runner import RunOptions, run_search
from tuner.running.searcher import OptunaSearcher
from tuner.running.study import open_storage
from tuner.running.trial_worker import TrialWorker


class Study(Searcher):
    """Remembers what it is asked and told."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def suggest(self, trial_id):
        self.calls.append(("draw", trial_id))
        return {"number": len(self.calls) - 1, "params": {"lr": 0.1}}

    def go_on(self, trial_id):
        self.calls.append(("go on", trial_id))
        return {"number": 5, "params": {"lr": 0.5}, "reached": 4 if trial_id == "x" else 0}

    def on_trial_result(self, trial_id, result):
        self.calls.append(("result", trial_id))

    def on_trial_complete(self, trial_id, result=None, error=False):
        self.calls.append(("error" if error else "end", trial_id))


class Worker:
    """The handle of a worker that is ready."""

    def __init__(self):
        self.taken = []
        self.take = SimpleNamespace(remote=lambda *given: self.taken.append(given))


class Trial(SimpleNamespace):
    def __init__(self, trial_id):
        super().__init__(trial_id=trial_id, config={}, custom_trial_name=None)

    def set_config(self, config):
        self.config = config


@pytest.fixture
def study():
    return Study()


@pytest.fixture
def binding(study):
    return LateBinding(BlankTrials(study), "first", lambda: "data")


def start(binding, trial):
    worker = Worker()
    trial.temporary_state = SimpleNamespace(ray_actor=worker)
    binding.on_trial_start(0, [], trial)
    return worker.taken


def test_ray_is_given_blank_trials(study):
    blank = BlankTrials(study)
    assert [blank.suggest(name) for name in "abc"] == [{}, {}, {}]
    assert study.calls == []


def test_a_trial_is_drawn_when_its_worker_is_ready(binding, study):
    trial = Trial("a")
    taken = {"number": 0, "params": {"lr": 0.1}, "trial": "a", "reached": 0}
    assert start(binding, trial) == [(taken, ["data"])]
    assert study.calls == [("draw", "a")]
    assert trial.custom_trial_name == "first_0"


def test_a_trial_that_starts_again_keeps_what_was_drawn(binding, study):
    trial = Trial("a")
    ((first, _),) = start(binding, trial)
    binding._trials.on_trial_result("a", {"epoch": 3})
    ((again, _),) = start(binding, trial)
    assert again == first | {"reached": 3}
    assert study.calls == [("draw", "a"), ("result", "a")]


def test_the_data_are_waited_for_once(study):
    waits = []
    binding = LateBinding(BlankTrials(study), "first", lambda: waits.append(1))
    start(binding, Trial("a"))
    start(binding, Trial("b"))
    assert waits == [1]


def test_results_and_ends_are_passed_on(binding, study):
    start(binding, Trial("a"))
    blank = binding._trials
    blank.on_trial_result("a", {})
    blank.on_trial_complete("a", {})
    assert study.calls == [("draw", "a"), ("result", "a"), ("end", "a")]


def test_nothing_is_kept_of_trials_that_have_ended(study):
    blank = BlankTrials(study)
    for name in "abc":
        blank.draw(name)
        blank.on_trial_result(name, {"epoch": 1})
        blank.on_trial_complete(name, {"epoch": 2})
    assert (blank._drawn, blank._reached) == (set(), {})


def test_a_trial_whose_workers_die_before_it_is_drawn_is_on_record(study):
    BlankTrials(study).on_trial_complete("a", error=True)
    assert study.calls == [("draw", "a"), ("error", "a")]


def old_trial(number, name, num_epochs):
    curve = tuple(
        EpochPoint(epoch=epoch, metrics={}, time=0.0) for epoch in range(1, num_epochs + 1)
    )
    return TrialRow(
        trial=name, number=number, params={}, state="interrupted", curve=curve, created=0.0
    )


def test_trials_of_a_driver_before_come_first_and_keep_their_ids(study):
    ids = RecordIds()
    old = [old_trial(0, "x", num_epochs=4), old_trial(1, "y", num_epochs=0)]
    blank = BlankTrials(study, ids, old)
    binding = LateBinding(blank, "first", lambda: "data")
    drawn = [start(binding, Trial(name))[0][0] for name in ("c", "a", "b")]
    assert study.calls == [("go on", "x"), ("go on", "y"), ("draw", "b")]
    places = [(one["trial"], one["reached"]) for one in drawn]
    assert places == [("x", 4), ("y", 0), ("b", 0)]
    blank.on_trial_result("c", {})
    blank.on_trial_complete("a", {})
    assert study.calls[-2:] == [("result", "x"), ("end", "y")]
    assert [ids.of(name) for name in ("c", "a", "b")] == ["x", "y", "b"]


def test_ray_pickles_nothing(binding):
    assert binding.__getstate__() == {}


def run(search, name="late"):
    return run_search(search, RunOptions(stream=io.StringIO(), name=name))


@contextmanager
def interrupted_after(condition):
    """Send this process Ctrl-C a second after the condition holds, at the latest in minutes."""
    over, last = threading.Event(), time.monotonic() + 240

    def watch():
        while not condition() and time.monotonic() < last:
            if over.wait(0.2):
                return
        if not over.wait(1):  # in which a trial too many would begin
            os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def worker_that_dies():
    """Return a worker that never gets ready; made here so that Ray sends its code along."""

    class Dying(TrialWorker):
        def setup(self, config, run="", plan=None):
            import os

            os._exit(1)

    return Dying


def study_numbers(result):
    storage = open_storage(result.paths.study_file)
    return [row.number for row in optuna.load_study(study_name=result.name, storage=storage).trials]


def events_of(result, kind):
    return [e for e in read_events(result.paths.events_file) if isinstance(e, kind)]


@pytest.mark.ray
@pytest.mark.usefixtures("ray_instance")
class TestWithRay:
    def test_every_slot_is_filled_and_nothing_waits_for_its_turn(
        self, make_search, monkeypatch, tmp_path, end_workers
    ):
        monkeypatch.delenv(PENDING_VARIABLE, raising=False)
        slots = num_parallel({"CPU": 0.5}, living_nodes())
        search = make_search(
            "fixed={epoch_s: 0.5}",
            "resources.cpu=0.5",
            "scheduler.max_epochs=500",
            f"budget.num_trials={2 * slots}",
        )
        log = tmp_path / "runs" / "late" / "events.jsonl"

        def all_report():
            reports = [e for e in read_events(log) if isinstance(e, TrialReported)]
            return len({report.trial for report in reports}) >= slots

        with pytest.raises(SearchInterrupted), interrupted_after(all_report):
            run(search)
        end_workers()
        result = read_run(find_run("late"))
        assert len(result.rows) == slots  # the others wait, blank, and leave no trace
        assert all(row.curve for row in result.rows)
        assert PENDING_VARIABLE not in os.environ

    def test_a_trial_is_drawn_at_the_moment_of_its_start(self, make_search, monkeypatch):
        drawn_after = self._watch_draws(monkeypatch)
        search = make_search("fixed={epoch_s: 0.02}", "budget.num_trials=12")
        result = run(search)
        events = read_events(result.paths.events_file)
        created = {e.trial: e.time for e in events if isinstance(e, TrialCreated)}
        assert len(created) == 12
        for event, following in pairwise(events):
            if isinstance(event, TrialCreated):  # nothing happens between its draw and its start
                assert isinstance(following, TrialStarted)
                assert following.trial == event.trial
        first = {}
        for event in events_of(result, TrialReported):
            first.setdefault(event.trial, event.time)
        # Reused workers: the first epoch of 0.02 s is there at once.
        assert sorted(first[trial] - created[trial] for trial in created)[5] < 1
        # All but those that run are in the study when a trial is drawn.
        slots = num_parallel({"CPU": 1}, living_nodes())
        assert all(ended >= number - slots for number, ended in enumerate(drawn_after))

    def test_a_budget_that_ends_before_a_worker_is_ready_ends_the_search(self, make_search, capsys):
        search = make_search("budget.num_trials=4")
        began = time.monotonic()
        arguments = ["--name", "brief", "--set", f"budget.hours={0.001 / 3600}"]
        assert main(["search", search.source, *arguments]) == 0
        assert time.monotonic() - began < 60
        result = read_run(find_run("brief"))
        assert result.status == "finished"
        assert result.rows == ()
        assert "the time budget ended it" in capsys.readouterr().out
        assert study_numbers(result) == []

    def test_a_trial_whose_workers_cannot_start_is_on_record(self, make_search, monkeypatch):
        monkeypatch.setattr("tuner.running.tune_run.TrialWorker", worker_that_dies())
        result = run(make_search("budget.num_trials=1"))
        assert [(row.state, row.cause) for row in result.rows] == [("failed", "lost")]

    @staticmethod
    def _watch_draws(monkeypatch):
        """Return a list that takes the number of trials that had ended at each draw."""
        counts, suggest = [], OptunaSearcher.suggest

        def watched(searcher, trial_id):
            counts.append(sum(t.state.is_finished() for t in searcher._study.get_trials()))
            return suggest(searcher, trial_id)

        monkeypatch.setattr(OptunaSearcher, "suggest", watched)
        return counts


class TrainingWorker:
    """A handle that makes its methods when they are asked for, as Ray's do."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        assert name == "train"
        return SimpleNamespace(options=lambda name: SimpleNamespace(remote=partial(self.ask, name)))

    def ask(self, name, *arguments):
        self.asked.append((name, *arguments))


def test_epochs_are_asked_for_by_the_name_of_the_trial():
    worker = TrainingWorker()
    for label in ("run: trial 0, lr=0.1", "run: trial 1, lr=0.2"):
        worker.train = NamedTraining(worker, label)
        worker.train.remote("now")
    assert worker.asked == [("run: trial 0, lr=0.1", "now"), ("run: trial 1, lr=0.2", "now")]


def test_a_worker_ends_with_the_last_reference_to_it():
    worker = TrainingWorker()
    worker.train = NamedTraining(worker, "run: trial 0")
    gone = weakref.ref(worker)
    gc.disable()
    try:
        del worker
        assert gone() is None
    finally:
        gc.enable()
