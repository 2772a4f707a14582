import gc
import io
import json
import os
import signal
import weakref

import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.execution.tune_controller import TuneController

from models.commands.model_files import find_checkpoint
from models.errors import UserError
from models.registry import model_spec
from models.training.checkpoints import read_checkpoint
from tuner.cli import main
from tuner.errors import RunExists, RunHeld
from tuner.promotion.promotion import promote
from tuner.record.paths import RunPaths, find_run
from tuner.record.results import kept_checkpoints, read_run
from tuner.record.run_lock import hold_run
from tuner.running.recorder import Recorder
from tuner.running.runner import RunOptions, run_search
from tuner.running.study import (
    BEST_EPOCH,
    CAUSE,
    CURVE,
    LAST,
    RAY_TRIAL,
    build_sampler,
    open_storage,
    open_study,
)
from tuner.search.search_files import search_name

pytestmark = pytest.mark.ray


def run(search, **options):
    stream = io.StringIO()
    result = run_search(search, RunOptions(stream=stream, name="tiny", **options))
    return result, stream.getvalue()


def check_agrees(result, capsys):
    """Check that all that the run left behind agrees."""
    assert main(["doctor", result.name, "--check"]) == 0, capsys.readouterr().out


def study_rows(result, directions=("max",)):
    storage = open_storage(result.paths.study_file)
    return open_study(storage, result.name, directions, build_sampler("random", seed=0)).trials


def check_stops(rows):
    """Check that a trial that is better than all before it goes on, and the worst one does not."""
    for number, row in enumerate(rows):
        earlier = [other.params["lr"] for other in rows[:number]]
        if row.params["lr"] >= max(earlier, default=0):
            assert row.state == "done"
        elif number > 2 and row.params["lr"] <= min(earlier):
            assert row.cause == "rung 1"
    assert {row.state for row in rows} == {"done", "stopped"}


def check_checkpoints(promoted):
    """Check that every promoted file holds the weights of the epoch that its name says."""
    assert promoted.preset.checkpoints
    for path in promoted.preset.checkpoints:
        _, label, epoch, value = path.stem.split("-")
        content = read_checkpoint(path)
        assert content["epoch"] == content["task"]["num_epochs"] == int(epoch)
        assert f"{content['metrics'][f'val/{label}']:.4f}" == value
    used = find_checkpoint(model_spec("fake"), promoted.preset.name, lambda folder: folder)
    assert read_checkpoint(used)["epoch"] == promoted.best.epoch


