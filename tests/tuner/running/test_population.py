"""Population based training: who gives up for whom, with what settings, and what is recorded."""

import io
import itertools
import json
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from killed_run import copy_run

from models.training.checkpoints import read_checkpoint
from models.training.ranking import Ranking
from tuner.cli import main
from tuner.record.events import EventLog, TrialCreated, TrialEnded, TrialReported
from tuner.record.lineage import lineage
from tuner.record.paths import RunPaths
from tuner.record.results import kept_checkpoints, read_run
from tuner.running.population import Population, copy_checkpoint, perturb
from tuner.running.runner import RunOptions, run_search
from tuner.running.scheduler import Scheduler
from tuner.search.domains import FloatRange

PBT = (
    "scheduler={name: pbt, max_epochs: 9, interval_epochs: 3, population: 4}",
    "budget.num_trials=7",
)


def enter(rule, values, epoch=3):
    return [rule.falls_behind(f"t{n}", epoch, (-v, 0.0, -epoch)) for n, v in enumerate(values)]


class TestRule:
    def test_the_last_quarter_gives_up_for_one_of_the_first(self):
        rule = Population([3, 6], 9)
        assert enter(rule, [4.0, 3.0, 2.0, 1.0]) == [False, False, False, True]
        assert [(one.loser, one.parent) for one in rule.takeovers] == [("t3", "t0")]

    def test_nobody_gives_up_before_enough_can_be_compared(self):
        assert not any(enter(Population([3], 9), [4.0, 3.0, 2.0]))
        assert not any(enter(Population([3], 9), [4.0, 3.0, 2.0, 1.0], epoch=2))

    def test_the_last_at_a_mark_gives_up_later_where_others_came_later(self):
        rule = Population([3, 6], 9)
        assert not any(enter(rule, [4.0, 1.0, 2.0, 3.0]))
        assert not rule.falls_behind("t1", 3, (-1.0, 0.0, -3))  # told again
        assert rule.falls_behind("t1", 4, (-1.0, 0.0, -3))
        assert not rule.falls_behind("t2", 4, (-2.0, 0.0, -3))

    def test_no_more_give_up_than_the_budget_has_trials_for(self):
        rule = Population([3], 1)
        enter(rule, [9.0, 8.0, 7.0, 1.0])
        assert not rule.falls_behind("late", 3, (0.0, 0.0, -3))
        assert len(rule.takeovers) == 1

    def test_a_trial_gives_up_once_though_it_goes_on_to_report(self):
        """As one did in truth that a resume with a larger budget lets give up."""
        rule = Population([3], 9)
        assert enter(rule, [4.0, 3.0, 2.0, 1.0]) == [False, False, False, True]
        assert not rule.falls_behind("t3", 4, (-1.0, 0.0, -3))
        assert len(rule.takeovers) == 1

    def test_nobody_goes_on_from_a_trial_that_has_ended(self):
        rule = Population([3], 9)
        rule.end("t0")
        assert not any(enter(rule, [4.0, 3.0, 2.0, 1.0]))


def build_scheduler():
    ranking = Ranking(metric="val/score", mode="max", secondary="val/elbo")
    return Scheduler(ranking, Population([3], 3), population=4)


def live(order):
    """Return the takeovers of a search whose events come in this order, and its log."""
    scheduler, log = build_scheduler(), []
    for trial, score in order:
        told = SimpleNamespace(trial_id=trial)
        if score is None:
            log.append(TrialEnded(trial=trial, state="failed", cause="lost", time=0.0))
            scheduler.on_trial_error(None, told)
            continue
        metrics = {"val/score": score}
        log.append(TrialReported(trial=trial, epoch=3, metrics=metrics, time=0.0))
        result = {"epoch": 3, "metrics": json.dumps(metrics), **metrics}
        scheduler.on_trial_result(None, told, result)
    return scheduler._rule.takeovers, log


def replayed(log):
    scheduler = build_scheduler()
    scheduler.replay(log)
    return scheduler._rule.takeovers


