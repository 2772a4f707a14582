"""Retention against a model of it that reckons everything anew from all that has happened."""

import math
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tuner.running.retention
from models.training.ranking import Ranking, has_value
from tuner.record.outcomes import Outcome
from tuner.record.paths import RunPaths
from tuner.record.pins import pin
from tuner.record.trial_checkpoints import CHECKPOINT_FILE
from tuner.running.retention import Retention
from tuner.search.blocks import Keep, Objective

UNIT = 100
"""Bytes: checkpoints take one to three of them."""
NUM_PER_TRIAL = 2
NOTHING = (math.inf, math.inf, 0)
ENDS = {
    "done": Outcome(state="done", cause="epochs"),
    "stopped": Outcome(state="stopped", cause="rung 1"),
    "failed": Outcome(state="failed", cause="nan"),
    "budget": Outcome(state="stopped", cause="budget"),
    "interrupted": Outcome(state="interrupted"),
}
TWO = (Objective(metric="acc", mode="max"), Objective(metric="size", mode="min"))


class Trial:
    """What a trial did: every epoch with its values, and which checkpoints should be there."""

    def __init__(self, number, units):
        self.number, self.size = number, units * UNIT
        self.state, self.pinned = "open", False
        self.epochs = []  # (cost, values or None)
        self.left = {}  # epoch: bytes that it is known or expected to take
        self.written = set()

    def cost(self):
        if self.state == "failed":
            return NOTHING
        return min((cost for cost, _ in self.epochs), default=NOTHING)

    def values(self):
        if self.state == "failed" or math.isinf(self.cost()[0]):
            return None
        return min(self.epochs, key=lambda one: one[0])[1]

    def by_cost(self):
        return sorted(self.left, key=lambda epoch: self.epochs[epoch - 1][0])

    def needed(self):
        if self.state not in ("open", "budget", "interrupted"):
            return set()
        written = self.written & set(self.left)
        return {epoch for epoch in self.left if epoch >= max(written, default=0)}

    def keep(self, epochs):
        self.left = {epoch: size for epoch, size in self.left.items() if epoch in epochs}


class Model:
    """The rules as the documentation has them, without a thought for speed."""

    def __init__(self, top_k, units, objectives):
        self.top_k, self.several = top_k, len(objectives) > 1
        self.max_bytes = math.inf if units is None else units * UNIT
        self.trials = {}

    def place(self, name):
        return self.trials[name].cost(), self.trials[name].number

    def over(self):
        return [n for n, one in self.trials.items() if one.state not in ("open", "interrupted")]

    def on_front(self, name):
        """No trial that has ended beats it; one that may go on beats none that may not."""
        mine = self.trials[name]
        if not self.several or name not in self.over() or mine.values() is None:
            return False
        rivals = [
            self.trials[other].values()
            for other in self.over()
            if mine.state == "budget" or self.trials[other].state != "budget"
        ]
        return not any(
            one != mine.values() and one[0] >= mine.values()[0] and one[1] <= mine.values()[1]
            for one in rivals
            if one is not None
        )

    def num_bytes(self):
        return sum(sum(trial.left.values()) for trial in self.trials.values())

    def expected(self, name):
        """What one in writing takes: as the trial's others, or the smallest there is."""
        trials = self.trials.values()
        own = self.trials[name]
        known = [own.size] if own.written & set(own.left) else []
        others = [one.size for one in trials if one.written & set(one.left)]
        return min(known or others, default=0)

    def thin(self, trial):
        latest = list(trial.left)[-2:] if trial.needed() else []
        trial.keep({*trial.by_cost()[:NUM_PER_TRIAL], *latest})

    def tidy(self):
        over = self.over()
        good = sorted((n for n in over if has_value(self.trials[n].cost())), key=self.place)
        tracked = [n for n in good if self.trials[n].left or self.trials[n].state == "budget"]
        for name in over:
            trial = self.trials[name]
            if name not in tracked[: self.top_k] and not trial.pinned and not self.on_front(name):
                trial.keep(trial.needed())

    def make_room(self):
        while self.num_bytes() > self.max_bytes:
            if (victim := min(self.victims(), default=None)) is None:
                return
            _, name, epoch = victim
            del self.trials[name].left[epoch]

    def victims(self):
        having = sorted((n for n, one in self.trials.items() if one.left), key=self.place)
        over = [name for name in having if name in self.over()]
        leaders = {*having[:1], *over[:1]}
        for worst, name in enumerate(reversed(having)):
            trial = self.trials[name]
            best = trial.by_cost()[0]
            for epoch in set(trial.left) - trial.needed():
                if trial.pinned or (epoch == best and name in leaders):
                    continue
                if epoch != best:
                    yield (0, 0, worst, -trial.by_cost().index(epoch)), name, epoch
                else:
                    yield (1, self.on_front(name), worst, 0), name, epoch