@pytest.mark.usefixtures("ray_instance")
class TestWithRay:
    """Every search takes seconds to start its workers, so each test looks at all that it shows."""

    def test_the_command_leaves_a_study_a_log_and_a_disk_that_agree(self, make_search, capsys):
        search = make_search()
        assert main(["search", search.source, "--name", "tiny", "--trials", "4"]) == 0
        printed, said = capsys.readouterr()
        assert "tuner promote tiny --top 3" in printed
        assert printed.count("done (epochs)") == 4

        result = read_run(find_run("tiny"))
        assert result.status == "finished"
        assert [(row.state, row.cause) for row in result.rows] == [("done", "epochs")] * 4
        for row, trial in zip(result.rows, study_rows(result), strict=True):
            assert trial.state is TrialState.COMPLETE
            assert trial.user_attrs[RAY_TRIAL] == row.trial
            assert trial.params == row.params
            assert trial.value == row.last_metrics["val/score"]
            assert trial.intermediate_values == {
                point.epoch: point.metrics["val/score"] for point in row.curve
            }
        ranked = sorted(result.rows, key=lambda row: -row.params["lr"])
        kept = [len(kept_checkpoints(result.paths, row)) for row in ranked]
        assert kept == [2, 2, 0, 0]  # keep.top_k trials with save_top_k checkpoints each
        assert said.count("done (epochs)") == 4

        environment = json.loads(result.paths.environment_file.read_text())
        assert environment["search"] == search_name(search.source)
        assert environment["seeds"] == {"searcher": 3, "trials": 0, "data": 0}
        assert environment["data"]["digest"] == "d1"
        assert environment["packages"]["ray"]

    def test_asha_stops_at_rungs_by_the_first_of_several_objectives(self, make_search, capsys):
        search = make_search(
            "scheduler={name: asha, max_epochs: 9, grace_epochs: 1, reduction_factor: 3}",
            "objective=[{metric: val/score}, {metric: val/cost}]",
            "budget.num_trials=8",
            "resources.cpu=2",  # one after another, so that the stops are known
        )
        result, _ = run(search)
        rows = result.rows
        for number, row in enumerate(rows):
            earlier = [other.params["lr"] for other in rows[:number]]
            if row.params["lr"] >= max(earlier, default=0):
                assert (row.state, row.num_epochs) == ("done", 9)
            elif number > 2 and row.params["lr"] <= min(earlier):
                assert (row.state, row.cause, row.num_epochs) == ("stopped", "rung 1", 1)
        assert {row.state for row in rows} == {"done", "stopped"}
        for row, trial in zip(rows, study_rows(result, ("max", "min")), strict=True):
            last = [row.last_metrics["val/score"], row.last_metrics["val/cost"]]
            if row.state == "done":
                assert (trial.state, trial.values) == (TrialState.COMPLETE, last)
            else:
                assert trial.state is TrialState.PRUNED
        check_agrees(result, capsys)

    def test_a_trial_has_one_score_everywhere_and_less_can_be_better(self, make_search, capsys):
        """Every trial is at its best after epoch 3 of 6, and ASHA compares after 2 and after 4."""
        search = make_search(
            "objective={metric: val/cost, mode: min}",
            "fixed={peak: 3}",
            "scheduler={name: asha, max_epochs: 6, grace_epochs: 2, reduction_factor: 2}",
            "budget.num_trials=6",
            "keep.top_k=6",
            "resources.cpu=2",  # one after another, so that the stops are known
        )
        result, said = run(search)
        check_stops(result.rows)
        storage = open_storage(result.paths.study_file)
        study = optuna.load_study(study_name="tiny", storage=storage)
        assert study.best_value == min(p.metrics["val/cost"] for r in result.rows for p in r.curve)
        assert main(["show", "tiny", "--json"]) == 0
        shown = {t["number"]: t for t in json.loads(capsys.readouterr().out)["trials"]}
        for row, trial in zip(result.rows, study_rows(result, ("min",)), strict=True):
            costs = [point.metrics["val/cost"] for point in row.curve]
            best = min(costs)
            assert trial.value == shown[row.number]["value"] == best
            assert f"trial {row.number}: {row.state} ({row.cause}), val/cost {best:.4f}" in said
            assert trial.user_attrs[BEST_EPOCH] == shown[row.number]["epoch"]
            assert trial.user_attrs[LAST] == {"val/cost": costs[-1]}
            assert shown[row.number]["last"] == costs[-1]
            assert trial.user_attrs[CURVE]["val/cost"] == costs
        assert any(row.last_metrics["val/cost"] > 1 / (3 * row.params["lr"]) for row in result.rows)
        ranked = sorted(shown.values(), key=lambda one: one["value"])
        assert [one["number"] for one in shown.values()] == [one["number"] for one in ranked]
        for promoted, one in zip(promote(result.paths, top=6), ranked, strict=True):
            provenance = promoted.preset.provenance
            assert provenance["trial"]["number"] == one["number"]
            assert provenance["metric"]["value"] == one["value"]
            assert provenance["metric"]["epoch"] == one["epoch"]
            assert provenance["last_value"] == one["last"]
            check_checkpoints(promoted)
        check_agrees(result, capsys)

    def test_failures_have_their_causes(
        self, make_search, fake_spec, tmp_path, monkeypatch, capsys
    ):
        """A worker that dies once costs nothing; one that always dies loses its trial."""
        monkeypatch.setattr(
            "tuner.running.tune_run._MAX_LOST_WORKERS", 1
        )  # every start takes seconds
        causes = {
            "nan": "nan",
            "nan_score": "nan",
            "error": "error",
            "oom": "oom",
            "kill": "lost",
            "kill_once": "epochs",
        }
        presets = "".join(f"{kind}_preset: {{fail: {kind}}}\n" for kind in causes)
        fake_spec.presets_file.write_text(fake_spec.presets_file.read_text() + presets)
        search = make_search(
            f"space.fail={{choice: [{', '.join(causes)}]}}",
            f"fixed={{fail_epoch: 3, scratch: {tmp_path}}}",
            f"searcher.warm_start=[{', '.join(f'{kind}_preset' for kind in causes)}]",
            "budget.num_trials=6",
        )

        result, _ = run(search)

        rows = dict(zip(causes, result.rows, strict=True))
        trials = dict(zip(causes, study_rows(result), strict=True))
        assert {kind: row.cause for kind, row in rows.items()} == causes
        for kind, row in rows.items():
            if kind != "kill_once":
                assert row.state == "failed"
                assert trials[kind].state is TrialState.FAIL
                assert trials[kind].user_attrs[CAUSE] == row.cause
                assert row.num_epochs == 2
                assert kept_checkpoints(result.paths, row) == []
        assert "KeyError" in rows["error"].message
        assert rows["kill"].num_starts == 2
        assert rows["kill_once"].num_starts == 2
        assert [point.epoch for point in rows["kill_once"].curve] == [1, 2, 3, 4]
        log = result.paths.log_file.read_text()
        assert "Traceback" in log
        assert "lost its worker" in log
        check_agrees(result, capsys)

    def test_a_worker_that_dies_between_two_trials_costs_neither(
        self, make_search, monkeypatch, capsys
    ):
        killed, complete = [], Recorder.on_trial_complete

        def kill(recorder, iteration, trials, trial, **info):
            complete(recorder, iteration, trials, trial, **info)
            if len(killed) < 3:  # as many as would end one trial
                killed.append(trial.last_result["pid"])
                os.kill(killed[-1], signal.SIGKILL)

        monkeypatch.setattr(Recorder, "on_trial_complete", kill)
        result, _ = run(make_search("resources.cpu=2", "budget.num_trials=6"))
        assert len(set(killed)) == 3
        assert [(row.state, row.cause, row.num_starts) for row in result.rows] == [
            ("done", "epochs", 1)
        ] * 6
        check_agrees(result, capsys)

    def test_the_same_exception_in_the_first_trials_ends_the_search(
        self, make_search, tmp_path, capsys
    ):
        search = make_search("fixed={fail: error}", "budget.num_trials=20", "resources.cpu=2")
        with pytest.raises(UserError, match=r"first 3 trials.*KeyError.*fake_model.py:\d+"):
            run(search)
        result = read_run(RunPaths(tmp_path / "runs" / "tiny"))
        assert result.status == "failed"
        assert len(result.rows) < 6
        check_agrees(result, capsys)

    def test_the_time_budget_stops_what_runs(self, make_search, hours_spent_after, capsys):
        search = make_search("fixed={epoch_s: 0.2}", "scheduler.max_epochs=500", "budget.hours=1")
        with hours_spent_after(num_reports=4):
            result, _ = run(search)
        assert result.status == "finished"
        assert "budget" in result.message
        assert {(row.state, row.cause) for row in result.rows} == {("stopped", "budget")}
        for row, trial in zip(result.rows, study_rows(result), strict=True):
            # Without a report there is no value that a stopped trial could have.
            assert trial.state is (TrialState.PRUNED if row.curve else TrialState.FAIL)
        # A worker may have written a checkpoint that nobody took any more.
        assert main(["doctor", "tiny"]) == 0
        check_agrees(result, capsys)

    def test_a_trial_that_fits_nowhere_is_refused(self, make_search, tmp_path):
        with pytest.raises(UserError, match=r"resources.cpu is 4096.*lower it"):
            run(make_search("resources.cpu=4096"))
        assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_is_not_overwritten(make_search, tmp_path):
    (tmp_path / "runs" / "tiny").mkdir(parents=True)
    (tmp_path / "runs" / "tiny" / "notes.txt").write_text("mine")
    with pytest.raises(RunExists, match="exists already"):
        run(make_search())


