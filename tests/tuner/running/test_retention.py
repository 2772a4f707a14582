import math
import shutil

import pytest

from models.training.ranking import Ranking
from tuner.record.outcomes import Outcome
from tuner.record.paths import RunPaths
from tuner.record.pins import pin, unpin
from tuner.record.promotions import PromotedTrial, record_promotions
from tuner.record.trial_checkpoints import CHECKPOINT_FILE
from tuner.record.trial_rows import EpochPoint, TrialRow
from tuner.running.retention import Retention
from tuner.search.blocks import Keep, Objective

DONE = Outcome(state="done", cause="epochs")
KB = 1e-6  # in GB


class Disk:
    """A run folder in which trials write checkpoints of 1,000 bytes."""

    def __init__(self, folder, **options):
        self.paths = RunPaths(folder)
        self.said = []
        settings = {"num_per_trial": 2, "top_k": 2, "max_gb": None, "mode": "max"} | options
        ranking = Ranking(metric="val/acc", mode=settings.pop("mode"), secondary="val/elbo")
        keep = Keep(top_k=settings.pop("top_k"), max_gb=settings.pop("max_gb"))
        self.retention = Retention(self.paths, ranking, keep, record=self.say, **settings)
        self.deleted = []
        self.number = 0

    def say(self, text, **deleted):
        self.said.append(text)
        self.deleted.append(deleted)

    def trial(self, name, values, outcome=DONE):
        self.retention.created(name, self.number, {})
        self.number += 1
        for epoch, value in enumerate(values, 1):
            value, elbo = value if isinstance(value, tuple) else (value, 0.0)  # noqa: PLW2901
            folder = f"checkpoints/{name}/checkpoint_{epoch:06d}"
            (self.paths.folder / folder).mkdir(parents=True)
            (self.paths.folder / folder / CHECKPOINT_FILE).write_bytes(b"x" * 1000)
            self.retention.reported(name, epoch, {"val/acc": value, "val/elbo": elbo}, folder)
        if outcome is not None:
            self.retention.ended(name, outcome)

    def left(self, name):
        folders = self.paths.trial_checkpoints(name).glob("checkpoint_*")
        return sorted(int(folder.name.rpartition("_")[2]) for folder in folders)


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


def test_a_running_trial_keeps_its_best_and_what_it_may_resume_from(disk):
    disk.trial("a", [0.9, 0.8, 0.1, 0.2, 0.3], outcome=None)
    assert disk.left("a") == [1, 2, 4, 5]


def test_an_ended_trial_keeps_its_best(disk):
    disk.trial("a", [0.9, 0.1, 0.8, 0.2, 0.3])
    assert disk.left("a") == [1, 3]


@pytest.mark.parametrize("state", ["done", "failed", "interrupted"])
def test_what_a_worker_was_writing_at_its_end_is_deleted(disk, state):
    """A disk that is full, or a worker that is killed, leaves a checkpoint nobody heard of."""
    disk.trial("a", [0.9, 0.8], outcome=None)
    (disk.paths.trial_checkpoints("a") / "checkpoint_000003").mkdir()
    disk.retention.ended("a", Outcome(state=state))
    assert disk.left("a") == ([] if state == "failed" else [1, 2])


def test_less_can_be_better(tmp_path):
    disk = Disk(tmp_path, mode="min", num_per_trial=1)
    disk.trial("a", [0.9, 0.1, 0.8])
    assert disk.left("a") == [2]


@pytest.mark.parametrize(("mode", "left"), [("max", ["d", "b"]), ("min", ["a", "c"])])
def test_the_best_trials_are_those_of_the_mode(tmp_path, mode, left):
    disk = Disk(tmp_path, mode=mode, num_per_trial=1)
    for name, value in [("a", 0.1), ("b", 0.5), ("c", 0.3), ("d", 0.7)]:
        disk.trial(name, [value])
    assert [name for name in "abcd" if disk.left(name)] == sorted(left)


def test_of_equal_epochs_those_with_the_better_secondary_value_stay(disk):
    disk.trial("a", [(0.0, -19.8), (0.0, -13.5), (0.0, -15.0), (0.0, -13.5), (0.0, -14.0)])
    assert disk.left("a") == [2, 4]


def test_of_equal_trials_the_secondary_value_decides_then_the_order_of_drawing(disk):
    for name, elbo in [("a", -9.0), ("b", -5.0), ("c", -9.0), ("d", -9.0)]:
        disk.trial(name, [(0.5, elbo)])
    assert [disk.left(name) for name in "abcd"] == [[1], [1], [], []]