def test_a_replay_lets_those_go_on_from_another_that_did_whenever_a_trial_failed():
    found = set()
    for order in itertools.permutations([("t0", 4.0), ("t1", 3.0), ("t2", 2.0), ("t3", 1.0)]):
        for place in range(order.index(("t0", 4.0)) + 1, 5):
            takeovers, log = live([*order[:place], ("t0", None), *order[place:]])
            assert replayed(log) == takeovers
            found.add(len(takeovers))
    assert found == {0, 1}


def test_a_trial_that_failed_and_is_to_go_on_can_be_a_parent_again():
    last = TrialReported(trial="t3", epoch=3, metrics={"val/score": 1.0}, time=0.0)
    _, log = live([("t0", 4.0), ("t0", None), ("t1", 3.0), ("t2", 2.0)])
    assert replayed([*log, last]) == []
    again = TrialEnded(trial="t0", state="interrupted", time=0.0)
    assert [one.parent for one in replayed([*log, again, last])] == ["t0"]


def test_settings_change_where_they_may_and_stay_legal(make_search):
    space = make_search(
        "space={lr: {log_uniform: [0.1, 1.0]}, peak: {int: [0, 5]}, fail: {choice: ['no', nan]}}"
    ).space
    parent = {"lr": 0.5, "peak": 3, "fail": "no"}
    near = [
        perturb(space, parent, ("lr", "fail"), np.random.default_rng(seed)) for seed in range(60)
    ]
    assert {one["peak"] for one in near} == {3}
    assert {one["fail"] for one in near} == {"no", "nan"}
    factors = [round(one["lr"] / 0.5, 6) for one in near]
    assert 0.5 < sum(factor in (0.8, 1.25) for factor in factors) / 60 < 0.95
    assert all(space.locate(space.complete(one))[1] == [] for one in near)
    edge = perturb(space, {**parent, "lr": 1.0}, ("lr",), np.random.default_rng(0))
    assert isinstance(space.parameter("lr").domain, FloatRange) and 0.1 <= edge["lr"] <= 1.0


def test_the_newest_whole_checkpoint_is_copied_from_before_the_last_epoch(tmp_path):
    paths = RunPaths(tmp_path)
    for epoch, whole in [(2, True), (3, True), (4, False), (9, True)]:
        folder = paths.trial_checkpoints("a") / f"checkpoint_{epoch:06d}"
        folder.mkdir(parents=True)
        if whole:
            (folder / "checkpoint.ckpt").write_text(f"epoch {epoch}")
    assert copy_checkpoint(paths, "a", "c", before=9, is_known=lambda epoch: epoch < 3) == 2
    assert [place.name for place in paths.trial_checkpoints("c").iterdir()] == ["checkpoint_000002"]
    known = {"is_known": lambda epoch: True}
    assert copy_checkpoint(paths, "a", "b", before=9, **known) == 3
    copied = paths.trial_checkpoints("b") / "checkpoint_000003" / "checkpoint.ckpt"
    assert copied.read_text() == "epoch 3"
    assert copy_checkpoint(paths, "a", "b", before=2, **known) is None
    assert copy_checkpoint(paths, "nobody", "b", before=9, **known) is None


def test_the_record_says_which_epochs_had_which_settings(new_run):
    run = new_run("first")
    with EventLog(run.paths.events_file) as log:
        for number, (name, first, last, parent) in enumerate(
            [("a", 1, 6, None), ("b", 3, 7, "a"), ("c", 5, 9, "b")]
        ):
            log.trial(name, number, {"lr": number / 10})
            for epoch in range(first, last + 1):
                told = parent if epoch == first else None
                log.report(name, epoch, {"val/score": 1.0}, inherited_from=told)
            log.end(name, "done")
    rows = read_run(run.paths).rows
    assert [row.parent for row in rows] == [None, "a", "b"]
    found = [(one.first, one.last, one.number) for one in lineage(rows, rows[2])]
    assert found == [(1, 3, 0), (4, 5, 1), (6, 9, 2)]
    (alone,) = lineage(rows, rows[0])
    assert (alone.first, alone.last, alone.params) == (1, 6, {"lr": 0.0})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["searcher.sampler=tpe"],
            "which changes settings by itself, and searcher.sampler is tpe: take",
        ),
        (["space={peak: {int: [0, 3]}}"], "no key is searched that may change in mid-training: "),
        (["budget.num_trials=3"], "population (4) is above budget.num_trials (3), which counts"),
        (["objective=[{metric: val/score}, {metric: val/cost}]"], "lets the last of one objective"),
        (["scheduler.interval_epochs=9"], "interval_epochs (9) must be below max_epochs (9)"),
        (["scheduler.population=2"], "population is 2"),
        (["scheduler.grace_epochs=2"], "grace_epochs means nothing to pbt"),
    ],
)
def test_what_cannot_work_with_it_is_refused(make_search, changes, message):
    with pytest.raises(ValueError, match="mistake") as caught:
        make_search(*PBT, *changes)
    assert message in str(caught.value)