def test_data_that_cannot_be_loaded_leave_no_run(make_search, tmp_path, monkeypatch):
    def fail(data, progress):
        raise UserError("no such data: look again")

    search = make_search()
    monkeypatch.setitem(search.spec.__dict__, "load_data", fail)
    with pytest.raises(UserError, match="no such data"):
        run(search)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_name_whose_driver_was_killed_before_its_run_began_is_free(
    make_search, tmp_path, monkeypatch
):
    def fail(data, progress):
        raise UserError("no such data: look again")

    paths = RunPaths(tmp_path / "runs" / "tiny")
    paths.folder.mkdir(parents=True)
    paths.lock_file.write_text("{}")
    search = make_search()
    with hold_run(paths), pytest.raises(RunHeld, match="driven by this process"):
        run(search)
    assert paths.lock_file.exists()
    monkeypatch.setitem(search.spec.__dict__, "load_data", fail)
    with pytest.raises(UserError, match="no such data"):
        run(search)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.usefixtures("ray_instance")
def test_ray_lets_go_of_trials_that_have_ended(make_search, monkeypatch):
    alive, most = weakref.WeakSet(), []
    add = TuneController.add_trial

    def note(controller, trial):
        alive.add(trial)
        if len(most) % 5 == 0:
            gc.collect()
        most.append(len(alive))
        add(controller, trial)

    monkeypatch.setattr(TuneController, "add_trial", note)
    result, _ = run(make_search("budget.num_trials=20", "scheduler={name: fifo, max_epochs: 1}"))
    assert [row.state for row in result.rows] == ["done"] * 20
    assert len(most) == 20
    assert most[15] < 10