def test_only_the_best_trials_keep_theirs(disk):
    for name, value in [("a", 0.1), ("b", 0.5), ("c", 0.3), ("d", 0.7)]:
        disk.trial(name, [value])
    assert [disk.left(name) for name in "abcd"] == [[], [1], [], [1]]
    assert disk.said[0].startswith("deleted the checkpoints of trial 0 (0.0 MB)")
    assert disk.deleted[0] == {"dropped": 0}
    assert len(disk.said) == 2


def test_running_trials_are_left_alone(disk):
    disk.trial("slow", [0.0], outcome=None)
    for name in "abc":
        disk.trial(name, [0.5])
    assert disk.left("slow") == [1]


def test_failed_trials_keep_nothing_and_interrupted_ones_what_they_resume_from(disk):
    disk.trial("failed", [0.9], Outcome(state="failed", cause="nan"))
    disk.trial("interrupted", [0.3, 0.2, 0.1], Outcome(state="interrupted"))
    assert disk.left("failed") == []
    assert disk.left("interrupted") == [1, 2, 3]


def test_the_byte_budget_takes_the_worst_first(tmp_path):
    disk = Disk(tmp_path, top_k=3, max_gb=2.5 * KB)
    for name, value in [("a", 0.3), ("b", 0.1), ("c", 0.2)]:
        disk.trial(name, [value])
    assert [disk.left(name) for name in "abc"] == [[1], [], [1]]


def test_the_best_trial_stays_whatever_it_takes(tmp_path):
    disk = Disk(tmp_path, max_gb=0.5 * KB)
    disk.trial("a", [0.3])
    assert disk.left("a") == [1]


def test_running_trials_count_for_the_byte_budget(tmp_path):
    disk = Disk(tmp_path, top_k=3, max_gb=2.5 * KB)
    disk.trial("slow", [0.1], outcome=None)
    disk.trial("a", [0.3])
    disk.trial("b", [0.2])
    assert [disk.left(name) for name in ("slow", "a", "b")] == [[1], [1], []]


def test_promoted_trials_are_never_touched(disk):
    disk.trial("a", [0.1])
    promoted = PromotedTrial(
        trial="a",
        number=0,
        preset="first-1",
        file="first-1.yaml",
        metric="val/acc",
        value=0.1,
        epoch=1,
        confirmed=False,
    )
    record_promotions(disk.paths, [promoted])
    for name in "bcd":
        disk.trial(name, [0.5])
    assert disk.left("a") == [1]
    assert sum(len(disk.left(name)) for name in "bcd") == 2


def test_an_epoch_without_a_checkpoint_counts_for_the_rank(disk):
    disk.trial("a", [0.1], outcome=None)
    disk.retention.reported("a", 2, {"val/acc": 0.9}, None)
    disk.trial("b", [0.2])
    disk.trial("c", [0.3])
    disk.retention.ended("a", DONE)
    assert [disk.left(name) for name in "abc"] == [[1], [], [1]]


TWO = (Objective(metric="val/acc", mode="max"), Objective(metric="val/elbo", mode="max"))
FRONT = {"a": (0.9, -9.0), "b": (0.8, -10.0), "c": (0.7, -5.0), "d": (0.6, -6.0), "e": (0.5, -1.0)}
"""Trials a, c and e are on the front."""


def test_trials_on_the_front_of_several_objectives_keep_theirs(tmp_path):
    disk = Disk(tmp_path, top_k=2, objectives=TWO)
    for name, values in FRONT.items():
        disk.trial(name, [values])
    assert [name for name in FRONT if disk.left(name)] == ["a", "b", "c", "e"]


def test_a_trial_is_judged_by_its_best_epoch_of_the_first_objective(tmp_path):
    """Its other epochs have no place in the table and the study either."""
    disk = Disk(tmp_path, top_k=1, objectives=TWO)
    disk.trial("a", [(0.1, -1.0), (0.9, -9.0)])
    disk.trial("b", [(0.8, -9.5)])
    disk.trial("c", [(0.5, -5.0)])
    assert [disk.left(name) for name in "abc"] == [[1, 2], [], [1]]


def test_trials_that_the_time_budget_stopped_stand_on_the_front(tmp_path):
    disk = Disk(tmp_path, top_k=1, objectives=TWO, num_per_trial=1)
    for name, values in FRONT.items():
        disk.trial(name, [values, (0.0, -20.0)], outcome=None)
    for name in FRONT:
        disk.retention.ended(name, Outcome(state="stopped", cause="budget"))
    assert [disk.left(name) for name in FRONT] == [[1, 2], [2], [1, 2], [2], [1, 2]]


