import math

import pytest
from rich.console import Console

from models.grammar_vae.spec import GRAMMAR_VAE
from models.presets import survey_presets
from models.training.contracts import ModelCost
from models.training.ranking import Ranking
from tuner.commands.tables import (
    cost_table,
    failures_table,
    leaderboard_table,
    presets_table,
    runs_table,
)
from tuner.estimate.cost import SearchCost, SearchTime
from tuner.record.events import EventLog
from tuner.record.paths import RunPaths
from tuner.record.results import read_run
from tuner.search.blocks import Objective

ACC = Objective(metric="val/seq_acc", mode="max")
KL = Objective(metric="val/kl", mode="min")
BY_ACC = Ranking(metric="val/seq_acc", mode="max")
COST = ModelCost(num_parameters=1234567, checkpoint_mb=10, memory_mb=800, rows_per_epoch=1000)


def lines(renderable, width=120):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(renderable)
    console.file.close()
    return [line.rstrip() for line in console.export_text().splitlines()]


@pytest.fixture
def run(tmp_path):
    paths = RunPaths(tmp_path / "first")
    with EventLog(paths.events_file, clock=iter(range(0, 10000, 10)).__next__) as log:
        log.run("running")
        for number, (acc, kl) in enumerate([(0.25, 9.0), (0.75, 12.0), (0.1, 15.0), (None, 0.0)]):
            log.trial(f"t{number}", number, {"beta": 0.0123456, "encoder_kernel": [3, 5]})
            log.start(f"t{number}")
            value = math.nan if acc is None else acc
            log.report(f"t{number}", 1, {"val/seq_acc": value, "val/kl": kl})
            state, cause = ("failed", "nan") if acc is None else ("stopped", "rung 1")
            log.end(f"t{number}", state, cause)
        log.run("finished")
    return read_run(paths)


def test_leaderboard_shows_the_best_first(run):
    head, *rows = lines(leaderboard_table(run, [ACC], BY_ACC))
    assert head.split() == [
        "rank", "trial", "val/seq_acc", "epoch", "last", "time", "state", "parameters",
    ]  # fmt: skip
    assert [row.split()[:4] for row in rows] == [
        ["1", "1", "0.7500", "1/1"],
        ["2", "0", "0.2500", "1/1"],
        ["3", "2", "0.1000", "1/1"],
        ["4", "3", "-", "-"],
    ]
    assert "20 s  stopped (rung 1)  beta=0.0123 encoder_kernel=3,5" in rows[0]
    assert "failed (nan)" in rows[3]


def test_trials_that_were_named_beforehand_go_by_their_names(run):
    names = [f"minimal, seed {seed}" for seed in range(len(run.rows))]
    head, *rows = lines(leaderboard_table(run, [ACC], BY_ACC, names=names))
    assert head.split()[-1] == "setting"
    assert rows[0].rstrip().endswith("minimal, seed 1")


def test_leaderboard_shows_the_last_value_beside_the_best(tmp_path):
    paths = RunPaths(tmp_path / "second")
    with EventLog(paths.events_file) as log:
        log.trial("t", 0, {})
        log.start("t")
        for epoch, value in enumerate([0.5, 0.75, 0.25], 1):
            log.report("t", epoch, {"val/seq_acc": value})
    _, row = lines(leaderboard_table(read_run(paths), [ACC], BY_ACC))
    assert row.split()[2:5] == ["0.7500", "2/3", "0.2500"]


def test_failures_come_with_what_to_do(tmp_path):
    paths = RunPaths(tmp_path / "second")
    causes = ["nan", "oom", "error", "lost", "timeout", "disk", *["nan"] * 6]
    with EventLog(paths.events_file) as log:
        for number, cause in enumerate(causes):
            log.trial(f"t{number}", number, {})
            state = "interrupted" if cause == "disk" else "failed"
            where = "a.py:3 in f" if cause == "error" else None
            log.end(f"t{number}", state, cause, "KeyError: no", where)
    table = failures_table(read_run(paths))
    head, *rows = lines(table, width=200)
    assert head.split() == ["failed", "by", "trials", "what", "to", "do"]
    said = {row.split()[0]: row for row in rows}
    assert list(said) == ["nan", "oom", "disk", "lost", "timeout", "error"]
    assert "0, 6, 7, 8, 9 and 2 more" in said["nan"]
    assert "clip_norm" in said["nan"]
    assert "resources.gpu" in said["oom"]
    assert "KeyError: no (a.py:3 in f): mend" in said["error"]


def test_without_failures_there_is_nothing_to_do(run, tmp_path):
    paths = RunPaths(tmp_path / "second")
    with EventLog(paths.events_file) as log:
        log.trial("t", 0, {})
        log.end("t", "done", "epochs")
    assert failures_table(read_run(paths)) is None
    assert failures_table(run) is not None


def test_leaderboard_shows_what_was_reached_on_all_rows_beside_a_part(tmp_path):
    paths = RunPaths(tmp_path / "first")
    with EventLog(paths.events_file) as log:
        for number, last in enumerate([{"val_all/seq_acc": 0.625}, {}]):
            log.trial(f"t{number}", number, {})
            log.start(f"t{number}")
            log.report(f"t{number}", 1, {"val/seq_acc": 0.5 - number / 4, **last})
            log.end(f"t{number}", "done")
    head, *rows = lines(leaderboard_table(read_run(paths), [ACC], BY_ACC))
    place = head.index("all rows")
    assert [row[place : place + 8].strip() for row in rows] == ["0.6250", "-"]


def test_leaderboard_can_be_cut(run):
    assert len(lines(leaderboard_table(run, [ACC], BY_ACC, num_rows=2))) == 3


def test_several_objectives_mark_the_pareto_front(run):
    head, *rows = lines(leaderboard_table(run, [ACC, KL], BY_ACC))
    assert "val/kl" in head
    assert [row.split()[1] for row in rows] == ["1*", "0*", "2", "3"]
    assert rows[0].split()[3] == "12.0000"


def test_leaderboard_fits_a_narrow_terminal(run):
    assert all(len(line) <= 80 for line in lines(leaderboard_table(run, [ACC], BY_ACC), width=80))


def test_runs_show_status_and_best(run):
    head, row = lines(runs_table([run], {"first": 0.75}))
    assert head.split() == ["run", "status", "began", "trials", "best", "epochs"]
    assert row.split()[:2] == ["first", "finished"]
    assert row.split()[-3:] == ["4/4", "0.7500", "4"]


def test_presets_show_parameters_where_they_are_known():
    shown = lines(
        presets_table(survey_presets([GRAMMAR_VAE]).presets, {("grammar_vae", "minimal"): 222540})
    )
    minimal = next(line for line in shown if line.startswith("minimal"))
    assert "grammar_vae  built in  " in minimal
    assert "222,540" in minimal


def test_cost_names_figures_and_formula():
    cost = SearchCost(
        num_trials=12,
        most_epochs=144,
        expected_epochs=62.9,
        trials_at_rung=((2, 12.0), (6, 5.4)),
        preset=COST,
        smallest=COST,
        largest=COST,
        disk_gb=0.07,
        time=SearchTime(trial_hours=0.5, core_hours=1.0, gpu_hours=0.125),
    )
    text = "\n".join(lines(cost_table(cost)))
    assert "63 (44%): 12 reach epoch 2, 5 reach epoch 6" in text
    assert "(1 - 2/f)(1/2 + ... + 1/n)" in text
    assert "1,234,567 parameters, about 800 MB of memory" in text
    assert "up to 0.07 GB on disk" in text
    assert "30 min 00 s of training, 1 core-hours, 0.12 GPU-hours" in text