class Both:
    """The real one and the model, told the same."""

    def __init__(self, folder, top_k, units, objectives, at_once):
        self.at_once = at_once  # whether a checkpoint is written before its report comes
        self.paths = RunPaths(Path(folder))
        self.ranking = Ranking(metric="acc", mode="max")
        self.said = []
        self.real = Retention(
            self.paths,
            self.ranking,
            Keep(top_k=top_k, max_gb=None if units is None else units * UNIT / 1e9),
            num_per_trial=NUM_PER_TRIAL,
            objectives=objectives,
            record=lambda said, **deleted: self.said.append(said),
        )
        self.model = Model(top_k, units, objectives)

    def create(self, units):
        number = len(self.model.trials)
        name = f"t{number}"
        self.model.trials[name] = Trial(number, units if self.at_once else 1)
        self.real.created(name, number, {})

    def report(self, name, acc, size):
        trial = self.model.trials[name]
        if not self.at_once:
            self.write(name)  # a worker begins with the next only then
        epoch = len(trial.epochs) + 1
        metrics = {"acc": acc, "size": size}
        cost = self.ranking.cost(metrics, epoch)
        trial.epochs.append((cost, (acc, size) if math.isfinite(acc) else None))
        trial.left[epoch] = self.model.expected(name)
        folder = self.paths.trial_checkpoints(name) / f"checkpoint_{epoch:06d}"
        folder.mkdir(parents=True)
        if self.at_once:
            self.write(name)
        self.real.reported(name, epoch, metrics, self.paths.relative(folder))
        self.model.thin(trial)
        self.model.make_room()

    def write(self, name):
        trial = self.model.trials[name]
        for epoch in trial.left:
            folder = self.paths.trial_checkpoints(name) / f"checkpoint_{epoch:06d}"
            (folder / CHECKPOINT_FILE).write_bytes(b"x" * trial.size)
            trial.left[epoch] = trial.size
            trial.written.add(epoch)

    def finish(self, name):
        """Let the trial's checkpoint be written while it trains."""
        self.write(name)
        self.real.tick()
        self.model.make_room()

    def end(self, name, state):
        self.real.ended(name, ENDS[state])
        self.model.trials[name].state = state
        if state != "interrupted":
            self.model.thin(self.model.trials[name])
            self.model.tidy()
            self.model.make_room()

    def pin(self, name):
        pin(self.paths, name)
        self.model.trials[name].pinned = True

    def check(self):
        for name, trial in self.model.trials.items():
            folders = self.paths.trial_checkpoints(name).glob("checkpoint_*")
            assert sorted(int(one.name[-6:]) for one in folders) == sorted(trial.left), name
        whole = sum(
            size
            for trial in self.model.trials.values()
            for epoch, size in trial.left.items()
            if epoch in trial.written
        )
        if whole > self.model.max_bytes:
            assert next(self.model.victims(), None) is None
            assert self.real.shortage is not None
        assert sum("could not be held" in line for line in self.said) <= 1


NUMBER = st.integers(0, 11)
REPORT = st.tuples(
    st.just("report"), NUMBER, st.sampled_from([0.0, 0.1, 0.2, 0.3, math.nan]), st.integers(1, 3)
)
STEP = st.one_of(
    REPORT,
    REPORT,
    REPORT,
    st.tuples(st.just("finish"), NUMBER),
    st.tuples(st.just("end"), NUMBER, st.sampled_from(sorted(ENDS))),
    st.tuples(st.just("pin"), NUMBER),
    st.tuples(st.just("create"), NUMBER),
)


@pytest.fixture(autouse=True, scope="module")
def _always_looking():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuner.running.retention, "_LOOK_S", 0.0)
        yield


@settings(max_examples=250, deadline=None)
@given(
    top_k=st.integers(1, 3),
    units=st.one_of(st.none(), st.integers(1, 14)),
    objectives=st.sampled_from([TWO[:1], TWO]),
    at_once=st.booleans(),
    sizes=st.lists(st.integers(1, 3), min_size=3, max_size=6),
    steps=st.lists(STEP, min_size=25, max_size=80),
)
def test_what_is_left_is_what_the_model_leaves(top_k, units, objectives, at_once, sizes, steps):
    folder = tempfile.mkdtemp()
    try:
        both = Both(folder, top_k, units, objectives, at_once)
        for size in sizes:
            both.create(size)
        for what, number, *values in steps:
            trials = both.model.trials
            known = [n for n, one in trials.items() if what == "pin" or one.state == "open"]
            if what == "create":
                both.create(1 + number % 3)
            elif known:
                getattr(both, what)(known[number % len(known)], *values)
            both.check()
    finally:
        shutil.rmtree(folder)