def test_a_front_without_finite_values_has_no_place(tmp_path):
    disk = Disk(tmp_path, top_k=1, objectives=TWO)
    disk.trial("a", [(0.9, -9.0)])
    disk.trial("b", [(0.5, math.nan)])
    disk.trial("c", [(math.nan, -1.0)])
    assert [disk.left(name) for name in "abc"] == [[1], [], []]


@pytest.mark.parametrize(
    ("max_kb", "left"),
    [(4.5, "abce"), (3.5, "ace"), (2.5, "ae"), (1.5, "a"), (0.5, "a")],
)
def test_under_the_byte_budget_the_front_gives_way_last(tmp_path, max_kb, left):
    """Trial e runs when it writes, so of the front c gives way, the worst that has ended."""
    disk = Disk(tmp_path, top_k=2, objectives=TWO, max_gb=max_kb * KB)
    for name, values in FRONT.items():
        disk.trial(name, [values])
    assert "".join(name for name in FRONT if disk.left(name)) == left


def test_what_is_not_the_best_of_its_trial_gives_way_first(tmp_path):
    disk = Disk(tmp_path, top_k=3, max_gb=4.5 * KB)
    for name, values in {"a": [0.6, 0.9], "b": [0.4, 0.5], "c": [0.2]}.items():
        disk.trial(name, values)
    assert [disk.left(name) for name in "abc"] == [[1, 2], [2], [1]]
    assert disk.said == []  # every trial kept its best


def test_a_trial_that_may_go_on_keeps_its_last_whatever_the_budget(tmp_path):
    disk = Disk(tmp_path, max_gb=0.5 * KB)
    disk.trial("running", [0.9, 0.8, 0.1, 0.2], outcome=None)
    disk.trial("cut off", [0.5, 0.4, 0.1], Outcome(state="interrupted"))
    disk.trial("paused", [0.3, 0.4, 0.2], Outcome(state="stopped", cause="budget"))
    assert disk.left("running") == [1, 4]  # of the best trial the best one stays, too
    assert disk.left("cut off") == [3]
    assert disk.left("paused") == [3]
    assert [line for line in disk.said if "could not be held" in line] == [disk.said[0]]
    assert "keep.max_gb (5e-07) could not be held: 1e-06 GB of checkpoints had" in disk.said[0]
    assert "4e-06 GB of checkpoints had to stay" in disk.retention.shortage


def test_a_trial_that_the_time_budget_stopped_goes_on_from_its_last(disk):
    """It may go on with a larger budget; beyond the best trials it keeps nothing else."""
    for name, values in {"a": [0.9, 0.1], "b": [0.8, 0.1], "c": [0.7, 0.1]}.items():
        disk.trial(name, values, Outcome(state="stopped", cause="budget"))
    assert [disk.left(name) for name in "abc"] == [[1, 2], [1, 2], [2]]
    assert disk.said == [
        "deleted all but the last checkpoint of trial 2 (0.0 MB): better trials fill keep.top_k"
    ]


def test_what_is_being_written_is_no_checkpoint_to_go_on_from(tmp_path):
    disk = Disk(tmp_path, max_gb=1.5 * KB, num_per_trial=1)
    disk.trial("a", [0.9, 0.8, 0.7], outcome=None)
    folder = disk.paths.trial_checkpoints("a") / "checkpoint_000004"
    folder.mkdir()
    disk.retention.reported("a", 4, {"val/acc": 0.6}, disk.paths.relative(folder))
    assert disk.left("a") == [1, 3, 4]
    (folder / CHECKPOINT_FILE).write_bytes(b"x" * 1000)
    disk.retention.tick()
    assert disk.left("a") == [1, 4]


@pytest.mark.parametrize("value", [math.nan, 0.0])
def test_trials_without_a_value_or_with_equal_ones_displace_nobody(disk, value):
    disk.trial("a", [0.0])
    disk.trial("b", [0.0])
    for name in "cde":
        disk.trial(name, [value])
    disk.trial("failed", [0.9], Outcome(state="failed", cause="nan"))
    assert [disk.left(name) for name in ("a", "b", "c", "d", "e", "failed")] == [
        [1], [1], [], [], [], [],
    ]  # fmt: skip


def test_a_failing_trial_takes_no_room_from_the_best_that_ended(tmp_path):
    disk = Disk(tmp_path, max_gb=2.5 * KB)
    disk.trial("a", [0.3])
    disk.trial("bad", [0.9, 0.8], outcome=None)
    disk.retention.ended("bad", Outcome(state="failed", cause="nan"))
    assert [disk.left("a"), disk.left("bad")] == [[1], []]


