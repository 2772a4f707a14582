import json
import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.training.ranking import Ranking
from tuner.record.events import EventLog
from tuner.record.liveness import driver_identity
from tuner.record.paths import RunPaths
from tuner.record.results import kept_checkpoints, leaderboard, pareto_front, read_run
from tuner.record.trial_checkpoints import CHECKPOINT_FILE
from tuner.search.blocks import Objective

ACC = Objective(metric="acc", mode="max")
LOSS = Objective(metric="loss", mode="min")
BY_ACC = Ranking(metric="acc", mode="max", secondary="elbo")


def write_run(folder, trials, status="finished", identity=None):
    """Write a run; `trials` are lists of metrics, one an epoch."""
    paths = RunPaths(folder)
    with EventLog(paths.events_file, clock=lambda: 1.0) as log:
        log.run("running")
        for number, curve in enumerate(trials):
            log.trial(f"t{number}", number, {"lr": number})
            log.start(f"t{number}")
            for epoch, metrics in enumerate(curve, 1):
                log.report(f"t{number}", epoch, metrics)
            if status != "running":
                log.end(f"t{number}", "done", cause="epochs")
        if status != "running":
            log.run(status)
    paths.environment_file.write_text(json.dumps(identity or driver_identity()))
    return read_run(paths)


def ended_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return {**driver_identity(), "pid": process.pid}


def test_leaderboard_ranks_by_the_best_epoch(tmp_path):
    run = write_run(tmp_path, [[{"acc": 0.9}, {"acc": 0.1}], [{"acc": 0.3}, {"acc": 0.5}]])
    board = leaderboard(run, BY_ACC)
    assert [(s.rank, s.row.number, s.value, s.epoch) for s in board] == [
        (1, 0, 0.9, 1),
        (2, 1, 0.5, 2),
    ]
    assert [s.row.number for s in leaderboard(run, Ranking(metric="acc", mode="min"))] == [
        0,
        1,
    ]  # 0.1 before 0.3


@pytest.mark.parametrize(
    ("mode", "order"), [("max", [(2, 0.9, 0.2), (0, 0.7, 0.7), (1, 0.5, 0.5)]),
                        ("min", [(2, 0.2, 0.2), (1, 0.4, 0.5), (0, 0.6, 0.7)])]
)  # fmt: skip
def test_a_trial_stands_by_its_best_value_with_the_last_beside_it(tmp_path, mode, order):
    curves = [[0.6, 0.7], [0.4, 0.5], [0.9, 0.2]]
    run = write_run(tmp_path, [[{"acc": value} for value in curve] for curve in curves])
    board = leaderboard(run, Ranking(metric="acc", mode=mode))
    assert [(s.row.number, s.value, s.last) for s in board] == order


def test_of_trials_with_equal_values_the_secondary_metric_decides_then_the_later_epoch(tmp_path):
    trials = [
        [{"acc": 0.0, "elbo": -19.8}],
        [{"acc": 0.0, "elbo": -13.5}, {"acc": 0.0, "elbo": -14.0}],
        [{"acc": 0.0, "elbo": -14.0}, {"acc": 0.0, "elbo": -13.5}],
        [{"acc": 0.0, "elbo": -19.8}],
    ]
    board = leaderboard(write_run(tmp_path, trials), BY_ACC)
    assert [(s.row.number, s.epoch) for s in board] == [(2, 2), (1, 1), (0, 1), (3, 1)]


def test_trials_without_a_value_come_last_by_number(tmp_path):
    run = write_run(tmp_path, [[], [{"acc": math.nan}], [{"acc": -1.0}]])
    board = leaderboard(run, BY_ACC)
    assert [s.row.number for s in board] == [2, 0, 1]
    assert math.isnan(board[1].value)
    assert board[1].epoch is None


@given(st.lists(st.floats(), max_size=6), st.sampled_from(["max", "min"]))
@settings(deadline=None)
def test_leaderboard_is_sorted_whatever_the_values(tmp_path_factory, values, mode):
    run = write_run(tmp_path_factory.mktemp("run"), [[{"acc": value}] for value in values])
    ranked = [s.value for s in leaderboard(run, Ranking(metric="acc", mode=mode))]
    finite = [value for value in values if math.isfinite(value)]
    assert ranked[: len(finite)] == sorted(finite, reverse=mode == "max")
    assert all(map(math.isnan, ranked[len(finite) :]))