@contextmanager
def copied_before_the_first_heir(paths):
    """Copy the run as it is on disk when a trial was stopped whose heir is not on record yet.

    Yields a list, which takes the settings of the heir.
    """
    params, append = [], EventLog.append

    def watched(log, event):
        if isinstance(event, TrialCreated) and event.number == 4 and not params:
            params.append(event.params)
            copy_run(log._path.parent, paths.folder)
        append(log, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventLog, "append", watched)
        yield params


@pytest.mark.ray
class TestRun:
    def test_it_runs_is_shown_promotes_plain_trials_and_goes_on_where_it_was_cut_off(
        self, make_search, ray_instance, tmp_path, capsys
    ):
        # Four at once, as nobody goes on from a trial that ended before others began.
        scratch, later = tmp_path / "first", tmp_path / "later"
        scratch.mkdir()
        later.mkdir()
        fixed = f"fixed={{epoch_s: 1.0, together: 4, scratch: '{scratch}'}}"
        search = make_search(*PBT, fixed, "resources.cpu=0.25", "keep.top_k=9")
        cut = RunPaths(tmp_path / "runs" / "cut")
        with copied_before_the_first_heir(cut) as created:
            run = run_search(search, RunOptions(name="many", stream=io.StringIO()))
        assert run.status == "finished"
        heirs = [row for row in run.rows if row.parent is not None]
        stopped = [row for row in run.rows if row.state == "stopped"]
        assert heirs and len(heirs) == len(stopped) == len(run.rows) - 4
        by_trial = {row.trial: row for row in run.rows}
        for row in heirs:
            parent = by_trial[row.parent]
            first = row.curve[0]
            inherited = next(point for point in parent.curve if point.epoch == first.epoch)
            assert first.metrics == inherited.metrics
            assert row.params["lr"] != parent.params["lr"]
            assert [point.epoch for point in row.curve] == list(
                range(first.epoch, row.num_epochs + 1)
            )
            # The score of the fake model is lr x epochs trained: those of the parent count.
            assert row.curve[-1].metrics["val/score"] == pytest.approx(
                row.params["lr"] * row.num_epochs
            )
            for point, folder in kept_checkpoints(run.paths, row):
                assert read_checkpoint(folder / "checkpoint.ckpt")["epoch"] == point.epoch
        assert main(["show", "many", "--trial", str(heirs[0].number)]) == 0
        shown = capsys.readouterr().out
        assert f"as trial {by_trial[heirs[0].parent].number}: lr=" in shown
        assert main(["doctor", "many", "--check"]) == 0
        capsys.readouterr()
        assert main(["promote", "many", "--top", "9", "--no_confirm"]) == 0
        out = capsys.readouterr().out
        best = min(run.rows, key=lambda row: row.cost(search.ranking))
        if best.parent is not None:
            assert "trained with settings that changed" in out
        assert all(f"trial {row.number}, val/score" not in out.split("passed over")[0]
                   for row in heirs)  # fmt: skip

        # Cut off behind a trial that gave up, it goes on with what was to take over.
        assert {row.state for row in read_run(cut).rows} == {"running", "stopped"}
        text = cut.search_file.read_text()
        assert "epoch_s: 1.0" in text and str(scratch) in text
        text = text.replace("epoch_s: 1.0", "epoch_s: 0.1").replace(str(scratch), str(later))
        cut.search_file.write_text(text)
        assert main(["resume", "cut"]) == 0
        again = read_run(cut)
        assert again.status == "finished"
        heir = next(row for row in again.rows if row.number == heirs[0].number)
        assert [heir.params] == created == [heirs[0].params]
        assert {row.state for row in again.rows} <= {"done", "stopped"}