def test_pinned_trials_are_never_touched(tmp_path):
    disk = Disk(tmp_path, top_k=1, max_gb=3.5 * KB)
    disk.trial("a", [0.1, 0.2, 0.05], outcome=None)
    pin(disk.paths, "a")
    disk.retention.ended("a", Outcome(state="failed", cause="oom"))
    for name in "bcd":
        disk.trial(name, [0.5])
    assert disk.left("a") == [1, 2]
    unpin(disk.paths, "a")
    disk.trial("e", [0.4])
    assert [disk.left(name) for name in "abe"] == [[], [1], []]


def test_a_folder_that_a_worker_writes_into_goes_all_the_same(disk, monkeypatch):
    """The file appears while its folder is being deleted."""
    disk.trial("a", [0.9, 0.8, 0.1], outcome=None)
    rmtree, calls = shutil.rmtree, []

    def interfere(folder, **options):
        calls.append(folder)
        if len(calls) > 1:
            rmtree(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", interfere)
    disk.retention.ended("a", DONE)
    assert disk.left("a") == [1, 2]


def row(name, number, values, state="done"):
    """A trial of a driver before, as the record has it."""
    curve = tuple(
        EpochPoint(
            epoch=epoch,
            metrics={"val/acc": value},
            time=0.0,
            checkpoint=f"checkpoints/{name}/checkpoint_{epoch:06d}",
        )
        for epoch, value in enumerate(values, 1)
    )
    return TrialRow(trial=name, number=number, params={}, state=state, curve=curve, created=0.0)


def test_a_new_driver_keeps_what_the_one_before_would_have_kept(tmp_path):
    before = Disk(tmp_path)
    curves = {"a": [0.1], "b": [0.5], "c": [0.2, 0.3, 0.1, 0.4, 0.2]}
    before.trial("a", curves["a"])
    before.trial("b", curves["b"])
    before.trial("c", curves["c"], outcome=None)  # cut off
    disk = Disk(tmp_path)
    for number, (name, values) in enumerate(curves.items()):
        disk.retention.recall(row(name, number, values), ended=name != "c")
    assert disk.left("c") == [2, 4, 5]
    disk.number = 3
    disk.trial("d", [0.7])
    disk.retention.ended("c", DONE)
    assert [disk.left(name) for name in "abcd"] == [[], [1], [], [1]]


def test_what_a_driver_that_was_killed_had_no_time_to_delete_is_deleted(tmp_path):
    before = Disk(tmp_path)
    curves = {"a": [0.1], "b": [0.5], "c": [0.2, 0.6, 0.1, 0.5, 0.3], "bad": [0.9]}
    for name, values in curves.items():
        before.trial(name, values, outcome=None)
    disk = Disk(tmp_path)
    for number, (name, values) in enumerate(curves.items()):
        state = "failed" if name == "bad" else "done"
        disk.retention.recall(row(name, number, values, state), ended=True)
    disk.retention.tidy()
    assert [disk.left(name) for name in curves] == [[], [1], [2, 4], []]


def test_a_trial_that_lost_its_place_takes_none_from_others(tmp_path):
    disk = Disk(tmp_path)
    disk.retention.recall(row("gone", 0, [0.9]), ended=True)
    disk.number = 1
    for name, value in [("a", 0.1), ("b", 0.5)]:
        disk.trial(name, [value])
    assert [disk.left(name) for name in "ab"] == [[1], [1]]


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize("cause", ["epochs", "lost", "nan"])
def test_a_trial_that_has_ended_keeps_what_another_is_to_go_on_from(tmp_path, cause, resumed):
    parents, settings = {"a"}, {"num_per_trial": 1, "top_k": 1, "max_gb": 1.5 * KB}
    settings |= {"parents": lambda: parents, "max_epochs": 4}
    disk = Disk(tmp_path, **settings)
    outcome = DONE if cause == "epochs" else Outcome(state="failed", cause=cause)
    disk.trial("a", [0.1, 0.2, 0.3, 0.4], outcome=outcome)
    if resumed:
        points = [
            EpochPoint(epoch=n, metrics={"val/acc": n / 10}, time=0.0,
                       checkpoint=f"checkpoints/a/checkpoint_{n:06d}")
            for n in range(1, 5)
        ]  # fmt: skip
        row = TrialRow(trial="a", number=0, params={}, state=outcome.state, cause=cause,
                       curve=tuple(points), created=0.0)  # fmt: skip
        disk = Disk(tmp_path, **settings)
        disk.retention.recall(row, ended=True)
        disk.number = 1
    disk.trial("b", [0.9])
    assert disk.left("a") == ([] if cause == "nan" else [3])
    parents.clear()
    disk.retention.tidy()
    assert (disk.left("a"), disk.left("b")) == ([], [1])