def test_pareto_front_holds_what_no_other_beats(tmp_path):
    points = [(0.9, 3.0), (0.5, 1.0), (0.5, 2.0), (0.9, 3.0), (0.2, math.nan)]
    run = write_run(tmp_path, [[{"acc": acc, "loss": loss}] for acc, loss in points])
    front = pareto_front(run, [ACC, LOSS], BY_ACC)
    assert [(row.number, values) for row, values in front] == [
        (0, (0.9, 3.0)),
        (1, (0.5, 1.0)),
        (3, (0.9, 3.0)),
    ]


def test_pareto_front_takes_the_values_of_the_best_epoch(tmp_path):
    curves = [[(0.5, 2.0), (0.9, 3.0), (0.8, 1.0)], [(0.4, 2.5), (0.3, 0.1)]]
    run = write_run(tmp_path, [[{"acc": a, "loss": b} for a, b in curve] for curve in curves])
    front = pareto_front(run, [ACC, LOSS], BY_ACC)
    assert [(row.number, values) for row, values in front] == [(0, (0.9, 3.0)), (1, (0.4, 2.5))]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8))
@settings(deadline=None)
def test_pareto_front_agrees_with_the_definition(tmp_path_factory, points):
    run = write_run(
        tmp_path_factory.mktemp("run"), [[{"acc": float(a), "loss": float(b)}] for a, b in points]
    )
    front = {row.number for row, _ in pareto_front(run, [ACC, LOSS], BY_ACC)}
    for number, (acc, loss) in enumerate(points):
        beaten = any(a >= acc and b <= loss and (a, b) != (acc, loss) for a, b in points)
        assert (number in front) == (not beaten)


def test_run_in_progress_is_running(tmp_path):
    run = write_run(tmp_path, [[{"acc": 0.5}]], status="running")
    assert (run.status, run.rows[0].state, run.ended) == ("running", "running", None)


def test_run_whose_driver_is_gone_has_died_and_its_trials_are_interrupted(tmp_path):
    run = write_run(tmp_path, [[{"acc": 0.5}]], status="running", identity=ended_process())
    assert (run.status, run.rows[0].state) == ("died", "interrupted")
    assert "can be shown and promoted" in run.message


def test_finished_run_is_finished_though_its_driver_is_gone(tmp_path):
    run = write_run(tmp_path, [[{"acc": 0.5}]], identity=ended_process())
    assert (run.status, run.num_in_state("done"), run.num_epochs) == ("finished", 1, 1)
    assert (run.began, run.ended) == (1.0, 1.0)


def test_run_of_another_host_is_taken_at_its_word(tmp_path):
    run = write_run(tmp_path, [], status="running", identity={"host": "elsewhere", "pid": 1})
    assert run.status == "running"


def test_run_without_events_was_only_created(tmp_path):
    run = read_run(RunPaths(tmp_path))
    assert (run.status, run.rows, run.began) == ("created", (), None)


def test_broken_environment_file_is_a_user_error(tmp_path):
    RunPaths(tmp_path).environment_file.write_text("{")
    with pytest.raises(UserError, match=r"environment.json: not JSON"):
        read_run(RunPaths(tmp_path))


def test_kept_checkpoints_are_those_that_are_written(tmp_path):
    """Of the third only the folder is there: its worker was ended while it wrote."""
    paths = RunPaths(tmp_path)
    with EventLog(paths.events_file) as log:
        log.trial("t", 0, {})
        log.start("t")
        for epoch in (1, 2, 3):
            log.report("t", epoch, {}, checkpoint=f"checkpoints/t/{epoch}")
    for epoch in ("2", "3"):
        paths.trial_checkpoints("t").joinpath(epoch).mkdir(parents=True)
    paths.trial_checkpoints("t").joinpath("2", CHECKPOINT_FILE).touch()
    (kept,) = kept_checkpoints(paths, read_run(paths).rows[0])
    assert kept[0].epoch == 2
    assert kept[1] == paths.folder / "checkpoints/t/2"


def test_a_run_took_as_long_as_its_drivers_ran(tmp_path):
    """The time of day is set back by an hour meanwhile, and a second driver takes the run up."""
    paths = RunPaths(tmp_path)
    for times, ticks in (([100, 110, -3480], [5, 5, 15, 25]), ([9000, 9001], [2, 2, 3])):
        with EventLog(paths.events_file, iter(times).__next__, iter(ticks).__next__) as log:
            log.run("running")
            if len(times) == 3:
                log.run("running", "deleted something")
            log.run("interrupted")
    run = read_run(paths)
    assert run.spent_s == 20.0 + 1.0
