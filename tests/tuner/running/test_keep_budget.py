"""A search with a byte budget on the real Ray, its checkpoints measured all the while.

200 trials: `BUDGET_TRIALS=200 pytest tests/tuner/running/test_keep_budget.py`.
"""

import io
import os
import threading
from contextlib import suppress

import pytest

from models.commands.process import usable_cores
from models.training.ranking import has_value
from tuner.cli import main
from tuner.record.paths import RunPaths
from tuner.record.pins import pin
from tuner.record.results import kept_checkpoints, leaderboard, pareto_front
from tuner.running.retention import Retention
from tuner.running.runner import RunOptions, run_search

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_instance")]

NUM_TRIALS = int(os.environ.get("BUDGET_TRIALS", "24"))
CORES = usable_cores()
NUM_SLOTS = 2
"""At most: a trial takes half of the cores."""
BALLAST_MB = 0.1
SIZE = 108_000
"""Bytes of a checkpoint at most."""
SPACE = [
    "space={lr: {uniform: [0.1, 1.0]}, peak: {int: [0, 5]}}",
    f"fixed={{ballast_mb: {BALLAST_MB}}}",
    "scheduler={name: asha, max_epochs: 6, grace_epochs: 2, reduction_factor: 3}",
    f"budget.num_trials={NUM_TRIALS}",
    f"resources.cpu={-(-CORES // 2)}",
    "keep.top_k=3",
]


class Meter:
    """Measures what lies in a run's folder: after every event and, in a thread, all the time."""

    def __init__(self, paths, monkeypatch):
        self.paths = paths
        self.at_events, self.moments = [], []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        for name in ("reported", "ended"):
            self._measure_after(monkeypatch, name)

    def _measure_after(self, monkeypatch, name):
        method = getattr(Retention, name)

        def measured(retention, *args):
            method(retention, *args)
            known = [one for kept in retention._trials.values() for one in kept.saved]
            self.at_events.append(sum(one.num_bytes for one in known if one.look()))

        monkeypatch.setattr(Retention, name, measured)

    def files(self):
        files = self.paths.checkpoints.glob("*/checkpoint_*/*")
        return {file: file.stat().st_size for file in files}

    def _watch(self):
        """Measure; two looks that find the same saw one moment, others what came and went."""
        before = None
        while not self._over.is_set():
            now = None
            with suppress(OSError):
                if (now := self.files()) == before:
                    self.moments.append(sum(now.values()))
            before = now

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()


@pytest.fixture
def measure(make_search, tmp_path, monkeypatch):
    """Return a function that runs a search, and what it had on disk meanwhile."""

    def run(*changes):
        search = make_search(*SPACE, *changes)
        with Meter(RunPaths(tmp_path / "runs" / "tiny"), monkeypatch) as meter:
            done = run_search(search, RunOptions(stream=io.StringIO(), name="tiny"))
        assert len(done.rows) == NUM_TRIALS
        assert main(["doctor", "tiny"]) == 0
        return search, done, meter

    return run


def said(run):
    events = run.paths.events_file.read_text().splitlines()
    return [line for line in events if "could not be held" in line]


def test_a_byte_budget_holds_at_every_moment(measure, tmp_path):
    """What is being written comes on top, one checkpoint a running trial."""
    search, run, meter = measure(f"keep.max_gb={8 * SIZE / 1e9}")
    assert min(len(meter.at_events), len(meter.moments)) > 3 * NUM_TRIALS
    assert 6 * SIZE < max(meter.at_events) <= 8 * SIZE  # of what was written by then
    assert max(meter.moments) <= (8 + NUM_SLOTS) * SIZE
    assert said(run) == []
    best = [
        one.row
        for one in leaderboard(run, search.ranking)
        if has_value(one.row.cost(search.ranking))
    ]
    kept = {row.trial for row in run.rows if kept_checkpoints(run.paths, row)}
    assert kept == {row.trial for row in best[:3]}
    for row in best[:3]:
        epochs = [point.epoch for point, _ in kept_checkpoints(run.paths, row)]
        assert row.best(search.ranking).epoch in epochs


def test_a_byte_budget_that_cannot_hold_is_told_once_and_at_the_end(measure, capsys):
    _, run, meter = measure(f"keep.max_gb={1.5 * SIZE / 1e9}")
    assert max(meter.at_events) > 1.5 * SIZE
    # The best two, and of each that runs: the last, the one in writing, and, as an epoch takes no
    # time here, one that was the last until now.
    assert max(meter.moments) <= (2 + 3 * NUM_SLOTS) * SIZE
    event, end = said(run)
    assert "raise it, or let fewer trials run side by side" in event
    assert "finished" in end
    assert "could not be held" in run.message
    assert sum(meter.files().values()) <= 1.5 * SIZE  # nothing runs any more
    assert main(["show", "tiny"]) == 0
    assert "could not be held" in capsys.readouterr().out


def test_the_front_and_a_pinned_trial_keep_their_checkpoints(measure, monkeypatch, tmp_path):
    """A user pins a trial while the search runs."""
    ended = Retention.ended

    def pin_first(retention, trial, outcome):
        if retention._trials[trial].number == 0:
            pin(RunPaths(tmp_path / "runs" / "tiny"), trial)
        ended(retention, trial, outcome)

    monkeypatch.setattr(Retention, "ended", pin_first)
    search, run, _ = measure("objective=[{metric: val/score}, {metric: val/size}]", "keep.top_k=1")
    front = {row.trial for row, _ in pareto_front(run, search.objectives, search.ranking)}
    assert len(front) > 2
    pinned = {row.trial for row in run.rows if row.number == 0}
    assert {r.trial for r in run.rows if kept_checkpoints(run.paths, r)} == front | pinned
